"""A budget that many processes use in turn: written down, and read again.

A process that does not reach it knows neither what the others do, nor whether they
still reach it. So something is kept for such processes that nobody else uses: some of
the ten refusals, and what our limit leaves of the requests that PeeringDB grants.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from peeringdb_oauth.budget import REFUSALS, RISKY_PART, ROUNDING, WINDOW, Booking, Budget
from peeringdb_oauth.cost import Payer, Purpose
from peeringdb_oauth.errors import InvalidResponse, RateLimited
from peeringdb_oauth.messages import HTTPRequest

LONGEST = 7200.0  # seconds; no pause is longer
APART = 4  # refusals that are kept for processes apart; so many of them can go on
APART_REQUESTS = 0.2  # of the limit, in addition to it: what is kept for them at most
GRANTED = 120  # requests a minute that PeeringDB takes from one address
_LOGIN = 2  # requests of one login
_SOON = 2.0  # seconds until the store may answer
_MOST_COUNTED = 1_000_000  # of what a record says, so that no sum overflows
# The attributes of a budget that are times.
_TIMES = ("_silent_until", "_paused_until", "_refusals_until", "_unanswered_until", "_told_until")


class SharedBudget(Budget):
    """A `Budget` whose bookings, refusals and pauses come from several processes.

    ``process``: the name of the one that uses this object. ``hide``: gives another name
    for that of a payer, since everybody who reaches the store may read what `to_dict`
    gives. The others are those of `Budget`.
    """

    def __init__(
        self,
        limit: int | None,
        *,
        process: str,
        hide: Callable[[str], str],
        refusals: int = REFUSALS - APART,
    ) -> None:
        super().__init__(limit, process=process)
        self._hide = hide
        self._most_refusals = refusals
        self._most_risky = int(RISKY_PART * refusals)
        self._told = 0, 0  # refusals here that the budget of all knows of, or will
        self._told_until = -math.inf  # `_refusals_until`, by known refusals only

    def admit(self, request: HTTPRequest, now: float) -> Booking | None:
        """See `Budget.admit`.

        Raises:
            RateLimited: waiting for others would not help.
        """
        if not self._most_refusals:
            raise RateLimited(
                "the store of the sessions does not answer, and others use what PeeringDB takes"
                " meanwhile: nothing was sent",
                retry_after=_SOON,
            )
        return super().admit(request, now)

    def to_dict(self, now: float) -> dict[str, Any]:
        """What still counts, as JSON. The limit bounds how many bookings there are."""
        self._forget_old(now + ROUNDING)
        until = {name: getattr(self, name) for name in _TIMES}
        known, known_risky = self._told
        return {
            "at": now,
            "bookings": [self._to_row(one) for one in self._all() if one.id[0]],
            "refusals": [self._refusals - known, self._risky_refusals - known_risky],
            "until": {name: time for name, time in until.items() if time > self._oldest(now)},
        }

    def _oldest(self, now: float) -> float:
        """Until when what is over does not count; refusals may, see `_forget_old`."""
        return now - LONGEST if self._refusals else now

    def add(
        self, value: Any, shift: float, *, landed_before: float = -math.inf, longest: float = 0.0
    ) -> None:
        """Add what `to_dict` gave. What is here already is not added once more.

        ``shift``: how many seconds later its times are by the clock of this budget.
        ``landed_before``: what was admitted until then is in flight no longer. Its
        process has died, and PeeringDB may have refused it. ``longest``: within how
        many seconds it has answered. Another site may have written the value. So no
        number in it can free what was used, and no time can block the address for
        longer than `LONGEST`.

        Raises:
            InvalidResponse: the value is something else.
        """
        try:
            written_at = value["at"] + shift
            refusals, risky = value["refusals"]
            self._refusals += _count_in(refusals)
            self._risky_refusals += _count_in(risky)
            for name in _TIMES:
                until = value["until"].get(name, -math.inf) + shift
                until = min(until, written_at + LONGEST)
                setattr(self, name, max(getattr(self, name), until))
            for row in value["bookings"]:
                self._add_row(row, shift, written_at)
            for booking in [one for one in self._flying.values() if one.at <= landed_before]:
                self._land(booking)
                # Nobody knows it for sure, so it is not `_told_until`.
                super()._count_refusal(booking, booking.at + longest)
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
            raise InvalidResponse("the shared budget is malformed", check="budget") from error
        self._bookings = dict(sorted(self._bookings.items(), key=lambda item: item[1].at))

    def part(
        self, processes: int, rank: int, before: "SharedBudget | None", now: float, part_now: float
    ) -> "SharedBudget":
        """A budget for this process, for as long as it cannot share this one.

        It has a part of what is kept for that. It forgets no refusals, since others may
        be refused meanwhile. ``processes``: how many may do the same. ``rank``: how
        many of them are older; only the oldest ones go on. ``before``: the part that
        this process had last. ``now``, ``part_now``: the same moment by both clocks.
        """
        self._forget_old(now + ROUNDING)
        sharers = min(processes, APART)
        limit, refusals = None, APART // sharers
        if self._limit < math.inf:
            limit = int(requests_apart(self._limit) / sharers)
        if rank >= sharers or (limit is not None and limit < _LOGIN):
            refusals = 0
        part = SharedBudget(limit, process=self._process, hide=self._hide, refusals=refusals)
        part.known_until = -math.inf
        part.add(self.to_dict(now) | {"bookings": [], "refusals": [0, 0]}, part_now - now)
        if before is not None:
            part.add(before.to_dict(part_now), 0.0)
            if self._refusals:
                part._told = before._told  # noqa: SLF001 - of the same class
                part._refusals, part._risky_refusals = part._told
        for booking in self._flying.values():
            if booking.id[0] == self._process:
                moved = replace(booking, at=booking.at + part_now - now)
                part._take_off(part._bookings.get(booking.id, moved))
        return part

    def most(self) -> str:
        """How much it allows at most, in words."""
        if not self._most_refusals:
            return "nothing"
        if self._limit == math.inf:
            return "requests without a limit"
        return f"at most {self._limit} requests a minute"

    def absorb(self, part: "SharedBudget", now: float, part_now: float) -> None:
        """Take back what happened in a `part`.

        ``now``, ``part_now``: the same moment by the clocks of both.
        """
        self._forget_old(now + ROUNDING)
        in_flight = part._flying.keys()  # noqa: SLF001 - of the same class
        for booking in list(self._flying.values()):
            if booking.id[0] == self._process and booking.id not in in_flight:
                self._land(booking)
                self._close(booking)
        self.add(part.to_dict(part_now), now - part_now)

    def keep_refusals(self, now: float, until: float, *, since: float) -> None:
        """Forget no refusals before ``until`` that are not forgotten ``now``.

        ``since``: when a process was last seen that may have been refused and told
        nobody. All such processes together are refused `APART` times at most, and each
        refusal counts for a minute. Without that bound, processes that come and go
        would keep the refusals for ever.
        """
        self._forget_old(now + ROUNDING)
        if self._refusals and since < self._told_until + APART * WINDOW:
            self._refusals_until = max(self._refusals_until, until)

    def hand_over(self) -> None:
        """Count all that happened in this part as known to the others.

        The others will learn of what is in flight, too. It may be refused, so it counts
        as a refusal that they know of.
        """
        in_flight, risky_in_flight = len(self._flying), self._risky_in_flight
        self.forget_in_flight()
        self._told = self._refusals + in_flight, self._risky_refusals + risky_in_flight

    def _count_refusal(self, booking: Booking, now: float) -> None:
        super()._count_refusal(booking, now)
        self._told_until = max(self._told_until, now + WINDOW)

    def _known(self, payers: tuple[Payer, ...]) -> tuple[Payer, ...]:
        return tuple(payer._replace(name=self._hide(payer.name)) for payer in payers)

    def _all(self) -> Iterable[Booking]:
        return (self._bookings | self._flying).values()

    def _to_row(self, booking: Booking) -> list[Any]:
        return [
            *booking.id,
            booking.at,
            booking.purpose,
            booking.requests,
            int(booking.is_risky),
            int(booking.is_open),
            int(booking.id in self._flying),
            booking.payers,
        ]

    def _add_row(self, row: Any, shift: float, written_at: float) -> None:
        process, number, at, purpose, requests, is_risky, is_open, in_flight, payers = row
        at = min(at + shift, written_at)
        booking = Booking((str(process), int(number)), at, int(Purpose(purpose)), ())
        if booking.id in self._bookings or booking.id in self._flying:
            return
        booking.payers = tuple(Payer(*payer) for payer in payers)
        booking.is_risky, booking.is_open = bool(is_risky), bool(is_open)
        if in_flight:
            self._take_off(booking)
        if requests and self._limit < math.inf:
            self._bookings[booking.id] = booking
            self._count(booking, _count_in(requests))


def requests_apart(limit: float) -> float:
    """Requests a minute that are kept for all processes without the store together.

    ``limit``: requests a minute of those with the store. A limit above what PeeringDB
    grants is the allowance of somebody to whom it grants more. Nobody knows whether it
    leaves anything.
    """
    return min(limit * APART_REQUESTS, max(0, GRANTED - limit))


def _count_in(value: Any) -> int:
    """A count in a record that another site may have written."""
    return int(min(max(0, value), _MOST_COUNTED))
