"""The command line in a process of its own."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from ports import free_port

from peeringdb_oauth import Client, ClientConfig, __version__
from peeringdb_oauth.sandbox.browser import Browser

COMMAND = shutil.which("peeringdb-oauth", path=sysconfig.get_path("scripts"))
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith("PEERINGDB_OAUTH_")
}


def start(command, environment=ENVIRONMENT):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env=environment
    )


def run(*arguments):
    return start([COMMAND, *arguments])


def run_without(module, *arguments):
    """Run the command line as if this module were not installed."""
    program = (
        f"import sys; sys.modules[{module!r}] = None; from peeringdb_oauth.cli import main; main()"
    )
    return start([sys.executable, "-c", program, *arguments])


@contextmanager
def sandbox(*arguments):
    """A running sandbox: its process, and what it printed at the start."""
    environment = ENVIRONMENT | {"PYTHONUNBUFFERED": "1"}
    command = [COMMAND, "sandbox", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        yield process, said
    finally:
        process.terminate()  # so that it removes its certificate
        try:
            process.communicate(timeout=10)
        finally:
            process.kill()


def settings(said):
    return dict(re.findall(r"export (\w+)=(\S+)", said))


def url_of(said):
    return settings(said)["PEERINGDB_OAUTH_BASE_URL"]


def test_version_is_printed():
    assert run("--version").stdout == f"peeringdb-oauth {__version__}\n"


@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_names_the_commands(option):
    ended = run(option)
    assert ended.returncode == 0
    assert re.search(r"^ +sandbox +\S", ended.stdout, re.MULTILINE)


def test_help_has_room_for_what_each_command_does():
    assert not re.search(r"\w\.\.\.$", run("--help").stdout, re.MULTILINE)


def test_help_names_commands_whose_packages_are_missing():
    ended = run_without("jinja2", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.search(r"^ +gateway +Not installed: pip install ", ended.stdout, re.MULTILINE)
    assert re.search(r"^ +whoami +Show ", ended.stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("check", "--json")])
def test_names_the_pip_command_if_the_gateway_is_not_installed(arguments):
    ended = run_without("jinja2", "gateway", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert 'jinja2 is missing): pip install "peeringdb-oauth[gateway]"\n' in ended.stderr


def test_help_of_the_sandbox_explains_every_option():
    said = run("sandbox", "--help").stdout
    options = (
        "--port",
        "--tls",
        "--people",
        "--strict",
        "--no-limits",
        "--database",
        "--redirect-uri",
    )
    assert [
        option for option in options if not re.search(rf"^ +{option} .*[a-z]", said, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("command", ["init", "login", "whoami", "token"])
def test_names_the_pip_command_if_a_package_of_the_command_is_missing(command):
    ended = run_without("rich", command)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert 'rich is missing): pip install "peeringdb-oauth[cli]"\n' in ended.stderr


def test_names_the_pip_command_if_the_command_line_is_not_installed():
    ended = run_without("click", "--version")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        r'peeringdb-oauth: .* pip install "peeringdb-oauth\[cli\]", or .* for the sandbox\n',
        ended.stderr,
    )


@pytest.mark.parametrize("module", ["django", "oauth2_provider"])
def test_names_the_pip_command_if_the_sandbox_is_not_installed(module):
    ended = run_without(module, "sandbox")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(
        r"peeringdb-oauth: .* pip install .peeringdb-oauth\[sandbox\].\n", ended.stderr
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--port", "99999"), "port must be"),
        (
            ("--people", "/nonexistent/people.toml"),
            "people file /nonexistent/people.toml cannot be read: No such file or directory",
        ),
        (("--database", "/nonexistent/sandbox.sqlite"), "database cannot be used"),
        (("--redirect-uri", "nonsense"), "'nonsense'"),
        (("--redirect-uri", "http://[/callback"), r"'http://\[/callback'"),
        (
            ("--redirect-uri", "http://portal.example.net/"),
            "http://portal.example.net/ must be https; http works for loopback hosts only",
        ),
        (
            ("--strict", "--redirect-uri", "http://127.0.0.1:1/"),
            "http://127.0.0.1:1/ must be https, because strict refuses http",
        ),
    ],
)
def test_a_wrong_option_is_named_in_one_sentence(arguments, problem):
    ended = run("sandbox", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert re.fullmatch(rf"peeringdb-oauth: .*{problem}.*\n", ended.stderr)


def test_two_wrong_options_are_two_sentences():
    ended = run("sandbox", "--port", "-1", "--redirect-uri", "nonsense")
    assert [line.startswith("peeringdb-oauth: ") for line in ended.stderr.splitlines()] == [
        True,
        True,
    ]


def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("sandbox", "--port", str(port))
    assert ended.returncode == 2
    assert re.fullmatch(rf"peeringdb-oauth: .*port {port}: .*\n", ended.stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_sandbox_which_removes_its_file(number):
    with sandbox("--tls") as (process, said):
        ca_file = Path(settings(said)["PEERINGDB_OAUTH_CA_FILE"])
        assert ca_file.exists()
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")
    assert not ca_file.exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("--tls",), ("--strict",), ("--redirect-uri", "http://127.0.0.1:3000/callback?a=b&c=d")],
)
def test_the_printed_settings_can_be_pasted_into_a_shell(monkeypatch, arguments):
    with sandbox(*arguments) as (_, said):
        exports = "".join(line + "\n" for line in said.splitlines() if line.startswith("  export"))
        pasted = start(["/bin/sh", "-c", f"{exports}env"], {}).stdout
        for name, value in (line.split("=", 1) for line in pasted.splitlines()):
            if name.startswith("PEERINGDB_OAUTH_"):
                monkeypatch.setenv(name, value)
        config = ClientConfig.load()
        with Client(config) as client:
            login = client.authorization_request()
            context = config.ca_file and ssl.create_default_context(cafile=config.ca_file)
            with Browser(config.base_url, context) as browser:
                callback = browser.log_in("member", login.url, consent=True, second_factor="otp")
            assert client.log_in(login, callback).user.name == "Mel Member"


def test_prints_the_default_people_and_the_control_pages():
    with sandbox() as (_, said):
        assert re.search(r"^  orgadmin +\S", said, re.MULTILINE)
        for page in re.findall(r"http://\S+/sandbox/\S*", said):
            assert requests.get(page, timeout=10).ok


def test_people_come_from_a_file(tmp_path):
    people = tmp_path / "people.toml"
    people.write_text(
        '[[people]]\nlogin = "zoe"\nid = 1\ngiven_name = "Zoe"\nfamily_name = "Zone"\nemail ='
        ' "zoe@example.net"\n'
    )
    with sandbox("--people", str(people)) as (_, said):
        assert re.search(r"^  zoe  Zoe Zone\n       no networks$", said, re.MULTILINE)
        assert "orgadmin" not in said
        assert "Zoe Zone" in requests.get(url_of(said) + "/sandbox/", timeout=10).text


def test_the_database_and_the_port_can_be_chosen(tmp_path):
    port = free_port()
    with sandbox("--database", str(tmp_path / "sandbox.sqlite"), "--port", str(port)) as (_, said):
        assert url_of(said) == f"http://127.0.0.1:{port}"
        assert (tmp_path / "sandbox.sqlite").stat().st_size
        assert re.search(r"^  orgadmin +\S", said, re.MULTILINE)


def test_limits_can_be_switched_off():
    with sandbox("--no-limits") as (_, said), requests.Session() as session:
        assert {
            session.get(url_of(said) + "/profile/v1", timeout=10).status_code for _ in range(12)
        } == {403}
    with sandbox() as (_, said), requests.Session() as session:
        assert session.get(url_of(said) + "/profile/v1", timeout=10).status_code == 403
        assert {
            session.get(url_of(said) + f"/profile/v1?{i}", timeout=10).status_code
            for i in range(12)
        } == {403, 429}


def test_the_demo_logs_in_once():
    ended = start([COMMAND, "demo", "--once", "--user", "limited"])
    assert ended.returncode == 0, ended.stderr
    assert '"Lim Ited"' in ended.stdout


def test_the_demo_says_what_is_missing():
    ended = run_without("flask", "demo", "--once")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert 'pip install "peeringdb-oauth[sandbox,flask]"' in ended.stderr


def test_a_person_of_the_demo_goes_with_once():
    ended = run("demo", "--user", "limited")
    assert (ended.returncode, "--once" in ended.stderr) == (2, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_the_commands(shell):
    script = run("completion", shell).stdout
    assert "_PEERINGDB_OAUTH_COMPLETE" in script
    words = {"COMP_WORDS": "peeringdb-oauth ", "COMP_CWORD": "1"}
    completed = start(
        [COMMAND], ENVIRONMENT | words | {"_PEERINGDB_OAUTH_COMPLETE": "bash_complete"}
    )
    assert {"plain,doctor", "plain,sandbox"} <= set(completed.stdout.split())
