"""A budget that many processes use in turn: written down, read again, and divided."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from peeringdb_oauth.budget import REFUSALS, RISKY_PART, ROUNDING, Booking, Budget
from peeringdb_oauth.cost import Payer, Purpose, new_number
from peeringdb_oauth.errors import InvalidResponse

LONGEST = 7200.0  # seconds; no pause is longer
_MOST_COUNTED = 1_000_000  # of what a record says, so that no sum overflows
# The attributes of a budget that are times.
_TIMES = ("_silent_until", "_paused_until", "_refusals_until", "_unanswered_until")


class SharedBudget(Budget):
    """A `Budget` whose bookings, refusals and pauses come from several processes.

    ``process``: the name of the one that uses this object. ``hide``: gives another name
    for that of a payer, since everybody who reaches the store may read what `to_dict`
    gives. The others are those of `Budget`.
    """

    _inherited = 0, 0  # refusals that the budget knows of which this is a `part`

    def __init__(
        self, limit: int | None, *, process: str, hide: Callable[[str], str], processes: int = 1
    ) -> None:
        super().__init__(limit, processes, process)
        self._hide = hide

    def to_dict(self, now: float) -> dict[str, Any]:
        """What still counts, as JSON. The limit bounds how many bookings there are."""
        self._forget_old(now + ROUNDING)
        until = {name: getattr(self, name) for name in _TIMES}
        known, known_risky = self._inherited
        return {
            "at": now,
            "bookings": [self._to_row(one) for one in self._all() if one.id[0]],
            "refusals": [self._refusals - known, self._risky_refusals - known_risky],
            "until": {name: time for name, time in until.items() if time > self._oldest(now)},
        }

    def _oldest(self, now: float) -> float:
        """Until when what is over does not count; refusals may, see `_forget_old`."""
        return now - LONGEST if self._refusals else now

    def add(self, value: Any, shift: float, *, landed_before: float = -math.inf) -> None:
        """Add what `to_dict` gave. What is here already is not added once more.

        ``shift``: how many seconds later its times are by the clock of this budget.
        ``landed_before``: what was admitted earlier is in flight no longer: its process
        has died. Another site may have written the value. So no number in it can free
        what was used, and no time can block the address for longer than `LONGEST`.

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
                self._add_row(row, shift, landed_before, written_at)
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError) as error:
            raise InvalidResponse("the shared budget is malformed", check="budget") from error
        self._bookings = dict(sorted(self._bookings.items(), key=lambda item: item[1].at))

    def part(self, processes: int, now: float) -> "SharedBudget":
        """A budget for this process, for as long as it cannot share this one.

        It has a part of what is left. ``processes``: how many do the same.
        """
        self._forget_old(now + ROUNDING)
        limit = None if self._limit == math.inf else int(self._limit)
        part = SharedBudget(limit, process=self._process, hide=self._hide, processes=processes)
        for name in _TIMES:
            setattr(part, name, getattr(self, name))
        part._inherit(self._refusals, self._risky_refusals, processes)
        if limit is not None:
            before = Booking(("", new_number()), now, Purpose.LOGIN, (), is_open=False)
            part._bookings[before.id] = before
            part._count(before, math.ceil(self._used[Purpose.LOGIN] / processes))
        for booking in self._flying.values():
            if booking.id[0] == self._process:
                part._take_off(replace(booking))
        return part

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

    def _inherit(self, refusals: int, risky: int, processes: int) -> None:
        """Count so many that all parts together stay below PeeringDB's limit."""
        if refusals:
            excess = refusals + processes * self._most_refusals - REFUSALS
            self._refusals = min(max(0, math.ceil(excess / processes)), self._most_refusals)
        if risky:
            excess = int(risky + processes * self._most_risky - RISKY_PART * REFUSALS)
            self._risky_refusals = min(max(0, math.ceil(excess / processes)), self._most_risky)
        self._inherited = self._refusals, self._risky_refusals

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

    def _add_row(self, row: Any, shift: float, landed_before: float, written_at: float) -> None:
        process, number, at, purpose, requests, is_risky, is_open, in_flight, payers = row
        at = min(at + shift, written_at)
        booking = Booking((str(process), int(number)), at, int(Purpose(purpose)), ())
        if booking.id in self._bookings or booking.id in self._flying:
            return
        booking.payers = tuple(Payer(*payer) for payer in payers)
        booking.is_risky, booking.is_open = bool(is_risky), bool(is_open)
        if in_flight and booking.at > landed_before:
            self._take_off(booking)
        elif in_flight:  # its process died, and PeeringDB may have refused it
            self._refusals += 1
            self._risky_refusals += booking.is_risky
        if requests and self._limit < math.inf:
            self._bookings[booking.id] = booking
            self._count(booking, _count_in(requests))

    def _forget_old(self, due: float) -> None:
        super()._forget_old(due)
        if not self._refusals:
            self._inherited = 0, 0


def _count_in(value: Any) -> int:
    """A count in a record that another site may have written."""
    return int(min(max(0, value), _MOST_COUNTED))
