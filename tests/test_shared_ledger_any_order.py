"""Processes with one budget keep below PeeringDB's limits, in any order of events."""

from documents import URL, Site, answer, login
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peeringdb_oauth.budget import REFUSALS, WINDOW
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.responses import SILENCE

GET = HTTPRequest(url=URL, bearer="t")
POST = HTTPRequest(url=URL, form={"grant_type": "refresh_token"})
KINDS = {"login": login(), "get": GET, "post": POST}
OUTCOMES = {
    "ok": answer(200),
    "refused": answer(401),
    "forbidden": answer(403),
    "rate limited": answer(429, **{"retry-after": "13"}),
    "lost": None,
}
LONGEST = 30.0  # seconds that a request may take: three times the timeout


class Processes(RuleBasedStateMachine):
    """Keeps the books that PeeringDB keeps about all processes together.

    Processes start and die, the store's clock is set back, and the store is emptied.
    """

    @initialize(limit=st.sampled_from([4, 20, 100, None]), count=st.integers(1, 4))
    def start(self, limit, count):
        self.site, self.limit = Site(requests_per_minute=limit), limit
        self.processes = [self.site.process() for _ in range(count)]
        self.in_flight = []  # (process, booking, when, request)
        self.sent = []  # (when, how many requests it stands for)
        self.refusals = []
        self.quiet_until = self.paused_until = 0.0

    @rule(seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 29.0, 59.9, 60.0, 61.0]))
    def wait(self, seconds):
        for flight in [one for one in self.in_flight if self.site.now - one[2] + seconds > LONGEST]:
            self.end(flight, "ok")
        self.site.now += seconds

    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)), times=st.sampled_from([1, 1, 12]))
    def send(self, data, kind, times):
        process, request = data.draw(st.sampled_from(self.processes)), KINDS[kind]
        now = self.site.now
        for _ in range(times):
            try:
                booking = process.admit(request, 0)
            except RateLimited:
                return
            if booking is None:
                return
            self.in_flight.append((process, booking, now, request))
            self.sent.append([now, request.cost.requests, booking])
            assert now >= self.paused_until - 1e-3
            assert request.form is None or now >= self.quiet_until - 1e-3
            recent = sum(number for when, number, _ in self.sent if when > now - WINDOW + 1e-3)
            assert self.limit is None or recent <= self.limit

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), outcome=st.sampled_from(sorted(OUTCOMES)))
    def answer(self, data, outcome):
        self.end(data.draw(st.sampled_from(self.in_flight)), outcome)

    def end(self, flight, outcome):
        self.in_flight.remove(flight)
        process, booking, _, request = flight
        now = self.site.now
        if outcome != "ok":  # a login's second request does not come
            sent = next(one for one in self.sent if one[2] is booking)
            sent[1] = 1
        if outcome in {"refused", "forbidden"}:
            self.refusals.append(now)
        if request.form is not None and (
            outcome == "refused" or (outcome == "lost" and now < self.quiet_until)
        ):
            self.quiet_until = now + SILENCE
        if outcome == "rate limited":
            self.paused_until = max(self.paused_until, now + 14)
        process.settle(booking, OUTCOMES[outcome], lost=outcome == "lost")
        process.flush()

    @rule(data=st.data())
    def beat(self, data):
        data.draw(st.sampled_from(self.processes)).beat()

    @rule(data=st.data())
    def die(self, data):
        process = data.draw(st.sampled_from(self.processes))
        self.processes.remove(process)
        self.processes.append(self.site.process())
        self.in_flight = [one for one in self.in_flight if one[0] is not process]

    @rule(seconds=st.sampled_from([0.01, 5.0, 3600.0, 1e7]))
    def set_back(self, seconds):
        self.site.set_back += seconds

    @precondition(lambda self: self.sent)
    @rule()
    def empty(self):
        self.site.beat(*self.processes)
        self.site.store.texts.clear()
        self.site.beat(*self.processes)  # as their threads do

    @invariant()
    def one_refusal_too_many_cannot_come(self):
        if not hasattr(self, "site"):
            return
        row, last = 0, self.site.now
        for when in sorted(self.refusals, reverse=True):
            if last - when >= WINDOW:
                break
            row, last = row + 1, when
        assert row + len(self.in_flight) <= REFUSALS


Processes.TestCase.settings = settings(max_examples=300, stateful_step_count=40)
test_peeringdb_never_has_a_reason_to_block_the_address = Processes.TestCase


class Outages(RuleBasedStateMachine):
    """Without the store all together stay below the limit, and nothing is forgotten."""

    @initialize(count=st.integers(1, 5))
    def start(self, count):
        self.site = Site()
        self.processes = [self.site.process() for _ in range(count)]
        self.site.beat(*self.processes, *self.processes)
        self.sent = []
        self.quiet_until = self.paused_until = 0.0

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 29.0, 60.0, 61.0]))
    def wait(self, seconds):
        self.site.now += seconds
        self.site.beat(*self.processes)  # as their threads do

    @rule(
        data=st.data(),
        times=st.sampled_from([1, 30]),
        outcome=st.sampled_from(["ok", "ok", "refused", "rate limited"]),
    )
    def send(self, data, times, outcome):
        process, now = data.draw(st.sampled_from(self.processes)), self.site.now
        for _ in range(times):
            try:
                booking = process.admit(POST, 0)
            except RateLimited:
                break
            self.sent.append(now)
            process.settle(booking, OUTCOMES[outcome])
            process.flush()
            if not self.site.store.is_down:
                assert now >= max(self.quiet_until, self.paused_until) - 1e-3
            if outcome == "refused":
                self.quiet_until = now + SILENCE
            if outcome == "rate limited":
                self.paused_until = max(self.paused_until, now + 14)
        assert sum(when > now - WINDOW + 1e-3 for when in self.sent) <= 100
        self.site.beat(*self.processes)

    @rule()
    def lose_or_find_the_store(self):
        self.site.store.is_down = not self.site.store.is_down
        self.site.beat(*self.processes, *self.processes)


Outages.TestCase.settings = settings(max_examples=200, stateful_step_count=30)
test_an_outage_of_the_store_is_no_reason_either = Outages.TestCase
