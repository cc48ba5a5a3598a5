"""The provider's keys: when the client fetches them, how often, and if that fails."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from peeringdb_oauth.errors import (
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TransportError,
)

KEYS = "/oauth2/.well-known/jwks.json"
LIFETIME = 3600  # seconds; what the provider's Cache-Control says
FAILURES = {
    "503": (503, TransportError),
    "no answer": (None, TransportError),
    "404": (404, ProviderError),
    "HTML": ((200, "text/html", "<h1>Welcome</h1>"), InvalidResponse),
    "no keys": ((200, "application/json", {"keys": []}), InvalidResponse),
    "a list": ((200, "application/json", []), InvalidResponse),
}


@pytest.fixture(params=FAILURES.values(), ids=FAILURES)
def failure(request):
    """What the key endpoint answers, and the error of a client without keys."""
    return request.param


def is_unknown(client, id_token):
    with pytest.raises(InvalidIDToken) as refused:
        client.verify_id_token(id_token)
    return refused.value.check == "kid"


# --- rotation -------------------------------------------------------------------------


# The seconds since the client fetched its keys, when the provider has a new one.
AGES = pytest.mark.parametrize("age", [0, 60])


@AGES
def test_keys_that_rotate_between_two_logins(provider, client, clock, age):
    provider.log_in(client)
    clock.now += age
    provider.rotate("two")
    assert provider.log_in(client).claims.subject == "1"
    assert provider.count(KEYS) == 2


def test_keys_that_rotate_just_before_the_first_signing(provider, client):
    provider.before_signing = lambda: provider.rotate("two")
    assert provider.log_in(client).claims.subject == "1"
    assert provider.count(KEYS) == 2


@AGES
def test_keys_that_rotate_just_before_signing_at_a_refresh(provider, client, clock, age):
    login = provider.log_in(client)
    clock.now += age
    provider.before_signing = lambda: provider.rotate("two")
    assert client.refresh(login.token).id_token is not None
    assert provider.count(KEYS) == 2


def test_a_key_that_was_withdrawn_is_no_longer_good(provider, client, clock):
    id_token = provider.issue_id_token()
    assert client.verify_id_token(id_token).subject == "1"
    provider.rotate("two")
    clock.now += LIFETIME
    assert is_unknown(client, id_token)


# --- how often ------------------------------------------------------------------------


def test_an_unknown_key_is_looked_for_at_most_once_a_minute(provider, client, clock):
    assert client.verify_id_token(provider.issue_id_token()).subject == "1"
    clock.now += 60
    provider.change(header={"kid": "invented"})
    fetches = []
    for seconds in (0, 0, 59, 1, 1, 58, 1):
        clock.now += seconds
        assert is_unknown(client, provider.issue_id_token())
        fetches.append(provider.count(KEYS))
    assert fetches == [2, 2, 2, 3, 3, 3, 4]


def all_at_once(client, id_token):
    """Verify an ID token in twenty threads in the same moment."""
    together = Barrier(20)

    def verify(_):
        together.wait(5)
        return client.verify_id_token(id_token).subject

    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(verify, range(20)))


def test_many_threads_fetch_the_first_keys_once(provider, client):
    assert all_at_once(client, provider.issue_id_token()) == ["1"] * 20
    assert provider.received == [
        "/oauth2/.well-known/openid-configuration",
        "/oauth2/.well-known/oauth-authorization-server",
        KEYS,
    ]


def test_many_threads_look_for_an_unknown_key_once(provider, client, clock):
    assert client.verify_id_token(provider.issue_id_token()).subject == "1"
    clock.now += 60
    provider.rotate("two")
    assert all_at_once(client, provider.issue_id_token()) == ["1"] * 20
    assert provider.count(KEYS) == 2


# --- while fetching fails -------------------------------------------------------------


def test_a_failed_fetch_leaves_the_good_keys(provider, client, clock, failure):
    assert provider.log_in(client).claims.subject == "1"
    provider.answers[KEYS] = failure[0]
    clock.now += LIFETIME
    assert provider.log_in(client).claims.subject == "1"
    assert provider.count(KEYS) == 2


def test_a_failed_look_for_an_unknown_key_leaves_the_good_keys(provider, client, clock, failure):
    id_token = provider.issue_id_token()
    assert client.verify_id_token(id_token).subject == "1"
    provider.answers[KEYS] = failure[0]
    clock.now += 60
    provider.change(key="two")
    with pytest.raises(failure[1]):  # whether the key exists is not known
        client.verify_id_token(provider.issue_id_token())
    assert provider.count(KEYS) == 2
    assert client.verify_id_token(id_token).subject == "1"


def test_a_login_without_keys_leaves_the_code_unused_and_can_be_repeated(
    provider, client, clock, failure
):
    request = client.authorization_request()
    callback = provider.authorize(request)
    provider.answers[KEYS] = failure[0]
    with pytest.raises(PeeringDBOAuthError) as failed:
        client.log_in(request, callback)
    assert type(failed.value) is failure[1]
    asked = len(provider.received)
    with pytest.raises(RateLimited) as limited:
        client.log_in(request, callback)
    assert (limited.value.retry_after, len(provider.received), len(provider.codes)) == (
        10,
        asked,
        1,
    )
    provider.answers.clear()
    clock.now += 10
    assert client.log_in(request, callback).claims.subject == "1"


def test_keys_come_before_the_code_is_used(provider, client):
    provider.log_in(client)
    assert provider.received[-3:] == [KEYS, "/oauth2/token/", "/profile/v1"]
