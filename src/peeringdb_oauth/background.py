"""Runs work behind an answer, in a few threads of this process."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError

log = logging.getLogger("peeringdb_oauth")

MAX_WAITING = 1000  # works; one more is not taken on
_THREADS = 4


class Background:
    """Threads that do named works. Each name runs once at a time.

    They start with the first work. A process ends when all works have ended.
    """

    def __init__(self) -> None:
        make_in_each_process(self, Background._make)

    def _make(self) -> None:
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._executor: ThreadPoolExecutor | None = None

    def start(self, name: str, work: Callable[[], object]) -> bool:
        """Do a work soon. False: it is under way already, or too many are waiting."""
        with self._lock:
            if name in self._names or len(self._names) >= MAX_WAITING:
                return False
            self._names.add(name)
            if self._executor is None:
                self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="peeringdb_oauth")
            executor = self._executor
        executor.submit(self._do, name, work)
        return True

    def finish(self) -> None:
        """Wait until all works that were started have ended."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()

    def _do(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except PeeringDBOAuthError as error:
            note_failure(name, error)
        except Exception:
            log.exception("%s failed", name.partition(" ")[0])
        finally:
            with self._lock:
                self._names.discard(name)


def note_failure(name: str, error: PeeringDBOAuthError) -> None:
    """Log that a work failed in a way that was to be expected.

    ``name``: its first word says what was done; the rest is not logged.
    """
    # Only the operator can mend the settings.
    level = logging.ERROR if isinstance(error, ConfigurationError) else logging.INFO
    log.log(level, "%s: %s: %s", name.partition(" ")[0], type(error).__name__, error)
