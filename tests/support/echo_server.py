"""An application that tells what it was asked, as it came over the wire."""

import base64
import hashlib
import json
import socket
import threading
from socketserver import BaseRequestHandler, ThreadingTCPServer

_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


class Received:
    """One request. ``headers``: pairs of names and values as they came."""

    def __init__(self, line, headers, body):
        self.method, self.target, _ = line.split(" ", 2)
        self.headers, self.body = headers, body

    def values(self, name):
        """The values of a header in every spelling that an application may read."""
        plain = _plain(name)
        return [value for key, value in self.headers if _plain(key) == plain]

    def value(self, name):
        """The only value of a header, or None."""
        found = self.values(name)
        assert len(found) < 2, f"{name} came more than once: {found}"
        return found[0] if found else None


def _plain(name):
    return "".join(letter if letter.isalnum() else "_" for letter in name.upper())


class EchoServer(ThreadingTCPServer):
    """The running application; use it as a context manager."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 512

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def handle_error(self, *_):
        """A client that is gone is no error."""


class _Handler(BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self.request.makefile("rb")
        while line := self._stream.readline().decode("latin-1").strip():
            headers = self._headers()
            received = Received(line, headers, self._body(headers))
            self.server.received.append(received)
            if received.value("Upgrade"):
                self._upgrade(received)
                return
            self._answer(received)

    def _headers(self):
        headers = []
        while line := self._stream.readline().decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            headers.append((name, value.strip()))
        return headers

    def _body(self, headers):
        names = {name.lower(): value for name, value in headers}
        if names.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._stream.readline(), 16):
                body += self._stream.read(size)
                self._stream.readline()
            self._stream.readline()
            return body
        return self._stream.read(int(names.get("content-length", 0)))

    def _answer(self, received):
        status = "403 Forbidden" if "own-403" in received.target else "200 OK"
        page = {"application": received.target, "method": received.method}
        body = json.dumps(page).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        if "own-cache" in received.target:
            head += "Cache-Control: public, max-age=60\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        self.request.sendall(head.encode() + (b"" if received.method == "HEAD" else body))

    def _upgrade(self, received):
        """Take the connection over, and echo whatever comes in one frame."""
        key = (received.value("Sec-WebSocket-Key") or "").encode()
        accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET, usedforsecurity=False).digest())
        self.request.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
            + f"Upgrade: {received.value('Upgrade')}\r\n".encode()
            + b"Sec-WebSocket-Accept: "
            + accept
            + b"\r\n\r\n"
        )
        _, length = self._stream.read(2)
        mask = self._stream.read(4)
        masked = self._stream.read(length & 127)
        text = bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked))
        self.request.sendall(bytes([0x81, len(text)]) + text)
