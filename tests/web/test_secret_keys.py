"""The application's secret keys, from the environment or from a file."""

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.web.secret_keys import read_key_file, secret_keys_of_environment

KEY, FILE = "PEERINGDB_OAUTH_SECRET_KEY", "PEERINGDB_OAUTH_SECRET_KEY_FILE"


@pytest.fixture(autouse=True)
def _no_keys_from_outside(monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    monkeypatch.delenv(FILE, raising=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("newest-köy\n  older-key\n\n", "utf-8")
    return path


def test_a_key_of_the_environment(monkeypatch):
    monkeypatch.setenv(KEY, "one key")
    monkeypatch.setenv(FILE, "")
    assert secret_keys_of_environment() == ("one key",)


def test_a_file_that_the_environment_names_has_a_key_a_line(monkeypatch, file):
    monkeypatch.setenv(FILE, str(file))
    assert secret_keys_of_environment() == ("newest-köy", "older-key")


def test_both_variables_are_a_mistake(monkeypatch, file):
    monkeypatch.setenv(KEY, "one key")
    monkeypatch.setenv(FILE, str(file))
    with pytest.raises(ConfigurationError) as refused:
        secret_keys_of_environment()
    assert str(refused.value) == f"{FILE} and {KEY} are both set: remove one"


def test_says_how_to_make_a_key():
    with pytest.raises(ConfigurationError) as refused:
        secret_keys_of_environment()
    assert str(refused.value) == (
        f"secret_key: missing; it signs the sessions. Set {KEY}, and keep it secret. This makes"
        " one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    )


def test_a_file_that_cannot_be_read_is_named_by_its_setting_only(monkeypatch):
    """The path may be the key itself, in the wrong variable."""
    monkeypatch.setenv(FILE, "the-key-itself")
    with pytest.raises(ConfigurationError) as refused:
        secret_keys_of_environment()
    assert str(refused.value) == f"{FILE}: No such file or directory"


def test_a_file_of_bytes_is_no_key_file(file):
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError) as refused:
        read_key_file(file, "secret_key_file")
    assert str(refused.value) == "secret_key_file: not text in UTF-8"
