"""What PeeringDB still takes from this address: requests a minute, and refusals.

A pure state machine, measured on PeeringDB 2.82.0. The clock is an argument (any
monotonic one, in seconds), nothing here waits or asks. It is not thread-safe by itself:
its driver holds one lock around each call.

Each request has a `Purpose` and may have a `Payer`. Less important requests have a
ceiling, so that they leave room for logins. A payer has a small part, so that nobody
uses up what others need.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from peeringdb_oauth.cost import Cost, Payer, Purpose, new_number
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.responses import SILENCE, retry_after

WINDOW = 60.0  # seconds
REFUSALS = 10  # answers of 401 or 403; PeeringDB blocks the address at the next one

# How much of the requests a minute a purpose and the less important ones may take
# together.
CEILINGS = {
    Purpose.LOGIN: 1.0,
    Purpose.LOOK_UP: 0.6,
    Purpose.RENEWAL: 0.45,
    Purpose.RECHECK: 0.3,
    Purpose.CLEAN_UP: 0.1,
}
_CEILINGS = [CEILINGS[purpose] for purpose in Purpose]  # by number, which is faster
# The numbers of each purpose and of the more important ones.
_LEVELS = [range(purpose + 1) for purpose in Purpose]
# How much of the requests a minute one payer may take, by its kind.
PARTS = {
    "account": 0.1,
    "logouts": 0.1,
    "rechecks": 0.1,
    "address": 0.1,
    "site": 0.3,
    "proxy": 0.5,
    "strangers": 0.3,
}
MIN_PART = 4  # requests, where the budget is that large: two logins
NO_ANSWER_PAUSE = 10.0  # seconds without less important requests
RISKY_PART = 0.5  # of the refusals: the most that tokens which may be dead may cause
_USED_UP = {
    "account": "you have asked PeeringDB very often within a minute",
    "logouts": "you have logged out very often within a minute",
    "rechecks": "your rights were read in many sessions within a minute",
    "address": "PeeringDB was asked very often from your address within a minute",
    "site": "PeeringDB was asked very often from your network within a minute",
    "proxy": "the visitors behind one proxy have used their part of the requests a minute",
    "strangers": "many unknown bearer tokens came within a minute",
}
_OF_ONE = ("account", "rechecks", "address", "site")  # the others need not wait
ROUNDING = 1e-6  # seconds; waiting exactly as long as we said must be enough
_SOON = 1.0  # seconds to wait where refusals count for longer than anybody knows


class TooManyRefusals(RateLimited):
    """One more token that may be dead must not be tried: introspect it first."""


class UsedUp(RateLimited):
    """The requests a minute are used up, or the part for such requests is."""


@dataclass(slots=True, eq=False)
class Booking:
    """A request that was admitted.

    ``id``: the process that booked, and a number there. ``requests``: for how many
    requests it stands: itself, and those that it announced. ``is_open``: whether
    another payer may yet pay for it. The other fields are those of the request.
    """

    id: tuple[str, int]
    at: float
    purpose: int
    payers: tuple[Payer, ...]
    requests: int = 0
    is_post: bool = False
    is_risky: bool = False
    is_open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was taken from a budget within the last minute.

    ``limit``: requests a minute; None for no limit. ``used``: how many were taken, by
    their purpose. ``pause``: seconds for which PeeringDB must not be asked.
    """

    limit: int | None
    used: dict[Purpose, int]
    pause: float


class Budget:
    """What may be asked of PeeringDB.

    ``requests_per_minute``: for all processes at this address; None for no limit.
    PeeringDB's other limits hold all the same. ``processes``: how many share it, each
    with a budget of its own. ``process``: the name of the one that uses this object,
    where several use one budget in turn.
    """

    def __init__(
        self, requests_per_minute: int | None, processes: int = 1, process: str = ""
    ) -> None:
        self._limit = math.inf
        if requests_per_minute is not None:
            self._limit = max(2, requests_per_minute // processes)
        self._process = process
        self._most_refusals = max(1, REFUSALS // processes)
        self._most_risky = int(RISKY_PART * REFUSALS / processes)
        # Of the last minute, the oldest first: what takes a part of the limit.
        self._bookings: dict[tuple[str, int], Booking] = {}
        self._flying: dict[tuple[str, int], Booking] = {}  # what is in flight
        # Requests of the last minute: of each purpose with the less important ones, and
        # of each payer.
        self._used = [0] * len(Purpose)
        self._paid: dict[Payer, int] = {}
        # those of them that others may yet pay for
        self._open: dict[Payer, int] = {}
        # of each purpose with the less important ones
        self._in_flight = [0] * len(Purpose)
        self._risky_in_flight = 0
        # As PeeringDB counts them: each within a minute of the one before.
        self._refusals = self._risky_refusals = 0
        self._silent_until = self._paused_until = self._refusals_until = -math.inf
        self._unanswered_until = -math.inf
        # All refusals until then are known here. Of later ones others may know more.
        self.known_until = math.inf

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit of requests a minute."""
        return self._limit < math.inf

    def admit(self, request: HTTPRequest, now: float) -> Booking | None:
        """Take a request on; None: wait until one in flight has ended, then ask again.

        Every booking must be ended with `settle`, once. If it announced others,
        `charge` must follow.

        Raises:
            RateLimited: waiting for others would not help.
        """
        cost = request.cost
        counts = cost.requests and self.is_limited
        self._forget_old(now + ROUNDING)
        self._check_blocks(request, now)
        if self._refusals or self._risky_refusals or not self._most_risky:
            self._check_refusals(request, now)
        if counts:
            self._check_ceilings(cost, now)
            if self._must_wait_for_payer(cost, now):
                return None
        if not self._has_slot(request):
            return None
        booking = Booking(self._new_id(cost), now, cost.purpose, self._known(cost.payers))
        booking.is_post, booking.is_risky = request.form is not None, cost.is_risky
        self._take_off(booking)
        if counts:
            self._bookings[booking.id] = booking
            self._count(booking, cost.requests)
        return booking

    def check_payers(self, cost: Cost, now: float) -> None:
        """Raise what `admit` would, if all or a payer have used their part.

        Raises:
            RateLimited: they have.
        """
        self._forget_old(now + ROUNDING)
        if self.is_limited:
            self._check_ceilings(cost, now)
            self._must_wait_for_payer(cost, now)

    def settle(
        self, booking: Booking, response: HTTPResponse | None, now: float, *, lost: bool = False
    ) -> None:
        """End a booking. ``response`` is None when there was none.

        ``lost``: PeeringDB was asked and gave no answer. Nobody pays for that, nor for
        PeeringDB's own failures. But a login pays for a 500: a person can bring codes
        that cause it, and such a code stays good. Each lost request keeps its caller
        waiting for the whole timeout, so less important ones pause. It is no refusal,
        or every outage would last a minute longer here. But one that was lost during
        the silence was most likely one more 401, which made the silence longer.
        """
        status = 0 if response is None else response.status
        self._land(booking)
        if booked := self._bookings.get(booking.id):
            self._settle_account(booked, status, lost=lost)
        if status == 200:
            return
        if lost:
            self._unanswered_until = now + NO_ANSWER_PAUSE
        if status in (401, 403):
            self._count_refusal(booking, now)
        is_silent = now < self._silent_until
        if booking.is_post and (status == 401 or (not status and is_silent)):
            self._silent_until = now + SILENCE
        if response is not None and status == 429:
            self._paused_until = max(self._paused_until, now + retry_after(response))

    def charge(self, cost: Cost, payer: Payer | None, requests: int | None = None) -> None:
        """Let ``payer`` pay for the request that has ``cost``, this very object.

        None, or a payer whose part has no room for it: those pay who have paid so far.
        A request that announced others stays open until then. ``requests``: how many
        there were, if not all were sent.
        """
        booking = self._bookings.get((self._process, cost.number))
        if booking is None:
            return
        self._close(booking)
        if requests is not None:
            self._count(booking, min(booking.requests, requests) - booking.requests)
        if payer is not None:
            (known,) = self._known((payer,))
            if self._paid.get(known, 0) + booking.requests <= self._part(known):
                self._pay(booking, (known,))

    def usage(self, now: float) -> Usage:
        """What was taken from the budget within the last minute."""
        self._forget_old(now + ROUNDING)
        below = [*self._used[1:], 0]  # `_used` has the less important ones, too
        return Usage(
            limit=None if self._limit == math.inf else int(self._limit),
            used={purpose: self._used[purpose] - below[purpose] for purpose in Purpose},
            pause=max(self._paused_until - now, self._silent_until - now, 0.0),
        )

    def forget_in_flight(self) -> None:
        """In a process that was forked: nothing is under way here.

        Another thread may have been in the middle of any method, so all is counted
        anew.
        """
        self._flying.clear()
        self._in_flight, self._used = [0] * len(Purpose), [0] * len(Purpose)
        self._risky_in_flight = 0
        self._open.clear()
        self._paid.clear()
        for booking in self._bookings.values():
            booking.is_open = False
            requests, booking.requests = booking.requests, 0
            self._count(booking, requests)

    def _known(self, payers: tuple[Payer, ...]) -> tuple[Payer, ...]:
        """The payers as they are written down here."""
        return payers

    def _new_id(self, cost: Cost) -> tuple[str, int]:
        """The id by which `charge` finds a booking.

        A cost that many requests share has it once. Nobody charges for those.
        """
        found = self._process, cost.number
        if found in self._bookings or found in self._flying:
            return self._process, new_number()
        return found

    def _settle_account(self, booking: Booking, status: int, *, lost: bool) -> None:
        """What an answer changes for those who pay."""
        is_caused = status == 500 and booking.purpose == Purpose.LOGIN
        if lost or status == 429 or (status >= 500 and not is_caused):
            self._pay(booking, ())
        if status != 200:  # what was booked for the time after it is not needed
            self._count(booking, min(booking.requests, 1) - booking.requests)
        if booking.requests < 2:
            self._close(booking)

    def _forget_old(self, due: float) -> None:
        while self._bookings:
            booking = next(iter(self._bookings.values()))
            if booking.at > due - WINDOW:
                break
            self._count(booking, -booking.requests)
            del self._bookings[booking.id]
        until = self._refusals_until
        # PeeringDB may have refused in time what is still in flight.
        is_over = until <= min(due, self.known_until)
        if is_over and all(one.at >= until for one in self._flying.values()):
            self._refusals = self._risky_refusals = 0

    def _check_blocks(self, request: HTTPRequest, now: float) -> None:
        due = now + ROUNDING
        if due < self._paused_until:
            raise _limited(
                "PeeringDB has had too many requests from this address", self._paused_until - now
            )
        if request.cost.purpose and due < self._unanswered_until:
            raise _limited("PeeringDB did not answer a moment ago", self._unanswered_until - now)
        if request.form is not None and due < self._silent_until:
            raise _limited(
                "PeeringDB refused this address with a 401 (a wrong client_id or client_secret?),"
                " and would go on refusing everybody if it were asked again now",
                self._silent_until - now,
            )

    def _check_refusals(self, request: HTTPRequest, now: float) -> None:
        wait = self._refusals_until - now
        if wait <= 0:  # perhaps there are more of them, in flight or in other processes
            wait = _SOON
        if self._refusals >= self._most_refusals:
            raise _limited(
                f"PeeringDB refused {self._refusals} requests, each within a minute of the one"
                " before, and may block this address at the next one",
                wait,
            )
        if request.cost.is_risky and self._risky_refusals >= self._most_risky / 2:
            raise _limited("PeeringDB refused several dead tokens", wait, kind=TooManyRefusals)

    def _check_ceilings(self, cost: Cost, now: float) -> None:
        for level in _LEVELS[cost.purpose]:
            excess = self._used[level] + cost.requests - self._ceiling(level)
            if excess <= 0:
                continue
            counted = (one for one in self._bookings.values() if one.purpose >= level)
            wait = _wait(counted, excess, now)
            if level == Purpose.LOGIN:
                raise _limited(
                    f"this client's {self._limit} requests a minute are used up (PeeringDB grants"
                    " 120 to one address)",
                    wait,
                    kind=UsedUp,
                )
            raise _limited(
                "the rest of the requests a minute is kept for logins", wait, kind=UsedUp
            )

    def _must_wait_for_payer(self, cost: Cost, now: float) -> bool:
        """Whether it depends on a payer's requests that others may yet pay for."""
        for payer in self._known(cost.payers):
            excess = self._paid.get(payer, 0) + cost.requests - self._part(payer)
            if excess <= 0:
                continue
            if self._open.get(payer, 0) >= excess:
                return True
            paid = (one for one in self._bookings.values() if payer in one.payers)
            wait = _wait(paid, excess, now)
            raise _limited(_USED_UP[payer.kind], wait, for_caller=payer.kind in _OF_ONE)
        return False

    def _has_slot(self, request: HTTPRequest) -> bool:
        """Whether PeeringDB may refuse this one and all in flight, and not block us.

        Less important requests leave slots for the more important ones.
        """
        if (
            request.cost.is_risky
            and self._risky_refusals + self._risky_in_flight >= self._most_risky
        ):
            return False
        left = self._most_refusals - self._refusals
        for level in _LEVELS[request.cost.purpose]:
            if self._in_flight[level] >= max(1, _CEILINGS[level] * left):
                return False
        return True

    def _ceiling(self, level: int) -> float:
        return max(2, self._limit * _CEILINGS[level])

    def _part(self, payer: Payer) -> float:
        return max(min(MIN_PART, self._limit), self._limit * PARTS[payer.kind])

    def _count_refusal(self, booking: Booking, now: float) -> None:
        self._refusals += 1
        self._risky_refusals += booking.is_risky
        self._refusals_until = max(self._refusals_until, now + WINDOW)

    def _count(self, booking: Booking, change: int) -> None:
        if not change:
            return
        booking.requests += change
        for level in _LEVELS[booking.purpose]:
            self._used[level] += change
        self._count_paid(booking, change)

    def _count_paid(self, booking: Booking, change: int) -> None:
        for payer in booking.payers:
            _add(self._paid, payer, change)
            if booking.is_open:
                _add(self._open, payer, change)

    def _pay(self, booking: Booking, payers: tuple[Payer, ...]) -> None:
        self._count_paid(booking, -booking.requests)
        booking.payers = payers
        self._count_paid(booking, booking.requests)

    def _take_off(self, booking: Booking) -> None:
        self._flying[booking.id] = booking
        for level in _LEVELS[booking.purpose]:
            self._in_flight[level] += 1
        self._risky_in_flight += booking.is_risky

    def _land(self, booking: Booking) -> None:
        # else it began in the process that this one was forked from, or was given up
        if self._flying.pop(booking.id, None):
            for level in _LEVELS[booking.purpose]:
                self._in_flight[level] -= 1
            self._risky_in_flight -= booking.is_risky

    def _close(self, booking: Booking) -> None:
        if booking.is_open:
            booking.is_open = False
            for payer in booking.payers:
                _add(self._open, payer, -booking.requests)


def shortest_recheck(
    sessions: int, requests_per_minute: int | None = 100, *, addresses: int = 1
) -> float:
    """How often the rights in so many sessions can be read again at most, in seconds.

    All of them are in use. So it is also how old the rights in them become, if that is
    more than the policy's ``recheck_every``. Logins come first: while they need all
    requests, nothing is re-checked.

    >>> from peeringdb_oauth.budget import shortest_recheck
    >>> shortest_recheck(1000, requests_per_minute=100)
    2000.0

    ``requests_per_minute``: of the budget; None for no limit. ``addresses``: how many
    addresses the site has, each with a budget of its own.
    """
    if requests_per_minute is None:
        return 0.0
    each = max(2, requests_per_minute * CEILINGS[Purpose.RECHECK])
    return sessions * WINDOW / (each * addresses)


def _wait(bookings: Iterable[Booking], excess: float, now: float) -> float:
    """Seconds until enough of the bookings have left the window, the oldest first."""
    oldest = list(bookings)
    totals = accumulate(booking.requests for booking in oldest)
    last = next(one for one, total in zip(oldest, totals, strict=True) if total >= excess)
    return last.at + WINDOW - now


def _add(counted: dict[Payer, int], payer: Payer, change: int) -> None:
    """Count, and forget those with nothing left: there are many payers in a day."""
    total = counted.get(payer, 0) + change
    if total:
        counted[payer] = total
    else:
        counted.pop(payer, None)


def _limited(
    reason: str, wait: float, *, kind: type[RateLimited] = RateLimited, for_caller: bool = False
) -> RateLimited:
    message = f"{reason}: nothing was sent; wait {math.ceil(wait)} s"
    return kind(message, retry_after=wait, for_caller=for_caller)
