"""Refreshed ID tokens (OpenID Connect Core section 12.2), with and without keys."""

import pytest

from peeringdb_oauth.errors import InvalidIDToken

KEYS = "/oauth2/.well-known/jwks.json"
METADATA = "/oauth2/.well-known/openid-configuration"


@pytest.fixture
def login(provider, client):
    return provider.log_in(client)


@pytest.fixture
def restarted(make_client, provider, clock):
    """A client that has no keys yet."""
    return make_client(provider, scope=("openid", "profile"), arguments={"clock": clock})


def test_a_refresh_brings_new_tokens_and_an_id_token_about_the_same_person(client, login):
    token = client.refresh(login.token)
    assert token.access_token != login.token.access_token
    assert token.refresh_token != login.token.refresh_token
    refreshed = client.verify_id_token(token.id_token)
    assert (refreshed.subject, refreshed.nonce) == (login.claims.subject, None)


def test_a_refresh_may_bring_no_id_token(provider, client, login):
    provider.tokens = {"id_token": ...}
    assert client.refresh(login.token).id_token is None


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://attacker.example.net/oauth2"},
        {"sub": "2"},
        {"aud": "another-client"},
        {"azp": "another-client"},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_refuses_a_refreshed_id_token_with_a_wrong_claim(provider, client, login, claims):
    provider.claims = claims
    with pytest.raises(InvalidIDToken) as refused:
        client.refresh(login.token)
    assert refused.value.check == next(iter(claims))


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (KEYS, 503),
        (KEYS, None),
        (KEYS, 404),
        (KEYS, (200, "text/html", "<h1>Welcome</h1>")),
        (KEYS, (200, "application/json", {"keys": []})),
        (METADATA, 503),
        (METADATA, (200, "application/json", {"issuer": "https://attacker.example.net/oauth2"})),
    ],
    ids=["503", "no answer", "404", "HTML", "no keys", "no metadata", "metadata of another issuer"],
)
def test_a_refresh_without_keys_keeps_the_tokens_and_drops_the_id_token(
    provider, login, restarted, path, answer
):
    provider.answers[path] = answer
    token = restarted.refresh(login.token)
    assert token.id_token is None
    assert restarted.fetch_user(token.access_token).id == 1


def test_an_id_token_comes_back_with_the_keys(provider, login, restarted, clock):
    provider.answers[KEYS] = 503
    token = restarted.refresh(login.token)
    provider.answers.clear()
    clock.now += 10
    assert restarted.refresh(token).id_token is not None


def test_a_refresh_with_the_keys_gone_and_rotated_keeps_the_tokens(provider, client, login):
    provider.rotate("two")
    provider.answers[KEYS] = 503
    token = client.refresh(login.token)
    assert token.id_token is None
    assert client.fetch_user(token.access_token).id == 1
