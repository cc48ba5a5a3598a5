"""How often PeeringDB may be asked about access tokens, so that logins have their share
and a flood of made-up ones does no harm.

A pure state machine; the clock is an argument.
"""

import math
import threading
from collections import deque

from peeringdb_oauth.errors import RateLimited

MAX_AGE = 60  # s that an answer about a token counts, good or bad
# s after PeeringDB last confirmed an access token that it still counts while PeeringDB
# cannot be asked
GRACE = 300
BAD_LOOK_UPS = (
    # a minute, of tokens that turn out to be bad; then those never seen before have to
    # wait
    10
)
# s without look-ups after one that got no answer: each would keep its caller waiting
# for the timeout
PAUSE = 10
WINDOW = 60.0  # s


class LookUps:
    """The state of one verifier. Times are Unix seconds; thread-safe."""

    def __init__(self, requests_per_minute: int | None) -> None:
        # Each takes up to two requests, and logins keep the other half.
        self._most = math.inf if requests_per_minute is None else max(1, requests_per_minute // 4)
        self._most_bad = int(
            min(BAD_LOOK_UPS, max(1, self._most / 2)),
        )  # nor may a flood take them all
        self._started: deque[float] = deque()
        # those of strangers that are not known to be good
        self._unproven: deque[float] = deque()
        self._paused_at = -math.inf
        self._lock = threading.Lock()

    def start(self, now: float, *, age: float | None) -> None:
        """Take one. ``age``: of the answer to be renewed, None for a stranger. Raises:
        `RateLimited` if there is none left.

        The more are taken, the older an answer must be, so that all have their turn
        when there are more than can be renewed.
        """
        share = 1 if age is None else (1 + min(max(age - MAX_AGE, 0) / (GRACE - MAX_AGE), 1)) / 2
        with self._lock:
            if (wait := PAUSE - abs(now - self._paused_at)) > 0:
                raise _limited("PeeringDB did not answer a moment ago", wait)
            if (wait := _wait(self._started, self._most * share, now)) > 0:
                raise _limited(
                    "as many access tokens were looked up as leave logins enough of PeeringDB's"
                    " requests",
                    wait,
                )
            if age is None:
                if (wait := _wait(self._unproven, self._most_bad, now)) > 0:
                    raise _limited(
                        f"{self._most_bad} bad access tokens came within a minute, so no other new"
                        " one is looked up",
                        wait,
                    )
                self._unproven.append(now)
            self._started.append(now)

    def mark_good(self, started: float) -> None:
        """The token that was looked up then is a good one."""
        with self._lock:
            _discard(self._unproven, started)

    def cancel(self, started: float) -> None:
        """Nothing was asked."""
        with self._lock:
            _discard(self._unproven, started)
            _discard(self._started, started)

    def pause(self, now: float) -> None:
        """There was no answer."""
        with self._lock:
            self._paused_at = now


def _wait(started: deque[float], most: float, now: float) -> float:
    """The seconds until there are fewer than ``most`` within a minute."""
    while (
        started and abs(now - started[0]) >= WINDOW
    ):  # abs(): a clock that was set back must not make it long
        started.popleft()
    return 0.0 if len(started) < most else started[int(len(started) - most)] + WINDOW - now


def _discard(started: deque[float], one: float) -> None:
    if one in started:  # else it took longer than a minute
        started.remove(one)


def _limited(reason: str, wait: float) -> RateLimited:
    return RateLimited(f"{reason}: nothing was sent; wait {math.ceil(wait)} s", retry_after=wait)
