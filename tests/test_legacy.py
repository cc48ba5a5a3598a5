"""The original library's README in a Flask application, and each method by itself."""

import logging
import threading
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from docstring_example import example_of
from flask import Flask, abort, redirect, request, session
from in_threads import Calls, Gate, until
from werkzeug.serving import make_server as make_wsgi_server

from peeringdb_oauth import PeeringdbAuth, legacy
from peeringdb_oauth.authorization import code_challenge
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TokenRejected,
)
from peeringdb_oauth.sandbox import Sandbox

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
INTROSPECT, REVOKE = "/oauth2/introspect/", "/oauth2/revoke_token/"
STEPS_2_AND_3 = """
from peeringdb_oauth import PeeringdbAuth

@app.route('/login/peeringdb')
def auth_login_peeringdb():
    session.clear()
    p = PeeringdbAuth()
    peeringdb_redirect = p.calculate_redirect_url()
    session['login_oauth_state'] = peeringdb_redirect["state"]
    return redirect(peeringdb_redirect["redirect"])

@app.route('/login/peeringdb/callback')
def auth_login_peeringdb_callback():
    if session['login_oauth_state'] != request.args.get('state'):
        abort(400, description="The OAuth state does not match")
    peering_db_code = request.args.get('code')
    p = PeeringdbAuth()
    try:
        peeringdb_token = p.get_access_token(peering_db_code)
    except RuntimeError as err:
        abort(403, description="{}".format(err))
    # Implement your successful login stuff
    # You will need the values in peeringdb_token["access_token"]{blank}
    # and peeringdb_token["refresh_token"], maybe store them somewhere
""".replace("{blank}", " ")
STEP_4 = """
    try:
        user = p.get_user_information_from_token(peeringdb_token["access_token"])
    except RuntimeError as err:
        abort(403, description="{}".format(err))
    return user
"""
INI = """[peeringdb_oauth]
oauth_client_key = {client_id}
oauth_client_sec = {client_secret}
redirect_to = {redirect_uri}
base_url = {url}
allow_http = yes
"""


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """``configure(text)``: write the ini file. Its clients end with the test."""

    def write(text):
        path = tmp_path / "peeringdb_oauth.ini"
        path.write_text(text)
        monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(path))

    yield write
    legacy._client.cache_clear()


@pytest.fixture
def configured(configure, server):
    secret = "secret-rs256-0123456789abcdef0123456789"
    configure(
        INI.format(
            client_id="conf-rs256",
            client_secret=secret,
            redirect_uri="https://app.test/callback",
            url=server.url,
        )
    )
    return server


@pytest.fixture
def portal():
    """The address of the README's application, which runs on a real socket."""
    app = Flask("portal")
    app.secret_key = "a key for tests"
    names = {
        "app": app,
        "session": session,
        "request": request,
        "redirect": redirect,
        "abort": abort,
    }
    exec(STEPS_2_AND_3 + STEP_4, names)  # noqa: S102 - the original's README
    server = make_wsgi_server("127.0.0.1", 0, app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def begin(browser, portal):
    """Click on "log in". Returns the URL that it leads to."""
    answer = browser.get(f"{portal}/login/peeringdb", allow_redirects=False)
    assert answer.status_code == 302
    return answer.headers["Location"]


def query(url):
    return {
        name: value for name, (value,) in parse_qs(urlsplit(url).query, strict_parsing=True).items()
    }


# --- the four steps -------------------------------------------------------------------


@pytest.mark.usefixtures("configured")
def test_the_readme_logs_a_person_in(portal):
    with requests.Session() as browser:
        state = query(begin(browser, portal))["state"]
        user = browser.get(
            f"{portal}/login/peeringdb/callback", params={"state": state, "code": "a-code"}
        )
    assert (user.status_code, user.json()["name"], len(user.json()["networks"])) == (
        200,
        "Ada Admin",
        3,
    )


@pytest.mark.usefixtures("configured")
def test_the_readme_refuses_a_forged_state(portal):
    with requests.Session() as browser:
        begin(browser, portal)
        assert (
            browser.get(f"{portal}/login/peeringdb/callback?state=forged&code=c").status_code == 400
        )


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/oauth2/token/", "token-error-reused-code", "invalid_grant"),
        ("/oauth2/token/", "token-noslash-post", "301"),
        ("/profile/v1", "profile-error-bad-token", "refused the access token"),
        ("/profile/v1", "profile-unverified", "not verified"),
        ("/profile/v1", "profile-emailunconf", "email"),
    ],
)
def test_the_readme_says_why_somebody_is_refused(configured, portal, path, name, said):
    configured.replay(path, name)
    with requests.Session() as browser:
        state = query(begin(browser, portal))["state"]
        answer = browser.get(
            f"{portal}/login/peeringdb/callback", params={"state": state, "code": "a-code"}
        )
    assert answer.status_code == 403
    assert said in answer.text


@pytest.mark.usefixtures("configured")
def test_the_readme_survives_a_callback_without_a_code(portal):
    with requests.Session() as browser:
        state = query(begin(browser, portal))["state"]
        answer = browser.get(
            f"{portal}/login/peeringdb/callback", params={"state": state, "error": "access_denied"}
        )
    assert answer.status_code == 403


@pytest.mark.server
@pytest.mark.parametrize(("person", "status"), [("member", 200), ("unverified", 403)])
def test_the_readme_logs_a_person_in_at_the_sandbox(configure, portal, person, status):
    redirect_uri = "https://portal.test/login/peeringdb/callback"
    with Sandbox() as pdb, requests.Session() as browser:
        application = pdb.register(redirect_uri)
        ini = INI.format(**{**vars_of(application), "redirect_uri": redirect_uri, "url": pdb.url})
        configure(ini + (f"ca_file = {pdb.ca_file}\n" if pdb.ca_file else ""))
        callback_url = pdb.log_in(person, begin(browser, portal))
        answer = browser.get(callback_url.replace("https://portal.test", portal))
    assert answer.status_code == status
    assert status == 403 or [network["asn"] for network in answer.json()["networks"]] == [
        64500,
        64501,
        65550,
    ]


def vars_of(application):
    return {"client_id": application.client_id, "client_secret": application.client_secret}


@pytest.mark.usefixtures("configured")
def test_the_example_of_the_docstring_logs_in():
    names = {"PeeringdbAuth": PeeringdbAuth, "code": "a-code"}
    exec(example_of(PeeringdbAuth), names)  # noqa: S102 - our own documentation
    assert names["user"]["name"] == "Ada Admin"


# --- each method ----------------------------------------------------------------------


def test_the_original_attributes_are_there(configured):
    auth = PeeringdbAuth()
    assert auth.OAUTH_CLIENT_KEY == "conf-rs256"
    assert auth.OAUTH_CLIENT_SEC == "secret-rs256-0123456789abcdef0123456789"
    assert auth.redirect_to == "https://app.test/callback"
    assert configured.connections == 0


def test_redirect_url_is_the_originals(configured):
    answer = PeeringdbAuth().calculate_redirect_url()
    assert set(answer) == {"state", "redirect"}
    assert answer["redirect"].startswith(f"{configured.url}/oauth2/authorize/?")
    assert query(answer["redirect"]) == {
        "response_type": "code",
        "client_id": "conf-rs256",
        "redirect_uri": "https://app.test/callback",
        "scope": "profile email networks",
        "state": answer["state"],
    }


@pytest.mark.usefixtures("configured")
def test_state_cannot_be_guessed():
    states = {PeeringdbAuth().calculate_redirect_url()["state"] for _ in range(100)}
    assert len(states) == 100
    assert min(map(len, states)) * 6 >= 128  # bits; a character of base64url has six


def test_pkce_goes_from_one_object_to_the_next(configured):
    answer = PeeringdbAuth().calculate_redirect_url(pkce=True)
    sent = query(answer["redirect"])
    assert set(answer) == {"state", "redirect", "code_verifier"}
    assert (sent["code_challenge"], sent["code_challenge_method"]) == (
        code_challenge(answer["code_verifier"]),
        "S256",
    )
    assert (sent["state"], sent["scope"]) == (answer["state"], "profile email networks")

    PeeringdbAuth().get_access_token("a-code", code_verifier=answer["code_verifier"])
    assert configured.received[0].form["code_verifier"] == answer["code_verifier"]


def test_access_token_is_peeringdbs_answer(configured, recording):
    assert PeeringdbAuth().get_access_token("a-code") == recording("token-success-no-openid").json
    assert configured.received[0].form == {
        "grant_type": "authorization_code",
        "code": "a-code",
        "redirect_uri": "https://app.test/callback",
        "client_id": "conf-rs256",
        "client_secret": "secret-rs256-0123456789abcdef0123456789",
    }


def test_access_token_is_checked(configured):
    configured.answer("/oauth2/token/", {"access_token": "t", "token_type": "mac", "expires_in": 1})
    with pytest.raises(InvalidResponse):
        PeeringdbAuth().get_access_token("a-code")


@pytest.mark.parametrize(
    "code",
    [
        *(None, "", 7, "a\nb", "a b", "a+b/c=", "../../etc/passwd", "<script>alert(1)</script>"),
        *("x" * 129, "\u0661" * 30),
    ],
)
def test_what_is_no_code_of_peeringdb_is_not_sent(configured, code):
    """A firewall may refuse it, and PeeringDB would count that against everybody."""
    with pytest.raises(RuntimeError, match="code is missing or is not one"):
        PeeringdbAuth().get_access_token(code)
    assert configured.connections == 0


@pytest.mark.parametrize("code", ["x" * 128, "uN2fcWO8yXkL5QCVwYXKSH6rBZLd8C", "a.b-c_d"])
def test_what_may_be_a_code_of_peeringdb_is_sent(configured, code):
    PeeringdbAuth().get_access_token(code)
    assert configured.received[0].form["code"] == code


def test_access_token_with_less_than_the_scope_is_given_back(configured, recording):
    """The person can edit the scope in the address of PeeringDB's page."""
    granted = recording("token-success-no-openid").json
    configured.answer(TOKEN, granted | {"scope": "email networks"})
    with pytest.raises(InvalidResponse, match="did not grant the scope profile") as caught:
        PeeringdbAuth().get_access_token("a-code")
    assert caught.value.check == "scope"
    assert configured.paths() == [TOKEN, REVOKE]
    assert configured.received[1].form["token"] == granted["refresh_token"]


def test_user_information_is_peeringdbs_answer(configured, recording):
    assert (
        PeeringdbAuth().get_user_information_from_token("a-token")
        == recording("profile-orgadmin").json
    )
    assert configured.received[0].headers["authorization"] == "Bearer a-token"


@pytest.mark.parametrize(
    "name", ["profile-unverified", "profile-emailunconf", "profile-scope-profile"]
)
def test_both_verifications_are_needed_unless_told_otherwise(configured, recording, name):
    configured.replay("/profile/v1", name)
    auth = PeeringdbAuth()
    for arguments in ((), (True,)):
        with pytest.raises(AccessDenied):
            auth.get_user_information_from_token("a-token", *arguments)
    assert (
        auth.get_user_information_from_token("a-token", require_verified=False)
        == recording(name).json
    )
    assert auth.get_user_information_from_token("a-token", False) == recording(name).json  # noqa: FBT003 - as the original allows


def test_a_malformed_profile_is_refused(configured, recording):
    configured.answer("/profile/v1", recording("profile-orgadmin").json | {"verified_user": "yes"})
    with pytest.raises(RuntimeError):
        PeeringdbAuth().get_user_information_from_token("a-token")


@pytest.mark.parametrize(
    "error",
    [ProviderError, TokenRejected, ConfigurationError, AccessDenied, InvalidResponse, RateLimited],
)
def test_every_error_is_a_runtime_error(error):
    assert issubclass(error, PeeringDBOAuthError)
    assert issubclass(error, RuntimeError)


def test_a_missing_configuration_is_a_runtime_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", str(tmp_path / "none.ini"))
    with pytest.raises(RuntimeError, match="no such file"):
        PeeringdbAuth()


# --- what the original lacked ---------------------------------------------------------


def test_objects_share_connections(configured):
    for _ in range(3):
        token = PeeringdbAuth().get_access_token("a-code")
        PeeringdbAuth().get_user_information_from_token(token["access_token"])
    assert (len(configured.received), configured.connections) == (6, 1)


def test_objects_share_limits(configured):
    configured.replay("/oauth2/token/", "token-error-wrong-secret")
    with pytest.raises(ProviderError):
        PeeringdbAuth().get_access_token("a-code")
    with pytest.raises(RateLimited):
        PeeringdbAuth().get_access_token("another-code")
    assert len(configured.received) == 1


def test_a_refused_token_is_not_tried_again(configured):
    configured.replay(PROFILE, "profile-error-bad-token")
    for _ in range(3):
        with pytest.raises(TokenRejected):
            PeeringdbAuth().get_user_information_from_token("a-token")
    assert configured.paths() == [PROFILE]


def test_after_three_refusals_tokens_are_introspected_first(configured):
    configured.replay(PROFILE, "profile-error-bad-token")
    configured.answer(INTROSPECT, {"active": False})
    for number in range(12):
        with pytest.raises(TokenRejected):
            PeeringdbAuth().get_user_information_from_token(f"token-{number}")
    assert configured.paths() == [PROFILE] * 3 + [INTROSPECT] * 9


def test_those_who_ask_about_one_token_share_a_request_and_not_the_answer(configured):
    gate, auth = Gate(), PeeringdbAuth()
    gate.hold(configured, PROFILE)

    def ask():
        profile = auth.get_user_information_from_token("a-token")
        profile["networks"].clear()  # theirs to change
        return profile

    first = Calls(ask)
    gate.arrive()
    others = Calls(ask, 7)
    (flight,) = auth._client._flights.values()
    until(lambda: len(flight._condition._waiters) == 7)
    gate.open()
    profiles = first.outcomes() + others.outcomes()
    assert len({id(profile) for profile in profiles}) == 8
    assert {profile["name"] for profile in profiles} == {"Ada Admin"}
    assert configured.paths() == [PROFILE]


def test_another_configuration_has_another_client(configured, monkeypatch):
    PeeringdbAuth().get_user_information_from_token("a-token")
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "another")
    PeeringdbAuth().get_user_information_from_token("a-token")
    assert configured.connections == 2


def test_nothing_is_printed(configured, capfd, caplog):
    caplog.set_level(logging.INFO)
    auth = PeeringdbAuth()
    auth.calculate_redirect_url()
    auth.get_user_information_from_token(auth.get_access_token("a-code")["access_token"])
    configured.replay("/oauth2/token/", "token-error-reused-code")
    with pytest.raises(RuntimeError):
        auth.get_access_token("a-code")
    assert capfd.readouterr() == ("", "")
    assert {record.msg.partition(":")[0] for record in caplog.records} <= {"requests to PeeringDB"}


@pytest.mark.parametrize(
    "code_verifier",
    ["too-short", "\ud800" * 43, "v" * 129, 7],
    ids=["short", "surrogates", "long", "number"],
)
def test_a_verifier_that_is_none_is_refused_before_anything_is_sent(configured, code_verifier):
    with pytest.raises(RuntimeError, match="code_verifier"):
        PeeringdbAuth().get_access_token("a-code", code_verifier=code_verifier)
    assert configured.connections == 0
