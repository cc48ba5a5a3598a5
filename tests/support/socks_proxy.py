"""A SOCKS5 proxy (RFC 1928), for one connection at a time and IPv4 or a name."""

import select
import socket
import socketserver
import struct

PATIENCE = 10  # seconds until it gives up on a silent connection


class SocksProxy(socketserver.BaseRequestHandler):
    """Connects to ``127.0.0.1``, whatever host was asked for, and notes what was."""

    def handle(self):
        self._read(self._read(2)[1])  # the version, and the ways to authenticate
        self.request.sendall(b"\x05\x00")
        kind = self._read(4)[3]
        host = self._read(4) if kind == 1 else self._read(self._read(1)[0])
        (port,) = struct.unpack("!H", self._read(2))
        self.server.asked.append((host, port))
        with socket.create_connection(("127.0.0.1", port)) as target:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            while True:
                readable, _, _ = select.select([self.request, target], [], [], PATIENCE)
                for source, sink in ((self.request, target), (target, self.request)):
                    data = source.recv(65536) if source in readable else None
                    if data == b"" or not readable:
                        return
                    sink.sendall(data or b"")

    def _read(self, count):
        return self.request.recv(count, socket.MSG_WAITALL)
