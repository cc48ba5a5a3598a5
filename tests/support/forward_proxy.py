"""A forward proxy, for requests over TLS: all that our clients ask of one."""

import select
import socket
from http.server import BaseHTTPRequestHandler

from canned_server import FAR

PATIENCE = 10  # seconds until it gives up on a silent connection


def forward_proxy_handler(canned):
    """Return the handler class of a proxy, which writes into ``canned.received``."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self):
            canned.received.append((self.command, self.path))
            host, _, port = self.path.partition(":")
            self.close_connection = True
            address = ("127.0.0.1" if host == FAR else host, int(port))
            with socket.create_connection(address) as target:
                self.send_response(200)
                self.end_headers()
                while True:
                    readable, _, _ = select.select([self.connection, target], [], [], PATIENCE)
                    for source, sink in ((self.connection, target), (target, self.connection)):
                        data = source.recv(65536) if source in readable else None
                        if data == b"" or not readable:
                            return
                        sink.sendall(data or b"")

        def do_other(self):
            canned.received.append((self.command, self.path))
            self.send_error(501)

        do_GET = do_POST = do_other  # noqa: N815 - the names that http.server calls

        def log_message(self, *args):
            pass

    return Proxy
