"""A thread that writes a shared budget from time to time."""

import logging
import math
import threading
import time
from typing import Protocol
from weakref import ref

log = logging.getLogger("peeringdb_oauth")


class _Ledger(Protocol):
    """What the thread calls: `SharedLedger`."""

    def flush(self) -> None: ...

    def beat(self) -> float: ...


class Flusher:
    """A thread that writes what nobody waits for. It starts when there is something.

    ``ledger``: the thread ends when nobody else has it any more. ``heartbeat``: how
    many seconds after the start it beats for the first time.
    """

    def __init__(self, ledger: _Ledger, heartbeat: float) -> None:
        self._ledger = ref(ledger)
        self._heartbeat = heartbeat
        self._changed = threading.Condition()
        self._flush_at = self._beat_at = math.inf
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def wake(self, seconds: float, *, is_beat: bool = False) -> None:
        """Flush in so many seconds, or beat."""
        with self._changed:
            now = time.monotonic()
            if self._thread is None:
                self._beat_at = now + self._heartbeat
                self._thread = threading.Thread(
                    target=self._work, name="peeringdb_oauth budget", daemon=True
                )
                self._thread.start()
            if is_beat:
                self._beat_at = min(self._beat_at, now + seconds)
            else:
                self._flush_at = min(self._flush_at, now + seconds)
            self._changed.notify()

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _work(self) -> None:
        while (is_beat := self._wait()) is not None and (ledger := self._ledger()) is not None:
            try:
                if is_beat:
                    self.wake(ledger.beat(), is_beat=True)
                else:
                    ledger.flush()
            except Exception:
                log.exception("the shared budget could not be written")
            del ledger  # or it would live for as long as this thread

    def _wait(self) -> bool | None:
        """Whether it is time to beat, else to flush; None if it is time to end."""
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                if now >= self._flush_at:
                    self._flush_at = math.inf
                    return False
                if now >= self._beat_at:
                    self._beat_at = math.inf
                    return True
                self._changed.wait(min(self._flush_at, self._beat_at) - now)
        return None
