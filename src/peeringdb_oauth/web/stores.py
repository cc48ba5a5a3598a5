"""Where the part of a session goes that no cookie can hold."""

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol


class Store(Protocol):
    """What is needed of a store: the methods that every cache of ``cachelib`` and of
    Django has.
    """

    def get(self, key: str, /) -> Any:
        """The value, None if there is none."""

    def set(self, key: str, value: str, /, timeout: int) -> Any:
        """Keep a value for ``timeout`` seconds."""

    def delete(self, key: str, /) -> Any:
        """Forget a value."""


class MemoryStore:
    """A store in this process's memory: bounded, thread-safe, gone with the process.

    ``monotonic``: a clock in seconds that only grows.
    """

    def __init__(
        self,
        limit: int = 1000,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._values: dict[str, tuple[str, float]] = {}  # in the order of writing
        self._lock = threading.Lock()

    def get(self, key: str) -> str | None:
        """The value, None if there is none (any more)."""
        value, until = self._values.get(key, (None, 0.0))
        return value if self._monotonic() < until else None

    def set(self, key: str, value: str, timeout: int) -> None:
        """Keep a value for ``timeout`` seconds; the oldest goes when there are too
        many.
        """
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= self._limit:
                del self._values[next(iter(self._values))]
            self._values[key] = value, self._monotonic() + timeout

    def delete(self, key: str) -> None:
        """Forget a value."""
        with self._lock:
            self._values.pop(key, None)
