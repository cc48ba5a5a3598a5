"""``peeringdb-oauth gateway``: check, explain, snippet and systemd."""

import json
import os
import subprocess
import sys

import pytest
import requests
import stored_sessions
from canned_server import answering
from gateway_process import PATIENCE, await_server
from ports import free_port

from peeringdb_oauth.cli import main
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.sandbox import Sandbox
from peeringdb_oauth.web import open_session_store

KEY = "0123456789abcdef0123456789abcdef"
TOML = """
urls = ["https://lg.example.net"]
secret_key_file = "secret-key"
sessions = "sqlite:///sessions.db"
[peeringdb]
client_id = "gateway"
client_secret_file = "client-secret"
[[rule]]
path = "/public/"
allow = "everybody"
[[rule]]
path = "/members/{asn}/"
methods = ["GET", "HEAD"]
perms = "update"
"""
ADA = User(
    id=7,
    name="Ada [Admin]",
    email="ada@example.net",
    verified_user=True,
    verified_email=True,
    networks=(Network(id=1, asn=64500, name="Example Net", perms=Permission(3)),),
)
MEMBERS = "https://lg.example.net/members/64500/"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "secret-key").write_text(KEY)
    (tmp_path / "client-secret").write_text("correct-horse-battery-staple")
    (tmp_path / "gateway.toml").write_text(TOML)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("PEERINGDB_OAUTH_GATEWAY_CONFIG", raising=False)
    monkeypatch.delenv("PEERINGDB_OAUTH_CLIENT_SECRET", raising=False)
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """``run("check")``: the exit status, standard output and standard error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "gateway", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        written = capsys.readouterr()
        return ended.value.code, written.out, written.err

    return run


@pytest.fixture
def gateway(run, folder):
    """``run`` with the file of ``folder``, after the subcommand."""
    return lambda command, *arguments: run(command, "--config", folder / "gateway.toml", *arguments)


@pytest.fixture
def profile(folder):
    path = folder / "ada.json"
    path.write_text(json.dumps(ADA.to_dict()))
    return path


def begin(folder, user):
    """A session in the store, as the gateway begins it."""
    with open_session_store(f"sqlite:///{folder}/sessions.db", secrets=(KEY,)) as store:
        stored_sessions.begin(store, user, client_id="gateway")


def test_check_says_what_the_settings_mean(gateway, folder):
    status, out, err = gateway("check")
    assert (status, err) == (0, "")
    assert (
        out
        == f"""\
{folder}/gateway.toml is right.

Register these redirect URIs at PeeringDB:
  https://lg.example.net/_peeringdb/callback

The first rule that matches decides. What no rule matches is refused.
  rule 1 (path /public/)
    nothing: everybody may pass, also without a login
  rule 2 (path /members/{{asn}}/), GET, HEAD only
    an account that PeeringDB has verified, with a confirmed email address
    affiliation with the network in the path
    the right to update it

The application is told in: X-PeeringDB-ID, X-PeeringDB-Name, X-PeeringDB-Email, X-PeeringDB-ASNs, \
X-PeeringDB-Update-ASNs, X-PeeringDB-Roles
"""
    )
    role = '[[role]]\nname = "Editor"\nasn = 64500\n'
    (folder / "gateway.toml").write_text(TOML + role)
    assert "\nRoles: Editor\n" in gateway("check")[1]


def test_check_for_programs(gateway):
    status, out, _ = gateway("check", "--json")
    assert status == 0
    assert json.loads(out) == {
        "problems": [],
        "redirect_uris": ["https://lg.example.net/_peeringdb/callback"],
        "rules": ["rule 1 (path /public/)", "rule 2 (path /members/{asn}/)"],
        "roles": [],
        "headers": [
            *("X-PeeringDB-ID", "X-PeeringDB-Name", "X-PeeringDB-Email"),
            *("X-PeeringDB-ASNs", "X-PeeringDB-Update-ASNs", "X-PeeringDB-Roles"),
        ],
    }


def test_check_names_each_problem_with_its_line(gateway, folder):
    (folder / "gateway.toml").write_text(TOML.replace("update", "updat").replace("/pub", "pub"))
    problems = [
        f"{folder}/gateway.toml:9: path: must begin with a slash, such as /members/{{asn}}/",
        f'{folder}/gateway.toml:14: perms: "updat" is not possible here; did you mean update?',
    ]
    assert gateway("check") == (2, "", "".join(f"peeringdb-oauth: {one}\n" for one in problems))
    status, out, err = gateway("check", "--json")
    assert (status, err) == (2, "")
    assert json.loads(out) == {"problems": problems}


def test_the_file_with_the_settings_is_found(run, folder, monkeypatch):
    status, out, err = run("check")
    assert (status, out) == (2, "")
    assert "there is no gateway.toml and no /etc/peeringdb-oauth/gateway.toml" in err
    assert "--config or PEERINGDB_OAUTH_GATEWAY_CONFIG" in err
    assert run("--config", folder / "gateway.toml", "check")[0] == 0
    monkeypatch.setenv("PEERINGDB_OAUTH_GATEWAY_CONFIG", f"{folder}/gateway.toml")
    assert run("check")[0] == 0
    monkeypatch.setenv("PEERINGDB_OAUTH_GATEWAY_CONFIG", f"{folder}/nowhere.toml")
    assert run("check")[0] == 2
    assert run("--config", "nowhere.toml", "check", "--config", folder / "gateway.toml")[0] == 0
    monkeypatch.delenv("PEERINGDB_OAUTH_GATEWAY_CONFIG")
    monkeypatch.chdir(folder)
    status, out, _ = run("check")
    assert (status, out.splitlines()[0]) == (0, "gateway.toml is right.")


def test_explain_says_why_a_person_is_allowed(gateway, profile):
    status, out, err = gateway("explain", "--as", profile, "GET", MEMBERS)
    assert (status, err) == (0, "")
    assert (
        out
        == f"""\
Ada [Admin] (PeeringDB id 7): GET {MEMBERS}
Allowed by rule 2 (path /members/{{asn}}/).

The rule asks for:
  an account that PeeringDB has verified, with a confirmed email address
  affiliation with AS64500, the network in the path
  the right to update it

The person has:
  a verified account
  an email address that is confirmed
  perhaps a second factor: PeeringDB did not say
  AS64500 (Example Net): read and update; peering sessions: unknown

The application is told:
  x-peeringdb-id: 7
  x-peeringdb-name: Ada [Admin]
  x-peeringdb-email: ada@example.net
  x-peeringdb-asns: 64500
  x-peeringdb-update-asns: 64500
"""
    )


def test_explain_says_why_a_person_is_refused(gateway, profile):
    status, out, err = gateway("explain", "--as", profile, "GET", MEMBERS.replace("64500", "64501"))
    assert (status, err) == (1, "")
    assert "Refused by rule 2 (path /members/{asn}/)." in out
    assert "Refused because:\n  You are not affiliated with AS64501 at PeeringDB\n" in out
    assert "What to do:\n  Check the number. If it is right, an administrator of its org" in out
    assert "https://www.peeringdb.com/asn/64501" in out
    assert "The application is told" not in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["explain", "GET", "/members/"], "/members/: must be a whole URL"),
        (["explain", "--as", "nofile", "GET", MEMBERS], "--as: nofile: No such file"),
        (["explain", "--sandbox", "http://127.0.0.1:1", "GET", MEMBERS], "--sandbox: add --as"),
        (
            ["explain", "--sandbox", "http://192.0.2.1", "--as", "limited", "GET", MEMBERS],
            "--sandbox: must be a URL of this machine",
        ),
        (["snippet", "nginx", "--upstream", "localhost:3000"], "--upstream: 'localhost:3000' is"),
        (["snippet", "nginx", "--upstream", "https://lg.example.net=3000"], "--upstream: '3000'"),
        (["snippet", "nginx", "--php", "php.sock"], "--php: 'php.sock' is neither"),
        (["snippet", "nginx", "--gateway", "gateway"], "--gateway: must be an address and a port"),
        (["snippet", "caddy", "--cache"], "--cache: only nginx"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_mistyped_argument_is_named_before_the_settings(run, arguments, problem):
    status, out, err = run(*arguments)  # there is no gateway.toml here
    assert (status, out) == (2, "")
    assert err.startswith(f"peeringdb-oauth: {problem}")


def test_explain_without_a_person(gateway):
    status, out, _ = gateway("explain", "GET", MEMBERS)
    assert (status, out.splitlines()[0]) == (1, f"Somebody who is not logged in: GET {MEMBERS}")
    assert gateway("explain", "GET", "https://lg.example.net/public/x")[0] == 0
    status, out, _ = gateway("explain", "POST", MEMBERS)
    assert status == 1
    assert "Refused: no rule is about this request." in out
    status, out, _ = gateway("explain", "GET", "https://lg.example.net/public//x")
    assert "Refused, before any rule." in out


def test_explain_for_programs(gateway, profile):
    status, out, _ = gateway("explain", "--json", "--as", profile, "POST", MEMBERS)
    assert status == 1
    assert json.loads(out) == {
        "allowed": False,
        "user": {"id": 7, "name": "Ada [Admin]"},
        "rule": None,
        "asks": [],
        "has": [
            "a verified account",
            "an email address that is confirmed",
            "perhaps a second factor: PeeringDB did not say",
            "1 network",
        ],
        "reasons": [
            {"code": "no_rule", "asn": None, "text": "no rule of this site lets anybody in here"}
        ],
        "advice": [f"To open it, add a [[rule]] to {profile.parent}/gateway.toml."],
        "headers": {},
    }
    assert json.loads(gateway("explain", "--json", "GET", MEMBERS)[1])["user"] is None


def test_explain_knows_a_person_with_a_session(gateway, folder):
    begin(folder, ADA)
    assert gateway("explain", "--as", "7", "GET", MEMBERS)[0] == 0
    status, _, err = gateway("explain", "--as", "8", "GET", MEMBERS)
    assert (status, err) == (
        2,
        "peeringdb-oauth: --as: nobody with the PeeringDB id 8 has a session\n",
    )


def test_explain_makes_no_store_of_sessions(gateway, folder):
    status, _, err = gateway("explain", "--as", "7", "GET", MEMBERS)
    assert (status, err) == (
        2,
        f"peeringdb-oauth: --as: there is no file {folder}/sessions.db, so nobody has a session\n",
    )
    assert not (folder / "sessions.db").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file or directory"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        (b"\xff", "not JSON"),
        ("[]", "this is not a PeeringDB user: profile must be a JSON object"),
        ('{"id": "7"}', "this is not a PeeringDB user: id must be a whole number above 0"),
    ],
)
def test_a_wrong_profile_is_a_mistake(gateway, folder, content, problem):
    path = folder / "ada.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    status, out, err = gateway("explain", "--as", path, "GET", MEMBERS)
    assert (status, out, err) == (2, "", f"peeringdb-oauth: --as: {path}: {problem}\n")


def test_a_wrong_url_is_a_mistake(gateway):
    assert gateway("explain", "GET", "https://evil.test/")[0] == 2
    assert gateway("explain", "GET")[0] == 2
    assert gateway("explain", "GET", "/members")[0] == 2


@pytest.fixture(scope="module", params=[False, True], ids=["http", "https"])
def sandbox(request):
    with Sandbox(tls=request.param) as sandbox:
        yield sandbox


def test_explain_knows_the_people_of_a_sandbox(gateway, folder, sandbox):
    if sandbox.ca_file:
        text = TOML.replace("[[rule]]", f'ca_file = "{sandbox.ca_file}"\n[[rule]]', 1)
        (folder / "gateway.toml").write_text(text)
    sandbox.add_person("Bea Boss", networks={64500: 15})
    sandbox.add_person("Eve New", networks={64500: 15}, verified_user=False, mfa=False)

    def ask(who, *more):
        return gateway("explain", "--sandbox", sandbox.url, *who, *more, "GET", MEMBERS)

    status, out, _ = ask(["--as", "bea-boss"])
    assert (status, out.splitlines()[0].partition(" (")[0]) == (0, "Bea Boss")
    assert "\n  a second factor\n" in out
    status, out, _ = ask(["--as", "eve-new"])
    assert status == 1
    assert "\n  no second factor\n" in out
    status, _, err = ask(["--as", "nobody"])
    assert status == 2
    assert err.startswith("peeringdb-oauth: --as: nobody here is called 'nobody'; there are: ")
    status, _, err = ask([])
    assert (status, err) == (
        2,
        "peeringdb-oauth: --sandbox: add --as with a login name, such as --as limited\n",
    )


def test_explain_asks_a_sandbox_of_this_machine_only(gateway):
    for url in ("https://sandbox.example.net", "ftp://127.0.0.1", "x"):
        status, _, err = gateway("explain", "--sandbox", url, "--as", "x", "GET", MEMBERS)
        assert (status, err) == (2, "peeringdb-oauth: --sandbox: must be a URL of this machine\n")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "--sandbox: {url} does not answer: [Errno 111] Connection refused"),
        (answering(b"<html>"), "--sandbox: {url} is no sandbox"),
        (answering(b"<html>", status=404), "--as: the sandbox answered 404"),
        (answering({"error": "nobody"}, status=404), "--as: nobody"),
        (answering({}, status=500), "--as: the sandbox answered 500"),
        (answering({}), "--as: {url}: x: this is not a PeeringDB user: id must be a whole number"),
    ],
)
def test_something_else_than_a_sandbox(gateway, make_server, answer, problem):
    server = make_server()
    server.answers["/sandbox/people/x/profile"] = answer
    url = server.url if answer else "http://127.0.0.1:9"
    status, _, err = gateway("explain", "--sandbox", f"{url}/", "--as", "x", "GET", MEMBERS)
    assert status == 2
    assert err.startswith(f"peeringdb-oauth: {problem.format(url=url)}")


def test_snippet_and_systemd_print_what_the_loaded_file_needs(gateway):
    status, out, _ = gateway("snippet", "nginx", "--upstream", "http://127.0.0.1:3000")
    assert status == 0
    assert "server_name lg.example.net;" in out
    status, out, _ = gateway("systemd")
    assert status == 0
    assert "[Service]" in out
    assert gateway("snippet", "apache", "--upstream", "http://127.0.0.1:3000")[0] == 2


def test_help_names_the_subcommands(run):
    status, out, _ = run("--help")
    assert status == 0
    for command in ("check", "explain", "snippet", "systemd"):
        assert f"  {command} " in out


def test_without_a_subcommand_the_gateway_runs(folder, measured):
    port = free_port()
    (folder / "gateway.toml").write_text(f'listen = "127.0.0.1:{port}"\n{TOML}')
    command = ("from peeringdb_oauth.cli import main; main()", "gateway", "--config")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", *command, folder / "gateway.toml"],
            stdout=log,
            stderr=log,
            env=os.environ | measured,
        )
    try:
        await_server(port, process, folder / "log")
        answer = requests.get(f"http://127.0.0.1:{port}/_peeringdb/healthz", timeout=PATIENCE)
        assert answer.status_code == 200
    finally:
        process.terminate()
        status = process.wait(PATIENCE)
    assert status == 0
