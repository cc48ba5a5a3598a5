"""What the tests of the client share: PeeringDB's recorded answers, real servers with
canned ones, and clients that are closed.
"""

import functools
import json
import signal
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme
from hypothesis import settings

from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Locked
from peeringdb_oauth.tls import tls_context

# The same examples in every run, so that a red run can be repeated. Others:
# --hypothesis-profile=random, which prints how to repeat them. No deadline: a busy
# machine is not a failure.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("repeatable")

# A shell that runs the tests in the background has them ignore these, and so would
# everything that the tests start.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

WIRE = Path(__file__).parent / "wire"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded exchange; header names in lower case, the answer's body as JSON
    where it is JSON.
    """

    method: str
    path: str
    sent_headers: dict
    form: dict
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def bearer(self):
        return self.sent_headers.get("authorization", "").removeprefix("Bearer ") or None


def _headers(lines):
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def read_recording(name):
    text = (WIRE / f"{name}.http").read_text("utf-8")
    sent, _, received = text.partition("\n< HTTP ")
    head, _, form = sent.partition("\n>\n")
    first, *lines = [line.removeprefix("> ") for line in head.strip().splitlines()]
    status_line, _, rest = received.partition("\n")
    head, _, body = rest.partition("\n\n")
    method, _, path = first.partition(" ")
    return Recording(
        method=method,
        path=path,
        sent_headers=_headers(lines),
        form=dict(parse_qsl(form.strip().removeprefix("> "), keep_blank_values=True)),
        status=int(status_line.split()[0]),
        headers=_headers(line.removeprefix("< ") for line in head.splitlines()),
        body=body.removesuffix("\n").encode(),
    )


@pytest.fixture(scope="session")
def recording():
    """``recording("token-success-openid")``: one of PeeringDB's recorded answers."""
    return read_recording


class FakeClock:
    """A clock that a test moves; called for the time, like `time.monotonic`."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return FakeClock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def form(self):
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass
class CannedServer:
    """A real HTTP/1.1 server on a free port of loopback, with kept connections.

    ``answers``: path -> what `answer` returns, or a function of the handler.
    ``received`` and ``connections`` say what arrived.
    """

    url: str = ""
    ca_file: str | None = None
    answers: dict = field(default_factory=dict)
    received: list = field(default_factory=list)
    connections: int = 0

    def answer(self, path, body=b"", *, status=200, content_type="application/json", **headers):
        """Always answer so; header names with _ for -."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        fixed = {"Content-Type": content_type, "Content-Length": str(len(body))} | {
            n.replace("_", "-"): v for n, v in headers.items()
        }

        def write(handler):
            handler.send_response(status)
            for name, value in fixed.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.answers[path] = write

    def replay(self, path, name):
        """Always answer as PeeringDB did when this was recorded."""
        recorded = read_recording(name)
        of_the_connection = (
            "content-type",
            "content-length",
            "transfer-encoding",
            "connection",
            "date",
        )
        headers = {
            n.replace("-", "_"): v
            for n, v in recorded.headers.items()
            if n not in of_the_connection
        }
        self.answer(
            path,
            recorded.body,
            status=recorded.status,
            content_type=recorded.headers["content-type"],
            **headers,
        )

    def paths(self):
        return [request.path for request in self.received]


def _handler_of(canned):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # head and body are two writes: otherwise each answer waits 40 ms for an
        # acknowledgement
        disable_nagle_algorithm = True

        def handle(self):
            canned.connections += 1
            try:
                super().handle()
            except OSError:
                self.close_connection = (
                    True  # the client went away, or did not like our certificate
                )

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            canned.received.append(
                Received(method=self.command, path=self.path, headers=headers, body=body),
            )
            if self.path in canned.answers:
                canned.answers[self.path](self)
            else:
                self.send_error(404)

        do_GET = do_POST = do_CONNECT = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *args):
            """Tests are quiet."""

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = (
        100  # connections; of more than there is room for, each would wait a second
    )
    daemon_threads = True


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority of our own; ``authority.ca_file`` is its certificate."""
    ca = trustme.CA()
    ca.ca_file = str(tmp_path_factory.mktemp("authority") / "ca.pem")
    ca.cert_pem.write_to_path(ca.ca_file)
    return ca


@pytest.fixture
def make_server(authority):
    """``make_server(tls=False)``: another server; all end with the test."""
    servers = []

    def make(*, tls=False, handler_of=_handler_of):
        canned = CannedServer()
        server = _Server(("127.0.0.1", 0), handler_of(canned))
        canned.url = f"http://127.0.0.1:{server.server_port}"
        if tls:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            server.socket = context.wrap_socket(
                server.socket,
                server_side=True,
                do_handshake_on_connect=False,
            )
            canned.url, canned.ca_file = (
                f"https://127.0.0.1:{server.server_port}",
                authority.ca_file,
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return canned

    yield make
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(make_server):
    """A server that answers a login as PeeringDB answered one with all scopes but
    ``openid``.
    """
    canned = make_server()
    canned.replay("/oauth2/token/", "token-success-no-openid")
    canned.replay("/profile/v1", "profile-orgadmin")
    canned.replay("/oauth2/revoke_token/", "revoke-refresh")
    canned.replay("/oauth2/introspect/", "introspect-post-creds")
    return canned


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """Neither a proxy nor a certificate bundle nor a password file of whoever runs the
    tests.
    """
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
        "netrc",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def make_client():
    """``make_client(server, **config)``: a client of a canned server, as the
    application of the recordings; closed with the test.
    """
    clients = []

    def make(server, *, arguments=(), **changes):
        fields = {
            "client_id": "conf-rs256",
            "client_secret": "secret-rs256-0123456789abcdef0123456789",
            "redirect_uri": "https://app.example.net/callback",
            "base_url": server.url,
            "allow_http": True,
            "ca_file": server.ca_file,
            "timeout": 5,
        }
        clients.append(Client(ClientConfig(**(fields | changes)), **dict(arguments)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
    tls_context.cache_clear()


@pytest.fixture
def client(make_client, server):
    return make_client(server)


@pytest.fixture
def provider(clock):
    """PeeringDB as the application of the recordings sees it, just after most of them."""
    clock.now = 1795432421.0  # two seconds after token-success-openid
    config = ClientConfig(
        client_id="conf-rs256",
        client_secret="secret-rs256-0123456789abcdef0123456789",
        redirect_uri="https://app.example.net/callback",
        base_url="https://127.0.0.1:8443",
    )
    return Provider(config, clock)


class Driver:
    """Runs flows without a network. ``sent``: the requests of all flows."""

    def __init__(self, answers):
        self._answers = answers
        self.sent = []

    def run(self, flow):
        proceed = functools.partial(next, flow)
        while True:
            try:
                step = proceed()
            except StopIteration as done:
                return done.value
            try:
                result = self.run(step.flow) if isinstance(step, Locked) else self._answer(step)
                proceed = functools.partial(flow.send, result)
            except Exception as error:  # noqa: BLE001 - the flow is thrown any error
                proceed = functools.partial(flow.throw, error)

    def _answer(self, request):
        self.sent.append(request)
        answer = self._answers[urlsplit(request.url).path]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return HTTPResponse(status=answer, headers={}, body=b"")
        if isinstance(answer, str):
            recorded = read_recording(answer)
            return HTTPResponse(
                status=recorded.status,
                headers=recorded.headers,
                body=recorded.body,
            )
        return HTTPResponse(
            status=200,
            headers={"content-type": "application/json"},
            body=json.dumps(answer).encode(),
        )

    def paths(self):
        return [urlsplit(request.url).path for request in self.sent]


@pytest.fixture
def make_driver():
    """``make_driver(answers)``: a driver with canned answers for each path.

    An answer is the name of a recording, JSON, a status, or an error to raise.
    """
    return Driver
