"""Answers of a provider that wants to hurt its clients, for a `CannedServer`."""

import threading
from contextlib import contextmanager

from in_threads import PATIENCE

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

# What can go on without an end: what comes before, and what is sent over and over.
WITHOUT_END = {
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "header name": (HEAD, b"x"),
    "header value": (HEAD + b"X: ", b"y"),
    "headers": (HEAD, b"X: y\r\n"),
    "body": (HEAD + b"\r\n", b" "),
    "body with a length": (HEAD + b"Content-Length: 1000000000\r\n\r\n", b" "),
    "chunks": (CHUNKED, b"1\r\n \r\n"),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"x"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n"),
    "trailer": (CHUNKED + b"0\r\nX: ", b"y"),
}


class EndlessAnswer:
    """Sends ``piece`` over and over after ``start``, until the client hangs up.

    ``pause``: seconds between two pieces. Without one, there are many in each write.
    ``sent``: how many bytes so far. ``hung_up``: set when the client has.
    """

    def __init__(self, start, piece, *, pause):
        self._start, self._pause = start, pause
        self._piece = piece if pause else piece * 1000
        self.sent, self.hung_up, self._over = 0, threading.Event(), threading.Event()

    def __call__(self, handler):
        handler.close_connection = True
        try:
            handler.wfile.write(self._start)
            while not self._over.wait(self._pause):
                handler.wfile.write(self._piece)
                self.sent += len(self._piece)
        except OSError:
            self.hung_up.set()

    @contextmanager
    def given_up(self):
        """Check that the client hangs up by the end of the block."""
        try:
            yield
            assert self.hung_up.wait(PATIENCE)
        finally:
            self._over.set()
