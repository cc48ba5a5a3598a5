"""The fixture ``peeringdb``: people, applications and faults."""

import time
from dataclasses import FrozenInstanceError, replace

import pytest
import requests

from peeringdb_oauth import (
    BearerVerifier,
    Client,
    ClientConfig,
    ConfigurationError,
    PeeringDBOAuthError,
    Permission,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.pytest_plugin import PeeringDBFixture
from peeringdb_oauth.sandbox import SandboxError

JWKS = "/oauth2/.well-known/jwks.json"


@pytest.fixture
def client(peeringdb):
    with Client(peeringdb.client_config()) as client:
        yield client


@pytest.fixture
def log_in(peeringdb, client):
    """``log_in(person)``: the `Login`, with a client and without an application."""

    def log_in(person):
        request = client.authorization_request()
        return client.log_in(request, peeringdb.sandbox.log_in(person.login, request.url))

    return log_in


@pytest.fixture
def ask(peeringdb):
    """``ask(path)``: the status of PeeringDB's answer; None if there is none."""

    def ask(path):
        try:
            return requests.get(
                peeringdb.url + path, verify=peeringdb.sandbox.ca_file, timeout=10
            ).status_code
        except requests.ConnectionError:
            return None

    return ask


def rights(user):
    return {
        network.asn: (network.perms, network.manage_peering_sessions) for network in user.networks
    }


def test_a_person_is_by_default_verified_and_admin_of_one_network(peeringdb, log_in):
    ada = peeringdb.person("Ada Admin")
    user = log_in(ada).user
    assert (user.id, user.name, user.email) == (ada.id, "Ada Admin", ada.email)
    assert (user.verified_user, user.verified_email, user.amr) == (
        True,
        True,
        ("pwd", "otp", "mfa"),
    )
    assert rights(user) == {64500: (15, 15)}


def test_a_person_has_the_values_that_are_given(peeringdb, log_in):
    user = log_in(
        peeringdb.person(
            "Bob",
            networks={64501: Permission.READ, 65551: Permission.READ | Permission.UPDATE},
            manage_peering_sessions={64501: 15},
            verified_user=False,
            verified_email=False,
            email="ada@example.net",
        )
    ).user
    assert (user.name, user.email, user.verified_user, user.verified_email) == (
        "Bob",
        "ada@example.net",
        False,
        False,
    )
    assert rights(user) == {64501: (1, 15), 65551: (3, 3)}


def test_a_person_may_have_no_networks(peeringdb, log_in):
    assert log_in(peeringdb.person("Nora", networks={})).user.networks == ()


def test_two_people_may_have_the_same_name(peeringdb):
    one, other = peeringdb.person("Ada Admin"), peeringdb.person("Ada Admin")
    assert (one.login != other.login, one.id != other.id, one.name == other.name) == (
        True,
        True,
        True,
    )


def test_a_person_is_immutable_and_hashable(peeringdb):
    ada = peeringdb.person("Ada Admin", amr=["pwd"])
    assert ada.amr == ("pwd",)
    assert hash(ada) == hash(replace(ada))
    with pytest.raises(FrozenInstanceError):
        ada.id = 1


@pytest.mark.parametrize("amr", [("pwd", "otp", "mfa"), ("pwd",), ("pwd", "swk", "mfa")])
def test_a_login_sends_the_amr_of_the_person(peeringdb, make_portal, in_flask, amr):
    portal = make_portal()
    peeringdb.log_in(in_flask(portal), peeringdb.person("Ada Admin", amr=amr))
    assert [user.amr for user in portal.users.values()] == [amr]


@pytest.mark.parametrize("amr", [(), ("otp",), ("mfa", "pwd", "otp"), "pwd", ("pwd", "sms", "mfa")])
def test_an_amr_that_peeringdb_never_sends_is_refused(peeringdb, amr):
    with pytest.raises(SandboxError) as caught:
        peeringdb.person("Ada Admin", amr=amr)
    assert (
        str(caught.value)
        == f"PeeringDB never sends amr {tuple(amr)}; it sends one of: ('pwd', 'otp', 'mfa')"
        " (code of an authenticator app), ('pwd',) (backup code), ('pwd', 'swk', 'mfa')"
        " (security key)"
    )


def test_a_change_shows_when_the_application_asks_again(peeringdb, client, log_in):
    ada = peeringdb.person("Ada Admin")
    token = log_in(ada).token.access_token
    peeringdb.change(
        ada,
        networks={64501: 1},
        manage_peering_sessions=2,
        verified_user=False,
        verified_email=False,
    )
    user = client.fetch_user(token)
    assert (rights(user), user.verified_user, user.verified_email) == (
        {64501: (1, 2)},
        False,
        False,
    )


@pytest.mark.parametrize("change", [{"active": False}, {"mfa": False}])
def test_a_change_can_prevent_a_login(peeringdb, log_in, change):
    peeringdb.change("member", **change)
    ada = peeringdb.person("Ada Admin")
    peeringdb.change(ada, **change)
    for login in (ada, replace(ada, login="member")):
        with pytest.raises(SandboxError, match="did not lead back"):
            log_in(login)


def test_client_config_needs_no_arguments(peeringdb):
    config = peeringdb.client_config()
    assert isinstance(config, ClientConfig)
    assert (config.base_url, config.redirect_uri) == (
        peeringdb.url,
        "https://testserver/login/peeringdb/callback",
    )
    assert (config.allow_http, config.requests_per_minute) == (False, None)
    assert config.client_id != peeringdb.client_config().client_id


def test_client_config_takes_other_fields(peeringdb):
    config = peeringdb.client_config(
        "http://localhost:5000/cb",
        scope="openid profile",
        timeout=3,
        requests_per_minute=50,
        client_id="portal",
        client_secret="s3cret",
    )
    assert (config.redirect_uri, config.allow_http, config.scope) == (
        "http://localhost:5000/cb",
        True,
        ("openid", "profile"),
    )
    assert (config.timeout, config.requests_per_minute, config.client_id, config.client_secret) == (
        3,
        50,
        "portal",
        "s3cret",
    )
    with Client(config) as client:
        request = client.authorization_request()
        assert client.log_in(
            request, peeringdb.sandbox.log_in("member", request.url)
        ).claims.subject


def test_without_a_secret_the_application_is_public(peeringdb):
    with Client(peeringdb.client_config(client_secret=None)) as client:
        assert client.config.client_secret is None
        request = client.authorization_request()
        assert (
            client.log_in(request, peeringdb.sandbox.log_in("member", request.url)).user.name
            == "Mel Member"
        )


@pytest.mark.parametrize("redirect_uri", ["http://testserver/cb", "http://portal.example.net/cb"])
def test_http_is_refused_for_other_hosts_than_loopback(peeringdb, redirect_uri):
    with pytest.raises(ConfigurationError, match="redirect_uri: must be https"):
        peeringdb.client_config(redirect_uri)


def test_a_malformed_redirect_uri_is_refused(peeringdb):
    with pytest.raises(SandboxError, match="redirect URI 'callback' must be"):
        peeringdb.client_config("callback")


@pytest.mark.parametrize("fault", ["outage", "error_500", "cut"])
def test_a_fault_stays_until_it_is_cleared(peeringdb, client, log_in, fault):
    token = log_in(peeringdb.person("Ada Admin")).token.access_token
    getattr(peeringdb, fault)()
    for _ in range(2):
        with pytest.raises(TransportError):
            client.fetch_user(token)
    peeringdb.clear_faults()
    assert client.fetch_user(token)


@pytest.mark.parametrize("fault", ["outage", "error_500", "cut"])
def test_a_fault_can_be_for_one_path_and_a_number_of_times(peeringdb, ask, fault):
    getattr(peeringdb, fault)(path=JWKS, times=1)
    answers = [ask("/"), ask(JWKS), ask(JWKS)]
    assert answers == [200, {"outage": 503, "error_500": 500, "cut": None}[fault], 200]


def test_a_slow_answer_can_be_for_one_path_and_one_time(peeringdb, ask):
    peeringdb.slow(seconds=0.2, path=JWKS, times=1)
    began = time.monotonic()
    assert (ask("/"), ask(JWKS)) == (200, 200)
    assert time.monotonic() - began >= 0.2
    assert ask(JWKS) == 200


def test_a_fault_at_a_path_that_does_not_exist_is_refused(peeringdb):
    with pytest.raises(SandboxError, match="did you mean '/profile/v1'"):
        peeringdb.outage(path="profile/v1")


def test_maintenance_keeps_the_refresh_token(peeringdb, client, log_in):
    token = log_in(peeringdb.person("Ada Admin")).token
    peeringdb.maintenance(times=1)
    with pytest.raises(TransportError):
        client.refresh(token)
    assert client.fetch_user(token.access_token)
    assert client.refresh(token)


def test_maintenance_lets_nobody_log_in(peeringdb, log_in):
    ada = peeringdb.person("Ada Admin")
    peeringdb.maintenance()
    with pytest.raises(SandboxError, match="status 503"):
        log_in(ada)
    peeringdb.clear_faults()
    assert log_in(ada)


def test_an_account_switch_ends_one_login(peeringdb, log_in):
    ada = peeringdb.person("Ada Admin")
    peeringdb.account_switch()
    with pytest.raises(SandboxError, match="Server Error"):
        log_in(ada)
    assert log_in(ada)


def test_a_lost_refresh_race_gives_the_tokens_of_the_other_refresh(peeringdb, client, log_in):
    token = log_in(peeringdb.person("Ada Admin")).token
    peeringdb.lose_refresh_race()
    assert client.fetch_user(client.refresh(token).access_token)


def test_a_lost_refresh_race_can_be_a_refusal(peeringdb, client, log_in):
    token = log_in(peeringdb.person("Ada Admin")).token
    peeringdb.lose_refresh_race(refused=True)
    with pytest.raises(ProviderError):
        client.refresh(token)


def test_a_limit_that_is_nearly_used_up(peeringdb, client, log_in):
    token = log_in(peeringdb.person("Ada Admin")).token.access_token
    peeringdb.use_up_limit(left=1)
    assert client.fetch_user(token)
    with pytest.raises(RateLimited):
        client.fetch_user(token)


def test_advance_lets_tokens_expire(peeringdb, client, log_in):
    token = log_in(peeringdb.person("Ada Admin")).token
    peeringdb.advance(36_001)
    with pytest.raises(TokenRejected):
        client.fetch_user(token.access_token)
    assert client.refresh(token)


def test_a_rotated_key_replaces_the_old_one(peeringdb):
    def keys():
        return requests.get(
            peeringdb.url + JWKS, verify=peeringdb.sandbox.ca_file, timeout=10
        ).json()["keys"]

    [old] = keys()
    peeringdb.rotate_key()
    [new] = keys()
    assert new["kid"] != old["kid"]


def test_tokens_of_one_person_or_of_everybody_are_revoked(peeringdb, client, log_in):
    people = [peeringdb.person(name) for name in ("Ada", "Bob", "Eve")]
    ada, bob, eve = (log_in(person).token for person in people)
    assert peeringdb.revoke_tokens(people[0]) == 2
    with pytest.raises(TokenRejected):
        client.fetch_user(ada.access_token)
    assert client.fetch_user(bob.access_token)
    assert peeringdb.revoke_tokens() == 4
    for token in (bob, eve):
        with pytest.raises(TokenRejected):
            client.fetch_user(token.access_token)


@pytest.mark.parametrize("kind", ["access_token", "id_token"])
def test_tokens_open_an_api_without_a_login(peeringdb, client, kind):
    ada = peeringdb.person("Ada Admin", networks={64500: 3}, amr=("pwd", "swk", "mfa"))
    user = BearerVerifier(client).verify(getattr(peeringdb, kind)(ada))
    assert (user.id, user.name, user.email, user.amr) == (ada.id, ada.name, ada.email, ada.amr)
    assert user.network(64500).perms == Permission(3)


def test_an_access_token_has_every_scope(peeringdb, client):
    token = peeringdb.access_token("member")
    assert client.introspect(token).scope == ("openid", "profile", "email", "networks", "amr")
    assert client.fetch_user(token).network(64500).manage_peering_sessions == Permission.READ


def test_tokens_of_a_person_without_a_second_factor_say_so(peeringdb, client):
    assert BearerVerifier(client).verify(peeringdb.id_token("nomfa")).amr == ("pwd",)


def test_tokens_are_those_of_the_last_application_or_the_given_one(peeringdb):
    first, last = peeringdb.client_config(), peeringdb.client_config()
    for token, config in (
        (peeringdb.access_token("member"), last),
        (peeringdb.access_token("member", first), first),
    ):
        with Client(config) as client:
            assert client.introspect(token).client_id == config.client_id
    with Client(first) as client, pytest.raises(PeeringDBOAuthError):
        client.verify_id_token(peeringdb.id_token("member", last))


def test_tokens_of_a_public_application(peeringdb):
    config = peeringdb.client_config(client_secret=None)
    with Client(config) as client:
        assert client.verify_id_token(peeringdb.id_token("member")).subject == "2"


def test_tokens_end_with_the_test_and_when_they_are_revoked(peeringdb, client):
    token = peeringdb.access_token("member")
    assert peeringdb.revoke_tokens("member") >= 1
    with pytest.raises(TokenRejected):
        BearerVerifier(client).verify(token)


def test_nobody_gets_tokens_that_peeringdb_would_not_issue(peeringdb, client):  # noqa: ARG001
    ada = peeringdb.person("Ada Admin")
    peeringdb.change(ada, active=False)
    with pytest.raises(SandboxError, match="disabled"):
        peeringdb.access_token(ada)
    with pytest.raises(SandboxError, match="nobody"):
        peeringdb.access_token("nobody")
    with pytest.raises(SandboxError, match="no application has the client id"):
        peeringdb.sandbox.issue_tokens("member", "unknown")
    plain = peeringdb.sandbox.register("https://testserver/x", algorithm=None)
    assert peeringdb.access_token("member", plain)
    with pytest.raises(SandboxError, match="algorithm is not RS256"):
        peeringdb.id_token("member", plain)


def test_without_an_application_there_are_no_tokens(peeringdb):
    fixture = PeeringDBFixture(peeringdb.sandbox)
    with pytest.raises(SandboxError, match="client_config"):
        fixture.access_token("member")
