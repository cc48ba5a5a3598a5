"""Details of the commands, in this process."""

import os
import sys

import pytest
from click.testing import CliRunner

from peeringdb_oauth import ClientConfig, ConfigurationError
from peeringdb_oauth.cli import callback_server, demo, id_token, kept_login, login, main, users
from peeringdb_oauth.cli.files import write_private
from peeringdb_oauth.cli.output import clean, plain_console
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import InvalidResponse, LoginDenied, ProviderError, TokenRejected
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.tokens import TokenResponse

CONFIG = ClientConfig(
    client_id="portal",
    client_secret="secret-secret",
    redirect_uri="http://127.0.0.1:0/callback",
    allow_http=True,
)


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\nb", "\x9b31m", "left\u202eright", "\ud800"])
def test_a_terminal_takes_no_command_from_somebodys_name(text):
    assert clean(text).isprintable()
    assert "\x1b" not in clean(text)


def test_usual_names_stay_as_they_are():
    assert clean("Ünïcode 北京 O'Hara") == "Ünïcode 北京 O'Hara"


def write(user, capsys):
    users.write_user(user, as_json=False)
    return capsys.readouterr().out


def test_a_user_of_whom_little_is_known(capsys):
    written = write(User(id=7, verified_user=False), capsys)
    for words in (
        "No name (PeeringDB id 7)",
        "the scope email is missing",
        "not verified by PeeringDB",
        "the scope amr is missing",
        "No networks.",
    ):
        assert words in written


def test_a_user_with_an_unconfirmed_address_and_unknown_rights(capsys):
    network = Network(
        id=1, asn=64500, name="\x1b[31mExample", perms=Permission.READ, manage_peering_sessions=None
    )
    none = Network(
        id=2, asn=64501, name="Other", perms=Permission(0), manage_peering_sessions=Permission(0)
    )
    user = User(
        id=7,
        name="Ada",
        email="ada@example.net",
        verified_email=False,
        verified_user=True,
        networks=(network, none),
        amr=("pwd",),
    )
    written = write(user, capsys)
    assert "\x1b" not in written
    for words in ("(not confirmed)", "not used", "unknown", "none"):
        assert words in written


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists already"):
        write_private(str(tmp_path / "file"), "other", overwrite=False)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("iat", 0, "0 (1970-01-01 00:00:00 UTC)"),
        ("exp", 10**30, str(10**30)),
        ("sub", "7", "7"),
        ("iat", "soon", "soon"),
    ],
)
def test_times_of_a_token_are_shown_as_people_write_them(name, value, text):
    assert id_token._text(name, value) == text


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["explain", "foo"], "'foo' is not an AS number"),
        (["token", "--file", "nofile"], "--file: nofile: No such file"),
        (["whoami", "--config", "nofile"], "nofile"),
        (["whoami"], f"{os.devnull}: has no section"),
        (["token"], f"{os.devnull}: has no section"),  # before the token is asked for
    ],
)
def test_a_mistyped_argument_is_named_before_what_the_settings_lack(
    monkeypatch, capsys, tmp_path, arguments, problem
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEERINGDB_OAUTH_CONFIG", os.devnull)
    for name in ("CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI"):
        monkeypatch.delenv(f"PEERINGDB_OAUTH_{name}", raising=False)
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr()
    assert (ended.value.code, written.out) == (2, "")
    assert written.err.startswith(f"peeringdb-oauth: {problem}")


def test_a_token_is_asked_for_and_not_shown():
    with CliRunner().isolation("a-token\n") as streams:
        assert id_token._ask() == "a-token"
        sys.stderr.flush()
        assert b"a-token" not in streams[0].getvalue() + streams[1].getvalue()


def test_examples_that_are_not_there_are_said(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "_EXAMPLES", (tmp_path,))
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "demo", "--once"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, "are not installed" in capsys.readouterr().err) == (2, True)


def test_a_certificate_needs_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "cryptography.x509", raising=False)
    with pytest.raises(ConfigurationError, match="pip install"):
        callback_server._certificate("localhost")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_certificate_is_for_its_host(host):
    assert callback_server._certificate(host).count(b"BEGIN") == 2


def test_a_login_that_nobody_finishes_ends(monkeypatch):
    monkeypatch.setattr(login, "_PATIENCE", 0.0)
    config = ClientConfig(
        client_id="portal", redirect_uri="http://127.0.0.1:0/callback", allow_http=True
    )
    with (
        Client(config) as client,
        pytest.raises(LoginDenied, match=r"error page, .* open https://auth.peeringdb.com/logout"),
    ):
        login.log_in(client, plain_console(stderr=True), opens=False)


def test_a_lock_that_cannot_be_made_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kept_login.click, "get_app_dir", lambda _: str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="cannot be locked"):
        kept_login._take_lock()


def kept(**changes):
    token = TokenResponse(
        access_token="a" * 30,
        token_type="Bearer",
        expires_at=2_000_000_000,
        refresh_token="r" * 30,
        scope=("profile",),
        id_token=None,
    )
    return kept_login.KeptLogin(**{"user_id": 7, "amr": None, "token": token} | changes)


class AClient:
    """A client whose answers a test gives."""

    config = CONFIG

    def __init__(self, *, user=None, error=None):
        self.user, self.error = user, error

    def fetch_user(self, _):
        return self.user

    def refresh(self, _):
        raise self.error


def test_somebody_elses_profile_is_refused():
    terminal = kept_login.TerminalLogin(AClient(user=User(id=8, verified_user=True)))
    with pytest.raises(InvalidResponse):
        terminal._fetch(kept())


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ProviderError("wrong secret", error="invalid_client", status=401), ProviderError),
        (ProviderError("refused", error="invalid_grant", status=400), TokenRejected),
        (TokenRejected("no refresh token"), TokenRejected),
    ],
)
def test_only_a_refusal_of_the_token_ends_the_login(monkeypatch, error, raised):
    deleted = []
    monkeypatch.setattr(kept_login.Keyring, "delete", lambda _: deleted.append(True))
    terminal = kept_login.TerminalLogin(AClient(error=error))
    with pytest.raises(raised):
        terminal._refreshed(kept())
    assert bool(deleted) == (raised is TokenRejected)
