"""The login of a person at a terminal, in processes of their own, at a sandbox."""

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
import requests
from ports import free_port
from urllib3.exceptions import InsecureRequestWarning

from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

COMMAND = shutil.which("peeringdb-oauth", path=sysconfig.get_path("scripts"))
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(tls=True) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_faults(sandbox):
    yield
    sandbox.clear_faults()
    sandbox.reset_limits()  # all terminals have one address


class Terminal:
    """A terminal of one person, with a keyring and a browser of their own."""

    def __init__(self, sandbox, home, measured, *, scheme="https"):
        self.sandbox = sandbox
        self.port = free_port()
        self.redirect_uri = f"{scheme}://localhost:{self.port}/callback"
        application = sandbox.register(self.redirect_uri)
        self.keyring, self.page = home / "keyring.json", home / "page.html"
        self.environment = (
            {
                name: value
                for name, value in os.environ.items()
                if not name.startswith("PEERINGDB_OAUTH_")
            }
            | measured
            | {
                "BROWSER": f"{sys.executable} {SUPPORT / 'person_at_browser.py'} %s",
                "HOME": str(home),
                "KEYRING_FILE": str(self.keyring),
                "PAGE": str(self.page),
                "PEERINGDB_OAUTH_BASE_URL": sandbox.url,
                "PEERINGDB_OAUTH_CA_FILE": sandbox.ca_file or "",
                "PEERINGDB_OAUTH_CLIENT_ID": application.client_id,
                "PEERINGDB_OAUTH_CLIENT_SECRET": application.client_secret,
                "PEERINGDB_OAUTH_REDIRECT_URI": self.redirect_uri,
                "PERSON": "limited",
                "PYTHONPATH": str(SUPPORT),
                "PYTHON_KEYRING_BACKEND": "file_keyring.FileKeyring",
                "XDG_CONFIG_HOME": str(home / "config"),
            }
        )
        if scheme == "http":
            self.environment["PEERINGDB_OAUTH_ALLOW_HTTP"] = "yes"

    def run(self, *arguments, **environment):
        """The process of a command that has ended."""
        return subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment | environment,
        )

    def type_into(self, *arguments, answers):
        """The exit status of a command at a real terminal, and what stands there.

        ``answers``: gets the text so far, and returns what the person types, or None
        while they read.
        """
        process, terminal = pty.fork()
        if process == 0:
            os.execve(COMMAND, [COMMAND, *arguments], self.environment)  # noqa: S606
        text = ""
        while True:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # the command has ended
                break
            if not chunk:
                break
            text += chunk.decode()
            answer = answers(text)
            if answer is not None:
                os.write(terminal, f"{answer}\n".encode())
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), text

    def visit(self, url):
        """The status of a page, for somebody who looks past the certificate."""
        with pytest.warns(InsecureRequestWarning):
            return requests.get(url, verify=False, timeout=10).status_code  # noqa: S501

    def kept(self):
        """What the keyring holds."""
        [text] = json.loads(self.keyring.read_text()).values()
        return json.loads(text)

    def change(self, **fields):
        """Change fields of the kept token."""
        entries = json.loads(self.keyring.read_text())
        [(name, text)] = entries.items()
        value = json.loads(text)
        value["token"] |= fields
        self.keyring.write_text(json.dumps({name: json.dumps(value)}))

    def secrets(self):
        token = self.kept()["token"]
        return [token["access_token"], token["refresh_token"], self.client_secret]

    @property
    def client_secret(self):
        return self.environment["PEERINGDB_OAUTH_CLIENT_SECRET"]


@pytest.fixture
def terminal(sandbox, tmp_path, measured):
    return Terminal(sandbox, tmp_path, measured)


@pytest.fixture
def logged_in(terminal):
    ended = terminal.run("login")
    assert ended.returncode == 0, ended.stderr
    return terminal


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_a_person_logs_in_with_a_browser(sandbox, tmp_path, measured, scheme):
    terminal = Terminal(sandbox, tmp_path, measured, scheme=scheme)
    ended = terminal.run("login")
    assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, "Lim Ited (PeeringDB id 3)")
    assert ("certificate" in ended.stderr) == (scheme == "https")
    assert terminal.page.read_text().startswith("200 ")
    assert "You are logged in as Lim Ited" in terminal.page.read_text()
    for secret in terminal.secrets():
        assert secret not in ended.stdout + ended.stderr + terminal.page.read_text()


def test_the_login_shows_the_user_for_programs(terminal):
    ended = terminal.run("login", "--json")
    assert json.loads(ended.stdout)["id"] == 3


def test_a_login_that_the_person_cancels_changes_nothing(terminal):
    ended = terminal.run("login", CONSENT="no")
    assert ended.returncode == 1
    assert "cancel" in ended.stderr
    assert terminal.page.read_text().startswith("400 ")
    assert not terminal.keyring.exists()


def test_an_answer_that_belongs_to_no_login_does_not_end_the_wait(terminal):
    process = subprocess.Popen(
        [COMMAND, "login", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=terminal.environment | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        said = ""
        while "Waiting" not in said:
            line = process.stderr.readline()
            assert line
            said += line
        url = next(word for word in said.split() if "/oauth2/authorize/" in word)
        for query in ("state=other&code=other", "state=%ff", "a" * 9000):
            assert terminal.visit(f"{terminal.redirect_uri}?{query}") == 400
        assert terminal.visit(f"https://localhost:{terminal.port}/") == 404
        person = [sys.executable, SUPPORT / "person_at_browser.py", url]
        subprocess.run(person, env=terminal.environment, check=True, timeout=60)
        out, _ = process.communicate(timeout=30)
        assert "Lim Ited" in out
    finally:
        process.kill()
        process.communicate()


def test_the_address_is_pasted_where_no_browser_reaches_this_machine(terminal, sandbox):
    pasted = []

    def answers(text):
        if text.count("Paste it here") <= len(pasted):
            return None
        if not pasted:
            pasted.append("half an address")
        else:
            url = next(word for word in text.split() if "/oauth2/authorize/" in word)
            pasted.append(sandbox.log_in("limited", url))
        return pasted[-1]

    status, text = terminal.type_into("login", "--paste", answers=answers)
    assert (status, len(pasted)) == (0, 2)
    assert "This does not serve" in text
    assert "Lim Ited (PeeringDB id 3)" in text
    assert pasted[1] not in text  # it has the code
    assert terminal.kept()["user_id"] == 3


def test_a_redirect_uri_elsewhere_needs_the_address_pasted(terminal):
    ended = terminal.run("login", PEERINGDB_OAUTH_REDIRECT_URI="https://portal.example.net/cb")
    assert ended.returncode == 2
    assert "--paste" in ended.stderr


def test_a_port_that_is_taken_is_named(terminal):
    with socket.create_server(("127.0.0.1", terminal.port)):
        ended = terminal.run("login")
    assert ended.returncode == 2
    assert f"port {terminal.port} cannot be used" in ended.stderr
    assert "--paste" in ended.stderr


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"KEYRING_LOCKED": "yes"}, "unlock it"),
        ({"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}, "has no keyring"),
    ],
)
def test_without_a_keyring_nobody_is_asked_to_log_in(terminal, environment, sentence):
    ended = terminal.run("login", **environment)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "/oauth2/authorize/" not in ended.stderr


def test_nobody_is_logged_in_at_first(terminal):
    for command in (["whoami"], ["explain", "AS64500"]):
        ended = terminal.run(*command)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "nobody is logged in: log in with peeringdb-oauth login" in ended.stderr


def test_whoami_shows_the_rights_as_of_now(logged_in):
    ended = logged_in.run("whoami")
    assert ended.returncode == 0
    for word in ("limited@example.net", "Second factor: used", "AS64501", "Example Net Two"):
        assert word in ended.stdout
    user = json.loads(logged_in.run("whoami", "--json").stdout)
    assert [network["asn"] for network in user["networks"]] == [64500, 64501, 65550]
    assert user["amr"] == ["pwd", "otp", "mfa"]


def test_an_expired_token_is_refreshed_and_the_second_factor_remembered(logged_in):
    before = logged_in.kept()["token"]["access_token"]
    logged_in.change(expires_at=int(time.time()))
    assert "Second factor: used" in logged_in.run("whoami").stdout
    assert logged_in.kept()["token"]["access_token"] != before


def test_a_token_that_peeringdb_refuses_early_is_refreshed(logged_in):
    logged_in.change(access_token="x" * 30)
    assert logged_in.run("whoami").returncode == 0
    assert logged_in.kept()["token"]["access_token"] != "x" * 30


def test_two_commands_at_once_refresh_once(logged_in):
    logged_in.change(expires_at=int(time.time()))
    processes = [
        subprocess.Popen(
            [COMMAND, "whoami"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=logged_in.environment,
        )
        for _ in range(3)
    ]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")


def test_a_login_that_peeringdb_has_ended_is_forgotten(logged_in, sandbox):
    sandbox.revoke_tokens("limited")
    ended = logged_in.run("whoami")
    assert ended.returncode == 1
    assert "PeeringDB has ended the login: log in with peeringdb-oauth login" in ended.stderr
    assert "nobody is logged in" in logged_in.run("whoami").stderr


def test_an_outage_forgets_nothing(logged_in, sandbox):
    sandbox.fault("outage")
    for command in ("whoami", "logout"):
        ended = logged_in.run(command)
        assert (ended.returncode, ended.stdout) == (3, "")
    sandbox.clear_faults()
    assert logged_in.run("whoami").returncode == 0


def test_a_kept_login_that_cannot_be_read_counts_as_none(logged_in):
    entries = json.loads(logged_in.keyring.read_text())
    logged_in.keyring.write_text(json.dumps(dict.fromkeys(entries, "[]")))
    assert logged_in.run("whoami").returncode == 1
    assert logged_in.run("login").returncode == 0


def test_a_logout_revokes_the_tokens(logged_in):
    token = logged_in.kept()["token"]["access_token"]
    assert logged_in.run("logout").stdout == "Logged out.\n"
    profile = requests.get(
        f"{logged_in.sandbox.url}/profile/v1",
        headers={"Authorization": f"Bearer {token}"},
        verify=logged_in.sandbox.ca_file,
        timeout=10,
    )
    assert profile.status_code == 403
    assert json.loads(logged_in.run("logout", "--json").stdout) == {"logged_out": False}
    assert logged_in.run("logout").stdout == "Nobody was logged in.\n"


def test_a_second_login_revokes_the_tokens_of_the_first(logged_in):
    first = logged_in.kept()["token"]["access_token"]
    assert logged_in.run("login", PERSON="orgadmin").returncode == 0
    assert logged_in.kept()["user_id"] == 1
    profile = requests.get(
        f"{logged_in.sandbox.url}/profile/v1",
        headers={"Authorization": f"Bearer {first}"},
        verify=logged_in.sandbox.ca_file,
        timeout=10,
    )
    assert profile.status_code == 403


def test_explain_says_what_is_missing_and_whom_to_ask(logged_in):
    ended = logged_in.run("explain", "as64501")
    assert ended.returncode == 0
    answers = dict(re.findall(r"^  (\w+(?: \w+)*)  +(yes|no)\b", ended.stdout, re.MULTILINE))
    assert answers == {
        "read": "yes",
        "update": "no",
        "create": "no",
        "delete": "no",
        "manage sessions": "yes",
    }
    assert "An administrator of the organisation of AS64501 can give you" in ended.stdout
    assert "https://www.peeringdb.com/asn/64501" in ended.stdout


def test_explain_of_a_network_of_others(logged_in):
    ended = logged_in.run("explain", "64496", "--json")
    assert ended.returncode == 1
    answer = json.loads(ended.stdout)
    assert (answer["asn"], answer["network"]) == (64496, None)
    assert not any(answer["allowed"].values())
    assert answer["reasons"]["read"][0]["code"] == "not_affiliated"
    assert "can affiliate you" in logged_in.run("explain", "64496").stdout


def test_explain_of_a_network_with_all_rights_asks_nobody(logged_in):
    assert "administrator" not in logged_in.run("explain", "64500").stdout


@pytest.mark.parametrize("asn", ["0", "AS", "4294967296", "64500x", "٦٤٥٠٠"])
def test_what_is_no_as_number_is_named(logged_in, asn):
    ended = logged_in.run("explain", asn)
    assert ended.returncode == 2
    assert "is not an AS number" in ended.stderr


def openid(terminal, **application):
    """A terminal whose application asks for ID tokens."""
    registered = terminal.sandbox.register(terminal.redirect_uri, **application)
    terminal.environment |= {
        "PEERINGDB_OAUTH_CLIENT_ID": registered.client_id,
        "PEERINGDB_OAUTH_CLIENT_SECRET": registered.client_secret,
        "PEERINGDB_OAUTH_SCOPE": "openid profile email networks amr",
    }
    return terminal


def examined(terminal, *arguments, **environment):
    """The exit status of the doctor, and its findings by their check."""
    ended = terminal.run("doctor", "--login", "--json", *arguments, **environment)
    findings = json.loads(ended.stdout)
    return ended.returncode, {finding["check"]: finding for finding in findings}


def test_the_doctor_tries_a_login_and_leaves_nothing(terminal):
    status, findings = examined(openid(terminal))
    assert status == 0
    for check in ("login", "refresh", "revocation"):
        assert findings[check]["status"] == "ok"
    assert not terminal.keyring.exists()


@pytest.mark.parametrize("algorithm", ["HS256", None])
def test_the_doctor_names_an_algorithm_that_does_not_serve(terminal, algorithm):
    status, findings = examined(openid(terminal, algorithm=algorithm))
    assert (status, findings["login"]["status"]) == (1, "problem")
    assert "RS256" in findings["login"]["seen"] + findings["login"]["remedy"]


@pytest.mark.parametrize(
    ("fault", "status"), [("refresh_race", "warning"), ("refresh_lost", "problem")]
)
def test_the_doctor_names_a_refresh_that_came_second(terminal, sandbox, fault, status):
    sandbox.fault(fault)
    _, findings = examined(openid(terminal))
    assert findings["refresh"]["status"] == status
    assert "Refresh each session in one place" in findings["refresh"]["remedy"]


def test_the_doctor_says_what_the_account_lacks(terminal):
    _, findings = examined(terminal, PERSON="unverified")
    assert findings["login"]["seen"]
    assert (
        "not verified this account" in terminal.run("doctor", "--login", PERSON="unverified").stdout
    )


def test_the_doctor_names_tokens_that_cannot_be_revoked(terminal, sandbox):
    sandbox.fault("error_500", path="/oauth2/revoke_token/")
    status, findings = examined(terminal)
    assert (status, findings["revocation"]["status"]) == (1, "problem")


def test_a_login_that_the_person_cancels_is_a_finding(terminal):
    status, findings = examined(terminal, CONSENT="no")
    assert (status, findings["login"]["status"]) == (1, "problem")
