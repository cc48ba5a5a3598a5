"""Runs work behind an answer, in a few threads of this process."""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakSet

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError

log = logging.getLogger("peeringdb_oauth")

MAX_WAITING = 1000  # works; one more is not taken on
AT_EXIT = 5.0  # seconds for which a process that ends waits for works
_THREADS = 4

_all: "WeakSet[Background]" = WeakSet()


class Background:
    """Threads that do named works. Each name runs once at a time.

    They start with a work and end when none is left. A process that ends waits for the
    works for 5 seconds: a revocation that nobody does would be lost.
    """

    def __init__(self) -> None:
        make_in_each_process(self, Background._make)
        _all.add(self)

    def _make(self) -> None:
        self._names: set[str] = set()
        self._works: deque[tuple[str, Callable[[], object]]] = deque()
        self._threads = 0
        self._changed = threading.Condition()

    def start(self, name: str, work: Callable[[], object]) -> bool:
        """Do a work soon. False: it is under way already, or too many are waiting."""
        with self._changed:
            if name in self._names or len(self._names) >= MAX_WAITING:
                return False
            self._names.add(name)
            self._works.append((name, work))
            if self._threads < _THREADS:
                self._threads += 1
                threading.Thread(target=self._run, name="peeringdb_oauth", daemon=True).start()
        return True

    def finish(self, timeout: float | None = None) -> None:
        """Wait until all works that were started have ended.

        ``timeout``: the most seconds to wait; None for any number.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._threads, timeout)

    def _run(self) -> None:
        while (next_one := self._next()) is not None:
            self._do(*next_one)

    def _next(self) -> tuple[str, Callable[[], object]] | None:
        """The next work; None if this thread is to end."""
        with self._changed:
            if self._works:
                return self._works.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None

    def _do(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except PeeringDBOAuthError as error:
            note_failure(name, error)
        except Exception:
            log.exception("%s failed", name.partition(" ")[0])
        finally:
            with self._changed:
                self._names.discard(name)


@atexit.register
def _finish_all() -> None:
    until = time.monotonic() + AT_EXIT
    for background in list(_all):
        background.finish(max(0.0, until - time.monotonic()))


def note_failure(name: str, error: PeeringDBOAuthError) -> None:
    """Log that a work failed in a way that was to be expected.

    ``name``: its first word says what was done; the rest is not logged.
    """
    # Only the operator can mend the settings.
    level = logging.ERROR if isinstance(error, ConfigurationError) else logging.INFO
    log.log(level, "%s: %s: %s", name.partition(" ")[0], type(error).__name__, error)
