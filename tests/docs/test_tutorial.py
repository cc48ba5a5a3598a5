"""The steps of docs/tutorial.md work, each with the files that a reader has by then."""

import importlib.util
import os
import re
import struct
import subprocess
import sys

import pytest
from tutorial import BLOCK, PAGE, write_steps

pytestmark = pytest.mark.server

NAMES = ("client_id", "client_secret", "redirect_uri", "base_url", "ca_file")
TEXT = PAGE.read_text("utf-8")
PICTURES = re.findall(r"!\[.+?\]\((images/tutorial-.+?)\)", TEXT)


@pytest.fixture
def at_step(tmp_path, monkeypatch, peeringdb):
    """``at_step(number)``: a browser of the portal, as it is after this step."""
    monkeypatch.setenv("MEMBERS_DB", str(tmp_path / "members.db"))
    monkeypatch.setenv("SECRET_KEY", "only-for-tests-0123456789")
    config = peeringdb.client_config()
    for name in NAMES:
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name.upper()}", getattr(config, name))
    monkeypatch.syspath_prepend(tmp_path)

    def at_step(number):
        write_steps(tmp_path, number)
        name = f"tutorial_{number}_{tmp_path.name}"
        monkeypatch.delitem(sys.modules, "members", raising=False)
        spec = importlib.util.spec_from_file_location(name, tmp_path / "portal.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module.create_app().test_client()

    return at_step


def test_step_2_logs_in_and_lists_the_networks(at_step, peeringdb):
    browser = at_step(2)
    assert "Log in with PeeringDB" in browser.get("/").text
    answer = peeringdb.log_in(browser, "orgadmin")
    assert "Ada Admin" in answer.text
    assert re.findall(r"/networks/(\d+)", answer.text) == ["64500", "64501", "65550"]


@pytest.mark.parametrize(("login", "status"), [("orgadmin", 200), ("member", 403)])
def test_step_3_requires_the_permission(at_step, peeringdb, login, status):
    browser = at_step(3)
    peeringdb.log_in(browser, login)
    answer = browser.get("/networks/64500")
    assert answer.status_code == status
    assert ("You may change this network" in answer.text) == (status == 200)


def test_step_4_links_people_to_members(at_step, peeringdb):
    browser = at_step(4)
    peeringdb.log_in(browser, "orgadmin")
    text = browser.get("/members").text
    assert "AS64500 Example Net One" in text
    assert "65550" not in text
    answer = peeringdb.log_in(at_step(4), "nonets")
    assert answer.status_code == 403
    assert "None of your networks is a member of Example-IX" in answer.text


def test_step_5_switches_a_port_with_a_second_factor(at_step, peeringdb):
    browser = at_step(5)
    peeringdb.log_in(browser, "orgadmin")
    page = browser.get("/ports/64500").text
    token = re.search('name="([^"]+)" value="([^"]+)"', page[page.index("The port of") :])
    assert "The port of AS64500 is on" in page
    assert browser.post("/ports/64500").status_code == 403
    answer = browser.post("/ports/64500", data={token[1]: token[2]})
    assert "The port of AS64500 is off" in answer.text
    answer = browser.get("/ports/64501")
    assert "AS64501 is no member of Example-IX" in answer.text


def test_step_6_passes_its_tests(tmp_path):
    write_steps(tmp_path, 6)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", tmp_path, tmp_path],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"SECRET_KEY": "only-for-tests-0123456789"},
    )
    assert "5 passed" in ended.stdout, ended.stdout + ended.stderr
    assert TEXT.count("$ pytest\n5 passed") == 1


def test_step_7_lists_and_ends_sessions(at_step, peeringdb, tmp_path, monkeypatch):
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", f"sqlite:///{tmp_path}/sessions.db")
    browser = at_step(7)
    peeringdb.log_in(browser, "orgadmin")
    page = browser.get("/sessions").text
    token = re.search('name="([^"]+)" value="([^"]+)"', page[page.index("Where you are") :])
    assert page.count("from 127.0.0.1") == 1
    assert browser.post("/sessions", data={token[1]: token[2]}).location == "/"
    assert browser.get("/members").status_code == 302


def test_every_file_of_the_page_is_written():
    assert len(BLOCK.findall(TEXT)) == TEXT.count("```python") + TEXT.count("```html") == 13


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_are_there_and_small(picture):
    content = (PAGE.parent / picture).read_bytes()
    width, _ = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG")
    assert width <= 800
    assert len(content) < 60_000


def test_the_script_makes_the_pictures_again(tmp_path):
    subprocess.run(
        [sys.executable, PAGE.parents[1] / "scripts" / "screenshots", tmp_path],
        capture_output=True,
        timeout=200,
        check=True,
    )
    assert {f"images/{path.name}" for path in tmp_path.iterdir()} == set(PICTURES)
