"""``peeringdb-oauth doctor`` at a sandbox: each trap is named, and no other."""

import json
import ssl
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
import requests
import trustme
from flask import Flask
from ports import free_port

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.cli import main
from peeringdb_oauth.integrations.flask import PeeringDB
from peeringdb_oauth.sandbox import Sandbox
from peeringdb_oauth.tls import tls_context

SECRET_KEY = "0123456789abcdef0123456789abcdef"
HASH = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA"
PATH = "/login/peeringdb/callback"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(tls=False) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _fresh(request, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()
    if "sandbox" in request.fixturenames:
        sandbox = request.getfixturevalue("sandbox")
        sandbox.clear_faults()
        sandbox.reset_limits()


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        pass


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def serving(application, port):
    with make_server("127.0.0.1", port, application, ThreadingServer, QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def settings(sandbox, monkeypatch):
    """Sets variables of the environment; at first all is well."""
    redirect_uri = f"http://127.0.0.1:{free_port()}{PATH}"
    application = sandbox.register(redirect_uri)

    def settings(**changes):
        for name, value in changes.items():
            if value is None:
                monkeypatch.delenv(f"PEERINGDB_OAUTH_{name}", raising=False)
            else:
                monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)

    settings(
        BASE_URL=sandbox.url,
        CLIENT_ID=application.client_id,
        CLIENT_SECRET=application.client_secret,
        REDIRECT_URI=redirect_uri,
        ALLOW_HTTP="yes",
    )
    return settings


@pytest.fixture
def doctor(monkeypatch, capsys):
    """``doctor(...)``: the exit status, and the findings by their check."""

    def doctor(*arguments):
        monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "doctor", "--json", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        findings = {}
        for finding in json.loads(capsys.readouterr().out):
            known = findings.setdefault(finding["check"], finding)
            if known is not finding:
                known["seen"] += f" {finding['seen']}"
        return ended.value.code, findings

    return doctor


@pytest.fixture
def portal(settings):  # noqa: ARG001 - they are read from the environment
    """An application at the redirect URI."""
    config = ClientConfig.load()
    app = Flask("portal")
    app.secret_key = SECRET_KEY
    PeeringDB(app, config=config)
    port = int(config.redirect_uri.split(":")[2].partition("/")[0])
    with serving(app, port):
        yield


def worst(findings):
    return {
        name for name, finding in findings.items() if finding["status"] in ("problem", "warning")
    }


pytest_server = pytest.mark.server


@pytest_server
@pytest.mark.usefixtures("portal")
def test_nothing_is_wrong_where_all_is_well(doctor, monkeypatch, capsys):
    status, findings = doctor()
    assert (status, worst(findings)) == (0, set())
    for check in ("settings", "metadata", "keys", "clock-skew", "client-secret", "token-endpoint"):
        assert findings[check]["status"] == "ok"
    assert findings["redirect-uri"]["status"] == "ok"
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr().out
    assert (ended.value.code, "No problem was found." in written) == (0, True)


@pytest_server
@pytest.mark.usefixtures("portal")
@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        ({"kind": "outage"}, "metadata", "503"),
        ({"kind": "error_500", "path": "/oauth2/.well-known/jwks.json"}, "keys", "500"),
        ({"kind": "error_500", "path": "/oauth2/token/"}, "token-endpoint", "500"),
        ({"kind": "error_500", "path": "/oauth2/introspect/"}, "client-secret", "500"),
        ({"kind": "cut"}, "reachable", "gives no answer"),
        ({"kind": "cut", "path": "/oauth2/token/"}, "token-endpoint", "no answer"),
        ({"kind": "maintenance"}, "maintenance", "503 to every POST"),
        ({"kind": "slow", "seconds": 2.1, "times": 1}, "speed", "seconds to answer"),
    ],
)
def test_a_fault_of_peeringdb_is_named(doctor, sandbox, fault, check, words):
    sandbox.fault(**fault)
    status, findings = doctor()
    assert status == (0 if check == "speed" else 1)
    assert words in findings[check]["seen"]
    assert findings[check]["why"]
    assert findings[check]["remedy"]


@pytest_server
@pytest.mark.usefixtures("settings")
def test_an_address_that_peeringdb_limits_is_named(doctor, sandbox):
    sandbox.use_up_limit()
    status, findings = doctor()
    assert (status, findings["rate-limit"]["status"]) == (1, "problem")


@pytest_server
@pytest.mark.usefixtures("portal")
def test_a_wrong_secret_is_named_and_blocks_nobody(doctor, sandbox, settings):
    settings(CLIENT_SECRET="another-secret-altogether")
    status, findings = doctor()
    assert (status, findings["client-secret"]["status"]) == (1, "problem")
    assert "new secret" in findings["client-secret"]["remedy"]
    assert "token-endpoint" not in findings
    settings(CLIENT_SECRET=None)
    settings(CLIENT_SECRET=sandbox.register(ClientConfig.load().redirect_uri).client_secret)
    application = sandbox.register(ClientConfig.load().redirect_uri)
    settings(CLIENT_ID=application.client_id, CLIENT_SECRET=application.client_secret)
    assert doctor()[0] == 0  # at once: the token endpoint has sent no 401


@pytest_server
@pytest.mark.usefixtures("portal")
def test_a_public_client_is_not_tried_at_the_token_endpoint(doctor, settings):
    settings(CLIENT_SECRET=None)
    status, findings = doctor()
    assert status == 0
    assert findings["client-secret"]["status"] == "warning"
    assert findings["token-endpoint"]["status"] == "skipped"


@pytest_server
@pytest.mark.usefixtures("settings")
def test_a_redirect_uri_where_nothing_answers_is_named(doctor):
    _, findings = doctor()
    assert findings["redirect-uri"]["status"] == "warning"
    assert "Connection refused" in findings["redirect-uri"]["seen"]


@pytest_server
@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ("404 Not Found", "problem", "has no page"),
        ("302 Found", "warning", "redirects to https://www.example.net/cb."),
        ("502 Bad Gateway", "problem", "answered with 502"),
        ("405 Method Not Allowed", "ok", "answers 405"),
    ],
)
def test_what_the_redirect_uri_answers_is_judged(doctor, settings, answer, status, words):
    def application(_, start_response):
        start_response(answer, [("Location", "https://www.example.net/cb?code=lost")])
        return [b""]

    port = free_port()
    settings(REDIRECT_URI=f"http://127.0.0.1:{port}{PATH}")
    with serving(application, port):
        _, findings = doctor()
    assert findings["redirect-uri"]["status"] == status
    assert words in findings["redirect-uri"]["seen"]


@pytest_server
def test_a_certificate_that_browsers_refuse_is_named(doctor, settings):
    class Handler(BaseHTTPRequestHandler):
        pass

    ca = trustme.CA()
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert("localhost").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            settings(REDIRECT_URI=f"https://localhost:{server.server_port}{PATH}")
            _, findings = doctor()
        finally:
            server.shutdown()
            thread.join()
    assert findings["redirect-uri"]["status"] == "warning"
    assert "certificate" in findings["redirect-uri"]["seen"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "client_id"),
        ({"CLIENT_SECRET": HASH}, "this is the hash that PeeringDB shows"),
        ({"REDIRECT_URI": "http://portal.example.net/cb"}, "https"),
        ({"BASE_URL": "https://www.peeringdb.com"}, "another issuer"),
        ({"CA_FILE": "/nowhere.pem"}, "ca_file"),
    ],
)
def test_wrong_settings_are_named_offline(doctor, monkeypatch, tmp_path, settings, words):
    (tmp_path / "empty.ini").write_text("[peeringdb_oauth]\n")
    good = {"CLIENT_ID": "portal", "CLIENT_SECRET": "secret-secret"} | {
        "REDIRECT_URI": "https://portal.example.net/cb"
    }
    for name, value in (good | settings if settings else {}).items():
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)
    status, findings = doctor("--offline", "--config", str(tmp_path / "empty.ini"))
    assert status == 1
    assert any(words in finding["seen"] for finding in findings.values())
    assert "metadata" not in findings


@pytest.fixture
def complete(monkeypatch):
    """Settings for PeeringDB itself, which are only looked at."""

    def complete(**changes):
        settings = {
            "CLIENT_ID": "portal",
            "CLIENT_SECRET": "secret-secret",
            "REDIRECT_URI": "https://portal.example.net/cb",
        }
        for name, value in (settings | changes).items():
            monkeypatch.setenv(f"PEERINGDB_OAUTH_{name}", value)

    complete()
    return complete


def test_complete_settings_have_no_trap(doctor, complete):
    complete()
    status, findings = doctor("--offline")
    assert (status, worst(findings)) == (0, set())


@pytest.mark.parametrize(
    "trap",
    [
        (
            {"REDIRECT_URI": "http://localhost:5000/cb", "ALLOW_HTTP": "yes"},
            "redirect-uri",
            "problem",
            "begins with http",
        ),
        ({"REDIRECT_URI": "https://localhost:5000/cb"}, "redirect-host", "info", "localhost"),
        ({"BASE_URL": "https://login.example.net"}, "base-url", "warning", "is not PeeringDB"),
        ({"SCOPE": "profile email networks"}, "scope", "warning", "amr"),
        ({"SCOPE": "profile networks amr"}, "scope", "warning", "email"),
        ({"SCOPE": "profile email amr"}, "scope", "warning", "networks"),
        ({"REQUESTS_PER_MINUTE": "none"}, "budget", "warning", "nothing limits"),
        ({"PROCESSES": "4"}, "sessions", "warning", "4 processes"),
        ({"SESSIONS": "redis://127.0.0.1:1/0"}, "sessions", "problem", "cannot be used"),
        ({"SESSIONS": "ftp://store"}, "sessions", "problem", "must begin with"),
    ],
)
def test_a_trap_in_the_settings_is_named(doctor, complete, trap):
    changes, check, status, words = trap
    complete(**changes)
    _, findings = doctor("--offline")
    assert findings[check]["status"] == status
    assert words in f"{findings[check]['seen']} {findings[check]['why']}"


def test_a_mistyped_variable_is_named(complete, monkeypatch, capsys):
    complete(SESION="redis://")
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "doctor", "--offline"])
    with pytest.raises(SystemExit):
        main()
    assert "did you mean PEERINGDB_OAUTH_SESSIONS?\n" in capsys.readouterr().out


def test_a_store_that_answers_is_said(doctor, complete, tmp_path):
    complete(SESSIONS=f"sqlite:///{tmp_path}/sessions.db", PROCESSES="4")
    _, findings = doctor("--offline")
    assert findings["sessions"]["status"] == "ok"


@pytest.mark.usefixtures("complete")
def test_a_file_that_everybody_can_read_is_named(doctor, tmp_path):
    file = tmp_path / "settings.ini"
    file.write_text("[peeringdb_oauth]\n")
    file.chmod(0o644)
    _, findings = doctor("--offline", "--config", str(file))
    assert str(file) in findings["file-mode"]["seen"]
    file.chmod(0o640)
    assert "file-mode" not in doctor("--offline", "--config", str(file))[1]


def test_a_login_cannot_be_tried_offline(complete, monkeypatch, capsys):
    complete()
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "doctor", "--offline", "--login"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, "--offline" in capsys.readouterr().err) == (2, True)


@pytest.fixture
def gateway(settings, sandbox, tmp_path, monkeypatch):
    """``gateway(**changes)``: the TOML file of a gateway for one host, and its port."""
    config = ClientConfig.load()
    settings(**dict.fromkeys(("BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "REDIRECT_URI"), None))
    settings(ALLOW_HTTP=None)
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY", SECRET_KEY)
    port = free_port()
    application = sandbox.register(f"http://127.0.0.1:{port}/_peeringdb/callback")
    (tmp_path / "client-secret").write_text(application.client_secret)

    def gateway(sessions=f"sqlite:///{tmp_path}/sessions.db", rule='allow = "verified"'):
        file = tmp_path / "gateway.toml"
        file.write_text(
            f"""
urls = ["http://127.0.0.1:{port}"]
allow_http = true
sessions = "{sessions}"
[peeringdb]
base_url = "{config.base_url}"
client_id = "{application.client_id}"
client_secret_file = "client-secret"
[[rule]]
{rule}
"""
        )
        return file, port

    return gateway


@pytest_server
@pytest.mark.parametrize("open_page", ["", "metrics", "check"])
def test_a_gateway_and_what_its_proxy_lets_out(doctor, gateway, open_page):
    file, port = gateway()

    def proxy(environ, start_response):
        page = environ["PATH_INFO"].rpartition("/")[2]
        status = "200 OK" if page == open_page else "400" if page == "callback" else "404"
        start_response(f"{status} -" if " " not in status else status, [])
        return [b""]

    with serving(proxy, port):
        status, findings = doctor("--gateway", str(file))
    assert (status, "private-pages" in findings) == ((1, True) if open_page else (0, False))
    for check in ("gateway", "sessions", "client-secret", "redirect-uri"):
        assert findings[check]["status"] == "ok"


@pytest_server
def test_a_gateway_that_is_not_reached_is_not_asked_for_more(doctor, gateway):
    _, findings = doctor("--gateway", str(gateway()[0]))
    assert findings["redirect-uri"]["status"] == "warning"
    assert "private-pages" not in findings


@pytest_server
def test_the_problems_of_a_gateways_file_are_named(doctor, gateway):
    file, _ = gateway(rule='alow = "verified"')
    status, findings = doctor("--gateway", str(file), "--offline")
    assert (status, "gateway.toml:" in findings["gateway"]["seen"]) == (1, True)


@pytest_server
def test_a_gateway_whose_store_is_away_is_named(doctor, gateway):
    file, _ = gateway(sessions="redis://127.0.0.1:1/0")
    status, findings = doctor("--gateway", str(file), "--offline")
    assert (status, findings["sessions"]["status"]) == (1, "problem")


@pytest.mark.parametrize(
    "options", [("--login",), ("--app", "portal:app"), ("--config", "peeringdb_oauth.ini")]
)
def test_what_does_not_go_with_a_gateway_is_said(monkeypatch, capsys, options):
    arguments = ["peeringdb-oauth", "doctor", "--gateway", "gateway.toml", *options]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, "--gateway" in capsys.readouterr().err) == (2, True)


def test_an_application_is_looked_at_too(doctor, complete):
    complete()
    status, findings = doctor("--offline", "--app", "no_portal:app")
    assert (status, findings["application"]["status"]) == (1, "problem")


def test_problems_are_shown_to_people(complete, monkeypatch, capsys):
    complete(SESSIONS="ftp://store")
    monkeypatch.setattr(sys, "argv", ["peeringdb-oauth", "doctor", "--offline"])
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr().out
    assert (ended.value.code, "No problem" in written) == (1, False)
    for words in ("PROBLEM", "why  ", "do  "):
        assert words in written


@pytest_server
def test_a_private_page_that_cannot_be_asked_for_is_no_finding(doctor, gateway, monkeypatch):
    def get(url, **options):
        if not url.endswith("/callback"):
            raise requests.exceptions.ConnectionError(url)
        return real_get(url, **options)

    real_get = requests.get
    monkeypatch.setattr(requests, "get", get)
    file, port = gateway()

    def proxy(_, start_response):
        start_response("400 Bad Request", [])
        return [b""]

    with serving(proxy, port):
        status, findings = doctor("--gateway", str(file))
    assert (status, "private-pages" in findings) == (0, False)
