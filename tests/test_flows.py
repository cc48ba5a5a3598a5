"""The flows without a network: their requests, and what follows from each answer."""

from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest

from peeringdb_oauth import flows
from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.budget import TooManyRefusals
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    ProviderError,
    RateLimited,
    RecordsUnavailable,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Charge
from peeringdb_oauth.tokens import TokenResponse

ISSUED_AT = 1795432419  # token-success-openid
BASE_URL = "https://127.0.0.1:8443"  # where the recordings were made
REDIRECT_URI = "https://app.test/callback"
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
    LOGIN_REQUEST, nonce="n-123", scope=("openid", "profile", "email", "networks", "amr")
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
def id_token(recording):
    return recording("token-success-openid").json["id_token"]


# --- log in ---------------------------------------------------------------------------


def log_in(provider, driver, request=LOGIN_REQUEST, callback=CALLBACK):
    return driver.run(flows.log_in(provider, request, callback))


def test_login_takes_two_requests_that_are_booked_together(provider, make_driver):
    driver = make_driver(ANSWERS)
    login = log_in(provider, driver)
    assert [(request.method, request.url, request.cost.requests) for request in driver.sent] == [
        ("POST", f"{BASE_URL}/oauth2/token/", 2),
        ("GET", f"{BASE_URL}/profile/v1", 0),
    ]
    sent = {"code": "the-code", "redirect_uri": REDIRECT_URI, "code_verifier": "v" * 43}
    assert sent.items() <= driver.sent[0].form.items()
    assert driver.sent[1].bearer == login.token.access_token == "HBtGOymu0bhBVxHZdBWixpOJT0dI7X"
    assert (login.user.id, login.user.asns, login.claims) == (1, (64500, 64501, 65550), None)


def test_tokens_live_from_before_the_request(provider, clock, recording):
    flow = next(flows.log_in(provider, LOGIN_REQUEST, CALLBACK)).flow
    next(flow)
    clock.now += 9
    recorded = recording("token-success-no-openid")
    flow.send(HTTPResponse(status=200, headers=recorded.headers, body=recorded.body))
    profile = recording("profile-orgadmin")
    assert isinstance(
        flow.send(HTTPResponse(status=200, headers=profile.headers, body=profile.body)), Charge
    )
    with pytest.raises(StopIteration) as done:
        next(flow)
    assert done.value.value.token.expires_at == ISSUED_AT + 2 + 36000


def test_bad_callbacks_are_refused_before_anything_is_asked(provider, make_driver):
    driver = make_driver(ANSWERS)
    for callback, error in (
        ({"code": "the-code", "state": "another"}, StateMismatch),
        ({"error": "access_denied", "state": "the-state"}, LoginDenied),
        ({"state": "the-state"}, InvalidResponse),
    ):
        with pytest.raises(error):
            log_in(provider, driver, callback=callback)
    assert driver.sent == []


def test_a_code_counts_once(provider, make_driver):
    driver = make_driver(ANSWERS)
    log_in(provider, driver)
    with pytest.raises(StateMismatch, match="used already") as caught:
        log_in(provider, driver)
    assert (caught.value.check, len(driver.sent)) == ("used", 2)


def test_a_second_code_of_the_same_login_logs_in(provider, make_driver):
    """A double click on "Authorize" makes two codes."""
    driver = make_driver(ANSWERS)
    log_in(provider, driver)
    assert log_in(provider, driver, callback=CALLBACK | {"code": "second"}).user.id == 1
    codes = [request.form["code"] for request in driver.sent if request.method == "POST"]
    assert codes == ["the-code", "second"]


def test_a_code_of_another_login_is_not_used_up(provider, make_driver):
    driver = make_driver(ANSWERS)
    log_in(provider, driver, replace(LOGIN_REQUEST, code_verifier="w" * 43))
    assert log_in(provider, driver).user.id == 1


def test_those_who_send_one_callback_at_once_share_the_answer(provider):
    first = next(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    same = next(flows.log_in(provider, LOGIN_REQUEST, CALLBACK))
    second = next(flows.log_in(provider, LOGIN_REQUEST, CALLBACK | {"code": "second"}))
    assert (first.name == same.name, first.name == second.name) == (True, False)
    assert "the-code" not in first.name


def test_a_refused_code_ends_the_login_before_the_profile(provider, make_driver):
    driver = make_driver({"/oauth2/token/": "token-error-reused-code"})
    with pytest.raises(ProviderError) as caught:
        log_in(provider, driver)
    assert (caught.value.error, driver.paths()) == ("invalid_grant", ["/oauth2/token/"])


def test_a_profile_that_does_not_come_is_no_refusal(provider, make_driver):
    with pytest.raises(TransportError) as failed:
        make_driver({"/profile/v1": 500}).run(flows.fetch_user(provider, "an-access-token"))
    assert failed.value.status == 500
    driver = make_driver(ANSWERS)
    assert driver.run(flows.fetch_user(provider, "an-access-token")).id == 1


def test_a_refused_profile_is_no_login(provider, make_driver):
    with pytest.raises(TokenRejected):
        log_in(provider, make_driver(ANSWERS | {"/profile/v1": "profile-error-revoked-token"}))


# --- log in with an ID token ----------------------------------------------------------


def test_openid_login_has_verified_claims(provider, make_driver):
    driver = make_driver(OPENID)
    login = log_in(provider, driver, OPENID_REQUEST)
    assert (login.claims.subject, login.claims.nonce, login.user.id) == ("1", "n-123", 1)
    # The keys come first: without them the code is not spent.
    assert driver.paths() == [
        *METADATA,
        "/oauth2/.well-known/jwks.json",
        "/oauth2/token/",
        "/profile/v1",
    ]


def test_openid_login_without_id_token_fails_and_gives_the_tokens_back(
    provider, recording, make_driver
):
    without = recording("token-success-openid").json
    del without["id_token"]
    driver = make_driver(OPENID | {"/oauth2/token/": without})
    with pytest.raises(InvalidIDToken) as caught:
        log_in(provider, driver, OPENID_REQUEST)
    assert caught.value.check == "id_token"
    assert str(caught.value) == "PeeringDB sent no ID token, though the login asked for one"
    assert driver.paths()[-2:] == ["/oauth2/token/", "/oauth2/revoke_token/"]


@pytest.mark.parametrize("missing", ["profile", "email", "networks", "amr"])
def test_a_login_with_less_than_the_requested_scope_fails_before_the_profile_is_asked(
    provider, recording, make_driver, missing
):
    """The person may edit the scope in the address. The profile's 403 would count."""
    token = recording("token-success-no-openid").json
    token["scope"] = " ".join(word for word in LOGIN_REQUEST.scope if word != missing)
    driver = make_driver(ANSWERS | {"/oauth2/token/": token})
    with pytest.raises(InvalidResponse) as caught:
        log_in(provider, driver)
    assert caught.value.check == "scope"
    assert str(caught.value) == (
        f"PeeringDB did not grant the scope {missing}: start the login again, and leave the"
        " address of PeeringDB's page as it is"
    )
    assert driver.paths() == ["/oauth2/token/", "/oauth2/revoke_token/"]
    assert driver.sent[-1].form["token"] == token["refresh_token"]
    assert driver.charged == [(driver.sent[0].cost, None)]


def test_a_login_that_cannot_give_its_tokens_back_fails_with_its_own_reason(
    provider, recording, make_driver
):
    token = recording("token-success-no-openid").json | {"scope": "email"}
    down = {"/oauth2/token/": token, "/oauth2/revoke_token/": TransportError("down")}
    with pytest.raises(InvalidResponse, match="scope profile networks amr"):
        log_in(provider, make_driver(ANSWERS | down))


@pytest.mark.parametrize("store_is_down", [False, True])
def test_tokens_that_cannot_be_given_back_now_are_given_back_later(
    provider, make_driver, store_is_down
):
    kept = []

    def keep(token):
        kept.append(token)
        yield Charge(cost=Cost(), payer=None)
        if store_is_down:
            raise RecordsUnavailable("down")

    provider.revoke_later = keep
    driver = make_driver(ANSWERS | {"/oauth2/revoke_token/": TransportError("down")})
    driver.run(flows.give_back(provider, TOKEN))
    assert kept == [TOKEN]


def test_a_login_is_charged_to_its_account_and_a_failed_one_to_its_payers(provider, make_driver):
    payers = (Payer.of_address("198.51.100.7"),)
    driver = make_driver(ANSWERS)
    driver.run(flows.log_in(provider, LOGIN_REQUEST, CALLBACK, payers=payers))
    ((cost, payer),) = driver.charged
    assert cost is driver.sent[0].cost
    assert (cost, payer) == (Cost(payers=payers, requests=2), Payer.of_account(1))
    assert driver.sent[1].cost == Cost(requests=0)


def test_a_token_that_was_revoked_here_is_not_tried_again(provider, make_driver):
    driver = make_driver(ANSWERS)
    driver.run(flows.revoke(provider, TOKEN))
    for dead in ("old-access", "old-refresh"):
        with pytest.raises(TokenRejected, match="revoked"):
            driver.run(flows.fetch_user(provider, dead))
    assert driver.paths() == ["/oauth2/revoke_token/"]


def test_a_token_is_dead_here_even_if_peeringdb_could_not_be_told(provider, make_driver):
    driver = make_driver(ANSWERS | {"/oauth2/revoke_token/": TransportError("down")})
    with pytest.raises(TransportError):
        driver.run(flows.revoke(provider, "some-token"))
    with pytest.raises(TokenRejected):
        driver.run(flows.fetch_user(provider, "some-token"))


REFUSED_OFTEN = TooManyRefusals("refused often", retry_after=60)


def test_after_several_refusals_a_token_is_introspected_before_the_profile(provider, make_driver):
    driver = make_driver(ANSWERS | {"/profile/v1": [REFUSED_OFTEN, "profile-orgadmin"]})
    cost = Cost(purpose=Purpose.RECHECK, payers=(Payer.of_account(1),), is_risky=True)
    user = driver.run(flows.fetch_user(provider, "an-access-token", cost=cost))
    assert user.id == 1
    assert driver.paths() == ["/profile/v1", "/oauth2/introspect/", "/profile/v1"]
    assert [request.cost for request in driver.sent[1:]] == [replace(cost, is_risky=False)] * 2
    assert driver.sent[1].form["token"] == "an-access-token"
    assert driver.sent[2].bearer == "an-access-token"


def test_after_several_refusals_a_dead_token_does_not_reach_the_profile(provider, make_driver):
    answers = {"/profile/v1": [REFUSED_OFTEN], "/oauth2/introspect/": {"active": False}}
    driver = make_driver(ANSWERS | answers)
    for _ in range(2):
        with pytest.raises(TokenRejected) as refused:
            driver.run(flows.fetch_user(provider, "an-access-token"))
        assert str(refused.value) == (
            "PeeringDB does not know this access token any more: it is expired, revoked, or"
            " replaced by a refresh; log in again"
        )
    assert driver.paths() == ["/profile/v1", "/oauth2/introspect/"]


def test_after_several_refusals_a_public_client_has_to_wait(provider, make_driver):
    driver = make_driver(ANSWERS | {"/profile/v1": [REFUSED_OFTEN]})
    public = Provider(replace(provider.config, client_secret=None), provider.clock)
    with pytest.raises(RateLimited):
        driver.run(flows.fetch_user(public, "an-access-token"))
    assert driver.paths() == ["/profile/v1"]


def test_openid_login_without_keys_can_be_tried_again(provider, clock, make_driver):
    down = make_driver(OPENID | {"/oauth2/.well-known/jwks.json": TransportError("down")})
    with pytest.raises(TransportError, match="down"):
        log_in(provider, down, OPENID_REQUEST)
    assert "/oauth2/token/" not in down.paths()
    clock.now += 10
    assert log_in(provider, make_driver(OPENID), OPENID_REQUEST).user.id == 1


def test_openid_login_of_another_nonce_fails(provider, make_driver):
    with pytest.raises(InvalidIDToken) as caught:
        log_in(provider, make_driver(OPENID), replace(OPENID_REQUEST, nonce="n-456"))
    assert caught.value.check == "nonce"


def test_openid_login_with_another_access_token_fails(provider, recording, make_driver):
    swapped = recording("token-success-openid").json | {"access_token": "somebody-elses"}
    with pytest.raises(InvalidIDToken) as caught:
        log_in(provider, make_driver(OPENID | {"/oauth2/token/": swapped}), OPENID_REQUEST)
    assert caught.value.check == "at_hash"


def test_profile_of_somebody_else_is_no_login(provider, make_driver):
    with pytest.raises(InvalidIDToken) as caught:
        log_in(provider, make_driver(OPENID | {"/profile/v1": "profile-member"}), OPENID_REQUEST)
    assert caught.value.check == "sub"
    assert str(caught.value) == "the ID token and the profile are about different people"


# --- fetch, refresh, revoke, introspect -----------------------------------------------


def test_fetches_a_user(provider, make_driver):
    driver = make_driver(ANSWERS)
    assert driver.run(flows.fetch_user(provider, "an-access-token")).name == "Ada Admin"
    assert [(request.bearer, request.cost.requests) for request in driver.sent] == [
        ("an-access-token", 1)
    ]


@pytest.mark.parametrize("flow", [flows.fetch_user, flows.fetch_profile, flows.refresh])
def test_only_those_who_ask_about_the_same_token_share_the_answer(provider, flow):
    first, same, other = (next(flow(provider, token)) for token in ("token", "token", "another"))
    assert first.name == same.name
    assert first.name != other.name
    assert "token" not in first.name.split()


def test_a_profile_is_never_the_answer_to_a_refresh(provider):
    names = {next(flow(provider, "t")).name for flow in (flows.fetch_profile, flows.refresh)}
    assert len(names) == 2


def test_refreshes_a_token_response(provider, make_driver):
    driver = make_driver({"/oauth2/token/": "refresh-no-openid"})
    token = driver.run(flows.refresh(provider, TOKEN))
    sent = {"grant_type": "refresh_token", "refresh_token": "old-refresh"}
    assert sent.items() <= driver.sent[0].form.items()
    assert (token.scope, token.expires_at) == (
        ("profile", "networks", "amr"),
        ISSUED_AT + 2 + 36000,
    )
    assert token.refresh_token not in (None, "old-refresh")


def test_a_refused_refresh_says_so(provider, make_driver):
    with pytest.raises(ProviderError) as refused:
        make_driver({"/oauth2/token/": "refresh-error-reused"}).run(flows.refresh(provider, TOKEN))
    assert (refused.value.error, refused.value.status) == ("invalid_grant", 400)


def test_refreshes_a_bare_refresh_token(provider, make_driver):
    driver = make_driver({"/oauth2/token/": "refresh-no-openid"})
    driver.run(flows.refresh(provider, "bare-refresh"))
    assert driver.sent[0].form["refresh_token"] == "bare-refresh"


REFRESHED_AT = 1795432571  # refresh-success
REFRESH = OPENID | {"/oauth2/token/": "refresh-success"}


@pytest.mark.parametrize("with_previous", [True, False])
def test_a_refreshed_id_token_is_verified(provider, clock, make_driver, id_token, with_previous):
    clock.now = REFRESHED_AT + 1
    previous = replace(TOKEN, id_token=id_token) if with_previous else "bare-refresh"
    token = make_driver(REFRESH).run(flows.refresh(provider, previous))
    assert token.id_token is not None
    clock.now = REFRESHED_AT - 100
    with pytest.raises(InvalidIDToken) as caught:
        make_driver(REFRESH).run(flows.refresh(provider, "bare-refresh"))
    assert caught.value.check == "iat"


def test_a_refreshed_id_token_about_somebody_else_is_refused(
    provider, clock, make_driver, id_token
):
    clock.now = REFRESHED_AT + 1
    header, _, signature = id_token.split(".")
    payload = urlsafe_b64encode(b'{"sub": "2"}').rstrip(b"=").decode()
    somebody_else = f"{header}.{payload}.{signature}"
    with pytest.raises(InvalidIDToken) as caught:
        make_driver(REFRESH).run(flows.refresh(provider, replace(TOKEN, id_token=somebody_else)))
    assert caught.value.check == "sub"
    assert str(caught.value) == "the refreshed ID token is about somebody else"


def test_a_refreshed_id_token_of_another_access_token_is_left_out(
    provider, clock, make_driver, recording
):
    """Of two refreshes at once PeeringDB answers one with the ID token of the other."""
    clock.now = REFRESHED_AT + 1
    swapped = recording("refresh-success").json | {"access_token": "of-the-other-refresh"}
    token = make_driver(REFRESH | {"/oauth2/token/": swapped}).run(flows.refresh(provider, TOKEN))
    assert (token.access_token, token.id_token) == ("of-the-other-refresh", None)


def test_a_refresh_has_the_time_that_the_caller_gives_it(provider, make_driver):
    driver = make_driver({"/oauth2/token/": "refresh-no-openid"})
    driver.run(flows.refresh(provider, TOKEN, within=4.0))
    assert driver.sent[0].within == 4.0


OTHER_KEY = {
    "keys": [
        {
            "kty": "RSA",
            "kid": "another",
            "e": "AQAB",
            "n": urlsafe_b64encode(b"\xc1" + b"\x35" * 255).decode()[:-1].rstrip("="),
        }
    ]
}


@pytest.mark.parametrize(
    "keys",
    [TransportError("down"), 404, {"keys": []}, OTHER_KEY],
    ids=["down", "gone", "empty", "another"],
)
def test_a_refresh_without_its_key_keeps_the_new_tokens(provider, make_driver, keys):
    token = make_driver(REFRESH | {"/oauth2/.well-known/jwks.json": keys}).run(
        flows.refresh(provider, TOKEN)
    )
    assert (token.access_token == TOKEN.access_token, token.id_token) == (False, None)


def test_what_a_refresh_leaves_out_stays_as_it_was(provider, make_driver):
    answer = {"access_token": "new", "token_type": "Bearer", "expires_in": 10}
    token = make_driver({"/oauth2/token/": answer}).run(flows.refresh(provider, TOKEN))
    assert (token.access_token, token.refresh_token, token.scope) == (
        "new",
        "old-refresh",
        ("profile", "email"),
    )
    bare = make_driver({"/oauth2/token/": answer}).run(flows.refresh(provider, "bare-refresh"))
    assert bare.scope == ()


def test_a_token_response_without_a_refresh_token_says_so(provider, make_driver):
    with pytest.raises(TokenRejected) as refused:
        make_driver(ANSWERS).run(flows.refresh(provider, replace(TOKEN, refresh_token=None)))
    assert str(refused.value) == "there is no refresh token to refresh with: log in again"


@pytest.mark.parametrize("token", ["", "two words", None, 7])
def test_without_a_refresh_token_nothing_is_asked(provider, make_driver, token):
    driver = make_driver(ANSWERS)
    with pytest.raises(TokenRejected):
        driver.run(flows.refresh(provider, token))
    assert driver.sent == []


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
def test_revokes_what_ends_most(provider, make_driver, token, sent):
    driver = make_driver(ANSWERS)
    assert driver.run(flows.revoke(provider, token)) is None
    assert sent.items() <= driver.sent[0].form.items()


def test_a_revocation_that_failed_says_so(provider, make_driver):
    with pytest.raises(ProviderError):
        make_driver({"/oauth2/revoke_token/": "revoke-error-wrong-secret"}).run(
            flows.revoke(provider, TOKEN)
        )


def test_introspects(provider, make_driver):
    driver = make_driver(ANSWERS)
    assert driver.run(flows.introspect(provider, "an-access-token")).client_id == "conf-rs256"
    assert driver.sent[0].form["token"] == "an-access-token"


def test_a_refused_introspection_says_so(provider, make_driver):
    driver = make_driver({"/oauth2/introspect/": "revoke-error-wrong-secret"})
    with pytest.raises(ProviderError) as refused:
        driver.run(flows.introspect(provider, "an-access-token"))
    assert refused.value.status == 401


def test_each_flow_costs_what_the_caller_says(provider, make_driver):
    cost = Cost(purpose=Purpose.CLEAN_UP)
    driver = make_driver(ANSWERS)
    driver.run(flows.introspect(provider, "one", cost=cost))
    driver.run(flows.fetch_profile(provider, "one", cost=cost))
    driver.run(flows.refresh(provider, TOKEN, cost=cost))
    driver.run(flows.revoke(provider, "one", cost=cost))
    assert [request.cost for request in driver.sent] == [cost] * 4


def test_a_public_client_cannot_introspect(provider, make_driver):
    provider.config = replace(provider.config, client_secret=None)
    driver = make_driver(ANSWERS)
    with pytest.raises(ConfigurationError) as refused:
        driver.run(flows.introspect(provider, "an-access-token"))
    assert str(refused.value) == (
        "client_secret: missing, and PeeringDB answers no public client's questions about tokens"
    )
    assert driver.sent == []


@pytest.mark.parametrize("token", ["two words", replace(TOKEN, refresh_token="two words")])
@pytest.mark.parametrize("flow", [flows.refresh, flows.revoke])
def test_what_is_no_token_is_not_sent(provider, make_driver, flow, token):
    driver = make_driver(ANSWERS)
    with pytest.raises(TokenRejected):
        driver.run(flow(provider, token))
    assert driver.sent == []


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ({"error": "access_denied"}, LoginDenied),
        ({"error": "server_error"}, ProviderError),
        ({"code": ""}, InvalidResponse),
        ({"code": "x", "iss": "https://evil.example.net"}, InvalidResponse),
    ],
)
def test_a_refused_callback_does_not_use_up_the_login(provider, make_driver, refusal, error):
    with pytest.raises(error):
        log_in(provider, make_driver(ANSWERS), callback={"state": "the-state"} | refusal)
    assert log_in(provider, make_driver(ANSWERS)).user.id == 1


def test_a_forged_callback_does_not_use_up_the_login(provider, make_driver):
    with pytest.raises(StateMismatch):
        log_in(
            provider, make_driver(ANSWERS), callback={"state": "forged", "error": "access_denied"}
        )
    assert log_in(provider, make_driver(ANSWERS)).user.id == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://other.example.net/callback"},
        {"url": "https://evil.example.net/?state=the-state"},
    ],
)
def test_a_login_of_another_application_is_not_completed_here(provider, make_driver, changed):
    driver = make_driver(ANSWERS)
    with pytest.raises(InvalidResponse) as caught:
        log_in(provider, driver, replace(LOGIN_REQUEST, **changed))
    assert (caught.value.check, driver.sent) == ("authorization_request", [])
    assert str(caught.value) == (
        "the stored login belongs to another application: start the login again"
    )


def test_a_callback_may_name_the_issuer(provider, make_driver):
    callback = CALLBACK | {"iss": f"{BASE_URL}/oauth2"}  # RFC 9207
    assert log_in(provider, make_driver(ANSWERS), callback=callback).user.id == 1


@pytest.mark.parametrize(
    "lost",
    [
        RateLimited("wait", retry_after=1),
        TransportError("cut"),
        429,
        503,
        "token-error-wrong-secret",
    ],
    ids=["not sent", "cut", "429", "503", "wrong secret"],
)
def test_a_callback_whose_code_was_not_spent_may_come_again(provider, make_driver, lost):
    with pytest.raises((TransportError, ProviderError)):
        log_in(provider, make_driver({"/oauth2/token/": lost}))
    assert log_in(provider, make_driver(ANSWERS)).user.id == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"/oauth2/token/": "token-error-reused-code"},
        ANSWERS | {"/profile/v1": "profile-error-revoked-token"},
    ],
)
def test_a_spent_code_is_not_sent_again(provider, make_driver, answers):
    with pytest.raises((ProviderError, TokenRejected)):
        log_in(provider, make_driver(answers))
    driver = make_driver(ANSWERS)
    with pytest.raises(StateMismatch) as caught:
        log_in(provider, driver)
    assert (caught.value.check, driver.sent) == ("used", [])


# --- exchange a code ------------------------------------------------------------------


def exchange_code(provider, driver, **changes):
    arguments = {
        "redirect_uri": "https://other.example.net/callback",
        "code_verifier": "v" * 43,
        "scope": ("profile", "email"),
    } | changes
    return driver.run(flows.exchange_code(provider, "the-code", **arguments))


def test_exchanges_a_code_for_tokens_and_gives_the_answer_too(provider, make_driver, recording):
    driver = make_driver(ANSWERS)
    token, response = exchange_code(provider, driver)
    assert response.json_object() == recording("token-success-no-openid").json
    assert token.access_token == response.json_object()["access_token"]
    sent = {"code": "the-code", "redirect_uri": "https://other.example.net/callback"}
    assert sent.items() <= driver.sent[0].form.items()
    assert (len(driver.sent), driver.sent[0].cost.requests) == (1, 1)


def test_exchanges_a_code_without_pkce(provider, make_driver):
    driver = make_driver(ANSWERS)
    exchange_code(provider, driver, code_verifier=None)
    assert "code_verifier" not in driver.sent[0].form


def test_the_scope_of_an_exchange_counts_if_the_answer_names_none(provider, make_driver):
    answer = {"access_token": "new", "token_type": "Bearer", "expires_in": 10}
    token, _ = exchange_code(provider, make_driver({"/oauth2/token/": answer}))
    assert token.scope == ("profile", "email")


def test_fetches_a_profile_as_it_is(provider, make_driver, recording):
    driver = make_driver(ANSWERS)
    profile = driver.run(flows.fetch_profile(provider, "an-access-token"))
    assert profile == recording("profile-orgadmin").json
    assert [(request.bearer, request.cost.requests) for request in driver.sent] == [
        ("an-access-token", 1)
    ]
