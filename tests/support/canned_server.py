"""A real HTTP/1.1 server on loopback, in a thread, which answers as it is told."""

import json
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from recordings import read_recording

# The server writes these headers itself.
OF_THE_CONNECTION = {"content-length", "content-type", "transfer-encoding", "connection", "date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it arrived. Header names are in lower case."""

    method: str
    path: str
    headers: dict
    body: bytes

    @property
    def form(self):
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def answering(body=b"", *, status=200, content_type="application/json", **headers):
    """Return a function that answers so. Header names have _ for -."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    fixed = {"Content-Type": content_type, "Content-Length": str(len(body))} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }

    def write(handler):
        handler.send_response(status)
        for name, value in fixed.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return write


@dataclass
class CannedServer:
    """What a test tells the server, and what the server tells the test.

    ``answers``: path -> a function that answers, given the request's handler, whose
    ``received`` is the request.
    ``received``: the requests. ``connections``: how many there were.
    ``ca_file``: the certificate of the authority of all test servers. Clients of a
    server without TLS get it, too: it loads faster than the usual authorities.
    """

    url: str
    ca_file: str
    answers: dict = field(default_factory=dict)
    received: list = field(default_factory=list)
    connections: int = 0

    def answer(self, path, body=b"", **more):
        """Always answer so; see `answering`."""
        self.answers[path] = answering(body, **more)

    def replay(self, path, name):
        """Always answer as PeeringDB did when this was recorded."""
        recorded = read_recording(name)
        headers = {
            name.replace("-", "_"): value
            for name, value in recorded.headers.items()
            if name not in OF_THE_CONNECTION
        }
        self.answer(
            path,
            recorded.body,
            status=recorded.status,
            content_type=recorded.headers["content-type"],
            **headers,
        )

    def reset(self):
        """Forget everything, and answer as PeeringDB does when everything goes well.

        The login is one with all scopes but ``openid``.
        """
        self.answers.clear()
        self.received.clear()
        self.connections = 0
        self.replay("/oauth2/token/", "token-success-no-openid")
        self.replay("/profile/v1", "profile-orgadmin")
        self.replay("/oauth2/revoke_token/", "revoke-refresh")
        self.replay("/oauth2/introspect/", "introspect-post-creds")

    def paths(self):
        return [request.path for request in self.received]


def canned_handler(canned):
    """Return the handler class of a `CannedServer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # The head and the body are two writes. With Nagle's algorithm the second would
        # wait 40 ms for an acknowledgement.
        disable_nagle_algorithm = True

        def handle(self):
            canned.connections += 1
            try:
                super().handle()
            except OSError:  # the client hung up, or refused our certificate
                self.close_connection = True

        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.received = Received(
                method=self.command, path=self.path, headers=headers, body=body
            )
            canned.received.append(self.received)
            if self.path in canned.answers:
                canned.answers[self.path](self)
            else:
                self.send_error(404)

        do_GET = do_POST = do_CONNECT = answer  # noqa: N815 - the names that http.server calls

        def log_message(self, *args):
            """Tests are quiet."""

    return Handler


class _Server(ThreadingHTTPServer):
    # Connections. When there are more than this, each of them waits for a second.
    request_queue_size = 100
    daemon_threads = True


# A name of the servers with TLS that no resolver knows: only `forward_proxy` does.
FAR = "peeringdb.test"


def far_url(canned):
    """The URL of a server with TLS as if it were not on this machine."""
    return canned.url.replace("127.0.0.1", FAR)


@contextmanager
def running_server(authority, *, tls=False, handler_of=canned_handler, certificate=None):
    """Run a server on a free port until the end of the block; yields a `CannedServer`.

    ``authority``: the `trustme.CA` that issues its certificate, with a ``ca_file``.
    ``handler_of``: returns the handler class for a `CannedServer`. ``certificate``:
    one of trustme, instead of one from the authority for the server's own names.
    """
    canned = CannedServer(url="", ca_file=authority.ca_file)
    server = _Server(("127.0.0.1", 0), handler_of(canned))
    canned.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate = certificate or authority.issue_cert("127.0.0.1", FAR)
        certificate.configure_cert(context)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield canned
    finally:
        with suppress(OSError):
            server.socket.shutdown(socket.SHUT_RDWR)  # otherwise it ends at its next poll
        server.shutdown()
        thread.join()
        server.server_close()
