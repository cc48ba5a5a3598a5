"""Several applications on one host, an API for scripts of other sites, and a policy."""

import re
from pathlib import Path

import pytest
from exchange import SECURITY_HEADERS
from fastapi.testclient import TestClient
from flask import Flask
from werkzeug.test import Client

from peeringdb_oauth import ClientConfig

pytestmark = pytest.mark.server

DOCS = Path(__file__).parents[2] / "docs"
RUN = r"<!-- run by tests/docs/test_one_host.py -->\n```python\n(.+?)```"
SITE = "https://www.example.net"
OTHER = {"Origin": "https://looking-glass.example.net"}


def blocks(page):
    return re.findall(RUN, (DOCS / page).read_text("utf-8"), re.DOTALL)


def run(code, **names):
    exec(code, names)  # noqa: S102 - our own pages
    return names


@pytest.fixture
def browse(peeringdb):
    """``browse(code)``: a browser at both applications of the page."""

    def browse(code):
        create_app = run(code)["create_app"]
        apps = {
            name: create_app(
                name,
                peeringdb.client_config(f"{SITE}/{name}/login/peeringdb/callback"),
                f"only-for-tests-{name}-0123456789",
            )
            for name in ("portal", "noc")
        }
        assert all(isinstance(app, Flask) for app in apps.values())
        return Client(run(blocks("several-applications-on-one-host.md")[1], **apps)["site"])

    return browse


def log_in(peeringdb, browser, name, person):
    start = browser.get(f"/{name}/login/peeringdb", base_url=SITE).location
    callback = peeringdb.sandbox.log_in(person, start)
    assert browser.get(callback.removeprefix(SITE), base_url=SITE).location == f"/{name}/"


def texts(browser):
    answers = [browser.get(f"/{name}/", base_url=SITE) for name in ("portal", "noc")]
    return [answer.text if answer.status_code == 200 else None for answer in answers]


def test_two_applications_keep_their_logins(peeringdb, browse):
    browser = browse(blocks("several-applications-on-one-host.md")[0])
    log_in(peeringdb, browser, "portal", "orgadmin")
    log_in(peeringdb, browser, "noc", "member")
    assert texts(browser) == ["portal: Ada Admin", "noc: Mel Member"]


def test_with_one_name_of_the_cookie_they_throw_each_other_out(peeringdb, browse):
    code, name = blocks("several-applications-on-one-host.md")[0], 'f"__Host-{name}"'
    assert name in code
    browser = browse(code.replace(name, '"__Host-session"'))
    log_in(peeringdb, browser, "portal", "orgadmin")
    log_in(peeringdb, browser, "noc", "member")
    assert texts(browser) == [None, "noc: Mel Member"]


@pytest.fixture
def api(peeringdb, monkeypatch):
    """The API of docs/cors.md."""
    config = peeringdb.client_config()
    monkeypatch.setattr(ClientConfig, "load", lambda: config)
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY", "only-for-tests-0123456789")
    (code,) = blocks("cors.md")
    with TestClient(run(code)["app"]) as api:
        yield api


def test_a_script_of_the_named_site_may_send_a_token(peeringdb, api):
    asked = OTHER | {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = api.options("/api/networks", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == OTHER["Origin"]
    assert "access-control-allow-credentials" not in preflight.headers
    token = peeringdb.access_token(peeringdb.person("Ada Admin", networks={64500: 15}))
    answer = api.get("/api/networks", headers=OTHER | {"Authorization": f"Bearer {token}"})
    assert answer.json() == [64500]
    assert answer.headers["access-control-allow-origin"] == OTHER["Origin"]


def test_a_refusal_can_be_read_by_the_script(api):
    answer = api.get("/api/networks", headers=OTHER)
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == OTHER["Origin"]


def test_another_site_may_not(api):
    answer = api.get("/api/networks", headers={"Origin": "https://www.example.org"})
    assert "access-control-allow-origin" not in answer.headers


def test_the_strict_policy_is_no_wider_than_what_is_tested_in_a_browser():
    page = (DOCS / "content-security-policy.md").read_text("utf-8")
    shown, tested = (
        dict(part.split(" ", 1) for part in policy.strip("; \n").split("; "))
        for policy in (
            re.search(r"^Content-Security-Policy: (.+)$", page, re.MULTILINE)[1],
            SECURITY_HEADERS["Content-Security-Policy"],
        )
    )
    assert shown.items() <= tested.items()
