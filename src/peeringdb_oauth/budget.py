"""What PeeringDB still takes from this address: requests a minute, the silence after a 401, the pause after a 429, refusals.

A pure state machine, measured on PeeringDB 2.82.0: the clock is an argument (any monotonic one), nothing here waits or asks.
It is not thread-safe by itself: its driver holds one lock around each call.
"""

from collections import deque

from .errors import RateLimited
from .messages import HTTPRequest, HTTPResponse
from .tokens import SILENCE, retry_after

WINDOW = 60.0  # seconds
REFUSALS = 10  # answers of 401 or 403 in a minute; PeeringDB blocks the whole address at the eleventh


class Budget:
    """The state of one client. ``requests_per_minute``: None for no limit of its own; PeeringDB's other limits hold all the same."""

    def __init__(self, requests_per_minute: int | None) -> None:
        self._requests_per_minute = requests_per_minute
        self._booked: deque[float] = deque()  # when each request of the last minute was booked
        self._refused: deque[float] = deque()  # when each refusal of the last minute arrived
        self._in_flight = 0
        self._silent_until = self._paused_until = float("-inf")

    def admit(self, request: HTTPRequest, now: float) -> bool:
        """Take a request on, and True; False: wait until one in flight has ended, then ask again.

        Every admitted request must be ended with `settle`. Raises: `RateLimited` when waiting for others would not help.
        """
        _forget(self._booked, now)
        _forget(self._refused, now)
        if now < self._paused_until:
            raise _limited("PeeringDB has had too many requests from this address", self._paused_until - now)
        if request.method == "POST" and now < self._silent_until:
            raise _limited(
                "PeeringDB refused this address with a 401 (a wrong client_id or client_secret?), and would go on refusing everybody "
                "if it were asked again now",
                self._silent_until - now,
            )
        if len(self._refused) >= REFUSALS:
            raise _limited(
                f"PeeringDB refused {REFUSALS} requests within a minute, and blocks this address at the next one",
                self._refused[0] + WINDOW - now,
            )
        if self._requests_per_minute is not None and len(self._booked) + request.booked > self._requests_per_minute:
            excess = len(self._booked) + request.booked - self._requests_per_minute
            raise _limited(
                f"this client's {self._requests_per_minute} requests a minute are used up (PeeringDB grants 120 to one address)",
                self._booked[excess - 1] + WINDOW - now,
            )
        # Every one in flight may yet be refused: together with those already refused they stay below the eleventh.
        if len(self._refused) + self._in_flight >= REFUSALS:
            return False
        self._in_flight += 1
        self._booked.extend([now] * request.booked)
        return True

    def settle(self, request: HTTPRequest, response: HTTPResponse | None, now: float) -> None:
        """End an admitted request; ``response`` is None when there was none."""
        self._in_flight -= 1
        if response is None:
            return
        if response.status in (401, 403):
            self._refused.append(now)
        if response.status == 401 and request.method == "POST":  # noqa: PLR2004
            self._silent_until = now + SILENCE
        if response.status == 429:  # noqa: PLR2004
            self._paused_until = max(self._paused_until, now + retry_after(response))


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] <= now - WINDOW:
        times.popleft()


def _limited(reason: str, wait: float) -> RateLimited:
    return RateLimited(f"{reason}: nothing was sent; wait {wait:.0f} s", retry_after=wait)
