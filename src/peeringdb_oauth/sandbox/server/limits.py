"""What PeeringDB remembers against a client address: refusals it repeats, the block
after too many, and the requests of a minute.

Values in, values out: the clock is an argument. Measured on PeeringDB 2.82.0; the three
limits are independent of each other.
"""

import math
import threading
from dataclasses import dataclass

REFUSAL_SECONDS = {401: 60, 403: 10, 429: 10}
"""How long an answer is repeated for the same key; each repetition starts the time again."""
REFUSALS_PER_MINUTE = 10
"""After more answers of 401 or 403 the address is refused, until 60 s after the last one."""
REQUESTS_PER_MINUTE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What a refusal is remembered for."""

    address: str
    identity: str
    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A remembered answer. Its headers are not remembered, except the type."""

    status: int
    content: bytes
    content_type: str


class Limits:
    """The memory of one sandbox; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._refusals: dict[RequestKey, tuple[float, Refusal]] = {}
        self._counts: dict[str, tuple[float, int]] = {}
        self._windows: dict[str, tuple[float, int]] = {}

    def is_blocked(self, address: str, now: float) -> bool:
        """Whether this address has had too many refusals."""
        with self._lock:
            until, count = self._counts.get(address, (0.0, 0))
            return count > REFUSALS_PER_MINUTE and now < until

    def find_refusal(self, key: RequestKey, now: float) -> Refusal | None:
        """The refusal that this key got not long ago."""
        with self._lock:
            until, refusal = self._refusals.get(key, (0.0, None))
            return refusal if now < until else None

    def remember_refusal(self, key: RequestKey, refusal: Refusal, now: float) -> None:
        """Note an answer of 401, 403 or 429, be it new or repeated: repeating it starts
        its time again, and counts again.
        """
        with self._lock:
            self._refusals[key] = (now + REFUSAL_SECONDS[refusal.status], refusal)
            if refusal.status in {401, 403}:
                until, count = self._counts.get(key.address, (0.0, 0))
                self._counts[key.address] = (now + 60, count + 1 if now < until else 1)

    def count_request(self, address: str, now: float) -> int:
        """Count one request; 0 if it may pass, else the seconds until the window of a
        minute ends.
        """
        with self._lock:
            until, count = self._windows.get(address, (0.0, 0))
            until, count = (until, count + 1) if now < until else (now + 60, 1)
            self._windows[address] = (until, count)
            return max(1, math.ceil(until - now)) if count > REQUESTS_PER_MINUTE else 0
