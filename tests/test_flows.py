"""The flows by hand: what each asks, in which order, and what becomes of each answer.
No network, no client.
"""

import json
import sys
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import flows
from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    ProviderError,
    RateLimited,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Locked
from peeringdb_oauth.tokens import TokenResponse

ISSUED_AT = 1795432419  # token-success-openid
BASE_URL = "https://127.0.0.1:8443"  # where the recordings were made
REDIRECT_URI = "https://app.example.net/callback"
ANSWERS = {
    "/oauth2/token/": "token-success-no-openid",
    "/profile/v1": "profile-orgadmin",
    "/oauth2/introspect/": "introspect-post-creds",
    "/oauth2/revoke_token/": "revoke-refresh",
    "/oauth2/.well-known/jwks.json": "jwks",
    "/oauth2/.well-known/openid-configuration": "discovery-oidc-oauth2",
    "/oauth2/.well-known/oauth-authorization-server": "discovery-oauth-oauth2",
}
OPENID = ANSWERS | {"/oauth2/token/": "token-success-openid"}
METADATA = tuple(
    path for path in OPENID if path.endswith(("openid-configuration", "oauth-authorization-server"))
)
LOGIN_REQUEST = AuthorizationRequest(
    url=f"{BASE_URL}/oauth2/authorize/?state=the-state",
    state="the-state",
    nonce=None,
    code_verifier="v" * 43,
    redirect_uri=REDIRECT_URI,
    scope=("profile", "email", "networks", "amr"),
    created_at=ISSUED_AT - 5,
)
OPENID_REQUEST = replace(
    LOGIN_REQUEST,
    nonce="n-123",
    scope=("openid", "profile", "email", "networks", "amr"),
)
CALLBACK = {"code": "the-code", "state": "the-state"}
TOKEN = TokenResponse(
    access_token="old-access",
    token_type="Bearer",
    expires_at=1,
    refresh_token="old-refresh",
    scope=("profile", "email"),
    id_token=None,
)


@pytest.fixture
def provider(clock):
    clock.now = ISSUED_AT + 2.0
    secret = "secret-rs256-0123456789abcdef0123456789"
    return Provider(
        ClientConfig(
            client_id="conf-rs256",
            client_secret=secret,
            redirect_uri=REDIRECT_URI,
            base_url=BASE_URL,
        ),
        clock,
    )


@pytest.fixture
def id_token(recording):
    return recording("token-success-openid").json["id_token"]


class Walk:
    """Goes through a flow as a client would; ``sent`` is what it asked."""

    def __init__(self, recording, answers):
        self.recording, self.answers, self.sent = recording, answers, []

    def __call__(self, flow):
        step, value = flow.send, None
        while True:
            try:
                request = step(value)
            except StopIteration as done:
                return done.value
            try:
                step, value = (
                    flow.send,
                    self(request.flow) if isinstance(request, Locked) else self.answer(request),
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, the flow is told
                step, value = flow.throw, error

    def answer(self, request):
        self.sent.append(request)
        answer = self.answers[urlsplit(request.url).path]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return HTTPResponse(status=answer, headers={}, body=b"")
        if isinstance(answer, str):
            recorded = self.recording(answer)
            return HTTPResponse(
                status=recorded.status,
                headers=recorded.headers,
                body=recorded.body,
            )
        return HTTPResponse(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(answer).encode(),
        )

    def paths(self):
        return [urlsplit(request.url).path for request in self.sent]


@pytest.fixture
def walk(recording):
    """``walk(answers)``: path -> name of a recording, JSON, a status, or an error that
    there was instead of an answer.
    """
    return lambda answers=ANSWERS: Walk(recording, answers)


# --- log in ---------------------------------------------------------------------------


def test_login_takes_two_requests_that_are_booked_together(provider, walk):
    walk = walk()
    login = walk(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    assert [(request.method, request.url, request.booked) for request in walk.sent] == [
        ("POST", f"{BASE_URL}/oauth2/token/", 2),
        ("GET", f"{BASE_URL}/profile/v1", 0),
    ]
    sent = {"code": "the-code", "redirect_uri": REDIRECT_URI, "code_verifier": "v" * 43}
    assert sent.items() <= walk.sent[0].form.items()
    assert walk.sent[1].bearer == login.token.access_token == "HBtGOymu0bhBVxHZdBWixpOJT0dI7X"
    assert (login.user.id, login.user.asns, login.claims) == (1, (64500, 64501, 65550), None)


def test_tokens_live_from_before_the_request(provider, clock, recording):
    flow = flows.log_in(provider, LOGIN_REQUEST, CALLBACK)
    next(flow)
    clock.now += 9
    recorded = recording("token-success-no-openid")
    flow.send(HTTPResponse(status=200, headers=recorded.headers, body=recorded.body))
    profile = recording("profile-orgadmin")
    with pytest.raises(StopIteration) as done:
        flow.send(HTTPResponse(status=200, headers=profile.headers, body=profile.body))
    assert done.value.value.token.expires_at == ISSUED_AT + 2 + 36000


def test_bad_callbacks_are_refused_before_anything_is_asked(provider, walk):
    walk = walk()
    for callback, error in (
        ({"code": "the-code", "state": "another"}, StateMismatch),
        ({"error": "access_denied", "state": "the-state"}, LoginDenied),
        ({"state": "the-state"}, InvalidResponse),
    ):
        with pytest.raises(error):
            walk(flows.log_in(provider, LOGIN_REQUEST, callback))
    assert walk.sent == []


def test_a_login_is_answered_once(provider, walk):
    walk = walk()
    walk(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    with pytest.raises(StateMismatch) as caught:
        walk(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    assert (caught.value.check, len(walk.sent)) == ("used", 2)


def test_a_refused_code_ends_the_login_before_the_profile(provider, walk):
    walk = walk({"/oauth2/token/": "token-error-reused-code"})
    with pytest.raises(ProviderError) as caught:
        walk(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    assert (caught.value.error, walk.paths()) == ("invalid_grant", ["/oauth2/token/"])


def test_a_refused_profile_is_no_login(provider, walk):
    with pytest.raises(TokenRejected):
        walk(ANSWERS | {"/profile/v1": "profile-error-revoked-token"})(
            flows.log_in(provider, LOGIN_REQUEST, CALLBACK),
        )


# --- log in with an ID token ----------------------------------------------------------


def test_openid_login_has_verified_claims(provider, walk):
    walk = walk(OPENID)
    login = walk(flows.log_in(provider, OPENID_REQUEST, CALLBACK))
    assert (login.claims.subject, login.claims.nonce, login.user.id) == ("1", "n-123", 1)
    # The keys come first: without them the code is not spent.
    assert walk.paths() == [
        *METADATA,
        "/oauth2/.well-known/jwks.json",
        "/oauth2/token/",
        "/profile/v1",
    ]


def test_openid_login_without_id_token_fails(provider, walk):
    walk = walk()
    with pytest.raises(InvalidIDToken) as caught:
        walk(flows.log_in(provider, OPENID_REQUEST, CALLBACK))
    assert (caught.value.check, walk.paths()[-1]) == ("id_token", "/oauth2/token/")


def test_openid_login_without_keys_can_be_tried_again(provider, clock, walk):
    down = walk(OPENID | {"/oauth2/.well-known/jwks.json": TransportError("down")})
    with pytest.raises(TransportError, match="down"):
        down(flows.log_in(provider, OPENID_REQUEST, CALLBACK))
    assert "/oauth2/token/" not in down.paths()
    clock.now += 10
    assert walk(OPENID)(flows.log_in(provider, OPENID_REQUEST, CALLBACK)).user.id == 1


def test_openid_login_of_another_nonce_fails(provider, walk):
    with pytest.raises(InvalidIDToken) as caught:
        walk(OPENID)(flows.log_in(provider, replace(OPENID_REQUEST, nonce="n-456"), CALLBACK))
    assert caught.value.check == "nonce"


def test_openid_login_with_another_access_token_fails(provider, recording, walk):
    swapped = recording("token-success-openid").json | {"access_token": "somebody-elses"}
    with pytest.raises(InvalidIDToken) as caught:
        walk(OPENID | {"/oauth2/token/": swapped})(
            flows.log_in(provider, OPENID_REQUEST, CALLBACK),
        )
    assert caught.value.check == "at_hash"


def test_profile_of_somebody_else_is_no_login(provider, walk):
    with pytest.raises(InvalidIDToken) as caught:
        walk(OPENID | {"/profile/v1": "profile-member"})(
            flows.log_in(provider, OPENID_REQUEST, CALLBACK),
        )
    assert caught.value.check == "sub"


# --- verify an ID token, and its keys -------------------------------------------------


def test_keys_are_fetched_once(provider, walk, id_token):
    walk = walk()
    for _ in range(3):
        assert walk(flows.verify_id_token(provider, id_token)).subject == "1"
    assert walk.paths().count("/oauth2/.well-known/jwks.json") == 1


def test_keys_are_fetched_by_one_at_a_time(provider, id_token):
    assert next(flows.verify_id_token(provider, id_token)).name == "keys"


def test_max_age_and_nonce_are_checked(provider, clock, walk, id_token):
    clock.now += 1000
    for arguments, check in (({"max_age": 500}, "auth_time"), ({"nonce": "other"}, "nonce")):
        with pytest.raises(InvalidIDToken) as caught:
            walk()(flows.verify_id_token(provider, id_token, **arguments))
        assert caught.value.check == check


def test_an_unknown_key_is_looked_up_once_more(provider, recording, clock, walk, id_token):
    jwks = recording("jwks").json
    other = {"keys": [jwks["keys"][0] | {"kid": "an older one"}]}
    with pytest.raises(InvalidIDToken) as caught:
        walk(ANSWERS | {"/oauth2/.well-known/jwks.json": other})(
            flows.verify_id_token(provider, id_token),
        )
    assert caught.value.check == "kid"
    clock.now += 61
    walk = walk()
    assert walk(flows.verify_id_token(provider, id_token)).subject == "1"
    assert walk.paths() == ["/oauth2/.well-known/jwks.json"]


def test_a_failed_fetch_says_why_and_then_when_to_come_back(provider, walk, id_token):
    walk = walk(ANSWERS | {"/oauth2/.well-known/jwks.json": TransportError("down")})
    with pytest.raises(TransportError, match="down"):
        walk(flows.verify_id_token(provider, id_token))
    asked = len(walk.sent)
    with pytest.raises(RateLimited) as caught:
        walk(flows.verify_id_token(provider, id_token))
    assert (caught.value.retry_after, len(walk.sent)) == (10, asked)


def test_a_failed_fetch_leaves_the_keys_there_are(provider, clock, walk, id_token):
    walk()(flows.verify_id_token(provider, id_token))
    clock.now += 3601
    broken = walk(ANSWERS | {"/oauth2/.well-known/jwks.json": "token-noalg-openid-profile"})
    assert broken(flows.verify_id_token(provider, id_token)).subject == "1"
    assert broken.paths() == ["/oauth2/.well-known/jwks.json"]


@pytest.mark.parametrize("missing", METADATA)
def test_one_metadata_document_is_enough(provider, walk, id_token, missing):
    assert walk(ANSWERS | {missing: 404})(flows.verify_id_token(provider, id_token)).subject == "1"


def test_discovered_endpoints_are_used(provider, walk, id_token):
    elsewhere = {"issuer": f"{BASE_URL}/oauth2", "jwks_uri": f"{BASE_URL}/keys"}
    walk = walk(ANSWERS | dict.fromkeys(METADATA, elsewhere) | {"/keys": "jwks"})
    assert walk(flows.discover(provider)).jwks_uri == f"{BASE_URL}/keys"
    assert walk(flows.verify_id_token(provider, id_token)).subject == "1"
    assert walk.paths() == [*METADATA, "/keys"]


def test_without_metadata_it_is_no_peeringdb(provider, walk, id_token):
    walk = walk(ANSWERS | dict.fromkeys(METADATA, 404))
    with pytest.raises(InvalidResponse, match="is no PeeringDB") as caught:
        walk(flows.verify_id_token(provider, id_token))
    assert (caught.value.check, walk.paths()) == ("issuer", list(METADATA))


def test_peeringdb_itself_needs_no_discovery(clock, recording):
    provider = Provider(
        ClientConfig(client_id="portal", client_secret="a s3cret", redirect_uri=REDIRECT_URI),
        clock,
    )
    walk = Walk(recording, {"/oauth2/.well-known/jwks.json": "jwks"})
    with pytest.raises(InvalidIDToken):
        walk(flows.verify_id_token(provider, "a.b.c"))
    assert walk.paths() == ["/oauth2/.well-known/jwks.json"]


# --- fetch, refresh, revoke, introspect -----------------------------------------------


def test_fetches_a_user(provider, walk):
    walk = walk()
    assert walk(flows.fetch_user(provider, "an-access-token")).name == "Ada Admin"
    assert [(request.bearer, request.booked) for request in walk.sent] == [("an-access-token", 1)]


def test_refreshes_a_token_response(provider, walk):
    walk = walk({"/oauth2/token/": "refresh-no-openid"})
    token = walk(flows.refresh(provider, TOKEN))
    assert {"grant_type": "refresh_token", "refresh_token": "old-refresh"}.items() <= walk.sent[
        0
    ].form.items()
    assert (token.scope, token.expires_at) == (
        ("profile", "networks", "amr"),
        ISSUED_AT + 2 + 36000,
    )
    assert token.refresh_token not in (None, "old-refresh")


def test_refreshes_a_bare_refresh_token(provider, walk):
    walk = walk({"/oauth2/token/": "refresh-no-openid"})
    walk(flows.refresh(provider, "bare-refresh"))
    assert walk.sent[0].form["refresh_token"] == "bare-refresh"


REFRESHED_AT = 1795432571  # refresh-success
REFRESH = OPENID | {"/oauth2/token/": "refresh-success"}


@pytest.mark.parametrize("with_previous", [True, False])
def test_a_refreshed_id_token_is_verified(provider, clock, walk, id_token, with_previous):
    clock.now = REFRESHED_AT + 1
    token = walk(REFRESH)(
        flows.refresh(
            provider,
            replace(TOKEN, id_token=id_token) if with_previous else "bare-refresh",
        ),
    )
    assert token.id_token is not None
    clock.now = REFRESHED_AT - 100
    with pytest.raises(InvalidIDToken) as caught:
        walk(REFRESH)(flows.refresh(provider, "bare-refresh"))
    assert caught.value.check == "iat"


def test_a_refreshed_id_token_about_somebody_else_is_refused(provider, clock, walk, id_token):
    clock.now = REFRESHED_AT + 1
    header, _, signature = id_token.split(".")
    payload = urlsafe_b64encode(b'{"sub": "2"}').rstrip(b"=").decode()
    somebody_else = f"{header}.{payload}.{signature}"
    with pytest.raises(InvalidIDToken) as caught:
        walk(REFRESH)(flows.refresh(provider, replace(TOKEN, id_token=somebody_else)))
    assert caught.value.check == "sub"


OTHER_KEY = {
    "keys": [
        {
            "kty": "RSA",
            "kid": "another",
            "e": "AQAB",
            "n": urlsafe_b64encode(b"\xc1" + b"\x35" * 255).decode()[:-1].rstrip("="),
        },
    ],
}


@pytest.mark.parametrize(
    "keys",
    [TransportError("down"), 404, {"keys": []}, OTHER_KEY],
    ids=["down", "gone", "empty", "another"],
)
def test_a_refresh_without_its_key_keeps_the_new_tokens(provider, walk, keys):
    token = walk(REFRESH | {"/oauth2/.well-known/jwks.json": keys})(
        flows.refresh(provider, TOKEN),
    )
    assert (token.access_token == TOKEN.access_token, token.id_token) == (False, None)


def test_what_a_refresh_leaves_out_stays_as_it_was(provider, walk):
    answer = {"access_token": "new", "token_type": "Bearer", "expires_in": 10}
    token = walk({"/oauth2/token/": answer})(flows.refresh(provider, TOKEN))
    assert (token.access_token, token.refresh_token, token.scope) == (
        "new",
        "old-refresh",
        ("profile", "email"),
    )
    assert walk({"/oauth2/token/": answer})(flows.refresh(provider, "bare-refresh")).scope == ()


def test_a_token_response_without_a_refresh_token_says_so(provider, walk):
    with pytest.raises(TokenRejected, match="there is no refresh token"):
        walk()(flows.refresh(provider, replace(TOKEN, refresh_token=None)))


@pytest.mark.parametrize("token", ["", "two words", None, 7])
def test_without_a_refresh_token_nothing_is_asked(provider, walk, token):
    walk = walk()
    with pytest.raises(TokenRejected):
        walk(flows.refresh(provider, token))
    assert walk.sent == []


@pytest.mark.parametrize(
    ("token", "sent"),
    [
        (TOKEN, {"token": "old-refresh", "token_type_hint": "refresh_token"}),
        (
            replace(TOKEN, refresh_token=None),
            {"token": "old-access", "token_type_hint": "access_token"},
        ),
        ("either", {"token": "either", "token_type_hint": "refresh_token"}),
    ],
)
def test_revokes_what_ends_most(provider, walk, token, sent):
    walk = walk()
    assert walk(flows.revoke(provider, token)) is None
    assert sent.items() <= walk.sent[0].form.items()


def test_a_revocation_that_failed_says_so(provider, walk):
    with pytest.raises(ProviderError):
        walk({"/oauth2/revoke_token/": "revoke-error-wrong-secret"})(
            flows.revoke(provider, TOKEN),
        )


def test_introspects(provider, walk):
    walk = walk()
    assert walk(flows.introspect(provider, "an-access-token")).client_id == "conf-rs256"
    assert walk.sent[0].form["token"] == "an-access-token"


def test_a_public_client_cannot_introspect(provider, walk):
    provider.config = replace(provider.config, client_secret=None)
    walk = walk()
    with pytest.raises(ConfigurationError, match="client_secret"):
        walk(flows.introspect(provider, "an-access-token"))
    assert walk.sent == []


@pytest.mark.parametrize("token", ["two words", replace(TOKEN, refresh_token="two words")])
@pytest.mark.parametrize("flow", [flows.refresh, flows.revoke])
def test_what_is_no_token_is_not_sent(provider, walk, flow, token):
    walk = walk()
    with pytest.raises(TokenRejected):
        walk(flow(provider, token))
    assert walk.sent == []


def test_fresh_keys_are_had_without_waiting_for_anybody(provider, walk, id_token):
    walk()(flows.verify_id_token(provider, id_token))
    with pytest.raises(StopIteration):  # not even a lock is asked for
        next(flows.verify_id_token(provider, id_token))


def test_a_cancelled_key_fetch_is_no_attempt(provider, walk, id_token):
    flow = flows.verify_id_token(provider, id_token)
    fetch = next(flow).flow
    next(fetch)
    fetch.close()  # what becomes of it when its task is cancelled
    assert walk()(flows.verify_id_token(provider, id_token)).subject == "1"


def test_cancelling_does_not_shorten_the_wait_for_unknown_keys(provider, walk, id_token):
    walk()(flows.verify_id_token(provider, id_token))
    header = urlsafe_b64encode(b'{"alg": "RS256", "kid": "invented"}').rstrip(b"=").decode()
    invented = ".".join([header, *id_token.split(".")[1:]])
    flow = flows.verify_id_token(provider, invented)
    fetch = next(flow).flow
    next(fetch)
    fetch.close()
    walk = walk()
    with pytest.raises(InvalidIDToken):
        walk(flows.verify_id_token(provider, invented))
    assert walk.sent == []


def test_a_cancelled_login_is_used_up(provider, walk):
    with pytest.raises(LoginDenied):
        walk()(
            flows.log_in(
                provider,
                LOGIN_REQUEST,
                {"state": "the-state", "error": "access_denied"},
            ),
        )
    walk = walk()
    with pytest.raises(StateMismatch) as caught:
        walk(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    assert (caught.value.check, walk.sent) == ("used", [])


def test_a_forged_callback_does_not_use_up_the_login(provider, walk):
    with pytest.raises(StateMismatch):
        walk()(
            flows.log_in(provider, LOGIN_REQUEST, {"state": "forged", "error": "access_denied"}),
        )
    assert walk()(flows.log_in(provider, LOGIN_REQUEST, CALLBACK)).user.id == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://other.example.net/callback"},
        {"url": "https://evil.example.net/?state=the-state"},
    ],
)
def test_a_login_of_another_application_is_not_completed_here(provider, walk, changed):
    walk = walk()
    with pytest.raises(InvalidResponse) as caught:
        walk(flows.log_in(provider, replace(LOGIN_REQUEST, **changed), CALLBACK))
    assert (caught.value.check, walk.sent) == ("authorization_request", [])


def test_a_login_that_was_not_sent_can_be_repeated(provider, walk):
    with pytest.raises(RateLimited):
        walk({"/oauth2/token/": RateLimited("wait", retry_after=1)})(
            flows.log_in(provider, LOGIN_REQUEST, CALLBACK),
        )
    assert walk()(flows.log_in(provider, LOGIN_REQUEST, CALLBACK)).user.id == 1


def test_a_login_that_was_lost_on_its_way_is_used_up(provider, walk):
    with pytest.raises(TransportError):
        walk({"/oauth2/token/": TransportError("cut")})(
            flows.log_in(provider, LOGIN_REQUEST, CALLBACK),
        )
    with pytest.raises(StateMismatch):
        walk()(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))


@pytest.mark.parametrize("configured", [True, False])
def test_without_cryptography_openid_is_refused_before_anybody_is_sent_away(
    provider,
    clock,
    monkeypatch,
    configured,
):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    config = (
        replace(provider.config, scope=("openid", "profile")) if configured else provider.config
    )
    with pytest.raises(ConfigurationError, match=r"peeringdb-oauth\[oidc\]"):
        Provider(config, clock).authorization_request(scope=("openid", "profile"), prompt=None)
