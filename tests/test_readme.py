"""The README's examples are run as they stand there."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import Sandbox

README = Path(__file__).parent.parent / "README.md"
PORTAL = "https://portal.example.net"
REDIRECT_URI = f"{PORTAL}/login/peeringdb/callback"
pytestmark = pytest.mark.server


def examples():
    return re.findall(r"<!-- run by tests/test_readme.py -->\n```python\n(.+?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Some of the README's examples, one after the other, imported as a module of an application of its own."""
    monkeypatch.chdir(tmp_path)  # the session files go here
    monkeypatch.syspath_prepend(tmp_path)

    def load(*numbers):
        name = f"readme_example_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text("\n".join(examples()[number] for number in numbers), "utf-8")
        return import_module(name)

    return load


@pytest.fixture
def pdb(monkeypatch):
    """A PeeringDB with the example's settings in the environment."""
    with Sandbox() as pdb:
        application = pdb.register(REDIRECT_URI)
        monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", application.client_id)
        monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET", application.client_secret)
        monkeypatch.setenv("PEERINGDB_OAUTH_REDIRECT_URI", REDIRECT_URI)
        monkeypatch.setenv("PEERINGDB_OAUTH_BASE_URL", pdb.url)
        monkeypatch.setenv("PEERINGDB_OAUTH_CA_FILE", pdb.ca_file)
        yield pdb


@pytest.mark.parametrize(
    ("person", "page"),
    [
        ("member", (200, "Hello Mel Member, you speak for AS64500, AS64501, AS65550")),
        ("emailunconf", (403, "No login: PeeringDB says your email address is not confirmed")),
        ("unverified", (403, "No login: PeeringDB has not verified your account")),
    ],
)
def test_flask_example_logs_in_whom_peeringdb_verified(load, pdb, person, page):
    browser = load(0, 1).app.test_client()
    callback_url = pdb.log_in(person, browser.get("/login/peeringdb").location)
    answer = browser.get(callback_url.removeprefix(PORTAL))
    assert (answer.status_code, answer.text[: len(page[1])]) == page


def test_flask_example_says_that_the_login_was_cancelled(load, pdb):
    browser = load(0, 1).app.test_client()
    callback_url = pdb.log_in("member", browser.get("/login/peeringdb").location, consent=False)
    answer = browser.get(callback_url.removeprefix(PORTAL))
    assert (answer.status_code, answer.text) == (403, "No login: the login was cancelled at PeeringDB")


def test_example_of_a_test_passes(load):
    assert load(2).user.name == "Mel Member"


def test_every_example_is_run():
    assert len(examples()) == 3
