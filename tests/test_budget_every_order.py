"""One budget of several processes, in every order of steps and with every fault.

An outage of the store begins for all processes at once, after a heartbeat of each. In
reality a process may have missed what the others have sent since its last heartbeat.
"""

import json

import pytest
from documents import URL, MemoryDocuments, Site, T, answer
from every_order import BOUND, Choices, explore

from peeringdb_oauth.budget import REFUSALS, WINDOW
from peeringdb_oauth.cost import Cost
from peeringdb_oauth.errors import RateLimited, RecordsUnavailable
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.shared_budget import SharedBudget


class Store(MemoryDocuments):
    """A store that takes a change and says nothing, if it is told to."""

    is_silent = False

    def _put(self, key, read, made):
        written = super()._put(key, read, made)
        if self.is_silent:
            raise RecordsUnavailable("no answer")
        return written


class Process:
    """Sends requests one after the other."""

    def __init__(self, world, number, costs):
        self.name, self.world = f"p{number}", world
        self.ledger = world.site.process()
        self.ledger._process = self.name
        self.costs = costs
        self.flight = None  # the booking in flight, and what PeeringDB answers
        self.is_settled = True  # in the store

    def use(self, budget):
        """Have the process use another class for its budget."""
        config, hide = self.world.site.config, self.world.site.store.hide
        limit = config.requests_per_minute
        self.ledger._budget = lambda: budget(limit, process=self.name, hide=hide)

    def admit(self):
        cost = self.costs.pop(0)
        try:
            booking = self.ledger.admit(HTTPRequest(url=URL, bearer="t", cost=cost), 0)
        except RateLimited:
            return
        if booking is not None:
            self.flight = booking, self.world.receive()

    def land(self):
        (booking, status), self.flight = self.flight, None
        self.ledger.settle(booking, answer(status))
        self.is_settled = False

    def flush(self):
        self.is_settled = True
        self.ledger.flush()
        self.ledger.beat()  # as its thread does: if the store answers, it is used

    def __repr__(self):
        return self.name

    def is_idle(self):
        return self.flight is None and self.is_settled

    def steps(self):
        if self.flight is not None:
            return ["land"]
        return (["admit"] if self.costs else []) + ([] if self.is_settled else ["flush"])

    def state(self):
        flight = self.flight and self.flight[1]
        part = self.ledger._part
        known = self.ledger._last, part and part.to_dict(self.world.site.now)
        return self.world.text(known), flight, len(self.costs), self.is_settled


class World:
    """The processes of a site, and what PeeringDB counts of their address.

    ``answers``: what PeeringDB may answer. ``before``: what it has
    answered already.
    """

    def __init__(
        self,
        choices,
        *,
        counts,
        answers,
        faults,
        before,
        limit=100,
        store=Store,
        budget=SharedBudget,
        steps=(),
    ):
        self.choices, self.answers, self.faults, self.waits = choices, answers, faults, list(steps)
        self.site = Site(requests_per_minute=limit)
        self.site.store = store(lambda: self.site.now)
        self.sent, self.row = [], 0
        self.limit = self.site.config.requests_per_minute
        costs = [[Cost() for _ in range(count)] for count in counts]
        self.first_number = costs[0][0].number
        self.processes = [Process(self, number, one) for number, one in enumerate(costs)]
        for process in self.processes:
            process.use(budget)
        for status in before:
            self._send(self.processes[0].ledger, status)
        self._beat()

    def _send(self, ledger, status):
        booking = ledger.admit(HTTPRequest(url=URL, bearer="t", cost=Cost()), 0)
        self.sent.append(self.site.now)
        self._count(status)
        ledger.settle(booking, answer(status))
        ledger.flush()

    def receive(self):
        """PeeringDB gets a request, and answers it later."""
        now = self.site.now
        self.sent.append(now)
        recent = sum(when > now - WINDOW for when in self.sent)
        assert recent <= self.limit, "more requests a minute than the limit"
        status = self.answers[0]
        if len(self.answers) > 1:
            status = self.choices.choose(self.answers)
        self._count(status)
        return status

    def _count(self, status):
        now = self.site.now
        if status != 403:
            return
        self.row = self.row + 1 if self.row and now - self.refused_at < WINDOW else 1
        self.refused_at = now
        assert self.row <= REFUSALS, "an eleventh refusal"

    def run(self):
        while options := self._options():
            self._do(self.choices.choose(options, self._state()))

    def _options(self):
        steps = [(one, step) for one in self.processes for step in one.steps()]
        options = [("", *one) for one in steps]
        if steps and self.faults:
            stored = [one for one in steps if one[1] != "land"]
            options += [("without an answer of the store", *one) for one in stored]
            options += [
                ("with a rival", *one, *rival)
                for one in stored
                for rival in stored
                if rival[0] is not one[0]
            ]
            options += [("is killed", process, "") for process in self.processes if process.steps()]
            options += [] if self.site.store.is_down else [("the store goes down", None, "")]
        if self.site.store.is_down:
            options.append(("the store is back", None, ""))
        # A request lasts for seconds, and a refusal is written at once.
        if self.waits and all(one.is_idle() for one in self.processes):
            options.append(("time passes", None, ""))
        return options

    def _do(self, option):
        what, process, step, *rival = option
        store = self.site.store
        self.faults -= what not in {"", "time passes", "the store is back"}
        if what == "time passes":
            self.site.now += self.waits.pop(0)
            self._beat()
        elif what.startswith("the store"):
            self._beat()  # so each knows what the others did in the last seconds
            store.is_down = what == "the store goes down"
            self._beat()
        elif what == "is killed":
            self.processes.remove(process)
        else:
            store.is_silent = what == "without an answer of the store"
            store.rival = getattr(*rival) if rival else None
            getattr(process, step)()
            if store.is_silent:
                store.is_silent = False
                process.ledger.beat()
            store.rival = None

    def _beat(self):
        for process in self.processes:
            process.ledger.beat()

    def text(self, values):
        """What is known, with the numbers of this run's bookings."""
        values = json.loads(json.dumps(values))
        for value in filter(None, values):
            for row in value["bookings"]:
                row[1] -= self.first_number
        return json.dumps(values)

    def _state(self):
        processes = tuple((one.name, one.state()) for one in self.processes)
        counted = (
            self.site.now - T,
            self.faults,
            len(self.waits),
            self.site.store.is_down,
            self.row,
            len(self.sent),
        )
        stored = map(json.loads, self.site.store.texts.values())
        return processes, counted, self.text(list(stored))


def model(**arguments):
    return lambda choices: World(choices, **arguments).run()


def budget(**changes):
    """Half of the limit is used. The others want more than is left."""
    arguments = {"counts": [2, 1], "limit": 4, "before": [200, 200], "answers": [200]}
    return arguments | {"faults": BOUND, "steps": [61.0]} | changes


def refusals(**changes):
    """PeeringDB has refused nine requests. One more refusal is allowed."""
    arguments = {"counts": [1, 1], "answers": [403], "faults": BOUND, "before": [403] * 9}
    return arguments | {"steps": [50.0]} | changes


MODELS = {
    "the limit, two processes": budget(),
    "the limit, three processes": budget(counts=[1, 1, 1], faults=BOUND - 1),
    "refusals, two processes": refusals(),
    "refusals, three processes": refusals(counts=[1, 1, 1], faults=BOUND - 1),
}


@pytest.mark.parametrize("name", MODELS)
def test_budget_in_every_order(name):
    tried, states = explore(model(**MODELS[name]))
    print(f"{name}: {tried} orders tried, {states} states")  # noqa: T201 - with -s
    assert states > 100


def test_a_refusal_that_a_killed_process_got_counts():
    world = World(Choices([], set()), **refusals(counts=[1, 2], before=[403] * 8, faults=0))
    killed, other = world.processes
    killed.admit()  # the ninth refusal, which nobody reads
    world.processes.remove(killed)
    world.site.now += 50
    other.admit()  # the tenth
    other.land()
    other.flush()
    world.site.now += 50
    world._beat()
    other.admit()
    assert other.flight is None


def test_refusals_count_while_one_more_may_be_on_its_way():
    world = World(Choices([], set()), **refusals(counts=[1, 1], faults=0))
    slow, other = world.processes
    world.site.now += 59
    slow.admit()  # the tenth refusal, which arrives after a minute
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
        explore(model(**refusals(budget=ForgetsFlights, faults=0)))
