"""A setting means the same wherever it was written, and messages name that place."""

import logging
import os

import pytest

from peeringdb_oauth import ClientConfig, ConfigurationError, setting_sources
from peeringdb_oauth.setting_sources import (
    VARIABLES,
    Written,
    did_you_mean,
    find_other,
    is_in_environment,
    name_setting,
    read_environment,
    to_bool,
    to_value,
    warn_of_unknown_variables,
)

INI = """[peeringdb_oauth]
oauth_client_key = portal
redirect_to = https://portal.example.net/callback
"""


@pytest.fixture(autouse=True)
def ini(monkeypatch, tmp_path):
    """``ini(text)`` writes the ini file. Nothing of this machine is read."""
    for name in os.environ:
        if name.startswith("PEERINGDB_OAUTH_"):
            monkeypatch.delenv(name)
    path = tmp_path / "some.ini"
    monkeypatch.setattr(setting_sources, "DEFAULT_INI", str(path))
    setting_sources._warn.cache_clear()

    def write(text):
        path.write_text(INI + text)
        return path

    return write


@pytest.fixture
def warnings(monkeypatch, caplog):
    """``warnings("PEERINGDB_OAUTH_X", ...)``: what is logged with these variables."""

    def warnings(*variables):
        for variable in variables:
            monkeypatch.setenv(variable, "s3cret-value")
        warn_of_unknown_variables()
        assert "s3cret-value" not in caplog.text
        assert {record.levelno for record in caplog.records} <= {logging.WARNING}
        return [record.getMessage() for record in caplog.records]

    return warnings


# Values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((word, True) for word in ("yes", "Yes", " on ", "TRUE", "1", 1, True)),
        *((word, False) for word in ("no", "off\n", "False", "0", 0, False)),
        *((word, word) for word in ("perhaps", "", 2, 1.0, None, b"yes")),
    ],
)
def test_yes_and_no_are_read_as_in_an_ini_file(text, expected):
    assert to_bool(text) is to_value("allow_http", text) is expected


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("client_id", 12345678901234567890, "12345678901234567890"),
        ("client_secret", 7, "7"),
        ("client_id", True, True),
        ("client_id", 1e5, 1e5),
        ("client_id", "none", "none"),
        ("timeout", " 2.5", 2.5),
        ("timeout", "soon", "soon"),
        ("timeout", 3, 3),
        ("processes", "4", 4),
        ("processes", "4.0", "4.0"),
        ("requests_per_minute", "None", None),
        ("requests_per_minute", "50", 50),
        ("requests_per_minute", None, None),
        ("ca_file", "", None),
        ("ca_file", "none", "none"),
        ("scope", ["profile"], ["profile"]),
    ],
)
def test_text_and_json_become_the_type_of_the_setting(name, given, expected):
    value = to_value(name, given)
    assert (value, type(value)) == (expected, type(expected))


def test_every_spelling_of_good_settings_makes_the_same_configuration(ini, monkeypatch):
    settings = {
        "client_id": "12345",
        "redirect_uri": "http://localhost:5000/callback",
        "timeout": "2.5",
        "allow_http": "yes",
        "requests_per_minute": "none",
    }
    written = {name: Written(name, value) for name, value in settings.items()}
    expected = ClientConfig(
        client_id="12345",
        redirect_uri="http://localhost:5000/callback",
        timeout=2.5,
        allow_http=True,
        requests_per_minute=None,
    )
    assert ClientConfig.of(written, [], missing=str) == expected
    ini("timeout = 2.5\nallow_http = on\nrequests_per_minute = none\n")
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_ID", "12345")
    monkeypatch.setenv("PEERINGDB_OAUTH_REDIRECT_URI", "http://localhost:5000/callback")
    assert ClientConfig.load() == expected


# Names


def test_a_message_names_the_variable_or_the_key_of_the_file(ini, monkeypatch):
    path = ini("timeout = soon\nprocesses = 0")
    monkeypatch.setenv("PEERINGDB_OAUTH_ALLOW_HTTP", "perhaps")
    with pytest.raises(ConfigurationError) as caught:
        ClientConfig.load()
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        f"timeout in {path}",
        f"processes in {path}",
        "PEERINGDB_OAUTH_ALLOW_HTTP",
    ]


def test_a_problem_that_is_found_later_names_the_place_too(ini, monkeypatch):
    path = ini("")
    assert name_setting("redirect_uri: must end in /x") == f"redirect_to in {path}: must end in /x"
    monkeypatch.setenv("PEERINGDB_OAUTH_REDIRECT_URI", "https://portal.example.net/")
    assert (
        name_setting("redirect_uri: must end in /x")
        == "PEERINGDB_OAUTH_REDIRECT_URI: must end in /x"
    )
    assert name_setting("ca_file: no such file") == "ca_file: no such file"
    assert name_setting("rule: not ours") == "rule: not ours"
    path.write_text("no section")
    monkeypatch.delenv("PEERINGDB_OAUTH_REDIRECT_URI")
    assert name_setting("redirect_uri: must end in /x") == "redirect_uri: must end in /x"


def test_a_setting_of_the_sessions_is_found_with_its_place(ini, monkeypatch):
    path = ini("sessions = sqlite:///a.db\nsession_policy = max_age=none")
    assert find_other("session_policy") == Written(f"session_policy in {path}", "max_age=none")
    assert find_other("sessions") == Written(f"sessions in {path}", "sqlite:///a.db")
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSIONS", "redis://192.0.2.1")
    assert find_other("sessions") == Written("PEERINGDB_OAUTH_SESSIONS", "redis://192.0.2.1")
    path.unlink()
    assert find_other("session_policy") is None


def test_what_was_written_is_not_shown():
    assert "s3cret" not in repr(Written("PEERINGDB_OAUTH_CLIENT_SECRET", "s3cret"))


# Unknown names


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("PEERINGDB_OAUTH_SESSION", "PEERINGDB_OAUTH_SESSIONS"),
        ("PEERINGDB_OAUTH_CLIENTID", "PEERINGDB_OAUTH_CLIENT_ID"),
        ("PEERINGDB_OAUTH_CLIENT_SECRT", "PEERINGDB_OAUTH_CLIENT_SECRET"),
        ("PEERINGDB_OAUTH_allow_http", "PEERINGDB_OAUTH_ALLOW_HTTP"),
        ("PEERINGDB_OAUTH_REDIRECT_URL", "PEERINGDB_OAUTH_REDIRECT_URI"),
    ],
)
def test_a_mistyped_variable_is_told_with_the_one_that_was_meant(warnings, variable, meant):
    assert warnings(variable) == [
        f"{variable} in the environment: there is no such setting; did you mean {meant}?"
    ]


def test_a_variable_that_is_like_no_setting_is_told_without_advice(warnings):
    assert warnings("PEERINGDB_OAUTH_XYZZY") == [
        "PEERINGDB_OAUTH_XYZZY in the environment: there is no such setting"
    ]


def test_a_variable_is_told_once_in_a_process(warnings):
    assert len(warnings("PEERINGDB_OAUTH_XYZZY")) == len(warnings()) == 1


def test_loading_warns_and_goes_on(ini, monkeypatch, caplog):
    ini("")
    monkeypatch.setenv("PEERINGDB_OAUTH_TIME_OUT", "3")
    assert ClientConfig.load().timeout == 10
    assert "did you mean PEERINGDB_OAUTH_TIMEOUT?" in caplog.text


def test_the_sessions_warn_even_if_the_client_is_configured_elsewhere(monkeypatch, caplog):
    monkeypatch.setenv("PEERINGDB_OAUTH_SESSION", "sqlite:///a.db")
    assert find_other("sessions") is None
    assert "did you mean PEERINGDB_OAUTH_SESSIONS?" in caplog.text


@pytest.mark.parametrize(
    "variable",
    [
        "PEERINGDB_OAUTH_SERVICE_HOST",
        "PEERINGDB_OAUTH_SERVICE_PORT",
        "PEERINGDB_OAUTH_SERVICE_PORT_HTTPS",
        "PEERINGDB_OAUTH_PORT",
        "PEERINGDB_OAUTH_PORT_443_TCP",
        "PEERINGDB_OAUTH_PORT_443_TCP_PROTO",
        "PEERINGDB_OAUTH_PORT_443_TCP_PORT",
        "PEERINGDB_OAUTH_PORT_443_TCP_ADDR",
        "PEERINGDB_OAUTH_PORTAL_SERVICE_HOST",
        "PEERINGDB_OAUTH_PORTAL_PORT_80_TCP_ADDR",
    ],
)
def test_the_service_links_of_kubernetes_are_passed_over(warnings, variable):
    assert warnings(variable) == []
    assert not is_in_environment()


def test_known_variables_are_not_told(warnings):
    assert warnings(*VARIABLES, "PEERINGDB_OAUTHX", "PEERINGDB_API_KEY") == []
    assert is_in_environment()


def test_a_name_without_any_likeness_has_no_advice():
    assert did_you_mean("zzz", ["timeout"]) == ""
    assert did_you_mean("TIMEOT", ["timeout"]) == "; did you mean timeout?"


def test_the_client_needs_no_file_for_its_secret():
    problems = []
    assert read_environment(problems) == {}
    assert problems == []
