"""Who keeps the budget of one process, when nothing is shared.

`SharedLedger` in `shared_ledger` keeps one for all processes at an address.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.budget import Booking, Budget, Usage
from peeringdb_oauth.cost import HALF_WAY, Cost, Payer, Queue, queue_of
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse


class Ledger(Protocol):
    """Asks the budget before each request, and tells it what came of it."""

    def admit(self, request: HTTPRequest, timeout: float) -> Booking | None:
        """Wait for a place in the budget. None: there was none within ``timeout``.

        ``timeout``: in seconds.

        Raises:
            RateLimited: waiting would not help.
        """

    def settle(
        self, booking: Booking, response: HTTPResponse | None, *, lost: bool = False
    ) -> None:
        """End a booking, see `Budget.settle`. Never blocks."""

    def charge(self, cost: Cost, payer: Payer | None, requests: int | None = None) -> None:
        """Say who pays, see `Budget.charge`. Never blocks."""

    def check_payers(self, cost: Cost) -> None:
        """See `Budget.check_payers`. Asks nobody: others may have used more.

        Raises:
            RateLimited: a payer has used its part.
        """

    def usage(self) -> Usage:
        """See `Budget.usage`. Asks nobody: it may be some seconds old."""

    def close(self) -> None:
        """Write down what is not yet written."""


class LocalLedger:
    """The budget of this process alone. Thread-safe.

    ``monotonic``: gives seconds that only grow.
    """

    def __init__(self, budget: Budget, monotonic: Callable[[], float]) -> None:
        self.budget = budget
        self._monotonic = monotonic
        make_in_each_process(self, LocalLedger._make)

    def _make(self) -> None:
        self.budget.forget_in_flight()
        self.lock = threading.Lock()
        # For each who waits the condition that wakes them. No queue is empty.
        self._queues: dict[Queue, deque[threading.Condition]] = {}

    def try_admit(self, request: HTTPRequest) -> Booking | None:
        """As `Budget.admit`.

        Raises:
            RateLimited: waiting would not help.
        """
        with self.lock:
            return self.budget.admit(request, self._monotonic())

    def admit(self, request: HTTPRequest, timeout: float) -> Booking | None:
        """See `Ledger.admit`.

        Raises:
            RateLimited: waiting would not help.
        """
        name = queue_of(request.cost, is_limited=self.budget.is_limited)
        with self.lock:
            if name not in self._queues:
                booking = self._ask(request, name)
                if booking is not None:
                    return booking
            return self._wait(request, timeout, name)

    def _wait(self, request: HTTPRequest, timeout: float, name: Queue) -> Booking | None:
        """Wait in a queue. Only the first one asks the budget."""
        queue = self._queues.setdefault(name, deque())
        mine = threading.Condition(self.lock)
        queue.append(mine)
        try:
            return mine.wait_for(
                lambda: self._ask(request, name) if queue[0] is mine else None, timeout
            )
        finally:
            queue.remove(mine)
            if not queue:
                del self._queues[name]
            self._wake()  # perhaps there is room for another one, or they must fail, too

    def _ask(self, request: HTTPRequest, name: Queue) -> Booking | None:
        if name != HALF_WAY and HALF_WAY in self._queues:
            return None
        return self.budget.admit(request, self._monotonic())

    def settle(
        self, booking: Booking, response: HTTPResponse | None, *, lost: bool = False
    ) -> None:
        """See `Ledger.settle`."""
        with self.lock:
            self.budget.settle(booking, response, self._monotonic(), lost=lost)
            self._wake()

    def charge(self, cost: Cost, payer: Payer | None, requests: int | None = None) -> None:
        """See `Ledger.charge`."""
        with self.lock:
            self.budget.charge(cost, payer, requests)
            self._wake()

    def check_payers(self, cost: Cost) -> None:
        """See `Ledger.check_payers`.

        Raises:
            RateLimited: a payer has used its part.
        """
        with self.lock:
            self.budget.check_payers(cost, self._monotonic())

    def usage(self) -> Usage:
        """See `Ledger.usage`."""
        with self.lock:
            return self.budget.usage(self._monotonic())

    def close(self) -> None:
        """Do nothing: there is nothing to write."""

    def _wake(self) -> None:
        for queue in self._queues.values():
            queue[0].notify()
