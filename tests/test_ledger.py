"""Who waits for a place in the budget of one process, and who is served first."""

import time
from types import SimpleNamespace

import pytest
from documents import Site
from in_threads import PATIENCE, Calls, until

from peeringdb_oauth.budget import REFUSALS, Budget
from peeringdb_oauth.cost import ONE_REQUEST, PAID_REQUEST, Cost, Purpose, payers_of
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.ledger import LocalLedger
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse


def request_of(cost=ONE_REQUEST):
    return HTTPRequest(url="https://pdb.test/", cost=cost)


class CountedBudget(Budget):
    """Counts how often somebody asked for a place."""

    asked = 0

    def admit(self, request, now):
        self.asked += 1
        return super().admit(request, now)


@pytest.fixture
def full():
    """A ledger without a free place, and the bookings that have them."""
    budget = CountedBudget(None)
    ledger = LocalLedger(budget, time.monotonic)
    held = [ledger.admit(request_of(), 0) for _ in range(REFUSALS)]
    assert all(held)
    return SimpleNamespace(ledger=ledger, budget=budget, held=held)


def waiting(ledger):
    return sum(map(len, ledger._queues.values()))


def wait_in_line(ledger, served, name, *, cost=ONE_REQUEST, timeout=PATIENCE):
    """Let another thread wait, after those who wait already."""
    before = waiting(ledger)

    def ask():
        booking = ledger.admit(request_of(cost), timeout)
        served.append(name if booking else None)
        return booking

    calls = Calls(ask)
    until(lambda: waiting(ledger) == before + 1)
    return calls


def end_one(full, *, status=200):
    full.ledger.settle(full.held.pop(), HTTPResponse(status=status, headers={}, body=b""))


def test_who_came_first_is_served_first(full):
    served = []
    calls = [wait_in_line(full.ledger, served, number) for number in range(5)]
    for number, call in enumerate(calls):
        end_one(full)
        call.outcomes()
        assert served == list(range(number + 1))


@pytest.fixture
def shared():
    """A budget that processes share, without a free place."""
    ledger = Site().process()
    held = list(iter(lambda: ledger.admit(request_of(), 0), None))
    return SimpleNamespace(ledger=ledger, held=held)


def test_who_came_first_is_served_first_in_a_shared_budget(shared):
    served = []
    calls = [wait_in_line(shared.ledger, served, number) for number in range(5)]
    for number, call in enumerate(calls):
        end_one(shared)
        shared.ledger.flush()
        call.outcomes()
        assert served == list(range(number + 1))
    assert shared.ledger._queues == {}


def test_who_gives_up_leaves_the_queue_of_a_shared_budget(shared):
    served = []
    first = wait_in_line(shared.ledger, served, "first")
    wait_in_line(shared.ledger, served, "second", timeout=0.1).outcomes()
    assert served == [None]
    end_one(shared)
    shared.ledger.flush()
    first.outcomes()
    assert served == [None, "first"]


def test_nobody_goes_before_those_who_wait(full):
    served = []
    waiting_one = wait_in_line(full.ledger, served, "first")
    asked = full.budget.asked
    late = wait_in_line(full.ledger, served, "second")
    assert full.budget.asked == asked
    end_one(full)
    waiting_one.outcomes()
    end_one(full)
    late.outcomes()
    assert served == ["first", "second"]


def test_a_place_wakes_one_who_waits_and_no_crowd(full):
    calls = [wait_in_line(full.ledger, [], number) for number in range(9)]
    asked = full.budget.asked
    for call in calls:
        end_one(full)
        call.outcomes()
    assert full.budget.asked - asked <= 2 * 9  # each that is served, and the next in vain


def test_the_second_request_of_a_login_goes_before_all_who_wait(full):
    served = []
    costs = [Cost(requests=2), Cost(requests=2), Cost(purpose=Purpose.LOOK_UP), PAID_REQUEST]
    calls = [wait_in_line(full.ledger, served, cost.requests, cost=cost) for cost in costs]
    end_one(full)
    calls.pop().outcomes()
    assert served == [0]
    for _ in calls:
        end_one(full)
    for call in calls:
        call.outcomes()
    assert sorted(served) == [0, 1, 2, 2]


def test_without_a_limit_all_visitors_wait_in_one_queue(full):
    served = []
    payers = [payers_of(f"192.0.2.{number}") for number in range(3)]
    calls = [
        wait_in_line(full.ledger, served, number, cost=Cost(payers=one))
        for number, one in enumerate(payers)
    ]
    assert len(full.ledger._queues) == 1
    for call in calls:
        end_one(full)
        call.outcomes()
    assert served == [0, 1, 2]


def test_who_gives_up_leaves_the_place_to_the_next(full):
    served = []
    first = wait_in_line(full.ledger, served, "first", timeout=0.3)
    second = wait_in_line(full.ledger, served, "second")
    first.outcomes()
    assert served == [None]
    end_one(full)
    second.outcomes()
    assert served == [None, "second"]
    assert full.ledger._queues == {}


def test_a_pause_fails_all_who_wait(full):
    calls = [wait_in_line(full.ledger, [], number) for number in range(5)]
    end_one(full, status=429)
    for call in calls:
        (error,) = call.outcomes()
        assert isinstance(error, RateLimited)
    assert full.ledger._queues == {}
