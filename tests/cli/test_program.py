"""The command line in this process, with a stand-in that records the options."""

import json
import signal
import socket
import stat
import sys

import pytest

from peeringdb_oauth import ConfigurationError, sandbox
from peeringdb_oauth.cli import main
from peeringdb_oauth.sandbox import Started

STARTED = {
    "url": "http://127.0.0.1:8080",
    "ca_file": None,
    "client_id": "id",
    "client_secret": "it's secret",
    "control_token": "hidden",
    "people": {"ada": "may do everything", "bob.builder": "may read"},
    "rights": {"Get in": {"ada": "AS64500: all rights"}, "Odd": {"bob.builder": "no networks"}},
}
REDIRECT_URIS = (
    "http://127.0.0.1:5000/login/peeringdb/callback",
    "http://localhost:5000/login/peeringdb/callback",
)


@pytest.fixture
def run(monkeypatch):
    """``run("sandbox", ...)``: the exit status, and the options of the sandbox."""

    def run(*arguments, end=None, **started):
        asked = []

        def serve(*, options, ready):
            asked.append(options)
            ready(Started(**STARTED | started))
            if end:
                end()

        monkeypatch.setattr(sandbox, "serve", serve)
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *asked

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def usual_port(monkeypatch):
    """The usual port, which is a free one here: the real one may be taken."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setattr("peeringdb_oauth.cli.sandbox._PORT", port)
    return port


def refuse():
    raise ConfigurationError("this is wrong", "so is that")


def test_the_defaults_are_the_usual_port_http_and_limits(run, usual_port):
    status, options = run("sandbox")
    assert status == 0
    assert (
        options.port,
        options.tls,
        options.strict,
        options.limits,
        options.people,
        options.database,
        options.redirect_uris,
    ) == ((usual_port, False, False, True, None, None, REDIRECT_URIS))


def test_every_option_reaches_the_sandbox(run):
    chosen = (
        "--port 8080 --tls --strict --no-limits --people p.toml --database d.sqlite --redirect-uri"
        " https://a/ --redirect-uri https://b/"
    )
    _, options = run("sandbox", *chosen.split())
    assert (
        options.port,
        options.tls,
        options.strict,
        options.limits,
        options.people,
        options.database,
        options.redirect_uris,
    ) == ((8080, True, True, False, "p.toml", "d.sqlite", ("https://a/", "https://b/")))


def test_settings_are_quoted_for_the_shell_and_not_wrapped(run, capsys):
    long = "https://portal.example.net/" + "x" * 200
    run("sandbox", "--redirect-uri", long, ca_file="/srv/with space/ca.pem")
    said = capsys.readouterr().out.splitlines()
    assert """  export PEERINGDB_OAUTH_CLIENT_SECRET='it'"'"'s secret'""" in said
    assert "  export PEERINGDB_OAUTH_CA_FILE='/srv/with space/ca.pem'" in said
    assert f"  export PEERINGDB_OAUTH_REDIRECT_URI={long}" in said


@pytest.mark.parametrize(
    ("redirect_uri", "ca_file", "allowed"),
    [
        ("https://portal.example.net/", "/srv/ca.pem", False),
        ("http://127.0.0.1:5000/", "/srv/ca.pem", True),
        ("https://portal.example.net/", None, True),
    ],
)
def test_allow_http_is_printed_only_if_http_is_used(run, capsys, redirect_uri, ca_file, allowed):
    run("sandbox", "--redirect-uri", redirect_uri, ca_file=ca_file)
    assert ("ALLOW_HTTP=yes" in capsys.readouterr().out) == allowed


def test_does_not_print_the_control_token(run, capsys):
    run("sandbox")
    assert "hidden" not in capsys.readouterr().out


def test_prints_the_people(run, capsys):
    run("sandbox")
    assert (
        "\n  Get in\n  ada          may do everything\n               AS64500: all rights\n"
        "\n  Odd\n  bob.builder  may read\n               no networks\n"
    ) in capsys.readouterr().out


def test_says_nothing_about_the_usual_port_if_it_is_free_or_another_was_chosen(
    run,
    usual_port,  # noqa: ARG001 - a free one
    capsys,
):
    run("sandbox")
    assert run("sandbox", "--port", "0")[1].port == 0
    assert "is taken" not in capsys.readouterr().out


def test_takes_a_free_port_and_says_so_if_the_usual_one_is_taken(run, usual_port, capsys):
    with socket.create_server(("127.0.0.1", usual_port)):
        assert run("sandbox")[1].port == 0
    assert f"Port {usual_port} is taken, so this is a free one.\n" in capsys.readouterr().out


def test_a_file_in_this_directory_is_named_so_that_every_shell_finds_it(
    run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    run("sandbox", "--env-file", "sandbox.env")
    assert "To use it: set -a; . ./sandbox.env; set +a\n" in capsys.readouterr().out


def test_the_settings_go_into_a_file_for_the_owner(run, tmp_path, capsys):
    path = tmp_path / "sandbox.env"
    run("sandbox", "--env-file", str(path))
    said = capsys.readouterr().out
    assert f"They are in {path}, too. To use it: set -a; . {path}; set +a\n" in said
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert """PEERINGDB_OAUTH_CLIENT_SECRET='it'"'"'s secret'""" in lines
    assert [f"  export {line}" for line in lines] == [
        line for line in said.splitlines() if line.startswith("  export")
    ]


def test_a_file_that_exists_is_not_overwritten(run, tmp_path, capsys):
    path = tmp_path / "sandbox.env"
    path.write_text("mine")
    assert run("sandbox", "--env-file", str(path)) == (2,)
    assert (
        "exists already: choose another --env-file, or add --overwrite" in capsys.readouterr().err
    )
    assert path.read_text() == "mine"


def test_a_file_is_replaced_if_that_is_asked_for(run, tmp_path):
    path, other = tmp_path / "sandbox.env", tmp_path / "other"
    other.write_text("mine")
    path.symlink_to(other)
    assert run("sandbox", "--env-file", str(path), "--overwrite")[0] == 0
    assert path.read_text().startswith("PEERINGDB_OAUTH_BASE_URL=http://127.0.0.1:8080\n")
    assert (stat.S_IMODE(path.lstat().st_mode), other.read_text()) == (0o600, "mine")


def test_a_file_that_cannot_be_written_is_named(run, tmp_path, capsys):
    path = tmp_path / "missing" / "sandbox.env"
    assert run("sandbox", "--env-file", str(path))[0] == 2
    assert f"{path} cannot be written: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interruption_ends_with_status_0(run, number):
    assert run("sandbox", end=lambda: signal.raise_signal(number))[0] == 0


def test_a_second_hangup_does_not_interrupt_the_end(run):
    cleaned_up = []

    def hang_up_twice():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)
            cleaned_up.append(True)

    assert (run("sandbox", end=hang_up_twice)[0], cleaned_up) == (0, [True])


def test_a_hangup_that_is_ignored_stays_ignored(run):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    run("sandbox")
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_each_problem_is_printed_on_a_line(run, capsys):
    status, _ = run("sandbox", end=refuse)
    assert (status, capsys.readouterr().err) == (
        2,
        "peeringdb-oauth: this is wrong\npeeringdb-oauth: so is that\n",
    )


def test_names_the_pip_command_if_the_command_line_is_not_installed(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "click", None)
    for module in ("peeringdb_oauth.cli.program", "peeringdb_oauth.cli.sandbox"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    assert run("--version") == (2,)
    assert 'pip install "peeringdb-oauth[cli]"' in capsys.readouterr().err


@pytest.mark.usefixtures("usual_port")
def test_the_settings_are_written_for_programs(run, capsys):
    assert run("sandbox", "--json")[0] == 0
    written = json.loads(capsys.readouterr().out)
    assert written["url"] == STARTED["url"]
    assert written["people"] == STARTED["people"]
    assert written["settings"]["CLIENT_ID"] == "id"
