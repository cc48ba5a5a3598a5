"""A proxy before a server, which can lose or delay the answers."""

import socket
import threading
from contextlib import suppress


class CuttingProxy:
    """Passes on what it gets.

    ``cut``: lose the next answer, and end its connection. ``delay``: keep each answer
    for so many seconds. ``opened``: how many connections there were. ``open``: how many
    there are. ``most_open``: how many there were at the same time.
    """

    def __init__(self, port):
        self._port, self.cut, self.delay = port, False, 0
        self.opened = self.open = self.most_open = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):  # the end
            while True:
                client, _ = self._listener.accept()
                self._count(1)
                server = socket.create_connection(("127.0.0.1", self._port))
                for pair in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source, target, is_answer):
        with source, target, suppress(OSError):
            while data := source.recv(65536):
                if is_answer:
                    self._ended.wait(self.delay)
                    if self.cut:
                        self.cut = False
                        break
                target.sendall(data)
            for end in (source, target):
                end.shutdown(socket.SHUT_RDWR)
        if not is_answer:
            self._count(-1)

    def _count(self, change):
        with self._lock:
            self.opened += max(change, 0)
            self.open += change
            self.most_open = max(self.most_open, self.open)

    def end(self):
        self._ended.set()
        self._listener.close()
