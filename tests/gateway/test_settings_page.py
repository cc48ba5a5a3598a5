"""docs/gateway-settings.md has what the code reads."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.gateway.client_settings import CLIENT_KEYS, POLICY_KEYS
from peeringdb_oauth.gateway.explain import explain
from peeringdb_oauth.gateway.identity import PLACEHOLDERS
from peeringdb_oauth.gateway.page_settings import AssertionSettings, Pages
from peeringdb_oauth.gateway.paths import TRICKS
from peeringdb_oauth.gateway.rule_tables import ROLE_KEYS, RULE_KEYS
from peeringdb_oauth.gateway.settings import DEFAULT_LISTEN, DEFAULT_MODE, TOP_KEYS, Settings
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.web import SessionPolicy

PAGE = (Path(__file__).parents[2] / "docs" / "gateway-settings.md").read_text()


def rows(title):
    """The rows of the table below a title: their other cells by their first one."""
    table = re.search(r"^\|-.*\n((?:\|.*\n)+)", PAGE.partition(f"\n## {title}\n")[2], re.MULTILINE)
    cells = [row.strip("| ").split(" | ") for row in table[1].splitlines()]
    return {row[0].strip("`"): [cell.strip(" |") for cell in row[1:]] for row in cells}


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("At the top", TOP_KEYS),
        ("PeeringDB", CLIENT_KEYS),
        ("Sessions", POLICY_KEYS),
        ("Rules", RULE_KEYS),
        ("Paths", TRICKS),
        ("Roles", ROLE_KEYS),
        ("Headers", [f"{{{name}}}" for name in PLACEHOLDERS]),
        ("Pages", [field.name for field in fields(Pages)]),
        ("Assertions", [field.name for field in fields(AssertionSettings)]),
    ],
)
def test_each_key_has_a_row_and_nothing_else_has(title, names):
    assert list(rows(title)) == list(names)
    assert all(cells[-1] for cells in rows(title).values())


def test_the_defaults_are_those_of_the_code():
    top, client = rows("At the top"), rows("PeeringDB")
    assert top["listen"][0] == f'`"{DEFAULT_LISTEN}"`'
    assert top["socket_mode"][0] == f'`"{DEFAULT_MODE:o}"`'
    policy = {name: float(cells[0]) for name, cells in rows("Sessions").items()}
    assert policy == {field.name: field.default for field in fields(SessionPolicy)}
    defaults = {field.name: field.default for field in fields(ClientConfig)}
    assert client["base_url"][0] == f'`"{defaults["base_url"]}"`'
    assert client["scope"][0] == f"`{list(defaults['scope'])}`".replace("'", '"')
    assert client["egress"][0] == f'`"{defaults["egress"]}"`'
    for name in ("timeout", "requests_per_minute"):
        assert client[name][0] == str(defaults[name])
    assert rows("Assertions")["header"][0] == f'`"{AssertionSettings().header}"`'


@pytest.fixture
def settings(tmp_path):
    """The settings of the page's example."""
    (tmp_path / "secret-key").write_text("0123456789abcdef")
    (tmp_path / "client-secret").write_text("correct-horse-battery-staple")
    [networks] = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "members.txt").write_text(networks)
    [text] = re.findall(r"test_settings_page.py -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "gateway.toml").write_text(text)
    return Settings.load(tmp_path / "gateway.toml")


def test_the_example_is_right(settings):
    assert len(list(settings.reloadable.rules)) == 4
    assert [file.asns for file in settings.reloadable.asn_files] == [(64500, 64501)]


def test_the_explanation_is_what_the_command_says(settings):
    ada = User(
        id=7,
        name="Ada Admin",
        email="ada@example.net",
        verified_user=True,
        verified_email=True,
        amr=("mfa",),
        networks=(
            Network(
                id=1,
                asn=64500,
                name="Example Net",
                perms=Permission.READ,
                manage_peering_sessions=Permission.READ,
            ),
        ),
    )
    found = explain(settings, "GET", "https://lg.example.net/members/64500/", ada)
    for lines in (found.asks, found.has, [found.reasons[0].sentence], found.advice):
        assert "".join(f"  {line}\n" for line in lines) in PAGE
    assert f"Refused by {found.rule}." in PAGE
