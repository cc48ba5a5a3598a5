"""How many access tokens may be looked up at PeeringDB, and when.

Logins keep their share of the requests, and a flood of made-up tokens does no harm.
This is a state machine without a clock: the time is an argument.
"""

import math
from collections import deque

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import RateLimited

# For how many seconds an answer about a token counts, good or bad.
MAX_AGE = 60
# While PeeringDB cannot be asked, a good access token counts for so many seconds after
# PeeringDB last confirmed it.
GRACE = 300
# So many look-ups within a minute may find a bad token. Then new tokens must wait.
BAD_LOOK_UPS = 10
# For how many seconds nothing is looked up after a look-up without an answer. Otherwise
# each caller would wait for the timeout.
PAUSE = 10
WINDOW = 60.0  # seconds


class LookUps:
    """The look-ups of one verifier. All times are Unix seconds. Thread-safe.

    ``requests_per_minute``: the budget of the client, None for no limit.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        # A look-up takes up to two requests, and logins keep half of the budget.
        self._most = math.inf if requests_per_minute is None else max(1, requests_per_minute // 4)
        # Bad tokens get at most half of the look-ups.
        self._most_bad = int(min(BAD_LOOK_UPS, max(1, self._most / 2)))
        self._started: deque[float] = deque()
        # Look-ups of new tokens that have not turned out to be good.
        self._unproven: deque[float] = deque()
        self._paused_at = -math.inf
        self._lock = ForkSafeLock()

    def start(self, now: float, *, age: float | None) -> None:
        """Count a look-up that starts now.

        ``age``: how many seconds old the answer to renew is, None for a new token. The
        more look-ups were started, the older the answer must be. So every token is
        renewed in time when there are more tokens than look-ups.

        Raises:
            RateLimited: no look-up may start now.
        """
        share = 1 if age is None else (1 + min(max(age - MAX_AGE, 0) / (GRACE - MAX_AGE), 1)) / 2
        with self._lock:
            if (wait := PAUSE - elapsed(self._paused_at, now)) > 0:
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
        """The look-up that started then found a good token."""
        with self._lock:
            _discard(self._unproven, started)

    def cancel(self, started: float) -> None:
        """The look-up that started then sent no request."""
        with self._lock:
            _discard(self._unproven, started)
            _discard(self._started, started)

    def pause(self, now: float) -> None:
        """A look-up got no answer: start no other for `PAUSE` seconds."""
        with self._lock:
            self._paused_at = now


def _wait(started: deque[float], most: float, now: float) -> float:
    """The seconds until fewer than ``most`` were started within a minute."""
    while started and elapsed(started[0], now) >= WINDOW:
        started.popleft()
    return 0.0 if len(started) < most else started[int(len(started) - most)] + WINDOW - now


def _discard(started: deque[float], time: float) -> None:
    if time in started:  # not if the look-up took longer than a minute
        started.remove(time)


def _limited(reason: str, wait: float) -> RateLimited:
    return RateLimited(
        f"{reason}: nothing was sent; wait {math.ceil(wait)} seconds", retry_after=wait
    )
