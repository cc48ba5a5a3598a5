"""The portal's login: what it keeps, what it gives away, and how it ends."""

import pickle
from urllib.parse import parse_qs, urlsplit

import pytest
from portal import create_app

from peeringdb_oauth import ProviderError, TokenRejected
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server


def kept_on_disk(directory):
    """Everything secret that the sessions hold."""
    for file in directory.iterdir():
        content = file.read_bytes()[4:]  # cachelib's expiry comes first
        session = pickle.loads(content)  # noqa: S301 - our own file
        if isinstance(session, dict):
            yield from (session[name] for name in ("access_token", "refresh_token") if name in session)
            yield from (session["login"][name] for name in ("code_verifier", "nonce") if "login" in session and session["login"][name])


def record_logins(visitor):
    """What the portal's client is given from now on."""
    logins, log_in = [], visitor.peeringdb.log_in

    def record(*arguments):
        logins.append(log_in(*arguments))
        return logins[-1]

    visitor.peeringdb.log_in = record
    return logins


def assert_revoked(visitor, access_token, refresh_token):
    with pytest.raises(TokenRejected):
        visitor.peeringdb.fetch_user(access_token)
    with pytest.raises(ProviderError, match="invalid_grant"):
        visitor.peeringdb.refresh(refresh_token)


def test_a_login_ends_at_the_networks(visitor):
    answer = visitor.log_in("orgadmin")
    assert (answer.status_code, answer.location) == (302, "/")
    assert "Ada Admin" in visitor.get("/").text


def test_nothing_is_set_before_somebody_logs_in(visitor):
    assert "Set-Cookie" not in visitor.get("/").headers


def test_secrets_stay_on_the_server(visit, tmp_path):
    visitor = visit()
    seen = [visitor.get("/login/peeringdb"), visitor.get("/nowhere")]
    verifiers = list(kept_on_disk(tmp_path))
    seen += [visitor.log_in("limited"), *(visitor.get(path) for path in ("/", "/me", "/nowhere"))]
    seen += [visitor.post("/networks/64501/peering"), visitor.post("/logout", csrf="wrong")]
    secrets = verifiers + list(kept_on_disk(tmp_path))
    seen.append(visitor.post("/logout"))
    assert len(verifiers) == 1
    assert len(secrets) == 3
    given_away = "".join(f"{answer.headers}{answer.text}" for answer in seen)
    assert not [secret for secret in secrets if secret in given_away]


def test_session_files_can_be_read_by_nobody_else(visit, tmp_path, configure):
    visit().get("/login/peeringdb")
    assert {file.stat().st_mode & 0o77 for file in tmp_path.iterdir()} == {0}
    app = create_app(configure())
    directory = app.config["SESSION_CACHELIB"]._path
    assert (tmp_path / directory).stat().st_mode & 0o77 == 0


def test_the_cookie_is_for_the_server_alone(visitor):
    visitor.get("/login/peeringdb")
    cookie = visitor.cookie
    assert (cookie.http_only, cookie.same_site, cookie.path, cookie.origin_only) == (True, "Lax", "/", True)


def test_with_https_the_cookie_is_bound_to_it_and_to_this_host(visit):
    answer = visit(redirect_uri="https://portal.example.net/login/peeringdb/callback").get("/login/peeringdb")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-portal=")
    assert "Secure" in cookie
    assert answer.headers["Strict-Transport-Security"]


def test_the_session_gets_a_new_name_at_login_and_at_logout(visitor):
    visitor.get("/login/peeringdb")
    names = [visitor.cookie.value]
    for step in (lambda: visitor.log_in("member"), lambda: visitor.post("/logout")):
        step()
        names.append(visitor.cookie.value)
        visitor.get("/")
    assert len(set(names)) == 3


def test_whoever_knew_the_session_before_the_login_is_not_logged_in_with_it(visit):
    victim, attacker = visit(), visit()
    victim.get("/login/peeringdb")
    attacker.client.set_cookie("portal", victim.cookie.value, domain="localhost")
    victim.log_in("member")
    assert attacker.get("/me").status_code == 403


def test_a_session_name_that_somebody_made_up_is_not_used(visitor):
    visitor.client.set_cookie("portal", "made-up", domain="localhost")
    visitor.get("/login/peeringdb")
    assert visitor.cookie.value != "made-up"


def test_another_account_makes_peeringdb_ask_again(visitor):
    prompts = [
        parse_qs(urlsplit(visitor.get(path).location).query).get("prompt") for path in ("/login/peeringdb", "/login/peeringdb?another=")
    ]
    assert prompts == [None, ["login"]]


def test_logging_out_revokes_the_tokens(visitor):
    visitor.log_in("member")
    kept = visitor.session
    answer = visitor.post("/logout")
    assert (answer.status_code, answer.location) == (302, "/")
    assert "You are logged out." in visitor.get("/").text
    assert visitor.get("/me").status_code == 403
    assert_revoked(visitor, kept["access_token"], kept["refresh_token"])


def test_logging_out_during_an_outage_ends_the_session_and_says_what_is_left(visitor, pdb):
    visitor.log_in("member")
    pdb.fault("outage")
    visitor.post("/logout")
    pdb.clear_faults()
    assert "could not be told" in visitor.get("/").text
    assert "access_token" not in visitor.session


def test_a_second_login_ends_the_first(visitor):
    visitor.log_in("member")
    first = visitor.session
    visitor.log_in("orgadmin")
    assert visitor.get("/me").json["name"] == "Ada Admin"
    assert_revoked(visitor, first["access_token"], first["refresh_token"])


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("unverified", "PeeringDB has not verified your account"),
        ("emailunconf", "your email address is not confirmed"),
        ("nonets", "PeeringDB lists no network for you"),
        ("superuser", "PeeringDB lists no network for you"),
    ],
)
def test_people_who_may_not_enter_are_told_why_and_nothing_of_them_is_kept(visitor, person, reason):
    logins = record_logins(visitor)
    answer = visitor.log_in(person)
    assert answer.status_code == 403
    assert reason in answer.text
    assert "Use another PeeringDB account" in answer.text
    assert visitor.get("/me").status_code == 403
    assert_revoked(visitor, logins[0].token.access_token, logins[0].token.refresh_token)


def test_whoever_is_no_longer_welcome_is_logged_out(visit):
    with Sandbox(tls=False) as pdb:
        visitor = visit(pdb=pdb)
        visitor.log_in("member")
        kept = visitor.session
        pdb.change("member", verified_email=False)
        answer = visitor.get("/")
        assert answer.status_code == 403
        assert "your email address is not confirmed" in answer.text
        assert "access_token" not in visitor.session
        assert_revoked(visitor, kept["access_token"], kept["refresh_token"])


def test_a_login_that_peeringdb_ended_ends_here(visitor, pdb):
    visitor.log_in("twoorgs")
    pdb.revoke_tokens("twoorgs")
    answer = visitor.get("/")
    assert answer.status_code == 403
    assert "Your login has ended" in answer.text
    assert "Log in with PeeringDB" in visitor.get("/").text
