"""docs/settings.md and etc/peeringdb_oauth.ini have what the code reads."""

import configparser
import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from peeringdb_oauth import ClientConfig, ConfigurationError
from peeringdb_oauth.integrations.flask.settings import _OWN, PREFIX
from peeringdb_oauth.setting_sources import INI_KEYS, OTHER_SETTINGS, SECTION, VARIABLES, to_value
from peeringdb_oauth.web import SessionPolicy

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "settings.md").read_text()
SAMPLE = ROOT / "etc" / "peeringdb_oauth.ini"
SETTINGS = [*(field.name for field in fields(ClientConfig)), *OTHER_SETTINGS]
INI_KEY_OF = {name: key for key, name in INI_KEYS.items()} | dict(
    zip(OTHER_SETTINGS, OTHER_SETTINGS, strict=True)
)


def rows(head):
    """The rows of the table with this head, each a list of its cells."""
    _, _, after = PAGE.partition(f"| {head} |")
    table = after.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in table]


def sample():
    """The values of the sample, without the semicolons before them."""
    text = re.sub(r"^; (\w+ =.*)$", r"\1", SAMPLE.read_text(), flags=re.MULTILINE)
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser[SECTION]


def default(name, text):
    """The value of a text that stands for the default of a setting."""
    return None if text in ("not set", "") else to_value(name, text)


def test_the_table_has_each_setting_under_its_four_names():
    assert [row[:5] for row in rows("setting | environment")] == [
        [
            name,
            f"PEERINGDB_OAUTH_{name.upper()}",
            INI_KEY_OF[name],
            f"{PREFIX}{name.upper()}",
            f'"{name.upper()}"',
        ]
        for name in SETTINGS
    ]
    assert set(_OWN) == set(OTHER_SETTINGS)


def test_the_tables_have_each_variable():
    named = {row[1] for row in rows("setting | environment")}
    assert named | {row[0] for row in rows("variable")} == set(VARIABLES)


def test_the_defaults_are_those_of_the_code(monkeypatch):
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    described = {row[0]: row[1] for row in rows("setting | default")}
    assert list(described) == SETTINGS
    config = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/")
    for field in fields(ClientConfig):
        if field.default is MISSING and field.default_factory is MISSING:
            assert described[field.name] == ""
        else:
            text = described[field.name]
            value = tuple(text.split()) if field.name == "scope" else default(field.name, text)
            assert value == getattr(config, field.name), field.name
    assert SessionPolicy.of(described["session_policy"]) == SessionPolicy()


def test_the_sample_has_each_setting_with_its_default():
    values = sample()
    assert set(values) == set(INI_KEY_OF.values())
    described = {row[0]: row[1] for row in rows("setting | default")}
    for name in SETTINGS[3:]:
        text = values[INI_KEY_OF[name]]
        if name != "session_policy":
            assert default(name, text) == default(name, described[name]), name
    assert SessionPolicy.of(values["session_policy"]) == SessionPolicy()


def test_the_sample_is_read_and_its_sample_values_are_refused():
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig.load(SAMPLE)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"oauth_client_key in {SAMPLE}",
        f"oauth_client_sec in {SAMPLE}",
    ]


def test_the_sample_with_real_values_is_a_configuration(tmp_path):
    text = SAMPLE.read_text().replace("client-id", "portal").replace("megasecret!", "s3cret%;#")
    (tmp_path / "portal.ini").write_text(text)
    config = ClientConfig.load(tmp_path / "portal.ini")
    assert config == ClientConfig(
        client_id="portal",
        client_secret="s3cret%;#",
        redirect_uri="https://portal.example.net/login/peeringdb/callback",
    )


def test_the_sample_is_in_the_wheel_and_in_the_source_archive():
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["shared-data"] == {
        "etc/peeringdb_oauth.ini": "etc/peeringdb_oauth.ini"
    }
    assert "/etc" in build["targets"]["sdist"]["include"]
