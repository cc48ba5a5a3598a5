"""The demo, started as a person starts it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import demo
import pytest
import requests

from peeringdb_oauth.sandbox import Sandbox, SandboxError

COMMAND = [sys.executable, "-W", "error", demo.__file__]


def start(command, environment=None):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def run(*arguments):
    return start([*COMMAND, *arguments])


@pytest.mark.parametrize(
    ("arguments", "name", "perms"),
    [
        ((), "Ada Admin", [15, 15, 15]),
        (("--framework", "fastapi"), "Ada Admin", [15, 15, 15]),
        (("--framework", "django"), "Ada Admin", [15, 15, 15]),
        (("--user", "member"), "Mel Member", [1, 1, 1]),
        (("--user", "limited"), "Lim Ited", [15, 1, 3]),
        (("--user", "manynets"), "Many Nets", [15] * 300),
    ],
)
def test_once_prints_nothing_but_the_user(arguments, name, perms):
    ended = run("--once", *arguments)
    user = json.loads(ended.stdout)
    assert (user["name"], [network["perms"] for network in user["networks"]]) == (name, perms)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("nobody-at-all", "nobody here is called 'nobody-at-all'; there are: orgadmin, member, "),
        ("unverified", "has not verified your account"),
        ("emailunconf", "email address is not confirmed"),
        ("nonets", "lists no network for you"),
        ("nomfa", "second factor"),
    ],
)
def test_once_says_in_one_line_why_a_login_is_refused(person, reason):
    ended = run("--once", "--user", person)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(f"demo: .*{reason}.*\n", ended.stderr)


def test_what_is_set_for_other_applications_does_not_count(monkeypatch, tmp_path):
    monkeypatch.setenv("PEERINGDB_OAUTH_CLIENT_SECRET_FILE", str(tmp_path / "not-there"))
    monkeypatch.setenv("PEERINGDB_OAUTH_SCOPE", "profile")
    assert json.loads(run("--once").stdout)["email"] == "orgadmin@example.net"


def test_an_unknown_framework_is_refused():
    ended = run("--framework", "cobol")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "choose from" in ended.stderr


def test_a_person_without_once_is_refused():
    ended = run("--user", "member")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.endswith("demo: error: --user goes with --once\n")


@pytest.mark.parametrize(
    ("framework", "number"),
    [
        ("flask", signal.SIGINT),
        ("flask", signal.SIGTERM),
        ("flask", signal.SIGHUP),
        ("fastapi", signal.SIGINT),
        ("django", signal.SIGINT),
    ],
)
def test_runs_until_interrupted_and_leaves_nothing_behind(monkeypatch, tmp_path, framework, number):
    for display in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(display, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [*COMMAND, "--framework", framework]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            portal, pdb = (
                re.search(r"portal +(\S+)", said)[1],
                re.search(r"PeeringDB +(\S+)", said)[1],
            )
            assert "Log in with PeeringDB" in requests.get(portal, timeout=10).text
            assert requests.get(pdb, timeout=10).ok
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    for address in (portal, pdb):
        with pytest.raises(requests.ConnectionError):
            requests.get(address, timeout=10)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def signals():
    """Restores the handlers of signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_ends_when_peeringdb_does(monkeypatch, capsys):
    monkeypatch.setattr(demo.Sandbox, "wait", Sandbox.close)
    monkeypatch.setattr(demo, "open_browser", lambda _: None)
    assert demo.main([]) == 1
    assert capsys.readouterr().err == "demo: the local PeeringDB has ended\n"


@pytest.mark.usefixtures("signals")
def test_a_hangup_that_is_ignored_stays_ignored(capsys):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert demo.main(["--once"]) == 0
    assert "Ada Admin" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


@pytest.mark.usefixtures("signals")
def test_a_second_hangup_does_not_interrupt_the_end():
    with pytest.raises(KeyboardInterrupt):
        demo.interrupt(signal.SIGHUP, None)
    signal.raise_signal(signal.SIGHUP)


def test_an_outage_of_peeringdb_is_reported(pdb):
    with demo.running_portal(pdb) as portal:
        pdb.fault("outage", times=1)
        with pytest.raises(SandboxError, match="Service Unavailable"):
            demo.log_in(pdb, portal, "member")


def test_an_outage_that_the_portal_meets_is_reported(pdb):
    with demo.running_portal(pdb) as portal:
        pdb.fault("outage", path="/oauth2/token/", times=1)
        with pytest.raises(
            demo.LoginFailed, match=r"answers 502, PeeringDB is not available: .*Try again"
        ):
            demo.log_in(pdb, portal, "member")


@pytest.mark.parametrize(("display", "opened"), [("", []), (":0", ["http://127.0.0.1:5000"])])
def test_opens_a_browser_only_where_there_is_a_screen(monkeypatch, display, opened):
    addresses = []
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.setattr(demo.webbrowser, "open", addresses.append)
    demo.open_browser("http://127.0.0.1:5000")
    assert addresses == opened


def test_a_browser_that_does_not_start_is_no_failure(monkeypatch):
    def fail(_):
        raise demo.webbrowser.Error

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(demo.webbrowser, "open", fail)
    demo.open_browser("http://127.0.0.1:5000")


EXAMPLES = str(Path(demo.__file__).parent)


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "flask", "--app", f"{EXAMPLES}/portal", "routes"],
        ["-m", "django", "check", "--fail-level", "WARNING", "--verbosity", "3"],
        ["-c", "from portal_fastapi import app; print(app.title)"],
    ],
)
def test_each_portal_also_starts_by_itself(tmp_path, command):
    settings = {
        "CLIENT_ID": "id",
        "CLIENT_SECRET": "a-secret-of-32-characters-or-more",
        "REDIRECT_URI": "https://portal.example.net/login/peeringdb/callback",
    }
    environment = {f"PEERINGDB_OAUTH_{name}": value for name, value in settings.items()}
    more = {
        "PYTHONPATH": EXAMPLES,
        "DJANGO_SETTINGS_MODULE": "portal_django.settings",
        "EXCHANGE_DATABASE": str(tmp_path / "exchange"),
    }
    ended = start([sys.executable, *command], environment | more)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("missing", ["requests", "flask"])
def test_names_what_is_not_installed(missing):
    program = (
        f"import sys, runpy; sys.modules['{missing}'] = None; sys.argv = ['demo'];"
        f" runpy.run_path({demo.__file__!r}, run_name='__main__')"
    )
    ended = start([sys.executable, "-c", program], {"PYTHONPATH": EXAMPLES})
    assert (ended.returncode, ended.stderr) == (
        1,
        f"demo: {missing} is not installed: `make demo` sets everything up\n",
    )
