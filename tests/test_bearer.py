"""`BearerVerifier` against a server with PeeringDB's answers.

The tests look at what is asked, how long an answer counts, and what a flood costs.
"""

import asyncio
import base64
import hashlib
import json
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from canned_server import answering
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.bearer.cache import CACHE_SIZE, GRACE, MAX_AGE, ResultCache
from peeringdb_oauth.bearer.challenge import challenge
from peeringdb_oauth.budget import NO_ANSWER_PAUSE
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.profile import Permission

NOW = 1_795_432_500.0
INTROSPECT, PROFILE, KEYS = "/oauth2/introspect/", "/profile/v1", "/oauth2/.well-known/jwks.json"
LOOK_UP = [INTROSPECT, PROFILE]
HERE, THERE = "198.51.100.1", "198.51.100.2"
# whose tokens `PeeringDB.give_each_token_to_another_person` means
PEOPLE = range(1, 21)
EVERY_SCOPE = "openid profile email networks amr"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ANYBODY = AccessRule(verified_user=False, verified_email=False)


def token(number=0):
    """An access token of PeeringDB's form."""
    return f"Token{number:025d}"


def b64(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class PeeringDB:
    """A server with PeeringDB's answers. All tokens belong to Ada Admin.

    ``good``: the tokens that are good, None for all.
    """

    def __init__(self, server):
        self.server, self.url = server, server.url
        self.introspection = {
            "active": True,
            "scope": EVERY_SCOPE,
            "exp": int(NOW) + 36000,
            "client_id": "conf-rs256",
            "username": "ada",
        }
        self.good = None
        numbers = KEY.public_key().public_numbers()
        jwk = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": "one",
            "n": b64(numbers.n.to_bytes(256, "big")),
            "e": "AQAB",
        }
        server.answer(KEYS, {"keys": [jwk]})
        server.answer("/oauth2/.well-known/openid-configuration", {"issuer": f"{self.url}/oauth2"})
        self.change()
        server.answers[INTROSPECT] = self._introspect

    def _introspect(self, handler):
        sent = handler.received.form["token"]
        is_good = self.good is None or sent in self.good
        answering(self.introspection if is_good else {"active": False})(handler)

    def give_each_token_to_another_person(self):
        """From now on ``token(7)`` belongs to the person with the id 7."""

        def answer(handler):
            number = int(handler.received.headers["authorization"].removeprefix("Bearer Token"))
            answering(self.profile | {"id": number})(handler)

        self.server.answers[PROFILE] = answer

    def change(self, **profile):
        self.server.answer(PROFILE, self.profile | profile)

    @property
    def profile(self):
        return {
            "id": 1,
            "name": "Ada Admin",
            "verified_user": True,
            "verified_email": True,
            "email": "ada@example.net",
        } | {
            "networks": [
                {
                    "id": 1,
                    "name": "Example Net One",
                    "asn": 64500,
                    "perms": 15,
                    "manage_peering_sessions": 15,
                }
            ],
            "amr": ["pwd", "otp", "mfa"],
        }

    def id_token(self, *, alg="RS256", **changes):
        claims = {
            "iss": f"{self.url}/oauth2",
            "aud": "conf-rs256",
            "sub": "1",
            "iat": NOW,
            "exp": NOW + 36000,
            "auth_time": NOW,
        } | {
            "nonce": "n-123",
            "email_verified": True,
            **{name: value for name, value in self.profile.items() if name != "verified_email"},
            "networks": [{"id": 1, "name": "Example Net One", "asn": 64500, "perms": 15}],
        }
        message = ".".join(
            b64(json.dumps(part).encode())
            for part in ({"alg": alg, "kid": "one"}, claims | changes)
        )
        return f"{message}.{b64(KEY.sign(message.encode(), PKCS1v15(), SHA256()))}"

    def fail(self, status=500):
        """Make both endpoints answer with an error page."""
        for path in LOOK_UP:
            self.server.answer(path, b"", status=status, content_type="text/html")

    def cut(self):
        """Make both endpoints close the connection without an answer."""

        def hang_up(handler):
            handler.close_connection = True

        for path in LOOK_UP:
            self.server.answers[path] = hang_up

    def asked(self):
        """The paths that were asked for since the last call."""
        paths = self.server.paths()
        self.server.received.clear()
        return paths


@pytest.fixture
def pdb(server):
    return PeeringDB(server)


class Clocks:
    """The clock of day, which a test may set back, and one that never goes back."""

    def __init__(self):
        self._now, self._elapsed = NOW, 1234.5

    def __call__(self):
        return self._now

    def monotonic(self):
        return self._elapsed

    @property
    def now(self):
        return self._now

    @now.setter
    def now(self, now):
        self._elapsed += max(0, now - self._now)
        self._now = now


@pytest.fixture
def clock():
    return Clocks()


@pytest.fixture
def make_verifier(pdb, make_client, clock):
    def make(rule=None, **config):
        arguments = {"clock": clock, "monotonic": clock.monotonic}
        return BearerVerifier(make_client(pdb.server, arguments=arguments, **config), rule=rule)

    return make


@pytest.fixture
def verifier(make_verifier):
    return make_verifier()


def refusal(verifier, *args, **kwargs):
    """Return the error. `pytest.raises` is too slow for ten thousand tokens."""
    try:
        user = verifier.verify(*args, **kwargs)
    except PeeringDBOAuthError as error:
        return error
    pytest.fail(f"the token is accepted, of {user}")


def log_in(verifier):
    """Log in with the verifier's client. The id of the user, or the error."""
    request = verifier._client.authorization_request()
    try:
        return verifier._client.log_in(request, {"code": "c", "state": request.state}).user.id
    except PeeringDBOAuthError as error:
        return error


# --- access tokens --------------------------------------------------------------------


def test_access_token_gives_the_user(verifier, pdb):
    user = verifier.verify(token())
    assert (user.id, user.asns, user.network(64500).manage_peering_sessions) == (
        1,
        (64500,),
        Permission(15),
    )
    assert pdb.asked() == LOOK_UP


def test_introspection_has_our_credentials_in_its_body(verifier, pdb):
    verifier.verify(token())
    introspection, profile = pdb.server.received
    assert introspection.form == {
        "token": token(),
        "client_id": "conf-rs256",
        "client_secret": "secret-rs256-0123456789abcdef0123456789",
    }
    assert profile.headers["authorization"] == f"Bearer {token()}"


UNKNOWN = (
    "PeeringDB does not know this access token: it is expired, revoked, replaced by a refresh, or"
    " made up"
)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"active": False}, UNKNOWN),
        ({"exp": NOW}, UNKNOWN),
        ({"client_id": "another"}, "this access token was issued to another application"),
    ],
)
def test_access_token_that_is_not_alive_or_not_ours_is_refused_and_never_tried_at_the_profile(
    verifier, pdb, answer, reason
):
    pdb.introspection |= {
        name: int(value) if name == "exp" else value for name, value in answer.items()
    }
    error = refusal(verifier, token())
    assert isinstance(error, TokenRejected)
    assert str(error) == reason
    assert re.fullmatch(
        r'Bearer realm="PeeringDB", error="invalid_token", error_description="[^"]+"',
        error.www_authenticate,
    )
    assert pdb.asked() == [INTROSPECT]


def test_access_token_that_dies_between_introspection_and_profile_is_refused(verifier, pdb):
    pdb.server.replay(PROFILE, "profile-error-revoked-token")
    error = refusal(verifier, token())
    assert isinstance(error, TokenRejected)
    assert error.www_authenticate.startswith('Bearer realm="PeeringDB", error="invalid_token"')


@pytest.mark.parametrize("nothing", ["", None])
def test_without_a_token_the_challenge_names_no_error(verifier, pdb, nothing):
    error = refusal(verifier, nothing)
    assert isinstance(error, TokenRejected)
    assert error.www_authenticate == 'Bearer realm="PeeringDB"'
    assert pdb.asked() == []


@pytest.mark.parametrize(
    "junk", ["a b", "ü" * 30, "x" * 5000, "\ud800", "line\nbreak", b"bytes", 5]
)
def test_what_cannot_be_a_token_is_refused_without_asking(verifier, pdb, junk):
    error = refusal(verifier, junk)
    assert isinstance(error, TokenRejected)
    assert 'error="invalid_token"' in error.www_authenticate
    assert pdb.asked() == []


def test_public_client_takes_no_access_token_because_peeringdb_tells_it_nothing(make_verifier, pdb):
    verifier = make_verifier(client_secret=None)
    assert str(refusal(verifier, token())) == (
        "only ID tokens are accepted here: PeeringDB tells a public client nothing about an access"
        " token"
    )
    assert verifier.verify(pdb.id_token()).id == 1
    assert INTROSPECT not in pdb.asked()


@given(st.text())
def test_challenge_is_a_header_whatever_the_reason(reason):
    quoted = r'"[\x20\x21\x23-\x5b\x5d-\x7e]*"'  # RFC 6750 section 3
    assert re.fullmatch(
        f"Bearer realm={quoted}, error={quoted}, error_description={quoted}",
        challenge("invalid_token", reason),
    )


# --- rule and scope: 403 --------------------------------------------------------------


@pytest.mark.parametrize("unmet", ["verified_user", "verified_email"])
def test_without_a_rule_account_and_email_address_must_be_verified(verifier, pdb, unmet):
    pdb.change(**{unmet: False})
    error = refusal(verifier, token())
    assert isinstance(error, AccessDenied)
    assert len(error.reasons) == 1


def test_rule_may_let_anybody_in(make_verifier, pdb):
    pdb.introspection["scope"] = "profile"
    pdb.server.replay(PROFILE, "profile-scope-profile")
    assert make_verifier(ANYBODY).verify(token()).email is None


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        (ANYBODY, "profile"),
        (AccessRule(verified_user=False), "email"),
        (AccessRule(asn=64500), "networks"),
        (AccessRule(mfa=True), "amr"),
    ],
)
def test_token_without_the_scope_that_the_rule_reads_is_a_403(make_verifier, pdb, rule, word):
    verifier = make_verifier(rule)
    pdb.introspection["scope"] = EVERY_SCOPE.replace(word, "")
    error = refusal(verifier, token())
    assert type(error) is AccessDenied
    assert error.reasons == (
        (
            f"this token was not granted the scope {word}: log in again, with an application that"
            " asks for it"
        ),
    )
    assert error.www_authenticate.startswith(
        'Bearer realm="PeeringDB", error="insufficient_scope", error_description="'
    )
    assert error.www_authenticate.endswith(f', scope="{word}"')
    assert refusal(verifier, token()).www_authenticate == error.www_authenticate
    assert pdb.asked() == [INTROSPECT]
    pdb.introspection["scope"] = EVERY_SCOPE
    assert verifier.verify(token(1)).id == 1


def test_a_call_can_have_a_rule_of_its_own(verifier, pdb):
    may_update = AccessRule(perms=Permission.UPDATE)
    assert verifier.verify(token(), asn=64500, rule=may_update).id == 1
    networks = [pdb.profile["networks"][0] | {"perms": 1}]
    pdb.change(networks=networks)
    error = refusal(verifier, token(1), asn=64500, rule=may_update)
    assert (type(error), error.reasons) == (
        AccessDenied,
        ("AS64500: you may read this network but not update it",),
    )
    assert verifier.verify(token(1)).id == 1
    assert type(refusal(verifier, token(1), rule=AccessRule(asn=64511))) is AccessDenied


def test_the_verifiers_rule_holds_in_addition_to_that_of_a_call(make_verifier, pdb):
    verifier = make_verifier(AccessRule(mfa=True))
    pdb.change(amr=["pwd"])
    assert "second factor" in refusal(verifier, token(), rule=ANYBODY).reasons[0]


def test_the_asn_of_a_call_with_a_rule_is_for_that_rule_only(make_verifier, pdb):
    two = [
        *pdb.profile["networks"],
        {
            "id": 2,
            "name": "Example Net Two",
            "asn": 64501,
            "perms": 15,
            "manage_peering_sessions": 15,
        },
    ]
    pdb.change(networks=two)
    verifier = make_verifier(AccessRule(asn=64500))
    assert verifier.verify(token(), asn=64501, rule=AccessRule(perms=Permission.UPDATE)).asns == (
        64500,
        64501,
    )
    assert type(refusal(verifier, token(), asn=64501)) is AccessDenied


@pytest.mark.parametrize(
    "call", [{"asn": 64500, "rule": AccessRule()}, {"rule": AccessRule(asn=(64500, 64501))}]
)
def test_a_call_with_a_rule_about_a_network_needs_the_scope_networks(verifier, pdb, call):
    pdb.introspection["scope"] = "profile email"
    error = refusal(verifier, token(), **call)
    assert type(error) is AccessDenied
    assert 'error="insufficient_scope"' in error.www_authenticate
    assert verifier.verify(token(), rule=AccessRule()).id == 1


def test_an_access_token_is_looked_up_again_when_the_answer_is_older_than_max_age(
    verifier, pdb, clock
):
    assert verifier.verify(token(), max_age=10).id == 1
    assert pdb.asked() == LOOK_UP
    clock.now += 9
    assert verifier.verify(token(), max_age=10).id == 1
    assert pdb.asked() == []
    clock.now += 1
    pdb.change(networks=[])
    assert verifier.verify(token(), max_age=10).networks == ()
    assert pdb.asked() == LOOK_UP
    assert verifier.verify(token(), max_age=0).id == 1
    assert pdb.asked() == LOOK_UP


def test_a_clock_that_was_set_back_makes_no_answer_younger_than_max_age(verifier, pdb, clock):
    verifier.verify(token())
    pdb.asked()
    clock.now -= 30
    verifier.verify(token(), max_age=20)
    assert pdb.asked() == LOOK_UP


def test_in_an_outage_no_answer_older_than_max_age_counts(verifier, pdb, clock):
    verifier.verify(token())
    pdb.fail()
    clock.now += 61
    assert verifier.verify(token()).id == 1
    assert isinstance(refusal(verifier, token(), max_age=60), TransportError)


def test_a_bad_token_is_not_looked_up_again_because_of_max_age(verifier, pdb):
    pdb.good = set()
    for _ in range(3):
        assert type(refusal(verifier, token(), max_age=0)) is TokenRejected
    assert pdb.asked() == [INTROSPECT]


def test_an_id_token_older_than_max_age_is_refused(verifier, pdb, clock):
    id_token = pdb.id_token()
    clock.now += 9
    assert verifier.verify(id_token, max_age=10).id == 1
    clock.now += 1
    for _ in range(2):
        error = refusal(verifier, id_token, max_age=10)
        assert type(error) is TokenRejected
        assert str(error) == (
            "this ID token says what was true when it was issued, and that is too long ago here:"
            " send an access token"
        )
    assert verifier.verify(id_token).id == 1


def test_an_id_token_that_comes_too_late_for_the_first_time_is_refused(verifier, pdb, clock):
    id_token = pdb.id_token()
    clock.now += 10
    assert type(refusal(verifier, id_token, max_age=10)) is TokenRejected
    assert verifier.verify(id_token, max_age=11).id == 1


def test_call_about_a_network_needs_the_scope_networks(verifier, pdb):
    pdb.introspection["scope"] = "profile email"
    assert verifier.verify(token()).id == 1
    error = refusal(verifier, token(), asn=64500)
    assert type(error) is AccessDenied
    assert 'scope="networks"' in error.www_authenticate


def test_the_rule_is_checked_for_the_network_of_each_call(make_verifier, pdb):
    verifier = make_verifier(AccessRule(perms=Permission.UPDATE, manage_sessions=True))
    assert verifier.verify(token(), asn=64500).id == 1
    assert "AS64511" in refusal(verifier, token(), asn=64511).reasons[0]
    assert "the request names none" in refusal(verifier, token()).reasons[0]
    assert pdb.asked() == LOOK_UP


def test_a_user_whom_the_rule_refuses_is_not_looked_up_again(verifier, pdb):
    pdb.change(verified_user=False)
    reasons = {refusal(verifier, token()).reasons for _ in range(3)}
    assert len(reasons) == 1
    assert pdb.asked() == LOOK_UP


# --- how long an answer counts --------------------------------------------------------


def test_an_answer_counts_for_a_minute(verifier, pdb, clock):
    verifier.verify(token())
    clock.now += MAX_AGE - 1
    verifier.verify(token())
    assert pdb.asked() == LOOK_UP
    clock.now += 1
    verifier.verify(token())
    assert pdb.asked() == LOOK_UP


@pytest.mark.parametrize(
    ("kind", "runs"),
    [("access token", 3), ("ID token", 2)],  # the first call: its own flow, and those it shares
)
def test_a_cached_token_runs_no_flow(pdb, make_client, kind, runs):
    class Counting(Client):
        runs = 0

        def run(self, flow):
            self.runs += 1
            return super().run(flow)

    with Counting(make_client(pdb.server).config, clock=lambda: NOW) as client:
        verifier = BearerVerifier(client)
        sent = token() if kind == "access token" else pdb.id_token()
        for _ in range(3):
            verifier.verify(sent)
        assert client.runs == runs


def test_lost_rights_show_after_a_minute(make_verifier, pdb, clock):
    verifier = make_verifier(AccessRule(asn=64500))
    verifier.verify(token())
    pdb.change(networks=[])
    clock.now += MAX_AGE
    assert "not affiliated with AS64500" in str(refusal(verifier, token()))


def test_revoked_token_is_refused_after_a_minute(verifier, pdb, clock):
    verifier.verify(token())
    pdb.good = set()
    clock.now += MAX_AGE
    assert isinstance(refusal(verifier, token()), TokenRejected)


def test_an_answer_never_counts_beyond_the_expiry_of_the_token(verifier, pdb, clock):
    pdb.introspection["exp"] = int(NOW) + 10
    verifier.verify(token())
    clock.now += 10
    pdb.asked()
    assert "has expired" in str(refusal(verifier, token()))
    assert pdb.asked() == []


def test_a_token_with_too_little_scope_is_looked_up_again_after_a_minute(verifier, pdb, clock):
    pdb.introspection["scope"] = "profile"
    assert isinstance(refusal(verifier, token()), AccessDenied)
    pdb.introspection["scope"] = EVERY_SCOPE
    clock.now += MAX_AGE
    assert verifier.verify(token()).id == 1


def test_a_missing_scope_is_not_cached_beyond_the_expiry_of_the_token(verifier, pdb, clock):
    pdb.introspection |= {"exp": int(NOW) + 10, "scope": "profile"}
    assert isinstance(refusal(verifier, token()), AccessDenied)
    clock.now += 10
    assert isinstance(refusal(verifier, token()), TokenRejected)


@pytest.mark.parametrize("answer", [{"active": False}, {"client_id": "another"}])
def test_a_refused_token_costs_no_request_for_ten_hours(verifier, pdb, clock, answer):
    introspection = pdb.introspection
    pdb.introspection = introspection | answer
    refused = refusal(verifier, token())
    pdb.introspection = introspection
    for seconds in (0, MAX_AGE, 35_999 - MAX_AGE):
        clock.now += seconds
        assert str(refusal(verifier, token())) == str(refused)
    assert pdb.asked() == [INTROSPECT]
    pdb.introspection["exp"] += 36_000
    clock.now += 1
    assert verifier.verify(token()).id == 1


def test_a_token_that_was_revoked_here_is_refused_without_a_request(verifier, pdb):
    verifier._client.revoke(token())
    pdb.asked()
    assert "revoked" in str(refusal(verifier, token()))
    assert pdb.asked() == []


def test_a_token_that_the_profile_refused_costs_no_other_request(verifier, pdb):
    pdb.server.replay(PROFILE, "profile-error-revoked-token")
    errors = [refusal(verifier, token()) for _ in range(3)]
    assert {type(error) for error in errors} == {TokenRejected}
    assert pdb.asked() == LOOK_UP


def test_each_refusal_is_a_new_error(verifier, pdb):
    pdb.good = set()
    first, second = refusal(verifier, token()), refusal(verifier, token())
    assert first is not second
    assert (str(first), first.www_authenticate) == (str(second), second.www_authenticate)


def test_a_clock_that_was_set_back_prolongs_nothing(verifier, pdb, clock):
    verifier.verify(token())
    clock.now -= 3600
    pdb.asked()
    verifier.verify(token())
    assert pdb.asked() == LOOK_UP


def test_an_invalid_profile_says_nothing_about_the_token(verifier, pdb):
    pdb.change(id="one")
    assert isinstance(refusal(verifier, token()), InvalidResponse)
    pdb.change(id=1)
    assert verifier.verify(token()).id == 1


def test_the_cache_has_hashes_and_no_tokens(verifier):
    verifier.verify(token())
    assert list(verifier._cache._recent) == [hashlib.sha256(token().encode()).digest()]
    assert token() not in repr(verifier._cache._recent)


def test_the_cache_is_bounded_and_keeps_what_is_asked_for():
    cache = ResultCache()
    cache.put(b"asked for", "good")
    for number in range(10 * CACHE_SIZE):
        cache.put(number.to_bytes(4), "bad")
        assert cache.get(b"asked for") == "good"
        assert len(cache._recent) + len(cache._older) <= 2 * CACHE_SIZE
    assert cache.get(b"\0\0\0\0") is None
    assert cache.get((10 * CACHE_SIZE - 1).to_bytes(4)) == "bad"


def test_a_result_that_is_replaced_pushes_out_no_other():
    cache = ResultCache()
    for number in range(CACHE_SIZE):
        cache.put(number.to_bytes(4), "good")
    for _ in range(3):
        cache.put(b"\0\0\0\0", "better")
    assert len(cache._recent) == CACHE_SIZE


# --- ID tokens ------------------------------------------------------------------------


def test_id_token_is_verified_here(verifier, pdb, clock):
    id_token = pdb.id_token()
    assert verifier.verify(id_token).asns == (64500,)
    pdb.asked()
    for _ in range(3):
        clock.now += MAX_AGE
        verifier.verify(id_token)
    assert pdb.asked() == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aud": "another"}, "another application"),
        ({"exp": NOW - 60}, "expired"),
        ({"iss": 'https://"evil"\\é.example.net'}, "issued by"),
    ],
)
def test_id_token_that_is_not_acceptable_is_a_401(verifier, pdb, changes, word):
    error = refusal(verifier, pdb.id_token(**changes))
    assert isinstance(error, TokenRejected)
    assert word in str(error)
    assert re.fullmatch(
        r'Bearer realm="PeeringDB", error="invalid_token", error_description="[ !#-\[\]-~]+"',
        error.www_authenticate,
    )


@pytest.mark.parametrize(
    ("changes", "level", "hint"),
    [
        ({"alg": "HS256"}, logging.WARNING, "choose RS256"),
        ({"exp": NOW - 60}, logging.INFO, "the clock here is fast"),
        ({"iat": NOW + 600}, logging.INFO, "the clock here is slow"),
        ({"nbf": NOW + 600}, logging.INFO, "the clock here is slow"),
    ],
)
def test_what_the_operator_can_do_about_an_id_token_is_in_the_log_only(
    verifier, pdb, caplog, *, changes, level, hint
):
    with caplog.at_level(logging.INFO, "peeringdb_oauth"):
        error = refusal(verifier, pdb.id_token(**changes))
    [record] = [record for record in caplog.records if hint in record.getMessage()]
    assert record.levelno == level
    assert str(error).startswith("the ID token ")
    assert hint not in f"{error} {error.www_authenticate}"
    assert "clock" not in str(error)


def test_a_cached_id_token_does_not_make_another_payload_valid(verifier, pdb):
    header, payload, signature = pdb.id_token().split(".")
    verifier.verify(f"{header}.{payload}.{signature}")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"id": 2, "sub": "2"}
    error = refusal(verifier, f"{header}.{b64(json.dumps(claims).encode())}.{signature}")
    assert isinstance(error, TokenRejected)
    assert "signature" in str(error)


def test_id_token_counts_until_it_expires(verifier, pdb, clock):
    id_token = pdb.id_token(exp=NOW + 10)
    verifier.verify(id_token)
    clock.now += 10 + 60  # the leeway of a login
    assert "expired" in str(refusal(verifier, id_token))


def test_bad_id_tokens_are_not_cached(verifier, pdb):
    id_token = pdb.id_token()
    verifier.verify(id_token)
    for number in range(100):
        refusal(verifier, f"{id_token}{number}")
    assert len(verifier._cache._recent) == 1


def test_the_rule_holds_for_id_tokens(make_verifier, pdb):
    verifier = make_verifier(AccessRule(manage_sessions=True))
    assert "an ID token never says it" in str(refusal(verifier, pdb.id_token(), asn=64500))
    assert isinstance(
        refusal(verifier, pdb.id_token(email_verified=False), asn=64500), AccessDenied
    )


def test_a_call_about_a_network_needs_an_id_token_with_networks(verifier, pdb):
    id_token = pdb.id_token(networks=None)
    assert verifier.verify(id_token).networks == ()
    assert "insufficient_scope" in refusal(verifier, id_token, asn=64500).www_authenticate


def test_a_broken_key_set_is_no_refusal_of_the_token(verifier, pdb):
    pdb.server.answer(KEYS, {"keys": []})
    assert not isinstance(refusal(verifier, pdb.id_token()), TokenRejected | AccessDenied)


@pytest.mark.parametrize(
    ("check", "arguments"), [("nonce", {"nonce": "another"}), ("auth_time", {"max_age": 10})]
)
def test_a_cached_id_token_still_needs_the_checks_of_a_login(verifier, pdb, check, arguments):
    id_token = pdb.id_token(auth_time=NOW - 100)
    verifier.verify(id_token)
    with pytest.raises(InvalidIDToken) as caught:
        verifier._client.verify_id_token(id_token, **arguments)
    assert caught.value.check == check


def test_a_cached_id_token_is_refused_in_another_login(make_verifier, pdb):
    verifier = make_verifier(scope=("openid", "profile", "email", "networks"))
    id_token = pdb.id_token()
    verifier.verify(id_token)
    answer = {
        "access_token": token(),
        "expires_in": 36000,
        "token_type": "Bearer",
        "scope": EVERY_SCOPE,
        "id_token": id_token,
    }
    pdb.server.answer("/oauth2/token/", answer)
    error = log_in(verifier)
    assert isinstance(error, InvalidIDToken)
    assert error.check == "nonce"


# --- many at once ---------------------------------------------------------------------


def test_a_hundred_threads_with_one_new_token_look_it_up_once(verifier, pdb):
    barrier = threading.Barrier(100)

    def verify(_):
        barrier.wait(10)
        return verifier.verify(token()).id

    with ThreadPoolExecutor(100) as threads:
        assert list(threads.map(verify, range(100))) == [1] * 100
    assert pdb.asked() == LOOK_UP


def test_a_token_that_another_caller_has_looked_up_in_the_meantime_is_not_asked_again(
    verifier, pdb
):
    step = next(verifier.verify_flow(token()))
    verifier.verify(token())
    pdb.asked()
    assert verifier._client.run(step.flow).outcome.id == 1
    assert pdb.asked() == []


def test_a_cached_token_needs_no_step_of_a_flow(verifier):
    verifier.verify(token())
    assert list(verifier.verify_flow(token())) == []


def test_a_hundred_threads_with_one_bad_token_look_it_up_once(verifier, pdb):
    pdb.good = set()
    barrier = threading.Barrier(100)

    def verify(_):
        barrier.wait(10)
        return type(refusal(verifier, token()))

    with ThreadPoolExecutor(100) as threads:
        assert set(threads.map(verify, range(100))) == {TokenRejected}
    assert pdb.asked() == [INTROSPECT]


def test_flood_of_bad_tokens_costs_thirty_requests_a_minute_and_all_else_goes_on(
    verifier, pdb, clock
):
    pdb.good = {token()}
    verifier.verify(token())
    for minute in range(1, 4):
        clock.now += 60
        pdb.asked()
        errors = [refusal(verifier, token(minute * 10_000 + number)) for number in range(500)]
        # An unknown token may need two requests, so one of the thirty is left.
        assert pdb.asked() == [INTROSPECT] * 29
        assert {type(error) for error in errors[:29]} == {TokenRejected}
        assert {(type(error), error.for_caller) for error in errors[29:]} == {(RateLimited, False)}
        assert verifier.verify(token()).id == 1
        assert pdb.asked() == LOOK_UP
        assert log_in(verifier) == 1
    assert len(verifier._cache._recent) == 1


def test_a_token_is_looked_up_after_the_wait_that_the_error_named(verifier, pdb, clock):
    pdb.good = {token()}
    for number in range(1, 30):
        refusal(verifier, token(number))
        clock.now += 1
    clock.now += refusal(verifier, token()).retry_after
    assert verifier.verify(token()).id == 1


def test_a_thousand_bad_tokens_at_once_cost_thirty_requests(verifier, pdb):
    pdb.good = set()
    with ThreadPoolExecutor(50) as threads:
        errors = list(threads.map(lambda number: refusal(verifier, token(number)), range(1_000)))
    assert pdb.asked() == [INTROSPECT] * 29
    assert sum(isinstance(error, TokenRejected) for error in errors) == 29


def test_twenty_good_tokens_of_as_many_people_at_once_are_all_looked_up(verifier, pdb):
    """Each is paid by its account in the end, so none has to wait for a minute."""
    pdb.give_each_token_to_another_person()
    with ThreadPoolExecutor(20) as threads:
        users = threads.map(lambda number: verifier.verify(token(number), address=HERE), PEOPLE)
        assert [user.id for user in users] == list(PEOPLE)


def test_look_ups_leave_four_in_ten_requests_to_logins(verifier, pdb, clock):
    pdb.give_each_token_to_another_person()
    for number in range(1, 16):
        verifier.verify(token(number))
    clock.now += GRACE
    for number in reversed(range(1, 41)):
        with suppress(RateLimited):
            verifier.verify(token(number))
    assert len(pdb.asked()) == 15 * 2 + 60
    pdb.change()
    assert [log_in(verifier) for _ in range(20)] == [1] * 20


def test_smallest_budget_allows_one_look_up(make_verifier):
    verifier = make_verifier(requests_per_minute=2)
    assert verifier.verify(token()).id == 1
    assert isinstance(refusal(verifier, token(1)), RateLimited)


def test_when_there_are_more_tokens_than_look_ups_the_oldest_answers_are_renewed_first(
    make_verifier, pdb, clock
):
    """12 tokens with 6 look-ups a minute, always in the same order.

    None of them is ever refused.
    """
    pdb.give_each_token_to_another_person()
    verifier = make_verifier(requests_per_minute=20)
    for newest in range(1, 13):
        clock.now += 30
        tokens = range(1, newest + 1)
        assert [verifier.verify(token(number)).id for number in tokens] == list(tokens)
    for _ in range(10):
        pdb.asked()
        for _ in range(4):
            clock.now += 15
            assert [verifier.verify(token(number)).id for number in tokens] == list(tokens)
        assert len(pdb.asked()) <= 6 * 2


def test_an_answer_of_four_minutes_is_renewed_before_younger_ones(make_verifier, pdb, clock):
    """A minute later it would count no longer, even if PeeringDB cannot be asked."""
    pdb.give_each_token_to_another_person()
    verifier = make_verifier(requests_per_minute=20)
    for number in range(1, 6):
        verifier.verify(token(number))
        clock.now += 30
    clock.now += 239 - 5 * 30
    pdb.asked()
    for number in (2, 3, 4, 5, 1):
        verifier.verify(token(number))
    assert pdb.asked() == LOOK_UP * 4  # no request is left for the fifth
    clock.now += 1
    verifier.verify(token(1))
    assert pdb.asked() == LOOK_UP


def test_a_request_that_was_not_sent_does_not_count(make_verifier, pdb, clock):
    verifier = make_verifier(requests_per_minute=40)
    assert [log_in(verifier) for _ in range(20)] == [1] * 20
    clock.now += 30
    for number in range(50):
        assert isinstance(refusal(verifier, token(number)), RateLimited)
    clock.now += 30
    pdb.give_each_token_to_another_person()
    assert [verifier.verify(token(number)).id for number in range(1, 11)] == list(range(1, 11))


def test_a_flood_leaves_look_ups_for_known_tokens_with_a_small_budget(make_verifier, pdb, clock):
    verifier = make_verifier(requests_per_minute=20)
    verifier.verify(token())
    pdb.good = {token()}
    clock.now += 60
    for number in range(1, 10):
        refusal(verifier, token(number))
    pdb.asked()
    verifier.verify(token())
    assert pdb.asked() == LOOK_UP


def test_a_clock_that_was_set_back_does_not_stop_look_ups(make_verifier, clock):
    verifier = make_verifier(requests_per_minute=4)
    verifier.verify(token())
    clock.now -= 3600
    clock.now += 60
    assert verifier.verify(token(1)).id == 1


def test_a_look_up_that_takes_more_than_a_minute_still_gives_the_user(verifier, pdb, clock):
    answer = pdb.server.answers[PROFILE]

    def dawdle(handler):
        clock.now += 61
        answer(handler)

    pdb.server.answers[PROFILE] = dawdle
    assert [verifier.verify(token(number)).id for number in range(2)] == [1, 1]


# --- who pays -------------------------------------------------------------------------


def test_what_never_was_a_token_of_peeringdb_costs_no_request(verifier, pdb):
    for made_up in (
        *("../../etc/passwd", "<script>alert(1)</script>", "' or 1=1", "a/b+c==", "%00", "a:b"),
        *("x" * 129, "a,b", "{}", "~", "token;"),
    ):
        assert "not a token" in str(refusal(verifier, made_up)), made_up
    assert pdb.asked() == []


@pytest.mark.parametrize("unknown", ["HBtGOymu0bhBVxHZdBWixpOJT0dI7X", "x" * 128, "a.b-c_d"])
def test_what_may_be_a_token_of_peeringdb_is_looked_up(verifier, pdb, unknown):
    pdb.good = set()
    refusal(verifier, unknown)
    assert pdb.asked() == [INTROSPECT]


def test_an_address_that_makes_tokens_up_stops_nobody_else(verifier, pdb, clock):
    pdb.good = {token(), token(1)}
    assert verifier.verify(token(), address=HERE).id == 1
    clock.now += 60
    pdb.asked()
    errors = [refusal(verifier, token(10 + number), address=HERE) for number in range(50)]
    assert pdb.asked() == [INTROSPECT] * 9
    assert {type(error) for error in errors[:9]} == {TokenRejected}
    for error in errors[9:]:
        assert (type(error), error.for_caller, error.retry_after) == (RateLimited, True, 60)
    assert verifier.verify(token(1), address=THERE).id == 1  # a new token
    assert verifier.verify(token(), address=HERE).id == 1  # a known one, to be renewed
    assert verifier.verify(token(1), address=HERE).id == 1
    assert log_in(verifier) == 1


def test_many_addresses_that_make_tokens_up_take_thirty_percent_together(verifier, pdb, clock):
    pdb.good = {token()}
    verifier.verify(token(), address=HERE)
    clock.now += 60
    pdb.asked()
    errors = [
        refusal(verifier, token(10 + number), address=f"203.0.113.{number % 50}")
        for number in range(500)
    ]
    assert pdb.asked() == [INTROSPECT] * 29
    assert not any(error.for_caller for error in errors[29:])
    assert verifier.verify(token(), address=HERE).id == 1
    assert [log_in(verifier) for _ in range(20)] == [1] * 20


def test_a_new_token_is_paid_by_its_account(verifier, pdb):
    """Many people call an API from the address of one office."""
    pdb.give_each_token_to_another_person()
    users = [verifier.verify(token(number), address=HERE) for number in PEOPLE]
    assert [user.id for user in users] == list(PEOPLE)


def test_renewals_are_paid_by_the_account_of_the_token(make_verifier, pdb, clock):
    verifier = make_verifier(requests_per_minute=40)  # 4 for one account: two look-ups
    pdb.give_each_token_to_another_person()
    for number in (1, 2):
        verifier.verify(token(number), address=HERE)
    clock.now += 60
    for _ in range(2):
        verifier.verify(token(1), max_age=0, address=HERE)
    error = refusal(verifier, token(1), max_age=0, address=HERE)
    assert (type(error), error.for_caller) == (RateLimited, True)
    assert "you have asked" in str(error)
    # what was found before counts
    assert verifier.verify(token(1), address=HERE).id == 1
    assert verifier.verify(token(2), max_age=0, address=HERE).id == 2
    assert verifier.verify(token(3), address=HERE).id == 3


def test_a_token_that_lacks_a_scope_is_paid_by_its_address(verifier, pdb):
    pdb.introspection["scope"] = "email"
    errors = [refusal(verifier, token(number), address=HERE) for number in range(10)]
    assert [type(error) for error in errors] == [AccessDenied] * 9 + [RateLimited]
    assert pdb.asked() == [INTROSPECT] * 9


def test_a_token_that_the_profile_refuses_is_paid_by_its_address(verifier, pdb):
    pdb.server.replay(PROFILE, "profile-error-revoked-token")
    errors = [refusal(verifier, token(number), address=HERE) for number in range(6)]
    assert [type(error) for error in errors] == [TokenRejected] * 5 + [RateLimited]
    assert errors[-1].for_caller
    assert pdb.asked() == LOOK_UP * 5


def test_failures_of_peeringdb_are_paid_by_nobody(verifier, pdb):
    pdb.fail(503)
    for number in range(20):
        error = refusal(verifier, token(number), address=HERE)
        assert (type(error), error.status) == (TransportError, 503)


@pytest.mark.parametrize(("address", "most"), [("127.0.0.1", 29), ("", 29), (None, 29)])
def test_for_a_payer_that_is_many_callers_it_is_not_the_caller_who_must_wait(
    verifier, pdb, address, most
):
    pdb.good = set()
    errors = [refusal(verifier, token(number), address=address) for number in range(40)]
    assert pdb.asked() == [INTROSPECT] * most
    assert {(type(error), error.for_caller) for error in errors[most:]} == {(RateLimited, False)}


# --- PeeringDB is down ----------------------------------------------------------------


@pytest.mark.parametrize("outage", ["fail", "cut"])
def test_a_known_token_counts_for_five_minutes_of_an_outage(verifier, pdb, clock, outage):
    verifier.verify(token())
    getattr(pdb, outage)()
    clock.now += GRACE - 1
    assert verifier.verify(token()).id == 1
    clock.now += 1
    error = refusal(verifier, token())
    assert isinstance(error, TransportError)
    assert not isinstance(error, TokenRejected | AccessDenied)


def test_a_clock_that_was_set_back_does_not_make_five_minutes_longer(verifier, pdb, clock):
    verifier.verify(token())
    pdb.fail()
    clock.now -= GRACE
    assert isinstance(refusal(verifier, token()), TransportError)


def test_a_user_whom_the_rule_refuses_stays_refused_in_an_outage(verifier, pdb, clock):
    pdb.change(verified_user=False)
    refusal(verifier, token())
    pdb.fail()
    clock.now += MAX_AGE
    assert isinstance(refusal(verifier, token()), AccessDenied)


def test_a_known_token_expires_in_an_outage_too(verifier, pdb, clock):
    pdb.introspection["exp"] = int(NOW) + 100
    verifier.verify(token())
    pdb.fail()
    clock.now += 100
    assert isinstance(refusal(verifier, token()), TokenRejected)


def test_an_unknown_token_in_an_outage_is_a_transport_error(verifier, pdb):
    pdb.fail()
    assert isinstance(refusal(verifier, token()), TransportError)


def test_a_bad_token_is_refused_in_an_outage_too(verifier, pdb, clock):
    pdb.good = set()
    refusal(verifier, token())
    pdb.fail()
    clock.now += MAX_AGE
    assert isinstance(refusal(verifier, token()), TokenRejected)


def test_after_a_look_up_without_an_answer_none_is_started_for_ten_seconds(verifier, pdb, clock):
    verifier.verify(token())
    pdb.cut()
    clock.now += MAX_AGE
    assert isinstance(refusal(verifier, token(1)), TransportError)
    pdb.asked()
    error = refusal(verifier, token(2), address=HERE)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.for_caller) == (NO_ANSWER_PAUSE, False)
    assert verifier.verify(token()).id == 1
    assert pdb.asked() == []
    clock.now += NO_ANSWER_PAUSE
    refusal(verifier, token(2))
    assert pdb.asked() == [INTROSPECT]


def test_logins_go_on_while_look_ups_pause(verifier, pdb):
    pdb.server.answers[INTROSPECT] = lambda handler: setattr(handler, "close_connection", True)
    refusal(verifier, token())
    assert log_in(verifier) == 1


def test_a_clock_that_was_set_back_does_not_make_the_pause_longer(verifier, pdb, clock):
    pdb.cut()
    refusal(verifier, token())
    pdb.asked()
    clock.now -= 3600
    clock.now += NO_ANSWER_PAUSE
    refusal(verifier, token())
    assert pdb.asked() == [INTROSPECT]


def test_an_error_page_starts_no_pause(verifier, pdb):
    pdb.fail()
    refusal(verifier, token())
    pdb.asked()
    refusal(verifier, token(1))
    assert pdb.asked() == [INTROSPECT]


def test_a_wrong_client_secret_is_a_provider_error_and_no_refusal(verifier, pdb):
    pdb.server.replay(INTROSPECT, "introspect-none")
    assert isinstance(refusal(verifier, token()), ProviderError)


# --- the asynchronous client ----------------------------------------------------------


@pytest.fixture
def with_async_verifier(pdb, make_client, clock):
    """``with_async_verifier(test)`` runs ``test(verifier)`` on an event loop."""

    async def run(test):
        async with AsyncClient(
            make_client(pdb.server).config, clock=clock, monotonic=clock.monotonic
        ) as client:
            return await test(BearerVerifier(client))

    return lambda test: asyncio.run(run(test))


def test_the_asynchronous_verifier_is_awaited_and_caches(with_async_verifier, pdb):
    async def test(verifier):
        return [(await verifier.verify(token())).id for _ in range(3)]

    assert with_async_verifier(test) == [1, 1, 1]
    assert pdb.asked() == LOOK_UP


def test_the_asynchronous_verifier_refuses_when_awaited(with_async_verifier, pdb):
    async def test(verifier):
        pdb.good = set()
        return await asyncio.gather(
            verifier.verify(token()), verifier.verify(""), return_exceptions=True
        )

    assert [type(outcome) for outcome in with_async_verifier(test)] == [
        TokenRejected,
        TokenRejected,
    ]


def test_the_asynchronous_verifier_refuses_a_cached_token_when_awaited(with_async_verifier, pdb):
    async def test(verifier):
        pdb.change(verified_user=False)
        with pytest.raises(AccessDenied):
            await verifier.verify(token())
        cached = verifier.verify(token())
        with pytest.raises(AccessDenied):
            await cached

    with_async_verifier(test)
    assert pdb.asked() == LOOK_UP


def test_a_hundred_tasks_with_one_new_token_look_it_up_once(with_async_verifier, pdb):
    async def test(verifier):
        return await asyncio.gather(*(verifier.verify(token()) for _ in range(100)))

    assert [user.id for user in with_async_verifier(test)] == [1] * 100
    assert pdb.asked() == LOOK_UP


def test_the_asynchronous_verifier_charges_the_address_for_what_it_asked(with_async_verifier, pdb):
    async def test(verifier):
        pdb.good = set()
        made_up = [verifier.verify(token(number), address=HERE) for number in range(12)]
        return await asyncio.gather(*made_up, return_exceptions=True)

    errors = with_async_verifier(test)
    assert pdb.asked() == [INTROSPECT] * 9
    assert [error.for_caller for error in errors if isinstance(error, RateLimited)] == [True] * 3


def test_after_a_cancelled_task_the_next_one_looks_the_token_up(with_async_verifier, pdb):
    asked, answer, introspect = threading.Event(), threading.Event(), pdb.server.answers[INTROSPECT]

    def wait(handler):
        asked.set()
        answer.wait(10)
        introspect(handler)

    async def test(verifier):
        pdb.server.answers[INTROSPECT] = wait
        first = asyncio.create_task(verifier.verify(token()))
        await asyncio.to_thread(asked.wait, 10)
        second = asyncio.create_task(verifier.verify(token()))
        first.cancel()
        answer.set()
        return await asyncio.gather(first, second, return_exceptions=True)

    cancelled, user = with_async_verifier(test)
    assert isinstance(cancelled, asyncio.CancelledError)
    assert user.id == 1
