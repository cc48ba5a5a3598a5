"""``peeringdb-oauth init``: the questions, and the file with the settings."""

import stat
import sys

import pytest
from click.testing import CliRunner

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.cli import main

REDIRECT_URI = "https://portal.example.net/login/peeringdb/callback"
SECRET = "correct-horse-battery-staple"
HASH = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA"
OPTIONS = ("--redirect-uri", REDIRECT_URI, "--client-id", "portal")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """``run(...)``: the exit status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, answers=()):
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "init", *arguments])
        with CliRunner().isolation("".join(f"{answer}\n" for answer in answers)) as streams:
            with pytest.raises(SystemExit) as ended:
                main()
            sys.stdout.flush()
            sys.stderr.flush()
            out, err = streams[0].getvalue().decode(), streams[1].getvalue().decode()
        return ended.value.code, out, err

    return run


def test_a_file_that_is_not_there_is_named_before_anything_is_asked(run):
    status, out, err = run("--client-secret-file", "nofile")
    assert (status, out) == (2, "")
    assert err == "peeringdb-oauth: --client-secret-file: No such file or directory\n"


def variables(text):
    return dict(line.split("=", 1) for line in text.splitlines())


def test_the_form_is_explained_and_the_settings_are_written(run, tmp_path):
    status, out, err = run(answers=(REDIRECT_URI, "portal", SECRET))
    assert (status, out) == (0, "")
    for word in (
        "https://www.peeringdb.com/oauth2/applications/",
        "copy it NOW",
        "Confidential",
        "Authorization code",
        "RSA with SHA-2 256",
        f"      {REDIRECT_URI}\n",
        "set -a; . ./.env; set +a",
        "peeringdb-oauth doctor",
    ):
        assert word in err
    assert SECRET not in err
    written = variables((tmp_path / ".env").read_text())
    assert len(written.pop("PEERINGDB_OAUTH_SECRET_KEY")) >= 32
    assert written == {
        "PEERINGDB_OAUTH_CLIENT_ID": "portal",
        "PEERINGDB_OAUTH_CLIENT_SECRET": SECRET,
        "PEERINGDB_OAUTH_REDIRECT_URI": REDIRECT_URI,
    }
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_an_ini_file_is_what_the_library_reads(run, tmp_path):
    status, _, err = run("--output", "portal.ini", answers=(REDIRECT_URI, "portal", SECRET))
    assert (status, "PEERINGDB_OAUTH_CONFIG=portal.ini" in err) == (0, True)
    config = ClientConfig.load(tmp_path / "portal.ini")
    assert (config.client_id, config.client_secret) == ("portal", SECRET)
    assert config.redirect_uri == REDIRECT_URI


def test_an_answer_that_cannot_serve_is_asked_for_again(run):
    status, _, err = run(
        answers=("http://portal.example.net/", "", REDIRECT_URI, "portal", HASH, SECRET)
    )
    assert status == 0
    assert "redirect_uri: must be https" in err
    assert "the hash that PeeringDB shows after saving" in err
    assert HASH not in err


def test_a_program_gives_the_answers_as_options_and_files(run, tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    status, _, err = run(*OPTIONS, "--client-secret-file", "secret", "--output", "a b.env")
    assert (status, "Client secret" in err) == (0, False)
    assert ". 'a b.env'" in err or ". ./'a b.env'" in err
    assert variables((tmp_path / "a b.env").read_text())["PEERINGDB_OAUTH_CLIENT_SECRET"] == SECRET


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No such file"),
        (b"\xff", "not text in UTF-8"),
        (HASH.encode(), "the hash that PeeringDB shows"),
    ],
)
def test_a_file_without_a_secret_is_refused(run, tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    status, _, err = run(*OPTIONS, "--client-secret-file", "secret")
    assert status == 2
    assert sentence in err
    assert not (tmp_path / ".env").exists()


def test_a_wrong_option_is_refused_before_anything_is_asked(run):
    status, _, err = run("--redirect-uri", "portal.example.net")
    assert status == 2
    assert err.startswith("peeringdb-oauth: redirect_uri: ")


def test_a_file_that_exists_is_replaced_only_when_asked(run, tmp_path):
    (tmp_path / ".env").write_text("mine")
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "secret").write_text(SECRET)
    options = (*OPTIONS, "--client-secret-file", "secret")
    status, _, err = run(*options)
    assert (status, (tmp_path / ".env").read_text()) == (2, "mine")
    assert ".env exists already" in err
    assert run(*options, "--overwrite")[0] == 0
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    options = (*OPTIONS, "--client-secret-file", "secret")
    status, _, err = run(*options, "--output", "none/.env")
    assert (status, "none/.env cannot be written: No such file" in err) == (2, True)
