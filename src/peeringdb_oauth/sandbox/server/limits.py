"""What PeeringDB remembers against a client address.

There are three limits, and each works without the others: a refusal is repeated from
memory, too many refusals block the address, and an address has a number of requests for
each minute. Measured on PeeringDB 2.82.0. The time is an argument, in Unix seconds.
"""

import threading
import zlib
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
        # How many requests an address has sent in a window, by the window's last
        # second.
        self._windows: dict[str, dict[int, int]] = {}

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

    def count_request(self, address: str, now: float) -> int | None:
        """Count a request, and return the seconds of its Retry-After.

        None: it may pass. Otherwise its minute has had too many requests. The seconds
        are those to the last second of the minute, so PeeringDB says one too few.
        """
        last = last_second_of_window(address, now)
        with self._lock:
            count = self._windows.get(address, {}).get(last, 0) + 1
            self._windows[address] = {last: count} | self._later_windows(address, last)
            return last - int(now) if count > REQUESTS_PER_MINUTE else None

    def leave_requests(self, address: str, left: int, now: float) -> None:
        """Leave only this number of requests in this minute and the next."""
        last = last_second_of_window(address, now)
        with self._lock:
            self._windows[address] = dict.fromkeys((last, last + 60), REQUESTS_PER_MINUTE - left)

    def _later_windows(self, address: str, last: int) -> dict[int, int]:
        windows = self._windows.get(address, {})
        return {window: count for window, count in windows.items() if window > last}


def last_second_of_window(address: str, now: float) -> int:
    """The last second of the minute that an address is in, in Unix seconds.

    The minutes of an address begin at a second of the clock that depends on the
    address, and not with its first request.
    """
    second = int(now)
    last = second - second % 60 + zlib.crc32(address.encode()) % 60
    return last if last >= second else last + 60
