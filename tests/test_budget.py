"""The budget against PeeringDB's limits: whatever comes in whatever order, PeeringDB
never has a reason to block this address.
"""

import copy

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peeringdb_oauth.budget import REFUSALS, WINDOW, Budget
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.responses import SILENCE

POST = HTTPRequest(
    url="https://auth.peeringdb.com/oauth2/token/",
    form={"grant_type": "refresh_token"},
)
LOGIN = HTTPRequest(
    url="https://auth.peeringdb.com/oauth2/token/",
    form={"grant_type": "authorization_code"},
    booked=2,
)
GET = HTTPRequest(url="https://auth.peeringdb.com/profile/v1", bearer="t")
PAID = HTTPRequest(url="https://auth.peeringdb.com/profile/v1", bearer="t", booked=0)
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
    ("request_", "status"),
    [(GET, 401), (GET, 403), (POST, 403), (POST, 400), (POST, 500)],
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


# --- the pause after a 429 ------------------------------------------------------------


@pytest.mark.parametrize(("headers", "seconds"), [({}, 61), ({"retry_after": "13"}, 13)])
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
    """PeeringDB's counter lives for a minute from the last refusal, not from the first."""
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
# with these alone nothing but the minute's limit is in the way
CALM = ["ok", "bad request"]


class PeeringDB(RuleBasedStateMachine):
    """Keeps the books that PeeringDB keeps, and checks them as each request goes out."""

    def __init__(self):
        super().__init__()
        self.now = T
        self.in_flight = []  # (booking, its place in sent)
        self.sent = []  # (when, how many requests it stands for)
        self.refusals = []  # when
        self.quiet_until = self.paused_until = 0.0

    @initialize(
        limit=st.sampled_from([2, 4, 25]),
        outcomes=st.sampled_from([CALM, sorted(OUTCOMES)]),
    )
    def start(self, limit, outcomes):
        self.limit, self.outcomes = limit, outcomes
        self.budget = Budget(limit)

    def refusals_in_a_row(self):
        row, last = 0, self.now
        for when in sorted(self.refusals, reverse=True):
            if last - when >= WINDOW:
                break
            row, last = row + 1, when
        return row

    @rule(
        seconds=st.sampled_from([0.0, 0.1, 1.0, 10.0, 30.0, 59.9, 60.0, 61.0])
        | st.floats(min_value=0, max_value=100),
    )
    def wait(self, seconds):
        self.now += seconds

    @rule(request=st.sampled_from([POST, LOGIN, GET, PAID]), times=st.sampled_from([1, 1, 1, 12]))
    def send(self, request, times):
        for _ in range(times):
            try:
                booking = self.budget.admit(request, self.now)
            except RateLimited as error:
                self.check_wait(request, error.retry_after)
                return
            if booking is None:
                assert self.in_flight
                return
            self.in_flight.append((booking, len(self.sent)))
            self.sent.append((self.now, request.booked))
            assert (
                sum(booked for when, booked in self.sent if when > self.now - WINDOW + 1e-5)
                <= self.limit
            )
            assert self.now >= self.paused_until - 1e-5
            assert request.method == "GET" or self.now >= self.quiet_until - 1e-5

    def check_wait(self, request, wait):
        """Waiting less does not help; waiting so long does, though another limit may
        then come first: there are four.
        """
        with pytest.raises(RateLimited):
            copy.deepcopy(self.budget).admit(request, self.now + wait * 0.999)
        now = self.now
        for _ in range(4):
            now += wait
            try:
                copy.deepcopy(self.budget).admit(request, now)
            except RateLimited as error:
                wait = error.retry_after
            else:
                return
        pytest.fail("never admitted")

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def answer(self, data):
        outcome = data.draw(st.sampled_from(self.outcomes))
        booking, at = self.in_flight.pop(
            data.draw(st.integers(min_value=0, max_value=len(self.in_flight) - 1)),
        )
        request, (when, booked) = booking.request, self.sent[at]
        if outcome != "ok":  # a login's second request does not come
            self.sent[at] = when, min(booked, 1)
        if outcome in {"refused", "forbidden"}:
            self.refusals.append(self.now)
        if request.method == "POST" and (
            outcome == "refused" or (outcome == "lost" and self.now < self.quiet_until)
        ):
            self.quiet_until = self.now + SILENCE
        if outcome in {"throttled", "rate limited"}:
            self.paused_until = max(
                self.paused_until,
                self.now + {"throttled": 61, "rate limited": 13}[outcome],
            )
        self.budget.settle(booking, OUTCOMES[outcome], self.now)

    @invariant()
    def an_eleventh_refusal_cannot_come(self):
        assert self.refusals_in_a_row() + len(self.in_flight) <= REFUSALS


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
