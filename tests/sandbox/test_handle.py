"""The sandbox's process: starts fast, says why it cannot, serves many at once, ends
with its owner, keeps its database.
"""

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import Client, ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox import Sandbox, SandboxError

pytestmark = pytest.mark.server
PEOPLE = Path(__file__).parent / "people"
JWKS = "/oauth2/.well-known/jwks.json"


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def gone_within(seconds: float, check) -> bool:
    """Whether the check comes true in time. Another process ends when it does: there is
    nothing to wait on but the clock.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return True
        threading.Event().wait(0.02)
    return False


def test_is_ready_within_three_seconds():
    begun = time.monotonic()
    with Sandbox():
        assert time.monotonic() - begun < 3


def test_importing_it_imports_no_django():
    code = (
        "import sys, peeringdb_oauth.sandbox; sys.exit('django' in sys.modules or 'requests' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_has_an_application_for_newcomers(web_for):
    with Sandbox(tls=False) as pdb:
        app = pdb.application
        assert (app.client_id, app.client_secret) == (
            "sandbox-client",
            "sandbox-secret-not-for-production",
        )
        assert app.redirect_uris == tuple(
            f"http://{host}:5000/login/peeringdb/callback" for host in ("127.0.0.1", "localhost")
        )
        assert web_for(pdb).tokens(app, "member")["access_token"]


def test_the_application_for_newcomers_needs_no_http_with_tls(pdb):
    app = pdb.application
    config = ClientConfig(
        client_id=app.client_id,
        client_secret=app.client_secret,
        redirect_uri=app.redirect_uris[0],
        base_url=pdb.url,
        ca_file=pdb.ca_file,
    )
    with Client(config) as client:
        request = client.authorization_request()
        assert client.log_in(request, pdb.log_in("member", request.url)).user.name == "Mel Member"


def test_speaks_http_without_tls_and_https_with_it(pdb):
    with Sandbox(tls=False) as plain:
        assert plain.url.startswith("http://127.0.0.1:")
        assert plain.ca_file is None
    assert pdb.url.startswith("https://127.0.0.1:")
    assert not pdb.url.endswith("/")
    assert "BEGIN CERTIFICATE" in Path(pdb.ca_file).read_text(encoding="ascii")


def test_ends_and_cleans_up():
    with Sandbox() as pdb:
        port, ca_file = urlsplit(pdb.url).port, Path(pdb.ca_file)
        assert ca_file.exists()
    assert refused(port)
    assert not ca_file.exists()
    with pytest.raises(SandboxError, match="not running"):
        _ = pdb.url


def test_can_be_started_and_closed_by_hand_and_again():
    sandbox = Sandbox(tls=False)
    first = sandbox.start().url
    with pytest.raises(SandboxError, match="running already"):
        sandbox.start()
    sandbox.close()
    sandbox.close()
    assert sandbox.start().url
    assert first
    sandbox.close()
    sandbox.wait()


def test_ends_when_its_owner_is_killed():
    code = (
        "import sys; from peeringdb_oauth.sandbox import Sandbox;"
        " print(Sandbox(tls=False).start().url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        port = urlsplit(owner.stdout.readline().decode().strip()).port
        assert not refused(port)
        owner.kill()
    assert gone_within(5, lambda: refused(port))


def test_two_sandboxes_do_not_meet():
    with Sandbox(tls=False) as one, Sandbox(tls=False) as two:
        assert one.url != two.url
        one.fault("outage")
        assert http_status(two) == 200
        assert http_status(one) == 503


def http_status(pdb: Sandbox) -> int:
    connection = http.client.HTTPConnection(urlsplit(pdb.url).netloc, timeout=10)
    connection.request("GET", JWKS)
    status = connection.getresponse().status
    connection.close()
    return status


def test_says_that_a_port_is_taken(pdb):
    with (
        pytest.raises(ConfigurationError, match=r"cannot listen on 127\.0\.0\.1 port"),
        Sandbox(port=urlsplit(pdb.url).port),
    ):
        pass


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.net"])  # noqa: S104 - refused
def test_binds_loopback_only(host):
    with (
        pytest.raises(ConfigurationError, match="host must be a loopback address"),
        Sandbox(host=host),
    ):
        pass


def test_names_every_problem_of_its_options_at_once():
    with (
        pytest.raises(ConfigurationError) as caught,
        Sandbox(host="192.0.2.1", port=70_000, redirect_uris=["callback"]),
    ):
        pass
    assert len(caught.value.problems) == 3


def test_names_every_problem_of_a_people_file(tmp_path):
    path = tmp_path / "people.toml"
    path.write_text('[[people]]\nlogin = "Ada"\nid = 0\n', encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught, Sandbox(people=path):
        pass
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize("name", ["people.toml", "people.json"])
def test_a_file_replaces_the_people(web_for, name):
    with Sandbox(tls=False, people=PEOPLE / name) as pdb:
        web = web_for(pdb)
        app = pdb.register("https://app.example.net/callback")
        assert [
            network["perms"]
            for network in web.get("/profile/v1", web.tokens(app, "ed")["access_token"]).json()[
                "networks"
            ]
        ] == [3, 1]
        assert {web.get(path).status for path in ("/sandbox/", "/sandbox/people/new.comer/")} == {
            200,
        }
        assert (
            web.get("/profile/v1", web.tokens(app, "new.comer")["access_token"]).json()[
                "verified_user"
            ]
            is False
        )
        with pytest.raises(
            SandboxError,
            match=r"nobody here is called 'orgadmin'; there are: ed, new\.comer$",
        ):
            pdb.log_in("orgadmin", web.authorization_url(app))


def test_a_database_file_survives_a_restart_with_people_tokens_sessions_and_keys(
    tmp_path,
    web_for,
    visitor_for,
):
    database = tmp_path / "sandbox.sqlite"
    with Sandbox(database=database) as pdb:
        web = web_for(pdb)
        app = pdb.register("https://app.example.net/callback")
        token, jwks = web.tokens(app, "member"), web.get(JWKS).json()
        pdb.change("member", networks={64500: 7})
        visitor = visitor_for(pdb)
        visitor.press(visitor.get("/account/login/"), person="emailunconf")
        ca = Path(pdb.ca_file).read_bytes()
    with Sandbox(database=database) as pdb:
        web = web_for(pdb)
        assert Path(pdb.ca_file).read_bytes() == ca
        assert Path(pdb.ca_file).is_absolute()
        assert web.get(JWKS).json() == jwks
        visitor.pdb = pdb
        assert "Em Unconf" in visitor.get("/").text
        assert web.get("/profile/v1", token["access_token"]).json()["networks"][0]["perms"] == 7
        assert web.refresh(app, token["refresh_token"]).status == 200
    for _ in range(2):
        with Sandbox(database=database, people=PEOPLE / "people.toml") as pdb:
            web = web_for(pdb)
            assert web.refresh(app, token["refresh_token"]).json() == {"error": "invalid_grant"}
            assert web.tokens(app, "ed")


def test_nobody_else_can_read_the_database_and_no_link_is_followed(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("precious", encoding="utf-8")
    (tmp_path / "sandbox.sqlite.ca.pem").symlink_to(precious)
    with Sandbox(database=tmp_path / "sandbox.sqlite"):
        modes = {
            path.name: path.stat().st_mode & 0o077 for path in tmp_path.glob("sandbox.sqlite*")
        }
    assert modes
    assert set(modes.values()) == {0}
    assert precious.read_text(encoding="utf-8") == "precious"


def test_modules_in_the_working_directory_are_not_run(tmp_path, monkeypatch):
    (tmp_path / "trustme.py").write_text(
        "raise SystemExit('somebody else was run')",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    with Sandbox() as pdb:
        assert pdb.url


def test_says_that_a_database_cannot_be_used(tmp_path):
    path = tmp_path / "text.sqlite"
    path.write_text("this is no database " * 100, encoding="utf-8")
    with (
        pytest.raises(ConfigurationError, match="the database cannot be used"),
        Sandbox(database=path),
    ):
        pass


def test_connections_are_kept(web):
    web.get(JWKS)
    before = web.connection.sock
    assert all(
        web.get(path).status
        for path in (JWKS, "/profile/v1", "/", "/oauth2/token/", "/oauth2/token")
    )
    assert web.connection.sock is before


def test_a_silent_handshake_holds_up_nobody(pdb, web_for):
    parts = urlsplit(pdb.url)
    with socket.create_connection((parts.hostname, parts.port)):
        assert web_for(pdb).get(JWKS).status == 200


def test_a_client_that_does_not_trust_it_does_no_harm(pdb, web):
    parts = urlsplit(pdb.url)
    connection = http.client.HTTPSConnection(
        parts.netloc,
        timeout=10,
        context=ssl.create_default_context(),
    )
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request("GET", "/")
    connection.close()
    assert web.get(JWKS).status == 200


def test_takes_no_notice_of_proxies_and_settings_of_its_surroundings(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "nowhere.settings")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("HTTP_AUTHORIZATION", "Basic eDp5")  # looks like a header to CGI
    with Sandbox(tls=False) as pdb:
        assert pdb.register("https://app.example.net/callback")
        assert http_status(pdb) == 200


def test_ctrl_c_is_for_its_owner(pdb):
    assert os.getsid(pdb._process.pid) != os.getsid(0)


@contextlib.contextmanager
def run(*arguments: str):
    command = [sys.executable, "-m", "peeringdb_oauth.sandbox", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def test_runs_in_the_foreground_until_ended_and_logs_no_secrets():
    with run("--no-limits", "--redirect-uri", "http://localhost:1/cb") as process:
        told = dict(process.stdout.readline().decode().strip().split(": ", 1) for _ in range(4))
        connection = http.client.HTTPConnection(urlsplit(told["url"]).netloc, timeout=10)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        for method, path, body, headers in (
            (
                "POST",
                "/oauth2/token/?code=in-the-query",
                "client_secret=in-the-body",
                form | {"Authorization": "Bearer in-a-header"},
            ),
            (
                "POST",
                "/oauth2/token/",
                "grant_type=password&username=in-the-body&client_id=sandbox-client",
                form,
            ),
            (
                "GET",
                "/profile/v1?access_token=in-the-query",
                None,
                {"Cookie": "oauth_session=in-a-header"},
            ),
        ):
            connection.request(method, path, body, headers)
            connection.getresponse().read()
        connection.close()
        process.terminate()
        _, log = process.communicate(timeout=10)
    assert (told["client_id"], set(told)) == (
        "sandbox-client",
        {"url", "client_id", "client_secret", "control_token"},
    )
    assert log.decode().splitlines()[0] == "POST /oauth2/token/ 400"
    assert not [
        word
        for word in (b"in-the-query", b"in-the-body", b"in-a-header", b"Traceback")
        if word in log
    ]
    assert process.returncode == 0


def test_the_foreground_ends_with_its_terminal_and_cleans_up():
    with run("--tls") as process:
        told = dict(process.stdout.readline().decode().strip().split(": ", 1) for _ in range(5))
        process.send_signal(signal.SIGHUP)
        _, log = process.communicate(timeout=10)
    assert (process.returncode, log, Path(told["ca_file"]).exists()) == (0, b"", False)


def test_an_interruption_before_the_first_request_ends_it_quietly():
    code = (
        "import signal; from peeringdb_oauth.sandbox import Options, serve;"
        " serve(options=Options(), ready=lambda started: signal.raise_signal(signal.SIGINT))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_foreground_says_why_it_cannot_start():
    with run("--host", "0.0.0.0") as process:  # noqa: S104 - refused
        _, log = process.communicate(timeout=10)
    assert process.returncode == 2
    assert log.decode().startswith("sandbox: host must be a loopback address")


def test_an_owner_without_the_extra_is_told_what_to_install(tmp_path):
    (tmp_path / "django").mkdir()
    (tmp_path / "django" / "__init__.py").write_text(
        "raise ModuleNotFoundError(name='django')",
        encoding="utf-8",
    )
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    code = "from peeringdb_oauth.sandbox import Sandbox\nSandbox().start()"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        check=False,
    )
    assert b'pip install "peeringdb-oauth[sandbox]"' in done.stderr


def test_the_reprs_of_what_it_tells_hold_no_secret(pdb):
    assert pdb.application.client_secret not in repr(pdb.application)
    assert pdb.control_token not in repr(pdb._started)
