"""The token, revocation, introspection and profile endpoints: requests and answers.

Every recorded answer of PeeringDB, and every other that there may be.
"""

import json
import re
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import Cost
from peeringdb_oauth.errors import (
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.profile import User
from peeringdb_oauth.responses import SILENCE, successful
from peeringdb_oauth.tokens import (
    DeadTokens,
    Introspection,
    TokenResponse,
    build_code_request,
    build_introspection_request,
    build_profile_request,
    build_refresh_request,
    build_revocation_request,
    checked_token,
    parse_profile_response,
    parse_token_response,
)

WIRE = Path(__file__).parent / "wire"
NOW = 1_800_000_000.9
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="s3cret of this portal",
    redirect_uri="https://portal.example.net/callback",
)
PUBLIC = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
CODE_REQUEST = build_code_request(
    CONFIG,
    PEERINGDB,
    code="c0de-of-one-login",
    redirect_uri=CONFIG.redirect_uri,
    code_verifier="v" * 43,
)
PROFILE_REQUEST = build_profile_request(PEERINGDB, access_token="access-token-of-somebody")


def answer(value, *, status=200, content_type="application/json", **headers):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HTTPResponse(
        status=status,
        headers={"content-type": content_type}
        | {n.replace("_", "-"): v for n, v in headers.items()},
        body=body,
    )


def parse(request, response):
    return parse_token_response(request, response, requested=("profile", "email"), now=NOW)


def granted(**changes):
    fields = {
        "access_token": "a",
        "expires_in": 36000,
        "token_type": "Bearer",
        "scope": "profile",
        "refresh_token": "r",
    } | changes
    return {name: value for name, value in fields.items() if value is not ...}


# --- requests -------------------------------------------------------------------------


def test_code_request_has_the_credentials_in_its_body():
    assert (CODE_REQUEST.method, CODE_REQUEST.url, CODE_REQUEST.cost.requests) == (
        "POST",
        "https://auth.peeringdb.com/oauth2/token/",
        1,
    )
    assert CODE_REQUEST.form == {
        "grant_type": "authorization_code",
        "code": "c0de-of-one-login",
        "redirect_uri": "https://portal.example.net/callback",
        "code_verifier": "v" * 43,
        "client_id": "portal",
        "client_secret": "s3cret of this portal",
    }
    assert "Authorization" not in CODE_REQUEST.headers


def test_code_request_without_pkce_has_no_verifier():
    request = build_code_request(
        CONFIG,
        PEERINGDB,
        code="c",
        redirect_uri=CONFIG.redirect_uri,
        code_verifier=None,
        cost=Cost(requests=2),
    )
    assert "code_verifier" not in request.form
    assert request.cost.requests == 2


def test_public_client_only_names_itself():
    request = build_refresh_request(PUBLIC, PEERINGDB, refresh_token="r")
    assert request.url == "https://auth.peeringdb.com/oauth2/token/"
    assert request.form == {
        "grant_type": "refresh_token",
        "refresh_token": "r",
        "client_id": "portal",
    }


def test_revocation_request_names_token_and_kind():
    request = build_revocation_request(
        CONFIG, PEERINGDB, token="t", token_type_hint="refresh_token"
    )
    credentials = {"client_id": "portal", "client_secret": "s3cret of this portal"}
    assert request.url == "https://auth.peeringdb.com/oauth2/revoke_token/"
    assert request.form == {"token": "t", "token_type_hint": "refresh_token"} | credentials


def test_introspection_request_has_the_token_in_its_body():
    request = build_introspection_request(CONFIG, PEERINGDB, token="t")
    assert request.url == "https://auth.peeringdb.com/oauth2/introspect/"
    assert request.form == {
        "token": "t",
        "client_id": "portal",
        "client_secret": "s3cret of this portal",
    }


def test_profile_request_says_exactly_bearer():
    assert (PROFILE_REQUEST.method, PROFILE_REQUEST.url) == (
        "GET",
        "https://auth.peeringdb.com/profile/v1",
    )
    assert PROFILE_REQUEST.headers["Authorization"] == "Bearer access-token-of-somebody"


COST = Cost(requests=2)


@pytest.mark.parametrize(
    "request_",
    [
        build_refresh_request(CONFIG, PEERINGDB, refresh_token="r", cost=COST),
        build_revocation_request(
            CONFIG, PEERINGDB, token="t", token_type_hint="access_token", cost=COST
        ),
        build_introspection_request(CONFIG, PEERINGDB, token="t", cost=COST),
        build_profile_request(PEERINGDB, access_token="t", cost=COST),
    ],
)
def test_each_request_has_the_cost_that_the_caller_names(request_):
    assert request_.cost is COST


def test_a_refresh_has_the_time_that_the_caller_gives_it():
    assert build_refresh_request(CONFIG, PEERINGDB, refresh_token="r", within=4.0).within == 4.0


@pytest.mark.parametrize(
    "token", [None, 7, b"x", "", "a b", "a\n", "a\r\nX-Evil: 1", "tokén", "x" * 4097]
)
def test_refuses_what_cannot_be_a_token(token):
    with pytest.raises(TokenRejected) as refused:
        checked_token(token)
    assert str(refused.value) == (
        "this is not a token: it is empty, too long, or has characters that no token has"
    )


def test_accepts_the_longest_token():
    assert checked_token("x" * 4096) == "x" * 4096


# --- PeeringDB's recorded answers -----------------------------------------------------


def refused(error, status=400):
    return ProviderError, {"error": error, "status": status}


BASIC = refused("Invalid username or password", 401)
INVALID_CLIENT = refused("invalid_client", 401)
BROKEN = TransportError, {"status": 500}
THROTTLED = RateLimited, {"retry_after": SILENCE, "status": 429}
REJECTED = TokenRejected, {"www_authenticate": 'Bearer error="invalid_token"'}

FAILURES = {
    "introspect-basic": BASIC,
    "introspect-bearer": refused("", 403),
    "introspect-get": refused("", 403),
    "introspect-none": refused("", 403),
    "negcache-1-wrong-secret": INVALID_CLIENT,
    "negcache-2-right-secret-after-wrong": (RateLimited, {"retry_after": SILENCE, "status": 401}),
    "profile-error-bad-token": REJECTED,
    "profile-error-expired-token": REJECTED,
    "profile-error-missing-token": REJECTED,
    "profile-error-revoked-token": REJECTED,
    "profile-lower-bearer": BROKEN,
    "profile-post": (
        TransportError,
        {"status": 403},
    ),  # a 403 with a body says nothing about the token
    "ratelimit-429-profile": THROTTLED,
    "ratelimit-429-token": (RateLimited, {"retry_after": 14, "status": 429}),
    "refresh-error-bogus": refused("invalid_grant"),
    "refresh-error-no-secret": INVALID_CLIENT,
    "refresh-error-reused": refused("invalid_grant"),
    "refresh-error-wider-scope": refused("invalid_scope"),
    "refresh-error-wrong-client": refused("invalid_grant"),
    "refresh-widen-back": refused("invalid_scope"),
    "revoke-error-basic": BASIC,
    "revoke-error-missing-token": refused("invalid_request"),
    "revoke-error-no-creds": INVALID_CLIENT,
    "revoke-error-wrong-secret": INVALID_CLIENT,
    "revoke-get": refused("", 405),
    "throttle-429": THROTTLED,
    "token-basic-and-post-both": BASIC,
    "token-client-secret-basic": BASIC,
    "token-client-secret-basic-lowercase-scheme": INVALID_CLIENT,
    "token-client-secret-basic-no-client_id-in-body": BASIC,
    "token-cors-preflight": (InvalidResponse, {"check": "content-type"}),
    "token-duplicate-param": refused("invalid_grant"),
    "token-error-bogus-code": refused("invalid_grant"),
    "token-error-client-credentials": refused("unauthorized_client"),
    "token-error-code-of-other-client": refused("invalid_grant"),
    "token-error-expired-code": refused("invalid_grant"),
    "token-error-json-body": refused("unsupported_grant_type"),
    "token-error-missing-code": refused("invalid_request"),
    "token-error-missing-grant": refused("unsupported_grant_type"),
    "token-error-missing-redirect": refused("invalid_request"),
    "token-error-no-client": INVALID_CLIENT,
    "token-error-no-secret": INVALID_CLIENT,
    "token-error-other-registered-redirect": refused("invalid_request"),
    "token-error-password-grant": BROKEN,
    "token-error-pkce-missing-verifier": refused("invalid_request"),
    "token-error-pkce-short-verifier": refused("invalid_grant"),
    "token-error-pkce-wrong-verifier": refused("invalid_grant"),
    "token-error-reused-code": refused("invalid_grant"),
    "token-error-unknown-client": INVALID_CLIENT,
    "token-error-unsupported-grant": refused("unsupported_grant_type"),
    "token-error-wrong-redirect": refused("invalid_request"),
    "token-error-wrong-secret": INVALID_CLIENT,
    "token-get": refused("", 405),
    "token-noalg-default-scope": BROKEN,
    "token-noalg-openid-profile": BROKEN,
    "token-noalg-retry-openid-profile": BROKEN,
    "token-noalg-retry-profile": refused("invalid_grant"),
    "token-noslash-post": (InvalidResponse, {"check": "status"}),
    "token-public-wrong-secret": INVALID_CLIENT,
    "token-query-client_id": refused(""),  # JSON, but sent as text/html
    "userinfo-error-bad-token": REJECTED,
    "userinfo-error-expired-token": REJECTED,
    "userinfo-error-missing-token": REJECTED,
    "userinfo-idtoken-as-bearer": REJECTED,
}
FAMILIES = (
    "token-",
    "refresh-",
    "revoke-",
    "introspect-",
    "profile-error-",
    "ratelimit-",
    "throttle-",
    "negcache-",
    "userinfo-",
)
RECORDED = sorted(path.stem for path in WIRE.glob("*.http") if path.stem.startswith(FAMILIES))
USERINFO_WITHOUT_OPENID = [
    name for name in RECORDED if name.startswith("userinfo-scope-") and "openid" not in name
]
FAILURES |= dict.fromkeys(USERINFO_WITHOUT_OPENID, REJECTED)
SUCCESSES = sorted(set(RECORDED) - set(FAILURES))


def parse_recorded(recorded):
    """What the client makes of a recorded answer of the endpoint that it came from."""
    is_get = recorded.method == "GET"
    request = HTTPRequest(
        url=PEERINGDB.issuer, form=None if is_get else recorded.form, bearer=recorded.bearer
    )
    response = HTTPResponse(status=recorded.status, headers=recorded.headers, body=recorded.body)
    match recorded.path.partition("?")[0]:
        case "/oauth2/token/" | "/oauth2/token":
            return parse(request, response)
        case "/oauth2/revoke_token/":
            return successful(request, response)
        case "/oauth2/introspect/":
            return Introspection.from_json(successful(request, response).json_object())
        case "/profile/v1" | "/oauth2/userinfo/":
            return parse_profile_response(request, response)


@pytest.mark.parametrize("name", FAILURES)
def test_recorded_failure_is_the_error_a_caller_acts_on(recording, name):
    expected, fields = FAILURES[name]
    recorded = recording(name)
    with pytest.raises(PeeringDBOAuthError) as caught:
        parse_recorded(recorded)
    assert type(caught.value) is expected
    assert {field: getattr(caught.value, field) for field in fields} == fields
    assert "None" not in str(caught.value)
    sent = [
        recorded.form.get("client_secret"),
        recorded.form.get("code"),
        recorded.form.get("refresh_token"),
        recorded.bearer,
    ]
    assert not [
        secret for secret in sent if secret and secret != "bogus" and secret in str(caught.value)
    ]


@pytest.mark.parametrize(
    "name", [name for name in SUCCESSES if name.startswith(("token-", "refresh-"))]
)
def test_recorded_success_is_a_token_response(recording, name):
    recorded = recording(name)
    token, wire = parse_recorded(recorded), recorded.json
    assert (token.access_token, token.refresh_token, token.id_token) == (
        wire["access_token"],
        wire["refresh_token"],
        wire.get("id_token"),
    )
    assert (token.token_type, token.expires_at) == ("Bearer", 1_800_036_000)
    assert token.scope == tuple(dict.fromkeys(wire["scope"].split()))


@pytest.mark.parametrize("name", [name for name in SUCCESSES if name.startswith("revoke-")])
def test_recorded_revocation_succeeds(recording, name):
    assert parse_recorded(recording(name)).status == 200


def test_recorded_introspections(recording):
    scope = ("openid", "profile", "email", "networks", "amr")
    active = Introspection(active=True, scope=scope, client_id="conf-rs256", expires_at=1795468644)
    assert parse_recorded(recording("introspect-post-creds")) == active
    assert parse_recorded(recording("introspect-unknown-token")) == Introspection(active=False)


@pytest.mark.parametrize("name", [name for name in SUCCESSES if name.startswith("userinfo-")])
def test_recorded_userinfo_is_read_as_json(recording, name):
    assert parse_recorded(recording(name))["sub"].isdigit()


def test_every_recording_of_these_families_is_in_a_table():
    assert set(FAILURES) - {"profile-lower-bearer", "profile-post"} <= set(RECORDED)
    assert all(
        name.startswith(("token-", "refresh-", "revoke-", "introspect-", "userinfo-"))
        for name in SUCCESSES
    )
    assert len(SUCCESSES) > 40


# --- what a token response must have --------------------------------------------------


def test_token_response_is_read_with_the_time_before_the_request():
    token = parse(CODE_REQUEST, answer(granted(expires_in=10)))
    assert token == TokenResponse(
        access_token="a",
        token_type="Bearer",
        expires_at=1_800_000_010,
        refresh_token="r",
        scope=("profile",),
        id_token=None,
    )


def test_token_response_hides_its_tokens():
    assert not re.search(
        "hidden",
        repr(
            parse(
                CODE_REQUEST,
                answer(
                    granted(access_token="hidden1", refresh_token="hidden2", id_token="hidden3")
                ),
            )
        ),
    )


def test_scope_is_the_requested_one_when_the_answer_names_none():
    assert parse(CODE_REQUEST, answer(granted(scope=...))).scope == ("profile", "email")


def test_refresh_token_may_be_missing():
    assert parse(CODE_REQUEST, answer(granted(refresh_token=...))).refresh_token is None


def test_token_type_ignores_case():
    assert parse(CODE_REQUEST, answer(granted(token_type="bearer"))).token_type == "Bearer"


def test_unknown_fields_are_ignored():
    assert parse(CODE_REQUEST, answer(granted(novelty=[1]))).access_token == "a"


NO_TOKEN = "is missing or is not a token"
UNUSABLE = [
    ("token_type", "is not 'Bearer'", [..., None, "mac", 1, ["Bearer"]]),
    (
        "expires_in",
        "is not a sensible number of seconds",
        [..., None, True, "36000", 36000.0, 0, -1, 10**10],
    ),
    ("scope", "is not a string", [None, ["profile"], 1]),
    ("access_token", NO_TOKEN, [..., None, "", 1, "a b", "a\r\nb", "x" * 4097, "é"]),
    ("refresh_token", NO_TOKEN, ["", 1, False, "a b", "x" * 4097]),
    ("id_token", "is not a token", ["", 1, [], "x" * (256 * 1024 + 1)]),
]


@pytest.mark.parametrize(
    ("field", "problem", "value"),
    [(field, problem, value) for field, problem, values in UNUSABLE for value in values],
)
def test_refuses_token_response_with_malformed_field(field, problem, value):
    with pytest.raises(InvalidResponse) as caught:
        parse(CODE_REQUEST, answer(granted(**{field: value})))
    assert caught.value.check == field
    assert str(caught.value) == f"PeeringDB's answer is not usable: {field} {problem}"


def test_accepts_the_longest_id_token_and_lifetime():
    token = parse(CODE_REQUEST, answer(granted(id_token="x" * 256 * 1024, expires_in=315_360_000)))
    assert len(token.id_token) == 262_144
    assert parse(CODE_REQUEST, answer(granted(id_token="x", expires_in=1))).id_token == "x"
    with pytest.raises(InvalidResponse):
        parse(CODE_REQUEST, answer(granted(expires_in=315_360_001)))


# --- introspection --------------------------------------------------------------------


ACTIVE = {
    "active": True,
    "scope": "profile profile email",
    "client_id": "portal",
    "exp": 1_800_036_000,
    "username": "ada",
}


def test_introspection_of_an_active_token():
    expected = Introspection(
        active=True, scope=("profile", "email"), client_id="portal", expires_at=1_800_036_000
    )
    assert Introspection.from_json(ACTIVE) == expected


def test_introspection_of_an_inactive_token_says_nothing_else():
    assert Introspection.from_json(ACTIVE | {"active": False}) == Introspection(
        active=False, scope=(), client_id=None, expires_at=None
    )


@pytest.mark.parametrize(
    ("field", "problem", "value"),
    [
        *[("active", "is not true or false", value) for value in (..., None, 1, "true")],
        *[("scope", "is not a string", value) for value in (..., None, ["profile"])],
        *[("client_id", "is missing", value) for value in (..., None, "", 7)],
        *[("exp", "is not a time", value) for value in (..., None, True, "1", 1.5, -1, 10**12)],
    ],
)
def test_refuses_introspection_with_malformed_field(field, problem, value):
    wire = {name: given for name, given in (ACTIVE | {field: value}).items() if given is not ...}
    with pytest.raises(InvalidResponse) as caught:
        Introspection.from_json(wire)
    assert caught.value.check == field
    assert str(caught.value) == f"PeeringDB's answer is not usable: {field} {problem}"


@pytest.mark.parametrize("expires_at", [0, 253402300799])  # the year 9999
def test_accepts_the_first_and_the_last_second(expires_at):
    assert Introspection.from_json(ACTIVE | {"exp": expires_at}).expires_at == expires_at
    with pytest.raises(InvalidResponse):
        Introspection.from_json(ACTIVE | {"exp": 253402300800})


# --- the profile ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_profile_refusal_rejects_the_token(status):
    with pytest.raises(TokenRejected) as refused:
        parse_profile_response(
            PROFILE_REQUEST, answer(b"", status=status, content_type="text/html")
        )
    assert str(refused.value) == (
        "PeeringDB refused the access token: it is expired, revoked, replaced by a refresh, or"
        " lacks the scope 'profile'; log in again"
    )


def test_a_403_with_a_body_says_nothing_about_the_token():
    with pytest.raises(TransportError) as refused:
        parse_profile_response(PROFILE_REQUEST, answer(b"<html>", status=403))
    assert refused.value.status == 403
    assert str(refused.value) == (
        "something between here and PeeringDB, perhaps a firewall, refused the request (it"
        " answered 403)"
    )


def test_profile_answers_are_json_objects():
    assert parse_profile_response(PROFILE_REQUEST, answer({"id": 1})) == {"id": 1}
    with pytest.raises(InvalidResponse):
        parse_profile_response(PROFILE_REQUEST, answer([]))


# --- anything else --------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "scope",
    "id_token",
    "error",
    "meta",
    "active",
    "client_id",
    "exp",
)
OBJECTS = st.dictionaries(
    st.sampled_from(FIELDS), JSON | st.sampled_from(["Bearer", "profile", 36000, True])
)
BODIES = st.binary(max_size=100) | (JSON | OBJECTS).map(json.dumps).map(str.encode)
STATUSES = st.sampled_from([200, 400, 401, 403, 429, 500]) | st.integers(
    min_value=100, max_value=999
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["application/json", "text/html; charset=utf-8"])
        | st.text(max_size=20),
        "retry-after": st.text(max_size=12) | st.integers().map(str),
        "x-cached-response": st.text(max_size=5),
    },
)


@given(STATUSES, HEADERS, BODIES)
def test_any_answer_is_read_or_raises_one_of_our_errors(status, headers, body):
    response = HTTPResponse(status=status, headers=headers, body=body)
    for read in (
        parse,
        parse_profile_response,
        lambda *sent: Introspection.from_json(successful(*sent).json_object()),
    ):
        try:
            read(CODE_REQUEST, response)
        except PeeringDBOAuthError as error:
            assert str(error)  # noqa: PT017 - which of them it is, is asserted above


SECRETS = {
    "code": "c0de" + "C" * 26,
    "code_verifier": "v3rifier" + "V" * 40,
    "client_secret": 's3cr%t"+/' + "S" * 50,
    "refresh_token": "r3fresh" + "R" * 23,
    "token": "t0ken" + "T" * 25,
}
BEARER = "b3arer" + "B" * 24
LEAKY = HTTPRequest(url=PEERINGDB.token_endpoint, form=SECRETS, bearer=BEARER)
ECHOED = st.sampled_from([*SECRETS.values(), BEARER])
ECHOES = st.builds(
    lambda secret, before, after, cut: f"{before}{secret[:cut]}{after}",
    ECHOED,
    st.text("abc ", max_size=10),
    st.text("xyz ", max_size=10),
    st.integers(min_value=12),
)


@given(STATUSES, ECHOES)
def test_no_error_repeats_what_was_sent(status, echo):
    wire = granted(
        error=echo,
        error_description=echo,
        error_uri=echo,
        meta={"error": echo},
        token_type=echo,
        expires_in=echo,
        active=echo,
    )
    headers = {
        "location": echo,
        "retry-after": echo,
        "www-authenticate": f'Bearer error="{echo}"',
        "x-auth-id": echo,
    }
    for body in (wire, {"meta": {"error": echo}}, [echo]):
        response = answer(body, status=status, **headers)
        for read in (
            parse,
            parse_profile_response,
            lambda *sent: Introspection.from_json(successful(*sent).json_object()),
        ):
            try:
                read(LEAKY, response)
            except PeeringDBOAuthError as error:
                shown = repr((str(error), error, error.args, vars(error))) + "".join(
                    traceback.format_exception(error)
                )
                assert not [
                    secret for secret in (*SECRETS.values(), BEARER) if secret[:12] in shown
                ]


@given(ECHOES)
def test_an_unusable_profile_does_not_repeat_the_token(echo):
    profile = {
        "id": echo,
        "name": "Ada",
        "verified_user": echo,
        "networks": [{"id": 1, "asn": echo, "name": echo, "perms": echo}],
    }
    for fields in (("id",), ("name", "id"), tuple(profile)):
        with pytest.raises(InvalidResponse) as caught:
            User.from_profile({"name": 1} | {name: profile[name] for name in fields})
        assert not [
            secret
            for secret in (*SECRETS.values(), BEARER)
            if secret[:12] in repr(caught.value) + repr(vars(caught.value))
        ]


def test_dead_tokens_stay_dead_until_they_would_have_expired():
    dead = DeadTokens()
    dead.add("token", "no", 1000.0)
    for now in (1000.0, 36_999.0):
        with pytest.raises(TokenRejected, match="no"):
            dead.check("token", now)
    dead.check("token", 37_000.0)
    dead.check("token", 1000.0)  # it was forgotten for good
    dead.check("another", 1000.0)


def test_a_clock_that_was_set_back_does_not_keep_dead_tokens_for_years():
    dead = DeadTokens()
    dead.add("token", "no", 1e9)
    dead.check("token", 1e8)


def test_dead_tokens_are_bounded_and_the_oldest_goes():
    dead = DeadTokens(limit=3)
    for number in range(5):
        dead.add(f"token-{number}", "no", number)
    for number in (0, 1):
        dead.check(f"token-{number}", 5)
    for number in (2, 3, 4):
        with pytest.raises(TokenRejected, match="no"):
            dead.check(f"token-{number}", 5)


def test_ten_thousand_dead_tokens_are_remembered():
    dead = DeadTokens()
    for number in range(10_000):
        dead.add(f"token-{number}", "no", 1.0)
    with pytest.raises(TokenRejected, match="no"):
        dead.check("token-0", 1.0)
    dead.add("one more", "no", 1.0)
    dead.check("token-0", 1.0)


def test_a_revoked_token_is_told_from_a_refused_one():
    dead = DeadTokens()
    dead.add("refused", "no", 1.0)
    dead.revoke("revoked", 1.0)
    assert dead.was_revoked("revoked")
    assert not dead.was_revoked("refused")
    assert not dead.was_revoked("unknown")
    with pytest.raises(TokenRejected) as refused:
        dead.check("revoked", 1.0)
    assert str(refused.value) == "this token was revoked: log in again"
    dead.check("revoked", 36_001.0)


def test_a_dead_token_may_be_any_text_that_an_application_kept():
    dead = DeadTokens()
    dead.revoke("\ud800", 1.0)
    assert dead.was_revoked("\ud800")


def test_dead_tokens_are_kept_as_hashes():
    dead = DeadTokens()
    dead.add("secret-token", "no", 0)
    assert "secret-token" not in repr(vars(dead))


def test_a_token_may_die_while_another_thread_drops_the_oldest_one():
    class Changing(dict):
        """Another thread adds a token while this one looks for the oldest."""

        def __iter__(self):
            found = super().__iter__()
            if b"of another thread" not in self:
                self[b"of another thread"] = (0.0, "no")
            return found

    dead = DeadTokens(limit=2)
    dead._dead = Changing({b"1": (0.0, "no"), b"2": (0.0, "no")})
    dead.add("token", "no", 1.0)
    assert len(dead._dead) == 2
    with pytest.raises(TokenRejected, match="no"):
        dead.check("token", 1.0)


def test_a_token_may_die_while_another_thread_drops_the_same_oldest_one():
    class Faster(dict):
        """Another thread drops the oldest token that this one has just found."""

        def __iter__(self):
            oldest = next(super().__iter__())
            self.pop(oldest)
            return iter([oldest])

    dead = DeadTokens(limit=1)
    dead._dead = Faster({b"1": (0.0, "no")})
    dead.add("token", "no", 1.0)
    with pytest.raises(TokenRejected, match="no"):
        dead.check("token", 1.0)


def test_a_token_may_die_while_another_thread_drops_all_others():
    class Emptied(dict):
        """Another thread drops all tokens while this one looks for the oldest."""

        def __iter__(self):
            self.clear()
            return super().__iter__()

    dead = DeadTokens(limit=1)
    dead._dead = Emptied({b"1": (0.0, "no")})
    dead.add("token", "no", 1.0)
    with pytest.raises(TokenRejected, match="no"):
        dead.check("token", 1.0)
