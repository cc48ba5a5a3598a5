"""The examples in docs/fastapi.md run."""

import asyncio
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from peeringdb_oauth import User
from peeringdb_oauth.pytest_plugin import PeeringDBFixture
from peeringdb_oauth.sandbox import Sandbox

DOCS = Path(__file__).parents[3] / "docs" / "fastapi.md"
ORIGIN = "http://127.0.0.1:5000"


def examples(alone=""):
    mark = re.escape(
        f"<!-- run by tests/integrations/starlette/test_docs.py{alone} -->\n```python\n"
    )
    return re.findall(mark + "(.+?)```", DOCS.read_text("utf-8"), re.DOTALL)


HOOK, STARLETTE, TEST = examples(", alone")


@pytest.fixture(scope="module")
def docs_sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def load(docs_sandbox, monkeypatch):
    """``load(code)``: run an example. Returns the names that it defines.

    Its settings are those that ``peeringdb-oauth sandbox`` prints.
    """
    registered = docs_sandbox.register(f"{ORIGIN}/login/peeringdb/callback")
    settings = {
        "BASE_URL": docs_sandbox.url,
        "CA_FILE": docs_sandbox.ca_file,
        "CLIENT_ID": registered.client_id,
        "CLIENT_SECRET": registered.client_secret,
        "REDIRECT_URI": f"{ORIGIN}/login/peeringdb/callback",
        "ALLOW_HTTP": "yes",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)

    def load(code):
        names = {}
        exec(compile(code, str(DOCS), "exec"), names)  # noqa: S102 - ours
        return names

    return load


@pytest.fixture
def log_in(docs_sandbox):
    def log_in(app, person):
        browser = TestClient(
            app, base_url=ORIGIN, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
        )
        callback = docs_sandbox.log_in(person, browser.get("/login/peeringdb").headers["Location"])
        return browser, browser.get(callback)

    return log_in


def test_the_first_example_is_short():
    """Without its start page, which each application has already."""
    start_page = r'from \S+ import HTMLResponse\n|@app.get\("/",.+\n.+\n.+\n'
    example = re.sub(start_page, "", examples()[0])
    assert len([line for line in example.splitlines() if line]) < 15


def test_the_examples_run(load, log_in):
    browser, _ = log_in(load("\n".join(examples()))["app"], "orgadmin")

    def get(path):
        answer = browser.get(path)
        return answer.json() if answer.status_code == 200 else answer.status_code

    def post(path, **form):
        return browser.post(path, data=form).status_code

    assert browser.get("/").text == '<a href="/networks/64500">AS64500</a>'
    assert get("/networks/64500") == "Ada Admin may change the peering of AS64500"
    assert get("/networks/64510") == 403
    assert get("/me") == [64500, 64501, 65550]
    assert get("/noc") == "Call 112"
    assert get("/hello") == "Hello Ada Admin"
    assert get("/session")["stale"] is False
    assert (get("/admin/64501/ports"), get("/admin/64510/ports")) == ("Ports of AS64501", 403)
    assert get("/networks")["64500"] is True
    assert [post("/sessions", asn=64500), post("/sessions", asn=64510), post("/sessions")] == [
        200,
        403,
        403,
    ]
    assert [post("/delete", asn=64500), post("/delete", asn=64510)] == [200, 403]
    assert get("/api/networks/64500") == 401
    with browser.websocket_connect(f"{ORIGIN.replace('http', 'ws')}/feed/64500") as websocket:
        assert websocket.receive_text() == "Hello Ada Admin, this is AS64500"


def test_the_hook_links_the_members(load, log_in):
    names = load(HOOK)
    assert log_in(names["app"], "twoorgs")[1].status_code == 302
    assert {link.asn for link in names["links"][4]} == {64500, 64510}
    asyncio.run(names["follow"](User(id=4), User(id=4)))
    assert names["links"][4] == set()
    _, answer = log_in(names["app"], "nonets")
    assert (answer.status_code, "None of your networks is a member here" in answer.text) == (
        403,
        True,
    )


def test_the_example_for_starlette_runs(load, log_in):
    browser, _ = log_in(load(STARLETTE)["app"], "limited")
    assert browser.get("/networks/64500").text == "Lim Ited may change the peering of AS64500"
    assert browser.get("/networks/64500/ports").text == "Ports for Lim Ited"
    assert (
        browser.get("/networks/64501").status_code
        == browser.get("/networks/64501/ports").status_code
        == 403
    )


def test_the_example_of_a_test_passes(load, docs_sandbox):
    load(TEST)["test_a_member_may_not_change_the_peering"](PeeringDBFixture(docs_sandbox))
    docs_sandbox.reset()
