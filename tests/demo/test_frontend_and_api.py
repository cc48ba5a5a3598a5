"""The example examples/frontend_and_api: both halves, a sandbox and a browser."""

from urllib.parse import urlsplit

import pytest
import requests
from frontend_and_api import api as api_half
from frontend_and_api import frontend
from uvicorn_thread import served

from peeringdb_oauth import Client

FRONTEND = "https://portal.example.net"


@pytest.fixture
def visitor(peeringdb, tmp_path, monkeypatch):
    """A browser at the frontend, whose API runs on a port of its own."""
    monkeypatch.setenv("SESSIONS", str(tmp_path))
    config = peeringdb.client_config(f"{FRONTEND}/callback")
    with served(api_half.create_app(config)) as api:
        browser = frontend.create_app(config, api).test_client()
        yield Visitor(browser, peeringdb, config, api)


class Visitor:
    """A person with a browser."""

    def __init__(self, browser, pdb, config, api):
        self.browser, self.pdb, self.config, self.api = browser, pdb, config, api

    def get(self, path):
        return self.browser.get(path, base_url=FRONTEND)

    def post(self, path):
        return self.browser.post(path, base_url=FRONTEND)

    def session(self):
        with self.browser.session_transaction(base_url=FRONTEND) as session:
            return dict(session)

    def start(self):
        return self.get("/login").headers["Location"]

    def log_in(self, person):
        callback = urlsplit(self.pdb.sandbox.log_in(person.login, self.start()))
        return self.get(f"{callback.path}?{callback.query}")


@pytest.fixture
def admin(peeringdb):
    return peeringdb.person("Ada Admin", networks={64500: 15, 64501: 1})


def test_the_frontend_logs_in_and_the_api_says_what_the_person_may_do(visitor, admin):
    assert visitor.get("/").headers["Location"] == "/login"
    assert visitor.log_in(admin).headers["Location"] == "/"
    assert visitor.get("/").json == {"id": admin.id, "name": "Ada Admin", "asns": [64500, 64501]}
    assert visitor.get("/networks/64500").json["asn"] == 64500
    refused = visitor.get("/networks/64501")
    assert refused.status_code == 403
    assert refused.json["reasons"][0]["asn"] == 64501


def test_the_browser_gets_no_token(visitor, admin):
    answers = [visitor.log_in(admin), visitor.get("/")]
    [cookie] = visitor.browser._cookies.values()
    assert len(cookie.value) < 100
    assert (cookie.http_only, cookie.secure, cookie.same_site) == (True, True, "Lax")
    assert "token" not in str([answer.headers for answer in answers])


def test_the_session_gets_another_id_at_the_login(visitor, admin):
    visitor.get("/login")
    [before] = [cookie.value for cookie in visitor.browser._cookies.values()]
    visitor.log_in(admin)
    [after] = [cookie.value for cookie in visitor.browser._cookies.values()]
    assert after != before


def test_a_forged_callback_logs_nobody_in(visitor):
    visitor.get("/login")
    assert visitor.get("/callback?code=made-up&state=made-up").status_code == 403
    assert visitor.get("/").headers["Location"] == "/login"
    assert visitor.get("/callback").status_code == 403


def test_an_access_token_that_has_ended_is_renewed(visitor, admin, peeringdb):
    visitor.log_in(admin)
    peeringdb.advance(11 * 3600)
    assert visitor.get("/").json["id"] == admin.id


def test_when_peeringdb_has_ended_the_access_people_log_in_again(visitor, admin, peeringdb):
    visitor.log_in(admin)
    peeringdb.revoke_tokens(admin)
    assert visitor.get("/").status_code == 403
    assert visitor.get("/").headers["Location"] == "/login"


def test_a_logout_ends_the_tokens(visitor, admin):
    visitor.log_in(admin)
    access_token = visitor.session()["tokens"][0]
    assert visitor.post("/logout").json == {"logged in": False}
    assert visitor.get("/").headers["Location"] == "/login"
    with Client(visitor.config) as client:
        assert client.introspect(access_token).active is False


def test_an_outage_of_peeringdb_is_503(visitor, admin, peeringdb):
    visitor.log_in(admin)
    peeringdb.outage()
    assert visitor.get("/").status_code == 503
    assert visitor.get("/networks/64500").status_code == 503


def test_the_api_takes_no_token_of_another_application(visitor, admin, peeringdb):
    visitor.log_in(admin)
    ours = visitor.session()["tokens"][0]
    peeringdb.client_config("https://other.example.net/callback")
    foreign = peeringdb.access_token(admin)
    for token, status in ((ours, 200), (foreign, 401)):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{visitor.api}/me", headers=headers, timeout=30).status_code == status
