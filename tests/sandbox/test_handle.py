"""The handle of a sandbox: start and stop the process, and why it does not start."""

import http.client
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import Client, ClientConfig, sandbox
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox import Sandbox, SandboxError

PEOPLE = Path(__file__).parent / "people"
JWKS = "/oauth2/.well-known/jwks.json"


def refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def gone_within(seconds: float, check) -> bool:
    """Whether the check becomes true in time.

    It is about another process, so there is nothing to wait for except time.
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


def test_importing_the_sandbox_does_not_import_django():
    code = (
        "import sys, peeringdb_oauth.sandbox; sys.exit('django' in sys.modules or 'requests' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_example_in_the_docstring_of_the_package_works(capsys):
    _, _, example = sandbox.__doc__.partition("use it like this::\n\n")
    code, _, _ = example.partition("\n\nIn pytest")
    exec(textwrap.dedent(code), {})  # noqa: S102
    printed, _, _ = code.partition("print(user.name, user.asns)  # ")[2].partition("\n")
    assert capsys.readouterr().out == f"{printed}\n"
    assert printed


def test_has_a_default_application(web_for):
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


def test_the_default_application_works_with_tls(pdb):
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


def test_close_ends_the_process_and_removes_its_file():
    with Sandbox() as pdb:
        port, ca_file = urlsplit(pdb.url).port, Path(pdb.ca_file)
        assert ca_file.exists()
    assert refused(port)
    assert not ca_file.exists()
    with pytest.raises(SandboxError, match="not running"):
        _ = pdb.url


def test_can_be_started_closed_and_started_again():
    pdb = Sandbox(tls=False)
    assert pdb.start().url
    with pytest.raises(SandboxError, match="running already"):
        pdb.start()
    pdb.close()
    pdb.close()
    assert pdb.start().url
    pdb.close()
    pdb.wait()


def test_ends_when_the_parent_process_is_killed():
    code = (
        "import sys; from peeringdb_oauth.sandbox import Sandbox;"
        " print(Sandbox(tls=False).start().url, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        port = urlsplit(owner.stdout.readline().decode().strip()).port
        assert not refused(port)
        owner.kill()
    assert gone_within(5, lambda: refused(port))


def test_two_sandboxes_are_independent():
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


def test_names_the_port_if_it_is_taken(pdb):
    with (
        pytest.raises(
            ConfigurationError, match=r"cannot listen on 127\.0\.0\.1 port.*; choose another port$"
        ),
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
            200
        }
        assert (
            web.get("/profile/v1", web.tokens(app, "new.comer")["access_token"]).json()[
                "verified_user"
            ]
            is False
        )
        with pytest.raises(
            SandboxError, match=r"nobody here is called 'orgadmin'; there are: ed, new\.comer$"
        ):
            pdb.log_in("orgadmin", web.authorization_url(app))


def test_modules_in_the_working_directory_are_not_run(tmp_path, monkeypatch):
    (tmp_path / "trustme.py").write_text(
        "raise SystemExit('somebody else was run')", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with Sandbox() as pdb:
        assert pdb.url


def test_ignores_proxies_and_settings_of_the_environment(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "nowhere.settings")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("HTTP_AUTHORIZATION", "Basic eDp5")  # CGI would take it for a header
    with Sandbox(tls=False) as pdb:
        assert pdb.register("https://app.example.net/callback")
        assert http_status(pdb) == 200


def test_ctrl_c_reaches_the_parent_process_only(pdb):
    assert os.getsid(pdb._process._process.pid) != os.getsid(0)


def test_names_the_extra_to_install_if_django_is_missing(tmp_path):
    (tmp_path / "django").mkdir()
    (tmp_path / "django" / "__init__.py").write_text(
        "raise ModuleNotFoundError(name='django')", encoding="utf-8"
    )
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    code = "from peeringdb_oauth.sandbox import Sandbox\nSandbox().start()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, check=False
    )
    assert b'pip install "peeringdb-oauth[sandbox]"' in done.stderr


def test_the_reprs_contain_no_secret(pdb):
    assert pdb.application.client_secret not in repr(pdb.application)
    assert pdb.control_token not in repr(pdb._process.started)
