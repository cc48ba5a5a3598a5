"""The authorization request: what the browser is sent away with, and the session."""

import json
import math
import re
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.authorization import (
    AuthorizationRequest,
    build_authorization_url,
    checked_code_verifier,
    code_challenge,
    create_authorization_request,
    new_secret,
)
from peeringdb_oauth.config import SCOPES, ClientConfig
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse
from peeringdb_oauth.metadata import PEERINGDB

NOW = 1_800_000_000.5
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="s3cret",
    redirect_uri="https://portal.example.net/callback?tenant=a&b",
)
SECRET_FORM = r"[A-Za-z0-9_-]{43}"  # 256 bits in base64url


def create(**changes):
    return create_authorization_request(CONFIG, PEERINGDB, now=NOW, **changes)


REQUEST = create()
OPENID = create(scope="openid profile")


# --- create it -----------------------------------------------------------------------


def test_the_challenge_is_that_of_rfc_7636_appendix_b():
    assert (
        code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


@pytest.mark.parametrize("name", ["state", "nonce", "code_verifier"])
def test_every_login_has_its_own_256_bits(name):
    values = {getattr(create(scope=SCOPES), name) for _ in range(200)}
    assert len(values) == 200
    assert all(re.fullmatch(SECRET_FORM, value) for value in values)


def test_state_nonce_and_verifier_are_three_different_secrets():
    request = create(scope=SCOPES)
    assert len({request.state, request.nonce, request.code_verifier}) == 3


def test_a_new_secret_is_as_long_as_a_verifier_must_be():
    assert re.fullmatch(SECRET_FORM, new_secret())  # RFC 7636 section 4.1: at least 43


def test_the_url_has_exactly_the_parameters_of_the_login():
    scheme, host, path, query, fragment = urlsplit(REQUEST.url)
    assert (f"{scheme}://{host}{path}", fragment) == (PEERINGDB.authorization_endpoint, "")
    assert parse_qsl(query, strict_parsing=True) == [
        ("response_type", "code"),
        ("client_id", "portal"),
        ("redirect_uri", "https://portal.example.net/callback?tenant=a&b"),
        ("scope", "profile email networks amr"),
        ("state", REQUEST.state),
        ("code_challenge", code_challenge(REQUEST.code_verifier)),
        ("code_challenge_method", "S256"),
    ]


def test_with_openid_there_is_a_nonce_and_without_it_there_is_none():
    assert parse_qs(urlsplit(OPENID.url).query)["nonce"] == [OPENID.nonce]
    assert REQUEST.nonce is None
    assert "nonce" not in REQUEST.url


def test_a_prompt_is_sent():
    assert parse_qs(urlsplit(create(prompt="login").url).query)["prompt"] == ["login"]


def test_the_url_has_neither_the_secret_nor_the_verifier():
    assert "s3cret" not in REQUEST.url
    assert "client_secret" not in REQUEST.url
    assert REQUEST.code_verifier not in REQUEST.url


def test_a_request_remembers_what_the_callback_must_fit():
    request = create(scope=["profile", "openid", "profile"])
    assert (request.redirect_uri, request.scope, request.created_at) == (
        CONFIG.redirect_uri,
        ("profile", "openid"),
        NOW,
    )
    assert parse_qs(urlsplit(request.url).query)["scope"] == ["profile openid"]


@pytest.mark.parametrize("scope", [(), "", "email", "profile everything", 5])
def test_refuses_a_scope_that_peeringdb_would_refuse_or_that_lacks_the_profile(scope):
    with pytest.raises(ConfigurationError, match="scope: "):
        create(scope=scope)


@pytest.mark.parametrize("prompt", ["none", "consent", "login consent", "", 5])
def test_refuses_a_prompt_that_peeringdb_ignores_or_breaks_on(prompt):
    with pytest.raises(ConfigurationError) as caught:
        create(prompt=prompt)
    assert str(caught.value) == (
        "prompt: PeeringDB knows only 'login' (it ignores others, and 'none' ends on an error"
        f" page), not {prompt!r}"
    )


def test_refuses_scope_and_prompt_at_once():
    with pytest.raises(ConfigurationError) as caught:
        create(scope="email", prompt="none")
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["scope", "prompt"]


def test_a_url_without_pkce_names_no_method():
    url = build_authorization_url(CONFIG, PEERINGDB, scope=("profile",), state="x")
    assert set(parse_qs(urlsplit(url).query)) == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
    }


def test_a_repr_has_no_secret():
    for secret in (OPENID.state, OPENID.nonce, OPENID.code_verifier, OPENID.url):
        assert secret not in repr(OPENID)


# --- the verifier of a caller ---------------------------------------------------------


def test_takes_the_verifier_of_a_caller():
    assert checked_code_verifier(OPENID.code_verifier) == OPENID.code_verifier


@pytest.mark.parametrize(
    "value", ["x" * 42, "x" * 129, "x" * 43 + "\n", b"x" * 43, None, ["x" * 43]]
)
def test_refuses_a_verifier_that_this_library_did_not_make(value):
    with pytest.raises(InvalidResponse) as caught:
        checked_code_verifier(value)
    assert caught.value.check == "code_verifier"
    assert str(caught.value) == "the code_verifier is not one that this library made"


# --- in the session -------------------------------------------------------------------


@pytest.mark.parametrize("request_", [REQUEST, OPENID])
def test_a_request_comes_back_from_its_dict_also_through_json(request_):
    assert AuthorizationRequest.from_dict(request_.to_dict()) == request_
    assert AuthorizationRequest.from_dict(json.loads(json.dumps(request_.to_dict()))) == request_


def test_the_dict_is_json_and_holds_the_time_in_unix_seconds():
    assert json.loads(json.dumps(OPENID.to_dict())) == OPENID.to_dict()
    assert OPENID.to_dict()["created_at"] == NOW


def test_unknown_members_of_the_dict_are_ignored():
    assert AuthorizationRequest.from_dict(REQUEST.to_dict() | {"next": "/"}) == REQUEST


def from_dict_refused(value):
    with pytest.raises(InvalidResponse, match="start the login again") as caught:
        AuthorizationRequest.from_dict(value)
    return caught.value


@pytest.mark.parametrize("value", [None, [], "", "{}", 5, [("state", "x")], {}, {"state": "x"}])
def test_refuses_what_is_no_stored_login(value):
    assert from_dict_refused(value).check == "authorization_request"


def test_says_that_no_login_is_waiting():
    assert str(from_dict_refused(None)) == (
        "no login is waiting for an answer here: start the login again"
    )


def test_says_that_something_else_was_stored():
    assert str(from_dict_refused([])) == "the stored login is no mapping: start the login again"


@pytest.mark.parametrize(
    "name", ["url", "state", "nonce", "code_verifier", "redirect_uri", "scope", "created_at"]
)
def test_refuses_a_stored_login_that_lost_something(name):
    stored = OPENID.to_dict()
    del stored[name]
    error = from_dict_refused(stored)
    assert error.check == "authorization_request"
    assert str(error) == f"the stored login has no {name}: start the login again"


SHORT, LONG = "x" * 42, "x" * 129


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name in ("url", "redirect_uri")
        for value in (None, "", 5, b"x", "a b", "https://x/\r\nX: y", "é", "\ud800")
    ]
    + [
        (name, value)
        for name in ("state", "nonce", "code_verifier")
        for value in (
            None,
            "",
            5,
            b"x" * 43,
            SHORT,
            LONG,
            SHORT + "\n",
            SHORT + "é",
            SHORT + "\ud800",
            [REQUEST.state],
        )
    ]
    + [
        ("scope", value)
        for value in (
            None,
            "openid profile",
            {},
            [],
            ["openid"],
            ["openid", "profile", "all"],
            ["openid", "profile", 5],
            [[]],
        )
    ]
    + [("created_at", value) for value in (None, "1800000000", True, [NOW])],
)
def test_refuses_a_stored_login_with_something_malformed(name, value):
    error = from_dict_refused(OPENID.to_dict() | {name: value})
    assert error.check == "authorization_request"
    assert OPENID.code_verifier not in str(error)


def test_without_openid_no_nonce_comes_back():
    assert AuthorizationRequest.from_dict(REQUEST.to_dict() | {"nonce": new_secret()}) == REQUEST


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    JSON
    | st.dictionaries(st.sampled_from(sorted(OPENID.to_dict())), JSON).map(
        lambda change: OPENID.to_dict() | change
    )
)
def test_any_json_is_a_stored_login_or_refused(value):
    try:
        request = AuthorizationRequest.from_dict(value)
    except InvalidResponse as error:
        assert error.check == "authorization_request"  # noqa: PT017 - either may happen
        return
    assert AuthorizationRequest.from_dict(request.to_dict()) == request or math.isnan(
        request.created_at
    )
