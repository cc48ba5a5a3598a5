"""What a process remembers for a while."""

import time
from collections.abc import Callable
from typing import Any

from peeringdb_oauth.after_fork import ForkSafeLock


class MemoryStore:
    """A thread-safe store in the memory of this process.

    ``limit``: how many values it stores at most. ``monotonic``: a clock in seconds that
    never goes back.
    """

    def __init__(self, limit: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._values: dict[str, tuple[Any, float]] = {}  # in the order of writing
        self._lock = ForkSafeLock()

    def get(self, key: str) -> Any:
        """The value, or None if there is none or its time is over."""
        value, until = self._values.get(key, (None, 0.0))
        return value if self._monotonic() < until else None

    def set(self, key: str, value: Any, timeout: float) -> None:
        """Store a value for ``timeout`` seconds.

        A full store deletes its oldest value.
        """
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= self._limit:
                del self._values[next(iter(self._values))]
            self._values[key] = value, self._monotonic() + timeout

    def delete(self, key: str) -> None:
        """Delete a value, if there is one."""
        with self._lock:
            self._values.pop(key, None)
