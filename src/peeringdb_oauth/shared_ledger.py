"""One budget for all processes and machines that reach PeeringDB from one address.

It lies in a record that all of them change. Knows threads, and what to do while the
store of the records does not answer. Knows no store.
"""

import logging
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import chain, repeat
from typing import Any

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.budget import WINDOW, Booking, Budget, Usage
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import Cost, Payer, Queue, queue_of
from peeringdb_oauth.errors import InvalidResponse, RateLimited, RecordsUnavailable
from peeringdb_oauth.flusher import Flusher
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.records import Change, Documents
from peeringdb_oauth.shared_budget import LONGEST, SharedBudget
from peeringdb_oauth.transport import Outcome

log = logging.getLogger("peeringdb_oauth")

# All in seconds.
HEARTBEAT = 10.0  # how often each process says that it lives
FORGOTTEN = 35.0  # a process that has said nothing for so long has ended
PROBE = 2.0  # how often a store that does not answer is tried
_LATER = 0.05  # until an answer is written that nobody waits for
MOST_PROCESSES = 128  # that are counted
UNKNOWN_PROCESSES = 4  # how many there may be, before the store has ever answered

Function = Callable[[Budget, float], Any]


def pauses() -> Iterator[float]:
    """How many seconds to wait before each further look at a shared budget."""
    return chain((0.02, 0.05, 0.1, 0.2), repeat(0.4))


def record_key(config: ClientConfig, egress: str) -> str:
    """The key of an address's record; a sandbox has another one than PeeringDB."""
    return f"budget:{egress}:{sha256(config.base_url.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class _Read:
    """What a transaction has found and made of it."""

    outcomes: list[Outcome]
    value: dict[str, Any]
    offset: float
    is_changed: bool


class SharedLedger:
    """The budget that all processes with the same store and ``egress`` share.

    All that waits in a process is done in one change of the record. What nobody waits
    for is written a moment later, together with the next admission if there is one. So
    a login costs three changes.

    If the store does not answer, the oldest processes go on with a part of what is kept
    for that, see `SharedBudget.part`. They bring back what happened when it answers.

    ``documents``: where the record is. ``egress``: the name of the address from which
    PeeringDB is asked. ``monotonic``: gives seconds that only grow. ``in_background``:
    whether a thread writes what nobody waits for; else call `flush` and `beat`.
    """

    def __init__(
        self,
        documents: Documents,
        egress: str,
        config: ClientConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        in_background: bool = True,
    ) -> None:
        self._documents = documents
        self._key = record_key(config, egress)
        self._config = config
        self._monotonic = monotonic
        self._has_flusher = in_background
        self._last: dict[str, Any] | None = None  # the record as it was known last
        self._offset = 0.0  # of the store's clock to ours
        make_in_each_process(self, SharedLedger._start)

    def _start(self) -> None:
        self._process = secrets.token_hex(4)
        self._lock = threading.Lock()  # for one change at a time
        self._waiting: deque[tuple[Function, Future[Outcome] | None]] = deque()
        self._changed_lock = threading.Lock()
        self._changed = threading.Condition(self._changed_lock)
        # For each who waits the condition that wakes them. No queue is empty.
        self._queues: dict[Queue, deque[threading.Condition]] = {}
        self._joined_at = math.inf  # when this process was counted first
        self._part: SharedBudget | None = None  # while the store does not answer
        self._last_part: SharedBudget | None = None  # the one before
        self._flusher = Flusher(self, HEARTBEAT) if self._has_flusher else None

    def admit(self, request: HTTPRequest, timeout: float) -> Booking | None:
        """See `Ledger.admit`.

        Raises:
            RateLimited: waiting would not help.
        """
        name = queue_of(request.cost, is_limited=self._config.requests_per_minute is not None)
        has_asked = name not in self._queues
        booking = self._try_to_admit(request) if has_asked else None
        return booking or self._wait(request, timeout, name, has_asked=has_asked)

    def _wait(
        self, request: HTTPRequest, timeout: float, name: Queue, *, has_asked: bool
    ) -> Booking | None:
        """Wait in a queue. Only the first one asks the budget."""
        began, mine = time.monotonic(), threading.Condition(self._changed_lock)
        with self._changed_lock:
            queue = self._queues.setdefault(name, deque())
            queue.append(mine)
            has_asked = has_asked and queue[0] is mine
        try:
            with self._changed_lock:
                mine.wait_for(lambda: queue[0] is mine, timeout)
            waited, waits = time.monotonic() - began, pauses()
            booking = None if has_asked else self._try_to_admit(request)
            while booking is None and waited < timeout:
                pause = min(next(waits), timeout - waited)
                with self._changed_lock:
                    self._changed.wait(pause)
                waited += pause
                booking = self._try_to_admit(request)
            return booking
        finally:
            with self._changed_lock:
                queue.remove(mine)
                if queue:
                    queue[0].notify()
                else:
                    del self._queues[name]

    def _try_to_admit(self, request: HTTPRequest) -> Booking | None:
        future = self.submit(request)
        with self._lock:
            if not future.done():  # else somebody has done it together with theirs
                self._flush()
        booking: Booking | None = future.result().get()
        return booking

    def submit(self, request: HTTPRequest) -> "Future[Outcome]":
        """Ask for a place in the budget. The next `flush` gives the answer."""
        future: Future[Outcome] = Future()
        self._waiting.append((partial(_admit, request), future))
        return future

    def abandon(self, future: "Future[Outcome]") -> None:
        """Give back what was asked for with `submit`: nobody waits for it any more."""
        if not future.cancel():
            future.add_done_callback(self._give_back)

    def settle(
        self, booking: Booking, response: HTTPResponse | None, *, lost: bool = False
    ) -> None:
        """See `Ledger.settle`."""
        self._waiting.append((partial(_settle, booking, response, lost=lost), None))
        # Until it is written, the booking counts as one that may be refused.
        is_good = response is not None and response.status == 200
        self._wake(_LATER if is_good else 0.0)

    def charge(self, cost: Cost, payer: Payer | None, requests: int | None = None) -> None:
        """See `Ledger.charge`."""
        self._waiting.append((partial(_charge, cost, payer, requests), None))
        self._wake(_LATER)

    def usage(self) -> Usage:
        """See `Ledger.usage`."""
        with self._lock:
            budget, now = self._known()
            return budget.usage(now)

    def check_payers(self, cost: Cost) -> None:
        """See `Ledger.check_payers`.

        Raises:
            RateLimited: a payer has used its part.
        """
        with self._lock:
            budget, now = self._known()
            budget.check_payers(cost, now)

    def flush(self) -> None:
        """Do all that waits, in one change of the record."""
        with self._lock:
            if self._waiting:
                self._flush()

    def beat(self) -> float:
        """Say that this process lives. Returns in how many seconds to do so next.

        If the store did not answer, ask whether it does now.
        """
        if self._part is not None:
            try:
                # Without the lock: it may hang.
                self._documents.change(self._key, _look, is_open=True)
            except RecordsUnavailable:
                return PROBE
        with self._lock:
            self._flush(is_beat=True)
        return HEARTBEAT if self._part is None else PROBE

    def close(self) -> None:
        """See `Ledger.close`."""
        if self._flusher is not None:
            self._flusher.close()
        self.flush()

    def _wake(self, seconds: float, *, is_beat: bool = False) -> None:
        if self._flusher is not None:
            self._flusher.wake(seconds, is_beat=is_beat)

    def _give_back(self, future: "Future[Outcome]") -> None:
        booking = future.result().result
        if booking is not None:
            self.settle(booking, None)

    def _flush(self, *, is_beat: bool = False) -> None:
        batch = []
        while self._waiting:
            function, future = self._waiting.popleft()
            if future is None or future.set_running_or_notify_cancel():
                batch.append((function, future))
        try:
            outcomes = self._perform([function for function, _ in batch], is_beat=is_beat)
        except BaseException as error:
            for _, future in batch:
                if future is not None:
                    future.set_exception(error)
            raise
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future is not None:
                future.set_result(outcome)
        # Each that has ended makes room for one. The others look by themselves.
        with self._changed_lock:
            self._changed.notify(sum(future is None for _, future in batch))

    def _perform(self, functions: list[Function], *, is_beat: bool) -> list[Outcome]:
        part = self._part
        if part is None or is_beat:
            try:
                return self._share(functions, is_beat=is_beat)
            except RecordsUnavailable:
                part = part or self._lose_store()
        return _results(functions, part, self._monotonic())

    def _share(self, functions: list[Function], *, is_beat: bool) -> list[Outcome]:
        reads: list[_Read] = []

        def transact(value: Any, now: float) -> Change | None:
            read = self._transact(functions, value, now)
            reads.append(read)
            if read.is_changed or is_beat:
                return Change(value=read.value, due_at=now + LONGEST)
            return None

        self._documents.change(self._key, transact, is_open=True)
        self._last, self._offset = reads[-1].value, reads[-1].offset
        if self._part is not None:
            self._part.hand_over()
            self._last_part, self._part = self._part, None
            log.warning("the store of the sessions answers: all processes share one budget")
        return reads[-1].outcomes

    def _transact(self, functions: list[Function], value: Any, now: float) -> _Read:
        offset = now - self._monotonic()
        budget, processes = self._open(value, now)
        if self._part is not None:
            budget.absorb(self._part, now, self._monotonic())
        outcomes = _results(functions, budget, now)
        if self._process not in processes:
            self._joined_at = now
        is_known = now - processes.get(self._process, -math.inf) < HEARTBEAT
        processes[self._process] = now  # the oldest process stays the first
        latest = sorted(processes.values())[-MOST_PROCESSES:]
        kept = {name: at for name, at in processes.items() if at >= latest[0]}
        made = budget.to_dict(now) | {"processes": kept}
        # An admission that was refused changes nothing.
        is_changed = any(one.error is None and one.result for one in outcomes)
        is_changed = is_changed or not is_known or value is None
        return _Read(outcomes, made, offset, is_changed)

    def _open(self, value: Any, now: float) -> tuple[SharedBudget, dict[str, float]]:
        """The budget of a record, and when each process was seen last.

        A store that was emptied does not free the address: what this process knows goes
        into the new record.
        """
        for known in (value, self._last):
            if known is None:
                continue
            try:
                # A clock that was set back counts as one that stood still.
                shift = min(0.0, now - known["at"])
                if not math.isfinite(shift):
                    continue
                budget = self._budget()
                longest = 3 * self._config.timeout  # seconds in flight
                lost_at = now - max(WINDOW, longest)
                budget.add(known, shift, landed_before=lost_at, longest=longest)
                seen = {name: min(at + shift, now) for name, at in known["processes"].items()}
                return budget, self._living(budget, seen, known["at"] + shift, now)
            except (
                *(InvalidResponse, TypeError, ValueError, LookupError, AttributeError),
                OverflowError,
            ):
                continue  # of another version of this library
        return self._budget(), {}

    def _living(
        self, budget: SharedBudget, seen: dict[str, float], written_at: float, now: float
    ) -> dict[str, float]:
        """When each process was seen last that may be alive, the oldest process first.

        Those that were not seen for a while have ended. But if nobody wrote for so
        long, the store was away, and others may come back and bring refusals.
        """
        was_away = written_at <= now - FORGOTTEN
        last = (written_at if was_away else now) - FORGOTTEN
        living = {name: at for name, at in seen.items() if at > last}
        if ended := [at for at in seen.values() if at <= last]:
            # They may have been refused in their parts, and told nobody.
            budget.known_until = min(seen.values())
            for at in ended:
                budget.keep_refusals(now, at + FORGOTTEN + WINDOW, since=at)
        # What this process was refused in its part is not yet in the budget.
        is_here = self._part is None
        told = (at for name, at in living.items() if name != self._process or not is_here)
        budget.known_until = min(told, default=math.inf)
        if was_away:
            budget.keep_refusals(now, now + HEARTBEAT, since=budget.known_until)
            return dict.fromkeys(living, now)
        return living

    def _known(self) -> tuple[SharedBudget, float]:
        """The budget as this process knows it, and the time by its clock."""
        if self._part is not None:
            return self._part, self._monotonic()
        now = self._now()
        return self._open(None, now)[0], now

    def _budget(self) -> SharedBudget:
        return SharedBudget(
            self._config.requests_per_minute, process=self._process, hide=self._documents.hide
        )

    def _now(self) -> float:
        """The time by the store's clock, as far as this process knows it."""
        return self._monotonic() + self._offset

    def _lose_store(self) -> SharedBudget:
        now = self._now()
        budget, _ = self._open(None, now)
        count, rank = self._place()
        part = budget.part(count, rank, self._last_part, now, self._monotonic())
        self._part = part
        self._wake(PROBE, is_beat=True)
        log.warning(
            "the store of the sessions does not answer: until it does, this process sends"
            " PeeringDB %s",
            part.most(),
        )
        return part

    def _place(self) -> tuple[int, int]:
        """How many processes there may be, and how many of them are older than this.

        Together they take no more than there is: an older process that does not know of
        this one takes more, and so this one takes nothing.
        """
        count = self._config.processes
        if self._last is None:
            return max(count, UNKNOWN_PROCESSES), 0
        processes: dict[str, float] = self._last["processes"]
        count = max(count, len(processes))
        rank = list(processes).index(self._process)
        is_known = all(at > self._joined_at for at in list(processes.values())[:rank])
        return count, rank if is_known else count


def _admit(request: HTTPRequest, budget: Budget, now: float) -> Booking | None:
    return budget.admit(request, now)


def _settle(
    booking: Booking, response: HTTPResponse | None, budget: Budget, now: float, *, lost: bool
) -> bool:
    budget.settle(booking, response, now, lost=lost)
    return True


def _charge(
    cost: Cost, payer: Payer | None, requests: int | None, budget: Budget, now: float
) -> bool:
    del now
    budget.charge(cost, payer, requests)
    return True


def _results(functions: list[Function], budget: Budget, now: float) -> list[Outcome]:
    return [_result(function, budget, now) for function in functions]


def _result(function: Function, budget: Budget, now: float) -> Outcome:
    try:
        return Outcome(function(budget, now))
    except RateLimited as error:
        return Outcome(error=error.with_traceback(None))


def _look(value: Any, now: float) -> None:
    """Leave a record as it is."""
