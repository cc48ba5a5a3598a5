"""What PeeringDB still takes from this address: requests a minute, the silence after a
401, the pause after a 429, refusals.

A pure state machine, measured on PeeringDB 2.82.0: the clock is an argument (any
monotonic one), nothing here waits or asks. It is not thread-safe by itself: its driver
holds one lock around each call.
"""

import math
from collections import deque
from dataclasses import dataclass
from itertools import accumulate

from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.responses import SILENCE, retry_after

WINDOW = 60.0  # seconds
# answers of 401 or 403; PeeringDB blocks the whole address at the eleventh
REFUSALS = 10
_ROUNDING = (
    # seconds; whoever waited exactly as long as we said must not miss it by a rounding
    # error
    1e-6
)


@dataclass(slots=True, eq=False)
class Booking:
    """A request that was admitted, and for how many requests it stands: itself, and
    those that it announced.
    """

    request: HTTPRequest
    at: float
    requests: int


class Budget:
    """The state of one client. ``requests_per_minute``: None for no limit of its own;
    PeeringDB's other limits hold all the same.
    """

    def __init__(self, requests_per_minute: int | None) -> None:
        self._requests_per_minute = requests_per_minute
        # of the last minute, in the order of time
        self._bookings: deque[Booking] = deque()
        # as PeeringDB counts them: each within a minute of the one before, however long
        # the row gets
        self._refusals = 0
        self._in_flight = 0
        self._silent_until = self._paused_until = self._refusals_until = -math.inf

    def admit(self, request: HTTPRequest, now: float) -> Booking | None:
        """Take a request on; None: wait until one in flight has ended, then ask again.

        Every booking must be ended with `settle`, once. Raises: `RateLimited` when
        waiting for others would not help.
        """
        due = now + _ROUNDING
        while self._bookings and self._bookings[0].at <= due - WINDOW:
            self._bookings.popleft()
        if self._refusals_until <= due:
            self._refusals = 0
        if due < self._paused_until:
            raise _limited(
                "PeeringDB has had too many requests from this address",
                self._paused_until - now,
            )
        if request.method == "POST" and due < self._silent_until:
            raise _limited(
                "PeeringDB refused this address with a 401 (a wrong client_id or client_secret?),"
                " and would go on refusing everybody if it were asked again now",
                self._silent_until - now,
            )
        if self._refusals >= REFUSALS:
            raise _limited(
                f"PeeringDB refused {REFUSALS} requests, each within a minute of the one before,"
                " and blocks this address at the next one",
                self._refusals_until - now,
            )
        self._check_minute(request, now)
        # Every one in flight may yet be refused: together with those already refused
        # they stay below the eleventh.
        if self._refusals + self._in_flight >= REFUSALS:
            return None
        self._in_flight += 1
        booking = Booking(request, now, request.booked)
        self._bookings.append(booking)
        return booking

    def forget_in_flight(self) -> None:
        """In a process that was forked: nothing is under way here."""
        self._in_flight = 0

    def settle(self, booking: Booking, response: HTTPResponse | None, now: float) -> None:
        """End a booking; ``response`` is None when there was none.

        A lost answer counts for nothing, or every outage would end a minute later here;
        but one that was lost during the silence was most likely one more 401, which
        made it longer.
        """
        self._in_flight -= 1
        status = None if response is None else response.status
        if status != 200:  # then what was booked for the time after it is not needed
            booking.requests = min(booking.requests, 1)
        if status in (401, 403):
            self._refusals += 1
            self._refusals_until = now + WINDOW
        if booking.request.method == "POST" and (
            status == 401 or (status is None and now < self._silent_until)
        ):
            self._silent_until = now + SILENCE
        if response is not None and status == 429:
            self._paused_until = max(self._paused_until, now + retry_after(response))

    def _check_minute(self, request: HTTPRequest, now: float) -> None:
        if self._requests_per_minute is None:
            return
        excess = (
            sum(booking.requests for booking in self._bookings)
            + request.booked
            - self._requests_per_minute
        )
        if excess <= 0:
            return
        # There is room when the oldest bookings, up to this one, have left the window.
        room = accumulate(booking.requests for booking in self._bookings)
        oldest = zip(self._bookings, room, strict=True)
        last = next(booking for booking, requests in oldest if requests >= excess)
        raise _limited(
            f"this client's {self._requests_per_minute} requests a minute are used up (PeeringDB"
            " grants 120 to one address)",
            last.at + WINDOW - now,
        )


def _limited(reason: str, wait: float) -> RateLimited:
    return RateLimited(f"{reason}: nothing was sent; wait {math.ceil(wait)} s", retry_after=wait)
