"""The pages about moving here from other code: their programs run against a sandbox."""

import re
from inspect import cleandoc
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask, abort, redirect, request, session

from peeringdb_oauth import legacy
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

DOCS = Path(__file__).parents[2] / "docs"
RUN = r"<!-- run by tests/docs/test_moving.py -->\n```python\n(.+?)```"
SITE = "https://portal.example.net"


def blocks(page):
    return re.findall(RUN, (DOCS / page).read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox, monkeypatch):
    """``run(code, callback)``: a test client of the application with this code."""

    def run(code, callback="/login/peeringdb/callback"):
        registered = sandbox.register(SITE + callback)
        values = {
            "CLIENT_ID": registered.client_id,
            "CLIENT_SECRET": registered.client_secret,
            "REDIRECT_URI": SITE + callback,
        }
        ours = values | {"BASE_URL": sandbox.url, "CA_FILE": sandbox.ca_file}
        for name, value in ours.items():
            monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)
        theirs = {
            "PEERINGDB": sandbox.url,
            "PEERINGDB_CLIENT_ID": registered.client_id,
            "PEERINGDB_CLIENT_SECRET": registered.client_secret,
            "PEERINGDB_CA_FILE": sandbox.ca_file,
            "REQUESTS_CA_BUNDLE": sandbox.ca_file,
            "SECRET_KEY": "only-for-tests-0123456789",
        }
        for name, value in theirs.items():
            monkeypatch.setenv(name, value)
        app = Flask("portal")
        app.secret_key = "only-for-tests-0123456789"
        names = {
            "app": app,
            "session": session,
            "request": request,
            "redirect": redirect,
            "abort": abort,
            "requests": requests,
            "PEERINGDB": sandbox.url,
            **values,
            "__name__": "application",
        }
        exec(code, names)  # noqa: S102 - our own pages
        return names["app"].test_client(), names

    yield run
    sandbox.reset()
    legacy._client.cache_clear()


def get(browser, path):
    return browser.get(path.removeprefix(SITE), base_url=SITE)


def log_in(sandbox, browser, person, path="/login/peeringdb"):
    return get(browser, sandbox.log_in(person, get(browser, path).location))


# --- the original ---------------------------------------------------------------------


def test_the_four_steps_are_those_of_the_original():
    tested = (DOCS.parent / "tests" / "test_legacy.py").read_text("utf-8")
    shown = [line.rstrip() for line in blocks("upgrade-from-the-original.md")[0].splitlines()]
    assert [line for line in shown if line and line not in tested] == []
    assert len(shown) > 25


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize(("person", "status"), [("orgadmin", 200), ("unverified", 403)])
def test_the_original_and_client_log_in(run, sandbox, number, person, status):
    browser, _ = run(blocks("upgrade-from-the-original.md")[number])
    answer = log_in(sandbox, browser, person)
    assert answer.status_code == status
    assert status == 403 or answer.json["name"] == "Ada Admin"


def test_client_refuses_the_callback_of_another_browser(run, sandbox):
    browser, names = run(blocks("upgrade-from-the-original.md")[2])
    callback = sandbox.log_in("member", get(browser, "/login/peeringdb").location)
    stranger = names["app"].test_client()
    assert get(stranger, callback).status_code == 400
    assert get(browser, callback).status_code == 200
    assert get(browser, callback).status_code == 400


def test_the_lines_for_pkce_work(run, sandbox):
    start, _, exchange = blocks("upgrade-from-the-original.md")[1].partition("\n")
    _, names = run(f"from peeringdb_oauth import PeeringdbAuth\n{start}")
    callback = sandbox.log_in("member", names["login"]["redirect"])
    names["code"] = parse_qs(urlsplit(callback).query)["code"][0]
    exec(exchange, names)  # noqa: S102 - our own page
    assert names["token"]["token_type"] == "Bearer"


# --- a login written by hand ----------------------------------------------------------


def test_the_login_by_hand_lets_in_whom_it_should_not(run, sandbox):
    browser, _ = run(blocks("from-a-handwritten-flow.md")[0], "/callback")
    assert log_in(sandbox, browser, "unverified", "/login").status_code == 302  # (7)
    start = get(browser, "/login").location
    assert not {"state", "code_challenge", "scope"} & set(parse_qs(urlsplit(start).query))
    victim = browser.application.test_client()
    callback = sandbox.log_in("member", start)
    assert get(victim, f"{callback}&next=https://example.org/").location.startswith(
        "https://example.org"
    )  # (1) and (12)
    with victim.session_transaction(base_url=SITE) as stored:
        assert stored["managed"] == [64500, 64501, 65550]  # (10): a plain member
        assert stored["token"]["access_token"]  # (8)


def test_every_number_of_the_login_by_hand_is_explained():
    page = (DOCS / "from-a-handwritten-flow.md").read_text("utf-8")
    explained = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    marked = re.findall(r"\((\d+)\)", blocks("from-a-handwritten-flow.md")[0])
    assert sorted(map(int, marked)) == explained == list(range(1, 13))


@pytest.mark.parametrize(("person", "status"), [("orgadmin", 200), ("member", 403)])
def test_the_replacement_does_not(run, sandbox, person, status):
    browser, _ = run(blocks("from-a-handwritten-flow.md")[1], "/callback")
    log_in(sandbox, browser, person)
    assert get(browser, "/sessions/64500").status_code == status
    answer = log_in(sandbox, browser.application.test_client(), "unverified")
    assert answer.status_code == 403


# --- Authlib --------------------------------------------------------------------------


def test_the_replacement_of_authlib_logs_in_at_the_same_callback(run, sandbox):
    browser, _ = run(cleandoc(blocks("from-authlib.md")[0]), "/callback")
    answer = log_in(sandbox, browser, "limited")
    assert answer.location == "/"
    assert get(browser, "/").json == {"id": 3, "asns": [64500, 64501, 65550]}
