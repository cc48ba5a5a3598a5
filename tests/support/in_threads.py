"""Many callers at once, and functions that wait until a test lets them go on."""

import threading
import time
from contextlib import contextmanager

from peeringdb_oauth.errors import PeeringDBOAuthError

PATIENCE = 10  # seconds until a test gives up on another thread


class Calls:
    """Calls of a function in threads of their own; `outcomes` waits for all of them.

    An outcome is what the function returned or the error that it raised.
    """

    def __init__(self, function, times=1, *, errors=PeeringDBOAuthError):
        self._outcomes, barrier = [], threading.Barrier(times)

        def call():
            barrier.wait(PATIENCE)
            try:
                self._outcomes.append(function())
            except errors as error:
                self._outcomes.append(error)

        self._threads = [threading.Thread(target=call, daemon=True) for _ in range(times)]
        for thread in self._threads:
            thread.start()

    @property
    def ended(self):
        """How many have ended."""
        return len(self._outcomes)

    def outcomes(self):
        """What became of all of them, in the order in which they ended."""
        for thread in self._threads:
            thread.join(PATIENCE)
        assert len(self._outcomes) == len(self._threads)
        return self._outcomes


def run_all(function, times):
    """Call a function in so many threads at once; the results and errors."""
    return Calls(function, times).outcomes()


class Gate:
    """A place where threads wait until a test opens it."""

    def __init__(self):
        self._arrived, self._opened = threading.Semaphore(0), threading.Event()

    def wait(self):
        self._arrived.release()
        self._opened.wait(PATIENCE)

    def arrive(self, number=1):
        """Wait until so many more have come."""
        for _ in range(number):
            assert self._arrived.acquire(timeout=PATIENCE)

    def nobody_arrives(self):
        """Whether nobody else comes within a tenth of a second."""
        return not self._arrived.acquire(timeout=0.1)

    def open(self):
        self._opened.set()

    def hold(self, server, path, when=lambda _: True):
        """Let the answers of a `CannedServer` at a path wait here.

        ``when``: whether a request that was received has to.
        """
        write = server.answers[path]

        def answer(handler):
            if when(handler.received):
                self.wait()
            write(handler)

        server.answers[path] = answer


def until(condition):
    """Wait until something is the case that nobody tells us about."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.001)


@contextmanager
def within(seconds):
    """Assert that the block takes less than that."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds
