"""``peeringdb-oauth token`` with ID tokens of a sandbox."""

import io
import json
import sys

import pytest

from peeringdb_oauth import Client
from peeringdb_oauth.cli import main

pytestmark = pytest.mark.server


@pytest.fixture
def config(peeringdb):
    return peeringdb.client_config(scope=("openid", "profile", "email", "networks", "amr"))


@pytest.fixture
def id_token(peeringdb, config):
    with Client(config) as client:
        request = client.authorization_request()
        login = client.log_in(request, peeringdb.sandbox.log_in("limited", request.url))
    return login.token.id_token


@pytest.fixture
def run(monkeypatch, config, capsys):
    """``run(...)``: the exit status, standard output and standard error."""
    settings = {
        "BASE_URL": config.base_url,
        "CA_FILE": config.ca_file,
        "CLIENT_ID": config.client_id,
        "CLIENT_SECRET": config.client_secret,
        "REDIRECT_URI": config.redirect_uri,
        "ALLOW_HTTP": "yes",
    }
    for name, value in settings.items():
        if value:
            monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "token", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return ended.value.code, written.out, written.err

    return run


def test_a_valid_token_is_shown_with_its_times(run, id_token):
    status, out, err = run("--file", "-", stdin=f"{id_token}\n")
    assert (status, err) == (0, "")
    assert "The ID token is valid" in out
    assert "sub: 3\n" in out
    assert " UTC)" in out
    assert id_token not in out


def test_a_valid_token_is_shown_for_programs(run, id_token, tmp_path):
    file = tmp_path / "token"
    file.write_text(id_token)
    status, out, _ = run("--file", str(file), "--json")
    answer = json.loads(out)
    assert (status, answer["valid"], answer["failed"]) == (0, True, None)
    assert answer["claims"]["networks"][0]["asn"] == 64500


def test_the_check_that_fails_is_named_and_the_claims_are_shown(run, id_token):
    forged = id_token[:-8] + ("A" if id_token[-8] != "A" else "B") + id_token[-7:]
    status, out, err = run("--file", "-", stdin=forged)
    assert (status, err) == (1, "")
    assert "NOT valid. Check signature: the signature of the ID token is wrong" in out
    assert "sub: 3\n" in out


@pytest.mark.parametrize("text", ["", "no token", "a.b.c", "é.é.é"])
def test_what_is_no_token_fails_a_check(run, text):
    status, out, _ = run("--file", "-", "--json", stdin=text)
    answer = json.loads(out)
    assert (status, answer["valid"], answer["claims"]) == (1, False, None)
    assert answer["failed"]["check"] == "structure"


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "No such file"), (b"\xff", "is not text in UTF-8")]
)
def test_a_file_that_cannot_be_read_is_named(run, tmp_path, content, sentence):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    status, out, err = run("--file", str(file))
    assert (status, out) == (2, "")
    assert str(file) in err
    assert sentence in err


def test_what_is_no_token_is_told_to_people(run):
    status, out, _ = run("--file", "-", stdin="no token")
    assert (status, out.startswith("The ID token is NOT valid. Check structure: ")) == (1, True)
