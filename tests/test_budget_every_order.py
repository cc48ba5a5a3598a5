"""One budget of several processes, in every order of steps and with every fault.

Each process may lose the store by itself, and nobody may have it for a while. A process
knows what it saw at its last heartbeat or request, and learns by itself that the store
is back. Only a process that is alone without the store for longer than it is remembered
is left out: the others take it for dead.
"""

import json
import math
from collections import Counter

import pytest
from documents import URL, MemoryDocuments, Site, T, answer
from every_order import BOUND, Choices, explore, report

from peeringdb_oauth.budget import REFUSALS, WINDOW
from peeringdb_oauth.cost import Cost
from peeringdb_oauth.errors import RateLimited, RecordsUnavailable
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.shared_budget import APART, SharedBudget
from peeringdb_oauth.shared_ledger import FORGOTTEN, HEARTBEAT

PACE = FORGOTTEN - HEARTBEAT  # seconds that a process can be without the store alone


class Store(MemoryDocuments):
    """A store that takes a change and says nothing, if it is told to."""

    is_silent = False

    def _put(self, key, read, made):
        written = super()._put(key, read, made)
        if self.is_silent:
            raise RecordsUnavailable("no answer")
        return written


class Line:
    """How a process reaches the store."""

    def __init__(self, store):
        self.store, self.hide = store, store.hide
        self.cut_at = None  # when this process lost it; None if it reaches it

    def change(self, *arguments, **options):
        if self.cut_at is not None:
            raise RecordsUnavailable("no answer")
        return self.store.change(*arguments, **options)


class Process:
    """Sends requests one after the other."""

    def __init__(self, world, number, costs):
        self.name, self.world = f"p{number}", world
        self.ledger = world.site.process()
        self.ledger._process = self.name
        self.line = self.ledger._documents = Line(world.site.store)
        self.costs = costs
        self.flight = None  # the booking in flight, and what PeeringDB answers

    def use(self, budget):
        """Have the process use another class for its budget."""
        config, hide = self.world.site.config, self.world.site.store.hide
        limit = config.requests_per_minute
        self.ledger._budget = lambda: budget(limit, process=self.name, hide=hide)

    def admit(self):
        self._land()
        cost = self.costs.pop(0)
        try:
            booking = self.ledger.admit(HTTPRequest(url=URL, bearer="t", cost=cost), 0)
        except RateLimited:
            return
        if booking is not None:
            self.flight = booking, self.world.receive(self)

    def flush(self):
        self._land()
        self.ledger.flush()
        self.ledger.beat()  # as its thread does: if the store answers, it is used

    def _land(self):
        """The answer arrives. Nobody else knows before something is written."""
        if self.flight is not None:
            (booking, status), self.flight = self.flight, None
            self.ledger.settle(booking, answer(status))

    def wait(self):
        self.world.wait()

    def find_store(self):
        """Reach the store after it was lost."""
        self.line.cut_at = None
        self.ledger.beat()

    def __repr__(self):
        return self.name

    def is_apart(self):
        """Whether it takes the store for lost."""
        return self.ledger._part is not None

    def is_idle(self):
        return self.flight is None and not self.ledger._waiting

    def steps(self):
        steps = [] if self.is_idle() else ["flush"]
        if self.is_apart() and not self.line.store.is_down:
            steps.append("find_store")
        return steps + ["admit"] * bool(self.costs)

    def state(self):
        flight = self.flight and self.flight[1]
        now = flight, len(self.costs), self.is_idle()
        return now, self._before() if self._may_be_apart() else None

    def _may_be_apart(self):
        """Whether what it knew before may still count: when it loses the store."""
        is_away = self.line.store.is_down or self.line.cut_at is not None
        return self.world.faults or is_away or self.is_apart()

    def _before(self):
        clock = self.ledger._monotonic()
        parts = [one and one.to_dict(clock) for one in (self.ledger._part, self.ledger._last_part)]
        told = [one and one._told for one in (self.ledger._part, self.ledger._last_part)]
        known = self.world.text([self.ledger._last, *parts])
        return known, told, self.line.cut_at, self.ledger._joined_at


class World:
    """The processes of a site, and what PeeringDB counts of their address.

    ``sharers``: how many processes there are; some may not be in the model. Each may
    use its part. ``answers``: what PeeringDB may answer. ``before``: how often it has
    answered already, and what.
    """

    def __init__(
        self,
        choices,
        *,
        counts,
        answers,
        faults,
        before,
        sharers,
        limit=100,
        store=Store,
        budget=SharedBudget,
        steps=(),
    ):
        self.choices, self.answers, self.faults, self.waits = choices, answers, faults, list(steps)
        self.site = Site(requests_per_minute=limit, processes=sharers)
        self.sharers = sharers
        self.site.store = store(lambda: self.site.now)
        self.sent, self.row, self.refused_at = [], [], 0.0
        self.limit = self.site.config.requests_per_minute
        costs = [[Cost() for _ in range(count)] for count in counts]
        self.first_number = costs[0][0].number
        self.processes = [Process(self, number, one) for number, one in enumerate(costs)]
        for process in self.processes:
            process.use(budget)
        self._beat()
        self.site.now += HEARTBEAT
        self._send(*before)

    def _send(self, times, status):
        """One request, which is written down as so many."""
        ledger = self.processes[0].ledger
        booking = ledger.admit(HTTPRequest(url=URL, bearer="t", cost=Cost()), 0)
        ledger.settle(booking, answer(status))
        ledger.flush()
        ((key, text),) = self.site.store.texts.items()
        record = json.loads(text)
        record["bookings"][0][4] = times
        record["refusals"][0] *= times
        self.site.store.texts[key] = json.dumps(record)
        for _ in range(times):
            self._note()
            self._count(status)

    def _note(self, apart=None):
        now = self.site.now
        self.sent = [one for one in self.sent if self._counts(one[0])] + [(now, apart)]
        sent = Counter(name for _, name in self.sent)
        together = max(self.limit, min(1.2 * self.limit, 120))
        assert sent.total() <= together, "more requests a minute than PeeringDB takes"
        assert sent.pop(None, 0) <= self.limit, "more requests a minute than the limit"
        part = (together - self.limit) / self.sharers
        assert all(count <= part for count in sent.values()), "more than a part without the store"

    def receive(self, process):
        """PeeringDB gets a request, and answers it later."""
        apart = process.name if process.is_apart() else None
        self._note(apart)
        status = self.answers[0]
        if len(self.answers) > 1:
            status = self.choices.choose(self.answers)
        self._count(status, apart)
        return status

    def _count(self, status, apart=None):
        if status != 403:
            return
        if not self._counts(self.refused_at):
            self.row = []
        self.row, self.refused_at = [*self.row, apart], self.site.now
        refused = Counter(self.row)
        assert refused.pop(None, 0) <= REFUSALS - APART, "an eleventh refusal"
        part = APART // self.sharers
        assert all(count <= part for count in refused.values()), "an eleventh refusal"

    def run(self):
        while options := self._options():
            self._do(self.choices.choose(options, self._state, self.faults))

    def _options(self):
        steps = [(one, step) for one in self.processes for step in one.steps()]
        # A request lasts for seconds, and a refusal is written at once.
        if self.waits and all(one.is_idle() for one in self.processes):
            steps.append((self, "wait"))
        options = [("", *one) for one in steps]
        if steps and self.faults:
            options += [(fault, *one) for one in steps for fault in self._faults(*one)]
            if (self, "wait") in steps:
                options += [("loses the store", one, "wait") for one in self.processes]
            options += [
                ("with a rival", *one, *rival)
                for one in steps
                for rival in steps
                if rival[0] is not one[0] and self not in (one[0], rival[0])
            ]
        if self.site.store.is_down:
            options.append(("the store is back", self, ""))
        return options

    def _faults(self, who, step):
        """What may happen at a step. A lost store is noticed at the next step."""
        if not self.site.store.is_down:
            yield "the store goes down"
            if who is not self:
                yield from (
                    () if who.is_apart() else ["without an answer of the store", "loses the store"]
                )
        if who is not self and step == who.steps()[0]:
            yield "is killed"

    def _do(self, option):
        what, who, step, *rival = option
        store = self.site.store
        self.faults -= what not in {"", "the store is back"}
        if what == "is killed":
            self.processes.remove(who)
            return
        if what.startswith("the store"):
            store.is_down = what == "the store goes down"
        if what == "loses the store":
            who.line.cut_at = self.site.now
        store.is_silent = what == "without an answer of the store"
        store.rival = getattr(*rival) if rival else None
        if step:
            getattr(who, step)()
        store.is_silent, store.rival = False, None

    def wait(self):
        """Time passes, with a heartbeat of each process from time to time."""
        until = self.site.now + self.waits.pop(0)
        while self.site.now < until:
            self.site.now = min(self.site.now + PACE, until)
            for process in self.processes:
                cut_at = process.line.cut_at
                if cut_at is not None and self.site.now >= cut_at + PACE:
                    process.line.cut_at = None
            self._beat()

    def __repr__(self):
        return "all"

    def _beat(self):
        for process in self.processes:
            process.ledger.beat()

    def text(self, values):
        """What is known, with the numbers of this run's bookings."""
        return json.dumps([value and self._plain(value) for value in values])

    def _plain(self, value):
        rows = [[row[2], row[0], row[1] - self.first_number, *row[3:]] for row in value["bookings"]]
        return value | {"bookings": sorted(rows)}

    def _counts(self, at):
        return self.site.now - at < WINDOW

    def _state(self):
        processes = tuple((one.name, one.state()) for one in self.processes)
        counted = (
            self.site.now - T,
            len(self.waits),
            self.site.store.is_down,
            # Who of those at the same time was first makes no difference.
            sorted(map(str, self.row)) if self._counts(self.refused_at) else "",
            self.refused_at,
            sorted(str(one) for one in self.sent if self._counts(one[0])),
        )
        stored = map(json.loads, self.site.store.texts.values())
        return processes, counted, self.text(list(stored))


def model(**arguments):
    return lambda choices: World(choices, **arguments).run()


def budget(**changes):
    """One of the 20 requests is left, and two for each process without the store."""
    arguments = {"counts": [3, 1], "limit": 20, "sharers": 2, "before": (19, 200)}
    return arguments | {"answers": [200], "faults": BOUND, "steps": [61.0]} | changes


def refusals(**changes):
    """PeeringDB may refuse one more of each process without the store."""
    arguments = {"counts": [2, 1], "sharers": 4, "before": (6, 403), "answers": [403]}
    return arguments | {"faults": BOUND, "steps": [50.0, 50.0]} | changes


MODELS = {
    "the limit, two processes": budget(),
    "the limit, three processes": budget(
        counts=[3, 1, 1], limit=30, sharers=3, before=(29, 200), faults=BOUND - 1
    ),
    "more than 100 a minute, two processes": budget(limit=116, before=(116, 200), faults=1),
    "refusals, two processes": refusals(),
    "refusals, and one more with the store": refusals(
        counts=[1, 2], before=(5, 403), steps=[50.0] * BOUND
    ),
    "refusals, three processes": refusals(counts=[2, 1, 1], faults=BOUND - 1),
}


@pytest.mark.parametrize("name", MODELS)
def test_budget_in_every_order(name):
    arguments = MODELS[name]
    assert report(f"budget: {name}", arguments["faults"], model(**arguments)) > 100


def test_a_refusal_that_a_killed_process_got_counts():
    world = World(Choices([], {}), **refusals(counts=[1, 2], before=(4, 403), faults=0))
    killed, other = world.processes
    killed.admit()  # the fifth refusal, which nobody reads
    world.processes.remove(killed)
    world.site.now += 50
    other.admit()  # the last of six
    other.flush()
    world.site.now += 50
    world._beat()
    other.admit()
    assert other.flight is None


def test_refusals_count_while_one_more_may_be_on_its_way():
    world = World(Choices([], {}), **refusals(counts=[1, 1], before=(5, 403), faults=0))
    slow, other = world.processes
    world.site.now += 59
    slow.admit()  # the last refusal of six, which arrives after a minute
    world.site.now += 2
    world._beat()
    other.admit()
    assert other.flight is None


class LosesChanges(Store):
    """A store that takes a change though somebody else was faster."""

    def _put(self, key, read, made):  # noqa: ARG002 - as its parent has it
        self.texts[key] = made
        return True


class ForgetsFlights(SharedBudget):
    """A budget that does not count what may yet be refused."""

    def _has_slot(self, request):  # noqa: ARG002 - as its parent has it
        return True


def test_a_store_that_loses_changes_is_found():
    with pytest.raises(AssertionError, match="more requests a minute than the limit"):
        explore(model(**budget(store=LosesChanges, faults=1)))


def test_a_budget_that_forgets_what_is_in_flight_is_found():
    with pytest.raises(AssertionError, match="an eleventh refusal"):
        explore(model(**refusals(budget=ForgetsFlights, before=(5, 403), faults=0)))


class ForgetsAlone(SharedBudget):
    """A budget that does not ask whether others know of more refusals."""

    def _forget_old(self, due):
        self.known_until = math.inf
        super()._forget_old(due)


def test_refusals_that_are_forgotten_too_early_are_found():
    with pytest.raises(AssertionError, match="an eleventh refusal"):
        explore(model(**refusals(budget=ForgetsAlone, faults=1)))
