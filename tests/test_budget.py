"""The budget keeps below PeeringDB's limits, in whatever order requests come."""

import copy
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peeringdb_oauth.budget import (
    CEILINGS,
    MIN_PART,
    PARTS,
    REFUSALS,
    WINDOW,
    Budget,
    TooManyRefusals,
)
from peeringdb_oauth.cost import STRANGERS, Cost, Payer, Purpose
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.responses import SILENCE

POST = HTTPRequest(
    url="https://auth.peeringdb.com/oauth2/token/", form={"grant_type": "refresh_token"}
)
LOGIN = HTTPRequest(
    url="https://auth.peeringdb.com/oauth2/token/",
    form={"grant_type": "authorization_code"},
    cost=Cost(requests=2),
)
GET = HTTPRequest(url="https://auth.peeringdb.com/profile/v1", bearer="t")
PAID = HTTPRequest(url="https://auth.peeringdb.com/profile/v1", bearer="t", cost=Cost(requests=0))
T = 1234.567  # any monotonic clock's


def answer(status, **headers):
    return HTTPResponse(
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=b"",
    )


def go(budget, request, status, now=T, **headers):
    budget.settle(budget.admit(request, now), answer(status, **headers), now)


def admit(budget, *requests, now=T):
    return [budget.admit(request, now) for request in requests]


def wait_of(budget, request, now=T):
    with pytest.raises(RateLimited, match="nothing was sent") as caught:
        budget.admit(request, now)
    return caught.value.retry_after


# --- requests a minute ----------------------------------------------------------------


def test_admits_as_many_requests_a_minute_as_configured():
    budget = Budget(3)
    for second in range(3):
        go(budget, GET, 200, T + second)
    assert wait_of(budget, GET, T + 10) == pytest.approx(50)
    assert budget.admit(GET, T + 60)
    assert wait_of(budget, GET, T + 60) == pytest.approx(1)


def test_a_login_books_its_second_request_with_its_first():
    budget = Budget(3)
    go(budget, LOGIN, 200)
    go(budget, POST, 200, T + 5)
    assert wait_of(budget, POST, T + 6) == pytest.approx(54)
    assert budget.admit(PAID, T + 6)


def test_a_login_waits_until_both_its_requests_fit():
    budget = Budget(3)
    for second in (0, 10, 20):
        go(budget, GET, 200, T + second)
    assert wait_of(budget, LOGIN, T + 30) == pytest.approx(40)
    assert wait_of(budget, GET, T + 30) == pytest.approx(30)


def test_without_a_limit_of_its_own_it_admits_any_number():
    budget = Budget(None)
    for _ in range(500):
        go(budget, GET, 200)


def test_the_message_rounds_the_wait_up():
    budget = Budget(2)
    go(budget, LOGIN, 200)
    with pytest.raises(RateLimited, match=r"2 requests a minute are used up .* wait 1 s"):
        budget.admit(GET, T + 59.9)


# --- the silence after a 401 ----------------------------------------------------------


def test_keeps_silent_after_a_401_and_no_longer():
    budget = Budget(100)
    go(budget, POST, 401)
    assert wait_of(budget, LOGIN) == pytest.approx(61)
    assert wait_of(budget, POST, T + 60.9) == pytest.approx(0.1)
    assert budget.admit(POST, T + 61)


def test_profiles_are_fetched_during_the_silence():
    budget = Budget(100)
    go(budget, POST, 401)
    assert budget.admit(GET, T)


@pytest.mark.parametrize(
    ("request_", "status"), [(GET, 401), (GET, 403), (POST, 403), (POST, 400), (POST, 500)]
)
def test_nothing_else_starts_a_silence(request_, status):
    budget = Budget(100)
    go(budget, request_, status)
    assert budget.admit(POST, T)


def test_every_further_401_prolongs_the_silence():
    budget = Budget(100)
    first, second = admit(budget, POST, POST)
    budget.settle(first, answer(401), T)
    budget.settle(second, answer(401), T + 9)
    assert wait_of(budget, POST, T + 9) == pytest.approx(61)


def test_an_answer_lost_during_the_silence_prolongs_it():
    budget = Budget(100)
    first, second, other = admit(budget, POST, POST, GET)
    budget.settle(first, answer(401), T)
    budget.settle(other, None, T + 5)
    assert wait_of(budget, POST, T + 5) == pytest.approx(56)
    budget.settle(second, None, T + 9)
    assert wait_of(budget, POST, T + 9) == pytest.approx(61)


def test_an_answer_lost_otherwise_counts_for_nothing():
    budget = Budget(100)
    for _ in range(20):
        budget.settle(budget.admit(POST, T), None, T)


def test_after_a_lost_answer_less_important_requests_pause():
    """Each would keep its caller waiting for the whole timeout, like the lost one."""
    budget = Budget(100)
    budget.settle(budget.admit(GET, T), None, T, lost=True)
    assert wait_of(budget, RECHECK) == pytest.approx(10)
    assert wait_of(budget, LOOK_UP, T + 9.5) == pytest.approx(0.5)
    go(budget, GET, 200, T)
    go(budget, RECHECK, 200, T + 10)


# --- the pause after a 429 ------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 61),
        ({"retry_after": "13"}, 14),
        ({"retry_after": "0"}, 11),
        ({"retry_after": "10"}, 11),
    ],
)
def test_pauses_everything_after_a_429(headers, seconds):
    budget = Budget(100)
    go(budget, GET, 429, **headers)
    for request in (GET, POST, PAID):
        assert wait_of(budget, request) == pytest.approx(seconds)
    assert budget.admit(GET, T + seconds)


def test_the_longest_pause_counts():
    budget = Budget(100)
    first, second = admit(budget, GET, GET)
    budget.settle(first, answer(429), T)
    budget.settle(second, answer(429, retry_after="13"), T + 1)
    assert wait_of(budget, GET, T + 1) == pytest.approx(60)


# --- refusals -------------------------------------------------------------------------


def test_stops_before_the_eleventh_refusal():
    budget = Budget(100)
    for second in range(10):
        go(budget, GET, 403, T + second)
    assert wait_of(budget, GET, T + 9) == pytest.approx(60)
    assert wait_of(budget, POST, T + 9) == pytest.approx(60)
    assert budget.admit(GET, T + 69)


def test_a_slow_row_of_refusals_is_a_row():
    """PeeringDB's counter lives for a minute from the last refusal."""
    budget = Budget(100)
    for turn in range(10):
        go(budget, GET, 403, T + 59 * turn)
    assert wait_of(budget, GET, T + 531) == pytest.approx(60)


def test_a_minute_without_refusals_ends_the_row():
    budget = Budget(100)
    for turn in range(30):
        go(budget, GET, 403, T + 60 * turn)


def test_those_in_flight_might_be_refused_too():
    budget = Budget(100)
    for _ in range(4):
        go(budget, GET, 403)
    *bookings, refused = admit(budget, *[GET] * 7)
    assert (len(bookings), all(bookings), refused) == (6, True, None)
    budget.settle(bookings[0], answer(200), T)
    assert [bool(booking) for booking in admit(budget, GET, GET)] == [True, False]


def test_ten_in_flight_are_the_most():
    budget = Budget(None)
    *bookings, refused = admit(budget, *[GET] * 11)
    assert (all(bookings), refused) == (True, None)
    budget.settle(bookings[0], None, T)
    assert budget.admit(GET, T)


def test_a_refused_admission_takes_nothing():
    budget = Budget(100)
    go(budget, POST, 401)
    for _ in range(200):
        wait_of(budget, POST)
    assert [bool(booking) for booking in admit(budget, *[GET] * 10)] == [True] * 9 + [False]


def test_a_clock_that_jumps_ahead_forgets_everything():
    budget = Budget(2)
    go(budget, LOGIN, 401)
    go_on = T + 1e6
    go(budget, LOGIN, 200, go_on)


# --- purposes: logins first -----------------------------------------------------------


def request_for(purpose, *payers, **more):
    url = "https://auth.peeringdb.com/profile/v1"
    cost = Cost(purpose=purpose, payers=payers, **more)
    return HTTPRequest(url=url, bearer="t", cost=cost)


CLEAN_UP, RECHECK, RENEWAL, LOOK_UP = (
    request_for(purpose)
    for purpose in (Purpose.CLEAN_UP, Purpose.RECHECK, Purpose.RENEWAL, Purpose.LOOK_UP)
)
ADA, BOB = Payer.of_account(1), Payer.of_account(2)
HERE, THERE = Payer.of_address("198.51.100.1"), Payer.of_address("198.51.100.2")


def fill(budget, request, now=T):
    """Send it until it is refused. Returns how often it was sent, and the error."""
    for sent in range(1000):
        try:
            go(budget, request, 200, now)
        except RateLimited as error:
            return sent, error
    return pytest.fail("never refused")


@pytest.mark.parametrize(
    ("request_", "ceiling"),
    [(GET, 100), (LOOK_UP, 60), (RENEWAL, 45), (RECHECK, 30), (CLEAN_UP, 10)],
)
def test_each_purpose_has_its_ceiling(request_, ceiling):
    assert fill(Budget(100), request_)[0] == ceiling


def test_less_important_requests_leave_room_for_the_more_important_ones():
    budget = Budget(100)
    requests = CLEAN_UP, RECHECK, RENEWAL, LOOK_UP, GET
    assert [fill(budget, request)[0] for request in requests] == [10, 20, 15, 15, 40]


def test_logins_may_take_everything():
    budget = Budget(100)
    assert fill(budget, LOGIN)[0] == 50
    assert fill(budget, RECHECK)[0] == 0


def test_the_message_of_a_ceiling_says_for_whom_the_rest_is_kept():
    _, error = fill(Budget(100), RECHECK)
    assert str(error) == (
        "the rest of the requests a minute is kept for logins: nothing was sent; wait 60 s"
    )
    assert not error.for_caller


def test_a_small_budget_lets_every_purpose_ask_now_and_then():
    requests = CLEAN_UP, RECHECK, LOOK_UP, GET
    assert [fill(Budget(2), request)[0] for request in requests] == [2, 2, 2, 2]


def test_less_important_requests_leave_slots_in_flight():
    budget = Budget(None)
    assert [bool(booking) for booking in admit(budget, *[CLEAN_UP] * 2)] == [True, False]
    assert [bool(booking) for booking in admit(budget, *[RECHECK] * 3)] == [True] * 2 + [False]
    assert [bool(booking) for booking in admit(budget, *[LOOK_UP] * 4)] == [True] * 3 + [False]
    assert [bool(booking) for booking in admit(budget, *[GET] * 5)] == [True] * 4 + [False]


# --- payers: nobody takes what others need --------------------------------------------


def test_an_account_has_a_small_part():
    budget = Budget(100)
    sent, error = fill(budget, request_for(Purpose.RECHECK, ADA))
    assert (sent, error.for_caller) == (10, True)
    assert str(error) == (
        "you have asked PeeringDB very often within a minute: nothing was sent; wait 60 s"
    )
    assert fill(budget, request_for(Purpose.RECHECK, BOB))[0] == 10


def test_a_part_is_one_for_all_purposes():
    budget = Budget(100)
    fill(budget, request_for(Purpose.RECHECK, HERE))
    assert fill(budget, request_for(Purpose.LOGIN, HERE))[0] == 0


@pytest.mark.parametrize(
    ("payer", "limit", "part", "for_caller"),
    [
        (HERE, 100, 10, True),
        (HERE, 25, 4, True),
        (HERE, 8, 4, True),
        (Payer.of_address("127.0.0.1"), 100, 50, False),
        (STRANGERS, 100, 30, False),
    ],
)
def test_each_kind_of_payer_has_its_part(payer, limit, part, for_caller):
    sent, error = fill(Budget(limit), request_for(Purpose.LOGIN, payer))
    assert (sent, error.for_caller) == (part, for_caller)


def test_a_part_is_free_again_after_a_minute():
    budget = Budget(100)
    request = request_for(Purpose.RECHECK, ADA)
    for second in range(10):
        go(budget, request, 200, T + second)
    assert wait_of(budget, request, T + 9) == pytest.approx(51)
    go(budget, request, 200, T + 60)
    assert wait_of(budget, request, T + 60) == pytest.approx(1)


def test_every_payer_of_a_request_pays():
    budget = Budget(100)
    fill(budget, request_for(Purpose.LOOK_UP, STRANGERS))
    assert fill(budget, request_for(Purpose.LOOK_UP, HERE, STRANGERS))[0] == 0
    assert fill(budget, request_for(Purpose.LOOK_UP, HERE))[0] == 10


def login_from(*payers):
    return HTTPRequest(url=LOGIN.url, form=LOGIN.form, cost=Cost(payers=payers, requests=2))


def test_a_failed_login_is_charged_to_the_address_and_once():
    budget = Budget(100)
    for _ in range(9):  # and a tenth one would need two requests
        go(budget, login_from(HERE), 400)
    with pytest.raises(RateLimited, match="from your address"):
        budget.admit(login_from(HERE), T)
    go(budget, login_from(THERE), 200)


def test_a_login_that_succeeds_is_charged_to_the_account():
    budget = Budget(100)
    for _ in range(5):
        request = login_from(HERE)
        go(budget, request, 200)
        budget.charge(request.cost, ADA)
    assert fill(budget, request_for(Purpose.RECHECK, ADA))[0] == 0
    assert fill(budget, request_for(Purpose.LOGIN, HERE))[0] == 10


def test_an_account_that_has_used_its_part_logs_in_at_the_cost_of_its_address():
    budget = Budget(100)
    for _ in range(10):
        request = login_from(HERE)
        go(budget, request, 200)
        budget.charge(request.cost, ADA)
    with pytest.raises(RateLimited, match="from your address") as caught:
        budget.admit(login_from(HERE), T)
    assert caught.value.for_caller


def test_a_login_may_be_paid_by_its_account_until_its_charge():
    """Its first request was answered, and its second one is on its way."""
    budget = Budget(100)
    requests = [login_from(HERE) for _ in range(6)]
    for request in requests[:5]:
        go(budget, request, 200)
    assert budget.admit(requests[5], T) is None
    budget.charge(requests[0].cost, ADA)
    assert budget.admit(requests[5], T)


def test_a_login_that_is_charged_to_nobody_else_is_waited_for_no_longer():
    budget = Budget(100)
    requests = [login_from(HERE) for _ in range(6)]
    for request in requests[:5]:
        go(budget, request, 200)
    for request in requests[:5]:
        assert budget.admit(requests[5], T) is None
        budget.charge(request.cost, None)
    assert wait_of(budget, requests[5]) == pytest.approx(60)


def test_a_login_whose_charge_never_comes_is_waited_for_one_minute():
    budget = Budget(100)
    for _ in range(5):
        go(budget, login_from(HERE), 200)
    assert budget.admit(login_from(HERE), T + 59.9) is None
    assert budget.admit(login_from(HERE), T + 60)
    assert budget._open[HERE] == 2


def test_a_charge_gives_back_what_was_announced_and_not_sent():
    budget = Budget(100)
    for _ in range(9):
        request = login_from(HERE)
        go(budget, request, 200)
        budget.charge(request.cost, None, 1)
    with pytest.raises(RateLimited):  # one is left, and this needs two
        budget.admit(login_from(HERE), T)
    go(budget, request_for(Purpose.LOGIN, HERE), 200)
    assert fill(budget, GET)[0] == 90


def test_a_charge_gives_back_nothing_that_was_given_back_before():
    budget = Budget(100)
    request = login_from(HERE)
    go(budget, request, 400)
    budget.charge(request.cost, None, 1)
    assert fill(budget, GET)[0] == 99


def test_nothing_is_charged_for_a_request_that_nobody_booked():
    budget = Budget(100)
    budget.charge(login_from(HERE).cost, ADA)
    assert fill(budget, request_for(Purpose.RECHECK, ADA))[0] == 10


@pytest.mark.parametrize("status", [429, 502, 503, 504, None])
def test_nobody_pays_for_failures_of_peeringdb(status):
    budget = Budget(100)
    for turn in range(11):
        now = T + turn * 61 if status == 429 else T
        booking = budget.admit(login_from(HERE), now)
        budget.settle(booking, status and answer(status), now, lost=status is None)


def test_a_failure_that_a_request_may_have_caused_is_paid_for():
    """PeeringDB answers 500 to each code with ``openid`` of some applications."""
    budget = Budget(100)
    for _ in range(9):
        go(budget, login_from(HERE), 500)
    with pytest.raises(RateLimited):
        budget.admit(login_from(HERE), T)


def test_a_request_that_was_broken_off_here_is_paid_for():
    """Or anybody could ask for free, and hang up."""
    budget = Budget(100)
    for _ in range(9):
        budget.settle(budget.admit(login_from(HERE), T), None, T)
    with pytest.raises(RateLimited):
        budget.admit(login_from(HERE), T)


def test_a_login_in_flight_lets_the_next_one_from_its_address_wait_not_fail():
    """Forty people of one office log in at once: each is charged to its account."""
    budget = Budget(100)
    requests = [login_from(HERE) for _ in range(6)]
    *bookings, waits = admit(budget, *requests)
    assert (all(bookings), waits) == (True, None)
    budget.settle(bookings[0], answer(200), T)
    budget.charge(requests[0].cost, ADA)
    assert budget.admit(requests[5], T)


def test_the_parts_of_a_minute_ago_take_no_memory():
    budget = Budget(100)
    for turn in range(1000):
        go(budget, request_for(Purpose.LOGIN, Payer.of_account(turn)), 200, T + turn)
    assert len(budget._paid) <= 60
    assert not budget._open


# --- tokens that may be dead ----------------------------------------------------------

RISKY = request_for(Purpose.RECHECK, is_risky=True)


def test_after_the_first_few_refusals_a_token_must_be_introspected_first():
    budget = Budget(100)
    for _ in range(3):
        go(budget, RISKY, 403)
    with pytest.raises(TooManyRefusals) as caught:
        budget.admit(RISKY, T + 1)
    assert caught.value.retry_after == pytest.approx(59)
    go(budget, RECHECK, 200, T + 1)
    go(budget, RISKY, 200, T + 60)


def test_tokens_that_may_be_dead_never_take_more_than_half_of_the_refusals():
    budget = Budget(100)
    risky = request_for(Purpose.LOGIN, is_risky=True)
    bookings = admit(budget, *[risky] * 6)
    assert [bool(booking) for booking in bookings] == [True] * 5 + [False]
    for booking in bookings[:5]:
        budget.settle(booking, answer(403), T)
    for _ in range(4):
        go(budget, LOGIN, 403)
    go(budget, LOGIN, 200)


def test_other_refusals_do_not_make_tokens_be_introspected():
    budget = Budget(100)
    for _ in range(5):
        go(budget, GET, 403)
    go(budget, RISKY, 200)


# --- several processes at one address -------------------------------------------------


@pytest.mark.parametrize(("processes", "requests"), [(1, 100), (2, 50), (4, 25), (64, 2)])
def test_processes_share_the_requests(processes, requests):
    assert fill(Budget(100, processes), GET)[0] == requests


@pytest.mark.parametrize(
    ("processes", "refusals"), [(1, 10), (2, 5), (3, 3), (4, 2), (10, 1), (16, 1)]
)
def test_processes_share_the_refusals(processes, refusals):
    budget = Budget(None, processes)
    for _ in range(refusals):
        go(budget, GET, 403)
    assert wait_of(budget, GET) == pytest.approx(60)


@pytest.mark.parametrize(("processes", "risky"), [(1, 3), (2, 1), (3, 1), (5, 1), (6, 0), (16, 0)])
def test_many_processes_introspect_sooner(processes, risky):
    budget = Budget(None, processes)
    for _ in range(risky):
        go(budget, RISKY, 403)
    with pytest.raises(RateLimited):
        budget.admit(RISKY, T)


def test_a_fork_has_nothing_in_flight_and_what_comes_back_changes_nothing():
    budget = Budget(100)
    booking, *_ = admit(budget, *[login_from(HERE)] * 5)
    budget.forget_in_flight()
    budget.settle(booking, answer(200), T)
    assert (sum(budget._in_flight), budget._open) == (0, {})
    bookings = admit(budget, *[GET] * 11)
    assert [bool(one) for one in bookings] == [True] * 10 + [False]


# --- PeeringDB as measured, and any order of events -----------------------------------

OUTCOMES = {
    "ok": answer(200),
    "bad request": answer(400),
    "refused": answer(401),
    "forbidden": answer(403),
    "throttled": answer(429),
    "rate limited": answer(429, retry_after="13"),
    "broken": answer(503),
    "lost": None,
}
CALM = ["ok", "bad request"]  # with these alone nothing but the shares is in the way
KINDS = {"login": LOGIN, "get": GET, "paid": PAID, "post": POST}
PAYERS = [(), (ADA,), (HERE,), (HERE, STRANGERS), (Payer.of_address("127.0.0.1"),)]


class PeeringDB(RuleBasedStateMachine):
    """Keeps the books that PeeringDB keeps, and checks them at each request."""

    def __init__(self):
        super().__init__()
        self.now = T
        self.in_flight = []  # (booking, its place in sent)
        self.sent = []  # (when, how many requests it stands for, request, payers)
        self.open = {}  # places in sent for which others may yet pay, and until when
        self.refusals = []  # (when, whether the token might have been dead)
        self.quiet_until = self.paused_until = self.unanswered_until = 0.0

    @initialize(
        limit=st.sampled_from([2, 4, 25, 100]),
        processes=st.sampled_from([1, 1, 1, 2, 4, 7]),
        outcomes=st.sampled_from([CALM, sorted(OUTCOMES)]),
        purposes=st.sampled_from([[Purpose.LOGIN], list(Purpose)]),
        payers=st.sampled_from([[()], PAYERS]),
    )
    def start(self, limit, processes, outcomes, purposes, payers):
        self.limit, self.processes, self.outcomes = max(2, limit // processes), processes, outcomes
        self.purposes, self.payers = purposes, payers
        self.budget = Budget(limit, processes)

    def refusals_in_a_row(self, *, risky=False):
        row, last = 0, self.now
        for when, may_be_dead in sorted(self.refusals, reverse=True):
            if last - when >= WINDOW:
                break
            row, last = row + (may_be_dead or not risky), when
        return row

    @rule(
        seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 30.0, 59.9, 60.0, 61.0])
        | st.floats(min_value=0, max_value=100)
    )
    def wait(self, seconds):
        self.now += seconds

    @rule(data=st.data(), kind=st.sampled_from(sorted(KINDS)), times=st.sampled_from([1, 1, 1, 12]))
    def send(self, data, kind, times):
        for _ in range(times):
            cost = Cost(
                purpose=data.draw(st.sampled_from(self.purposes)),
                payers=data.draw(st.sampled_from(self.payers)),
                requests=KINDS[kind].cost.requests,
                is_risky=data.draw(st.booleans()) and kind == "get",
            )
            request = replace(KINDS[kind], cost=cost)
            try:
                booking = self.budget.admit(request, self.now)
            except RateLimited as error:
                self.check_wait(request, error.retry_after)
                return
            if booking is None:
                open_until = max(self.open.values(), default=0)
                assert self.in_flight or self.now < open_until + 1e-5
                return
            self.in_flight.append((booking, len(self.sent)))
            if cost.requests:
                self.open[len(self.sent)] = self.now + WINDOW
            self.sent.append((self.now, cost.requests, request, cost.payers))
            assert self.now >= self.paused_until - 1e-5
            assert request.method == "GET" or self.now >= self.quiet_until - 1e-5
            assert not cost.purpose or self.now >= self.unanswered_until - 1e-5
            self.check_shares(request)

    def used(self, fits):
        return sum(
            booked
            for when, booked, request, payers in self.sent
            if when > self.now - WINDOW + 1e-5 and fits(request, payers)
        )

    def check_shares(self, request):
        if not request.cost.requests:
            return
        assert self.used(lambda *_: True) <= self.limit
        for level in range(1, request.cost.purpose + 1):
            ceiling = max(2, CEILINGS[Purpose(level)] * self.limit)
            assert self.used(lambda sent, _: sent.cost.purpose >= level) <= ceiling  # noqa: B023
        for payer in request.cost.payers:
            part = max(min(MIN_PART, self.limit), PARTS[payer.kind] * self.limit)
            assert self.used(lambda _, payers: payer in payers) <= part  # noqa: B023

    def check_wait(self, request, wait):
        """Waiting less does not help; waiting so long does.

        Another limit may then come first. With what is in flight now, they are few.
        """
        if wait:
            with pytest.raises(RateLimited):
                copy.deepcopy(self.budget).admit(request, self.now + wait * 0.999)
        now = self.now
        for _ in range(9):
            now += wait
            try:
                copy.deepcopy(self.budget).admit(request, now)
            except TooManyRefusals:
                return  # it has another way to ask
            except RateLimited as error:
                wait = error.retry_after
            else:
                return
        pytest.fail("never admitted")

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def answer(self, data):
        outcome = data.draw(st.sampled_from(self.outcomes))
        booking, at = self.in_flight.pop(data.draw(st.integers(0, len(self.in_flight) - 1)))
        when, booked, request, payers = self.sent[at]
        if outcome in {"throttled", "rate limited", "broken", "lost"}:  # nobody pays
            payers = ()
        if outcome != "ok":  # a login's second request does not come
            booked = min(booked, 1)
        if booked < 2:
            self.open.pop(at, None)
        self.sent[at] = when, booked, request, payers
        if outcome in {"refused", "forbidden"}:
            self.refusals.append((self.now, request.cost.is_risky))
        if request.method == "POST" and (
            outcome == "refused" or (outcome == "lost" and self.now < self.quiet_until)
        ):
            self.quiet_until = self.now + SILENCE
        if outcome == "lost":
            self.unanswered_until = self.now + 10
        if outcome in {"throttled", "rate limited"}:
            seconds = {"throttled": 61, "rate limited": 14}[outcome]
            self.paused_until = max(self.paused_until, self.now + seconds)
        self.budget.settle(booking, OUTCOMES[outcome], self.now, lost=outcome == "lost")

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), payer=st.sampled_from([None, ADA, BOB, HERE]))
    def charge(self, data, payer):
        at = data.draw(st.integers(0, len(self.sent) - 1))
        when, booked, request, payers = self.sent[at]
        self.open.pop(at, None)
        if payer is not None and when > self.now - WINDOW + 1e-5:
            part = max(min(MIN_PART, self.limit), PARTS[payer.kind] * self.limit)
            if self.used(lambda _, payers: payer in payers) + booked <= part:
                payers = (payer,)
        self.budget._forget_old(self.now)
        self.budget.charge(request.cost, payer)
        self.sent[at] = when, booked, request, payers

    @invariant()
    def one_refusal_too_many_cannot_come(self):
        if hasattr(self, "processes"):
            most = max(1, REFUSALS // self.processes)
            assert self.refusals_in_a_row() + len(self.in_flight) <= most
            risky = sum(booking.is_risky for booking, _ in self.in_flight)
            assert self.refusals_in_a_row(risky=True) + risky <= REFUSALS / 2 / self.processes


PeeringDB.TestCase.settings = settings(max_examples=400, stateful_step_count=40)
test_peeringdb_never_has_a_reason_to_block_us = PeeringDB.TestCase


def test_what_a_failed_login_had_booked_for_later_is_given_back():
    budget = Budget(4)
    go(budget, LOGIN, 400)
    go(budget, LOGIN, 200)
    assert budget.admit(GET, T)
    assert wait_of(budget, GET) == pytest.approx(60)


def test_a_failed_login_gives_back_its_own_booking_and_no_other():
    budget = Budget(4)
    slow = budget.admit(LOGIN, T)
    go(budget, GET, 200, T + 40)
    budget.settle(slow, answer(400), T + 50)
    go(budget, LOGIN, 200, T + 51)
    # the slow login's one request
    assert wait_of(budget, GET, T + 52) == pytest.approx(8)
    go(budget, GET, 200, T + 60)
    assert wait_of(budget, GET, T + 61) == pytest.approx(39)


def test_a_failed_login_that_took_longer_than_a_minute_gives_nothing_back():
    budget = Budget(4)
    slow = budget.admit(LOGIN, T)
    for second in range(4):
        go(budget, GET, 200, T + 61 + second)
    budget.settle(slow, answer(400), T + 66)
    assert wait_of(budget, GET, T + 66) == pytest.approx(55)


# --- what was used --------------------------------------------------------------------


def test_says_what_was_used_for_what_within_the_last_minute():
    budget = Budget(100)
    go(budget, LOGIN, 200)
    go(budget, replace(GET, cost=Cost(purpose=Purpose.RECHECK)), 200, T + 30)
    used = {Purpose.LOGIN: 2, Purpose.RECHECK: 1}
    now = budget.usage(T + 30)
    assert (now.limit, now.pause) == (100, 0)
    assert {purpose: count for purpose, count in now.used.items() if count} == used
    assert budget.usage(T + 61).used[Purpose.LOGIN] == 0
    assert sum(budget.usage(T + 91).used.values()) == 0


def test_says_for_how_long_peeringdb_must_not_be_asked():
    budget = Budget(None)
    go(budget, GET, 429, retry_after="40")
    assert (budget.usage(T).limit, budget.usage(T).pause) == (None, 41)
    assert budget.usage(T + 42).pause == 0
    go(budget, POST, 401, T + 50)
    assert budget.usage(T + 50).pause == SILENCE
