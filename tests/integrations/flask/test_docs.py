"""The examples in docs/flask.md and in the docstring of the package run."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from textwrap import dedent

import pytest

from peeringdb_oauth import User
from peeringdb_oauth.integrations import flask as integration
from peeringdb_oauth.pytest_plugin import PeeringDBFixture
from peeringdb_oauth.sandbox import Sandbox

DOCS = Path(__file__).parents[3] / "docs" / "flask.md"
ORIGIN = "http://127.0.0.1:5000"
FORM = {"Sec-Fetch-Site": "same-origin"}


def examples():
    return re.findall(
        r"<!-- run by tests/integrations/flask/test_docs.py -->\n```python\n(.+?)```",
        DOCS.read_text("utf-8"),
        re.DOTALL,
    )


@pytest.fixture(scope="module")
def docs_sandbox():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def load(docs_sandbox, tmp_path, monkeypatch):
    """``load(text)``: import an example as the module of an application.

    Its settings are those that ``peeringdb-oauth sandbox`` prints.
    """
    registered = docs_sandbox.register(f"{ORIGIN}/login/peeringdb/callback")
    settings = {
        "SECRET_KEY": "0123456789abcdef0123456789abcdef",
        "PEERINGDB_OAUTH_BASE_URL": docs_sandbox.url,
        "PEERINGDB_OAUTH_CA_FILE": docs_sandbox.ca_file,
        "PEERINGDB_OAUTH_CLIENT_ID": registered.client_id,
        "PEERINGDB_OAUTH_CLIENT_SECRET": registered.client_secret,
        "PEERINGDB_OAUTH_REDIRECT_URI": f"{ORIGIN}/login/peeringdb/callback",
        "PEERINGDB_OAUTH_ALLOW_HTTP": "yes",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(tmp_path)
    modules = []

    def load(text):
        name = f"flask_example_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        modules.append(import_module(name))
        return modules[-1]

    yield load
    for module in modules:
        module.app.extensions["peeringdb_oauth"].client.close()


@pytest.fixture
def log_in(docs_sandbox):
    def log_in(app, person):
        browser = app.test_client()
        callback = docs_sandbox.log_in(
            person, browser.get("/login/peeringdb", base_url=ORIGIN).location
        )
        return browser, browser.get(callback.removeprefix(ORIGIN), base_url=ORIGIN)

    return log_in


def test_example_in_the_docstring_runs_and_is_short(load, log_in):
    text = dedent(inspect.getdoc(integration).partition("::\n")[2].partition("\n`current_user`")[0])
    assert len([line for line in text.splitlines() if line.strip()]) < 15
    app = load(text).app
    browser, _ = log_in(app, "orgadmin")
    assert (
        browser.get("/as64500", base_url=ORIGIN).text
        == "Ada Admin may change the peering of AS64500"
    )
    browser, _ = log_in(app, "member")
    assert browser.get("/as64500", base_url=ORIGIN).status_code == 403


def test_examples_of_the_docs_run(load, log_in):
    *blocks, _ = examples()
    portal = load("\n".join(blocks))
    browser, _ = log_in(portal.app, "orgadmin")

    def get(path):
        answer = browser.get(path, base_url=ORIGIN)
        return answer.status_code, answer.text

    def post(path, **form):
        return browser.post(path, base_url=ORIGIN, headers=FORM, data=form).status_code

    assert get("/as64500") == (200, "Ada Admin may change the peering of AS64500")
    assert get("/me") == (200, "You speak for AS64500, AS64501, AS65550")
    assert get("/noc") == (200, "Call 112")
    assert get("/") == (200, '<a href="/as64500">AS64500</a>')
    assert get("/hello") == (200, "Hello Ada Admin")
    assert browser.get("/session", base_url=ORIGIN).json["stale"] is False
    assert get("/admin/64501/ports") == (200, "Ports of AS64501")
    assert get("/admin/64510/ports")[0] == 403
    assert get("/account") == (200, "Account of Ada Admin")
    assert browser.get("/networks", base_url=ORIGIN).json[0] == {"asn": 64500, "delete": True}
    assert [post("/sessions", asn=64500), post("/sessions", asn=64510), post("/sessions")] == [
        200,
        403,
        403,
    ]
    assert [post("/delete", asn=64500), post("/delete", asn=64510), post("/delete")] == [
        200,
        403,
        403,
    ]
    assert get("/api/as64500")[0] == 401
    assert portal.refusals[0] == "user 1, AS64510: You are not affiliated with AS64510 at PeeringDB"


def test_example_of_a_hook_links_the_members(load, log_in):
    *blocks, _ = examples()
    portal = load("\n".join(blocks))
    log_in(portal.app, "twoorgs")
    assert {link.asn for link in portal.links[4]} == {64500, 64510}
    portal.follow(User(id=4), User(id=4))
    assert portal.links[4] == set()
    browser, answer = log_in(portal.app, "nonets")
    assert (answer.status_code, "None of your networks is a member here" in answer.text) == (
        403,
        True,
    )
    assert browser.get("/account", base_url=ORIGIN).location == "/login/peeringdb?next=%2Faccount"


def test_example_of_a_test_passes(load, docs_sandbox):
    first, *_, last = examples()
    load(first + last).test_a_member_may_not_change_the_peering(PeeringDBFixture(docs_sandbox))
