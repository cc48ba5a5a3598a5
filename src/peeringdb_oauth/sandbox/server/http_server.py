"""The HTTP server: one thread for each connection, with or without TLS.

Its log has methods, paths and statuses, and nothing that may be secret.
"""

import socket
import ssl
import sys
from typing import Any, cast

from django.core.servers import basehttp

_IDLE_TIMEOUT = 120  # seconds that a connection, or a handshake, may be silent


class Server(basehttp.ThreadedWSGIServer):
    """Django's threaded server, with TLS if ``ssl_context`` is set.

    ``address``: host and port; port 0 for a free one. ``log``: print a line for each
    request on standard error.
    """

    request_queue_size = 128
    ssl_context: ssl.SSLContext | None = None

    def __init__(self, address: tuple[str, int], *, log: bool) -> None:
        self.log = log
        super().__init__(address, Handler, ipv6=":" in address[0])

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end."""
        host, port = cast("tuple[str, int]", self.server_address[:2])
        scheme = "http" if self.ssl_context is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its own thread, where its handshake delays no other."""
        if self.ssl_context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_IDLE_TIMEOUT)
        with self.ssl_context.wrap_socket(request, server_side=True) as connection:
            super().finish_request(connection, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature of socketserver
        """Print the type of an error.

        A client that goes away, or that does not trust the certificate, is no error.
        """
        error = sys.exception()
        if not isinstance(error, OSError) and self.log:
            print(f"sandbox: {type(error).__name__} in a connection", file=sys.stderr)  # noqa: T201


class Handler(basehttp.WSGIRequestHandler):
    """Serves one connection."""

    server: Server
    connection: Any  # a socket, but the types of Django say a request
    timeout = _IDLE_TIMEOUT
    disable_nagle_algorithm = True  # headers and body are sent separately

    def get_environ(self) -> dict[str, Any]:
        """The request for WSGI, with a function that cuts the connection."""
        environ: dict[str, Any] = super().get_environ()
        if self.server.ssl_context is not None:
            environ["HTTPS"] = "on"  # wsgiref reads the scheme from it
        environ["sandbox.cut"] = self.cut
        return environ

    def cut(self) -> None:
        """Close the connection without another byte."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle_one_request(self) -> None:
        """Answer a request as the parent class does, but with `_Response`."""
        self.raw_requestline = self.rfile.readline(65537)
        if len(self.raw_requestline) > 65536:
            self.requestline = self.request_version = self.command = ""
            self.send_error(414)
        elif self.parse_request():
            handler = _Response(self.rfile, self.wfile, self.get_stderr(), self.get_environ())
            handler.request_handler = self
            handler.run(cast("Any", self.server.get_app()))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002 - the signature of http.server
        """Print method, path and status, but no query, header or body."""
        if self.server.log and getattr(self, "command", None):
            print(  # noqa: T201
                f"{self.command} {self.path.partition('?')[0]} {args[1] if len(args) > 1 else ''}",
                file=sys.stderr,
            )


class _Response(basehttp.ServerHandler):
    request_handler: Handler
    server_software = ""  # PeeringDB sends no Server header
    # wsgiref would add the environment of this process to each request.
    os_environ: dict[str, str] = {}  # noqa: RUF012 - its type in wsgiref

    def log_exception(self, exc_info: Any) -> None:
        """Print nothing, because a traceback may quote a request."""
