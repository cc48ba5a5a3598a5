"""docs/gateway-answers.md says what the gateway does."""

import json
import re
import runpy
from pathlib import Path

import pytest

from peeringdb_oauth.gateway import gateway, host, login_starts, pages
from peeringdb_oauth.gateway.gateway import Gateway

from .conftest import LG, RULES, SCRIPT

pytestmark = pytest.mark.server

PAGE = (Path(__file__).parents[2] / "docs" / "gateway-answers.md").read_text()


def names(title):
    """What is in the first cells of the table below a title."""
    table = re.search(r"^\|-.*\n((?:\|.*\n)+)", PAGE.partition(f"\n## {title}\n")[2], re.MULTILINE)
    cells = (row.split("|")[1] for row in table[1].splitlines())
    return [name for cell in cells for name in re.findall("`(.+?)`", cell)]


def test_all_endpoints_and_pages_are_named(site):
    paths = [gateway.CHECK, gateway.ANSWER, gateway.FORWARD_AUTH]
    named = [f"{host.BELOW}/{name}" for name in names("Two questions of a proxy")]
    assert named == paths
    own = {f"{host.BELOW}/{name}" for name in names("The gateway's own pages")}
    answered = {path for path in own if site.browser().get(path).status_code != 404}
    assert own - answered == {f"{host.BELOW}/{name}" for name in ("site.css", "logo", "jwks.json")}


def test_the_limits_are_those_of_the_code():
    limits = PAGE.partition("\n## Limits\n")[2].partition("\n## ")[0]
    assert f"- {login_starts.MOST} logins may start" in limits
    assert f"it is {login_starts.MOST_OF_PROXY} for all" in limits
    assert pages._MAX_BODY == 1024 * 1024
    assert f"- {gateway._MOST_ANSWERS:,} answers, {gateway._MOST_PEOPLE:,} people and" in limits
    assert gateway._MOST_PEOPLE == login_starts._MAX_ADDRESSES
    assert f"has {host.LONGEST_PATH:,} characters at most" in PAGE


def test_a_line_of_the_audit_log_is_as_it_is_shown(make_site, tmp_path):
    browser = make_site(RULES, f'audit_log = "{tmp_path}/audit.jsonl"').browser()
    browser.log_in("member")
    browser.get("/members/64501/", headers=SCRIPT)
    written = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])
    [shown] = [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", PAGE)]
    assert written["origin"] == LG
    for said in (written, shown):
        del said["time"], said["origin"]
    assert list(written) == list(shown)
    assert written == shown


def test_another_server_can_run_it(write_settings, monkeypatch):
    folder = write_settings().parent
    monkeypatch.chdir(folder)
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (folder / "app.py").write_text(code)
    assert isinstance(runpy.run_path("app.py")["app"], Gateway)
