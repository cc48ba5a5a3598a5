"""What PeeringDB remembers against a client address.

There are three limits, and each works without the others: a refusal is repeated from
memory, too many refusals block the address, and an address has a number of requests for
each minute. Measured on PeeringDB 2.82.0. The time is an argument, in Unix seconds.
"""

import math
import threading
from dataclasses import dataclass

# For how many seconds an answer of this status is repeated. A repeated answer is
# remembered anew.
REFUSAL_SECONDS = {401: 60, 403: 10, 429: 10}
# More answers of 401 or 403 block the address until 60 seconds after the last of them.
REFUSALS_PER_MINUTE = 10
REQUESTS_PER_MINUTE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What makes two requests the same, so that one gets the other's refusal.

    ``address``: the client's. ``identity``: who asks: a session, a user name, a bearer
    token, or nobody. ``method``, ``path``, ``query``: those of the request.
    """

    address: str
    identity: str
    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A refusal that is remembered, without its headers.

    ``status``: 401, 403 or 429. ``content``: the body. ``content_type``: its type, with
    the character set.
    """

    status: int
    content: bytes
    content_type: str


class Limits:
    """The memory of one sandbox. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._refusals: dict[RequestKey, tuple[float, Refusal]] = {}
        self._counts: dict[str, tuple[float, int]] = {}
        self._windows: dict[str, tuple[float, int]] = {}

    def is_blocked(self, address: str, now: float) -> bool:
        """Whether too many refusals block this address."""
        with self._lock:
            until, count = self._counts.get(address, (0.0, 0))
            return count > REFUSALS_PER_MINUTE and now < until

    def find_refusal(self, key: RequestKey, now: float) -> Refusal | None:
        """The refusal to repeat for this request; None if there is none."""
        with self._lock:
            until, refusal = self._refusals.get(key, (0.0, None))
            return refusal if now < until else None

    def remember_refusal(self, key: RequestKey, refusal: Refusal, now: float) -> None:
        """Remember a refusal, new or repeated, and count it if it is a 401 or 403."""
        with self._lock:
            self._refusals[key] = (now + REFUSAL_SECONDS[refusal.status], refusal)
            if refusal.status in {401, 403}:
                until, count = self._counts.get(key.address, (0.0, 0))
                self._counts[key.address] = (now + 60, count + 1 if now < until else 1)

    def count_request(self, address: str, now: float) -> int:
        """Count a request, and return how many seconds it must wait.

        0: it may pass. Otherwise its minute has had too many requests, and ends then.
        """
        with self._lock:
            until, count = self._windows.get(address, (0.0, 0))
            until, count = (until, count + 1) if now < until else (now + 60, 1)
            self._windows[address] = (until, count)
            return max(1, math.ceil(until - now)) if count > REQUESTS_PER_MINUTE else 0
