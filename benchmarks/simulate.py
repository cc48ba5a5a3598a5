"""How many sessions PeeringDB's limit can keep true, on a simulated clock.

The rules are the library's own: `Budget` decides what may be asked, and `Pace` when a
session is to be re-checked. Simulated are the clock, the people, and a PeeringDB that
answers each request at once. It prints a table, writes the same as JSON, and brings the
documentation up to date.

Each session gets a request every two minutes on average, at random, in one of four
processes for each address. All processes at an address share one budget. So many log
in that each session lasts for twelve hours. Its tokens last for ten, and are refreshed
with the last re-check before that.

Ten million sessions get 170,000 requests a second. Most of them change nothing: the
rights are young, or the process is waiting. A request comes to one session as likely as
to any other and remembers nothing of earlier ones, so those are left out, and the next
one that may change something is drawn from the same distribution. All sessions are
there, each with its own age.
"""

import argparse
import math
import random
import time
from array import array
from bisect import bisect_right
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import figures
from results import save
from words import in_words

from peeringdb_oauth.budget import WINDOW, Budget, shortest_recheck
from peeringdb_oauth.cost import PAID_REQUEST, Cost, Payer, Purpose
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.web import SessionPolicy
from peeringdb_oauth.web.sessions.pace import Pace, refresh_ahead
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

SESSIONS = (10, 1_000, 100_000, 10_000_000)
ADDRESSES = (1, 4, 16)
PER_MINUTE = 100  # of the budget, as by default
PEERINGDB_LIMIT = 120  # requests a minute
VISIT_EVERY = 120.0  # seconds, on average
PROCESSES = 4  # for each address
ROUNDING = 1e-6  # seconds
LIFE = 43_200.0  # seconds that a session lasts, as by default
TOKEN_LIFE = 36_000.0  # seconds that an access token lasts
URL = "https://auth.peeringdb.com/"
GOOD = HTTPResponse(status=200, headers={}, body=b"")
LINE = "{:>12} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}"
HEADS = (
    *("sessions", "addresses", "logins", "served", "refreshes"),
    *("rights:", "oldest", "shortest", "requests"),
    *("", "", "a minute", "", "a minute", "median", "", "re-check", "a minute"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What happened.

    ``logins``: how many a minute wanted to log in. ``served``: what part of them could.
    ``refreshes``: how many sessions a minute got new tokens.
    ``median``, ``oldest``: how old rights were when it ended, in seconds.
    ``shortest``: what `shortest_recheck` says. ``busiest``: the most requests in any 60
    seconds from one address.
    """

    sessions: int
    addresses: int
    logins: float
    served: float
    refreshes: float
    median: float
    oldest: float
    shortest: float
    busiest: int


class Address:
    """An address from which PeeringDB is asked: its budget, and what it has sent."""

    def __init__(self) -> None:
        self.budget = Budget(PER_MINUTE)
        self.busiest = 0
        self._sent: deque[float] = deque()

    def ask(self, cost: Cost, now: float) -> None:
        """Send a request. PeeringDB answers at once.

        Raises:
            RateLimited: the budget does not allow it.
        """
        request = HTTPRequest(url=URL, cost=cost)
        booking = self.budget.admit(request, now)
        assert booking is not None  # noqa: S101 - nothing else is in flight
        self.budget.settle(booking, GOOD, now)
        self._sent.append(now)
        while self._sent[0] <= now - WINDOW + ROUNDING:
            self._sent.popleft()
        self.busiest = max(self.busiest, len(self._sent))


class Sessions:
    """When each session was last checked.

    All checks are in ``_times``, the oldest first, with their session in ``_owners``.
    One that is not the latest of its session counts no longer.
    """

    def __init__(self, count: int, spread: float) -> None:
        self._times = array("d", (spread * (index / count - 1) for index in range(count)))
        self._owners = array("L", range(count))
        self._checked = array("d", self._times)
        self._oldest = 0
        self.count = count

    def check(self, session: int, now: float) -> None:
        """Note that PeeringDB has described the person."""
        self._checked[session] = now
        self._times.append(now)
        self._owners.append(session)

    def older_than(self, limit: float) -> range:
        """The checks that are older, among them some that count no longer."""
        self._skip()
        return range(self._oldest, bisect_right(self._times, limit, self._oldest))

    def owner(self, check: int) -> int | None:
        """The session of a check; None if the check counts no longer."""
        owner = self._owners[check]
        return owner if self._checked[owner] == self._times[check] else None

    def checked_at(self, session: int) -> float:
        """When PeeringDB has last described the person."""
        return self._checked[session]

    def age(self, now: float, part: float) -> float:
        """The age of rights that all but such a part of the sessions are below."""
        times = sorted(self._checked)
        return now - times[int(part * (len(times) - 1))]

    def _skip(self) -> None:
        while self.owner(self._oldest) is None:
            self._oldest += 1


class Simulation:
    """One site for some hours. ``policy``: of its sessions."""

    def __init__(
        self, sessions: int, addresses: int, *, seed: int, policy: SessionPolicy | None = None
    ) -> None:
        policy = policy or SessionPolicy()
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._shortest = shortest_recheck(sessions, PER_MINUTE, addresses=addresses)
        expected = max(policy.recheck_every or 0.0, min(self._shortest, LIFE))
        self._sessions = Sessions(sessions, expected)
        self._addresses = [Address() for _ in range(addresses)]
        self._paces = [Pace(policy) for _ in range(PROCESSES * addresses)]
        self._paused_until = [0.0] * len(self._paces)
        self._earliest = self._earliest_at = -1.0
        self._full_until = [0.0] * addresses  # for logins
        self._next_to_end = 0
        self._wanted = self._served = self._refreshed = 0.0
        self._expires = _expiries(sessions)  # of the access tokens
        self._soon = refresh_ahead(policy)

    def run(self, seconds: float) -> Result:
        """Let so much time pass."""
        now, count = 0.0, self._sessions.count
        while now < seconds:
            rate = count / LIFE / len(self._addresses)
            login_at, address = self._next(now, seconds, rate, self._full_until)
            while now < login_at:
                now = self._visit(now, min(login_at, now + 1))
            if address is not None:
                self._log_in(address, now)
        return Result(
            sessions=count,
            addresses=len(self._addresses),
            logins=count / LIFE * 60,
            served=self._served / self._wanted if self._wanted else 1.0,
            refreshes=self._refreshed / now * 60,
            median=min(LIFE, self._sessions.age(now, 0.5)),
            oldest=min(LIFE, self._sessions.age(now, 0.0)),
            shortest=self._shortest,
            busiest=max(address.busiest for address in self._addresses),
        )

    def _next(
        self, now: float, until: float, rate: float, blocked: list[float]
    ) -> tuple[float, int | None]:
        """When something next happens at one of several places, and where.

        ``rate``: how often a second at each place. ``blocked``: until when nothing that
        happens there has an effect. None if nothing does before ``until``.
        """
        while now < until:
            free = [place for place, end in enumerate(blocked) if end <= now]
            wake = min((end for end in blocked if end > now), default=math.inf)
            happens_at = math.inf
            if free and rate:
                happens_at = now + self._random.expovariate(rate * len(free))
            if happens_at < min(wake, until):
                return happens_at, self._random.choice(free)
            now = min(wake, until)
        return until, None

    def _visit(self, now: float, until: float) -> float:
        """The next request to a session that may be due.

        The result is the time of it, or ``until``.
        """
        if now - self._earliest_at > 1:  # it changes slowly
            self._earliest_at = now
            self._earliest = min(pace.earliest(now) for pace in self._paces)
        checks = self._sessions.older_than(now - self._earliest)
        rate = len(checks) / VISIT_EVERY / len(self._paces)
        now, process = self._next(now, until, rate, self._paused_until)
        if process is None:
            return now
        check = self._random.choice(checks)
        session = self._sessions.owner(check)
        if session is not None:
            self._recheck(session, process, now)
        return now

    def _recheck(self, session: int, process: int, now: float) -> None:
        login = cast(
            "StoredLogin",
            SimpleNamespace(
                now=now,
                checked_at=self._sessions.checked_at(session),
                failed_at=None,
                csrf_token=str(session),
            ),
        )
        pace = self._paces[process]
        if not pace.is_due(login):
            return
        payers = (Payer.of_rechecks(session),)
        address = self._addresses[process % len(self._addresses)]
        try:
            if now >= self._expires[session] - self._soon:
                address.ask(Cost(purpose=Purpose.RECHECK, payers=payers), now)
                self._expires[session] = now + TOKEN_LIFE
                self._refreshed += 1
            address.ask(Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True), now)
        except RateLimited as error:
            pace.postpone(login, error)
            self._paused_until[process] = pace.postponed_until
        else:
            self._sessions.check(session, now)

    def _log_in(self, number: int, now: float) -> None:
        """Somebody logs in, in place of the session that is the next to end."""
        address, cost = self._addresses[number], Cost(purpose=Purpose.LOGIN, requests=2)
        self._wanted += 1
        try:
            address.ask(cost, now)
        except RateLimited as error:
            self._full_until[number] = now + error.retry_after
            # As many come meanwhile.
            rate = self._sessions.count / LIFE / len(self._addresses)
            self._wanted += rate * error.retry_after
            return
        session = self._next_to_end
        address.budget.charge(cost, Payer.of_account(session))
        address.ask(PAID_REQUEST, now)
        self._served += 1
        self._next_to_end = _next_to_end(session, self._sessions.count)
        self._sessions.check(session, now)
        self._expires[session] = now + TOKEN_LIFE


def _next_to_end(session: int, count: int) -> int:
    """The session that ends after another one.

    Not in the order in which they were checked first.
    """
    return (session + 7_919) % count


def _expiries(count: int) -> "array[float]":
    """When the tokens of sessions expire that began one after the other.

    Those that are older than a token lives have got others already.
    """
    expires, session = array("d", bytes(8 * count)), 0
    for turn in range(count):
        expires_at = TOKEN_LIFE - LIFE * (1 - turn / count)
        expires[session] = expires_at if expires_at > 0 else expires_at + TOKEN_LIFE
        session = _next_to_end(session, count)
    return expires


def main() -> None:
    """Simulate, print a table, and draw it if that is wanted."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=6.0, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, help="write the JSON there, and leave the documentation as it is"
    )
    arguments = parser.parse_args()
    started, results = time.monotonic(), []
    print(LINE.format(*HEADS[:9]))
    print(LINE.format(*HEADS[9:]), flush=True)
    for sessions in SESSIONS:
        for addresses in ADDRESSES:
            simulation = Simulation(sessions, addresses, seed=arguments.seed)
            results.append(simulation.run(arguments.hours * 3600))
            print(_line(results[-1]), flush=True)
    written = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "make simulate",
        "hours": arguments.hours,
        "results": [asdict(one) for one in results],
    }
    save("simulate", written, arguments.output)
    if arguments.output is None:
        figures.update()
    above = [one for one in results if one.busiest > PEERINGDB_LIMIT]
    print(
        f"\n{'ABOVE' if above else 'never above'} PeeringDB's {PEERINGDB_LIMIT} requests a minute"
    )
    print(f"{time.monotonic() - started:.0f} s")
    raise SystemExit(bool(above))


def _line(result: Result) -> str:
    return LINE.format(
        f"{result.sessions:,}",
        result.addresses,
        f"{result.logins:,.3g}",
        f"{result.served:.1%}",
        f"{result.refreshes:,.2g}",
        in_words(result.median),
        in_words(result.oldest),
        in_words(result.shortest),
        result.busiest,
    )


if __name__ == "__main__":
    main()
