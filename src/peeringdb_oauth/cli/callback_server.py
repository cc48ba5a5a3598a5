"""The server that PeeringDB sends the browser back to, for a login at a terminal."""

import html
import ipaddress
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from peeringdb_oauth.errors import ConfigurationError

_PATIENCE = 10.0  # seconds for one request of the browser
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  body {{ display: grid; min-height: 100vh; margin: 0; place-items: center; }}
  main {{ max-width: 34rem; padding: 2rem; font: 1rem/1.55 system-ui, sans-serif; }}
  h1 {{ margin: 0; font-size: 1.7rem; line-height: 1.2; }}
</style>
<main><h1>{title}</h1><p>{text}</p></main>
"""


class Reply(NamedTuple):
    """What the browser is told. ``is_last``: whether the login has ended with it."""

    status: int
    title: str
    text: str
    is_last: bool


# Gets the URL of the callback with its query.
Take = Callable[[str], Reply]


@contextmanager
def callback_server(redirect_uri: str, take: Take) -> Iterator[threading.Event]:
    """Serve the callback at a loopback address.

    The event says that the login has ended. ``redirect_uri``: where PeeringDB sends the
    browser. With https the server makes a
    certificate for itself. ``take``: called with each callback.

    Raises:
        ConfigurationError: the port cannot be used, or cryptography is missing.
    """
    parts, ended = urlsplit(redirect_uri), threading.Event()
    server = _Server(parts, take, ended)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield ended
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    """Answers each browser in a thread, so that none holds up the others."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, parts: SplitResult, take: Take, ended: threading.Event) -> None:
        host, is_secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_secure else 80)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.redirect_uri, self.take, self.ended = parts, take, ended
        self.lock = threading.Lock()
        self.context = _own_context(host) if is_secure else None
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigurationError(
                f"port {port} cannot be used ({error.strerror}): end the program that uses it, or"
                " add --paste"
            ) from error

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_PATIENCE)
        if self.context is not None:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: a browser that does not trust the certificate hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer the callback; any other path is not found."""
        path, _, query = self.path.partition("?")
        if path != self.server.redirect_uri.path:
            self._send(Reply(404, "Not found", "There is no such page.", is_last=False))
            return
        with self.server.lock:
            reply = self.server.take(self.server.redirect_uri._replace(query=query).geturl())
            self._send(reply)
            if reply.is_last:
                self.server.ended.set()

    def _send(self, reply: Reply) -> None:
        page = _PAGE.format(title=html.escape(reply.title), text=html.escape(reply.text))
        body = page.encode()
        self.send_response(reply.status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Do nothing: the path of a callback has its code."""


def _own_context(host: str) -> ssl.SSLContext:
    """A server's context with a certificate that was made just now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:  # only this user can read it
        file = Path(directory) / "certificate.pem"
        file.write_bytes(_certificate(host))
        context.load_cert_chain(file)
    return context


def _certificate(host: str) -> bytes:
    """A private key and a certificate for ``host``, as PEM."""
    try:
        from cryptography import x509  # noqa: PLC0415 - for a login with https only
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "a login over https needs the package cryptography: pip install"
            ' "peeringdb-oauth[cli]", or add --paste'
        ) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        alternative = x509.DNSName(host)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(encoding)
