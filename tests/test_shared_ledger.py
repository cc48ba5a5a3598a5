"""Processes that share one budget, step by step, without threads."""

import json
import logging
from contextlib import suppress
from itertools import pairwise

import pytest
from documents import KEY, URL, Site, answer, login
from in_threads import Calls, until

from peeringdb_oauth.budget import REFUSALS
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.responses import SILENCE
from peeringdb_oauth.shared_budget import LONGEST
from peeringdb_oauth.shared_ledger import (
    FORGOTTEN,
    HEARTBEAT,
    MOST_PROCESSES,
    PROBE,
    UNKNOWN_PROCESSES,
)

GET = HTTPRequest(url=URL, bearer="t")
POST = HTTPRequest(url=URL, form={"grant_type": "refresh_token"})
ADA = Payer.of_account(1)
HERE = Payer.of_address("198.51.100.1")


@pytest.fixture
def site():
    return Site()


def go(process, request, status=200, **headers):
    booking = process.admit(request, 0)
    assert booking is not None
    process.settle(booking, answer(status, **headers))
    process.flush()


def fill(process, request=GET):
    """Send it until it is refused. Returns how often it was sent."""
    for sent in range(1000):
        try:
            go(process, request)
        except RateLimited:
            return sent
    return pytest.fail("never refused")


# --- one budget -----------------------------------------------------------------------


def test_processes_share_the_requests_of_a_minute(site):
    first, second = site.process(), site.process()
    for _ in range(70):
        go(first, GET)
    assert fill(second) == 30
    assert fill(first) == 0
    site.now += 60
    assert fill(first) == 100


def test_the_figure_of_the_configuration_is_for_all_and_processes_does_not_divide_it():
    site = Site(requests_per_minute=20, processes=4)
    first, second = site.process(), site.process()
    assert (fill(first), fill(second)) == (20, 0)


def test_another_address_has_a_budget_of_its_own(site):
    assert (fill(site.process("one")), fill(site.process("two"))) == (100, 100)


def test_a_silence_after_a_401_is_kept_by_all(site):
    first, second = site.process(), site.process()
    go(first, POST, 401)
    with pytest.raises(RateLimited, match="401") as caught:
        second.admit(POST, 0)
    assert caught.value.retry_after == pytest.approx(SILENCE)
    go(second, GET)
    site.now += SILENCE
    go(second, POST)


def test_a_pause_after_a_429_is_kept_by_all(site):
    first, second = site.process(), site.process()
    go(first, GET, 429)
    with pytest.raises(RateLimited):
        second.admit(GET, 0)


def test_refusals_of_all_are_counted_together(site):
    first, second = site.process(), site.process()
    for _ in range(3):
        go(first, GET, 403)
        go(second, GET, 403)
    with pytest.raises(RateLimited, match="refused 6 requests"):
        second.admit(GET, 0)


def test_six_in_flight_are_the_most_of_all_together(site):
    first, second = site.process(), site.process()
    bookings = [first.admit(GET, 0) for _ in range(6)]
    assert all(bookings)
    assert second.admit(GET, 0) is None
    first.settle(bookings[0], answer(200))
    first.flush()
    assert second.admit(GET, 0)


def test_each_purpose_has_its_ceiling_for_all_together(site):
    first, second = site.process(), site.process()
    recheck = HTTPRequest(url=URL, bearer="t", cost=Cost(purpose=Purpose.RECHECK))
    clean_up = HTTPRequest(url=URL, bearer="t", cost=Cost(purpose=Purpose.CLEAN_UP))
    assert [fill(first, clean_up), fill(second, clean_up)] == [10, 0]
    assert [fill(second, recheck), fill(first, recheck)] == [20, 0]


def test_a_login_is_charged_to_its_account_in_every_process(site):
    first, second = site.process(), site.process()
    for process in (first, second, first, second, first):
        request = login(HERE)
        go(process, request)
        process.charge(request.cost, ADA)
        process.flush()
    paid = HTTPRequest(url=URL, bearer="t", cost=Cost(payers=(ADA,)))
    with pytest.raises(RateLimited, match="you have asked"):
        second.admit(paid, 0)
    go(second, login(HERE))


def test_whose_part_is_used_up_can_be_looked_at_without_the_store(site):
    process, paid = site.process(), HTTPRequest(url=URL, cost=Cost(payers=(ADA,)))
    process.check_payers(paid.cost)
    assert fill(process, paid) == 10
    trips = site.store.round_trips
    site.now += 20
    with pytest.raises(RateLimited, match="you have asked") as caught:
        process.check_payers(paid.cost)
    assert caught.value.retry_after == pytest.approx(40)
    assert site.store.round_trips == trips
    site.now += 40
    process.check_payers(paid.cost)


def test_what_others_wrote_in_between_is_not_lost(site):
    first, second = site.process(), site.process()
    site.store.rival = lambda: go(second, GET, 429)
    with pytest.raises(RateLimited):
        first.admit(GET, 0)


def test_without_a_limit_of_its_own_there_are_still_slots_and_refusals():
    site = Site(requests_per_minute=None)
    first, second = site.process(), site.process()
    for _ in range(200):
        go(first, GET)
    assert all(first.admit(GET, 0) for _ in range(6))
    assert second.admit(GET, 0) is None


# --- the record -----------------------------------------------------------------------


def test_a_login_takes_three_round_trips_for_each_request(site):
    process = site.process()
    process.beat()
    site.store.round_trips = 0
    request = login(HERE)
    for each in (request, HTTPRequest(url=URL, bearer="t", cost=Cost(requests=0))):
        process.settle(process.admit(each, 0), answer(200))
    process.charge(request.cost, ADA)
    process.flush()
    assert site.store.round_trips == 6


def test_a_request_that_is_refused_here_takes_one_round_trip(site):
    process = site.process()
    fill(process)
    site.store.round_trips = 0
    for _ in range(5):
        with pytest.raises(RateLimited):
            process.admit(GET, 0)
    assert site.store.round_trips == 5


def test_all_that_waits_in_a_process_is_asked_at_once(site):
    process = site.process()
    futures = [process.submit(GET) for _ in range(12)]
    site.store.round_trips = 0
    process.flush()
    assert [bool(future.result().get()) for future in futures] == [True] * 6 + [False] * 6
    assert site.store.round_trips == 2


def test_a_thread_finds_that_another_one_has_asked_for_it(site):
    process = site.process()
    with process._lock:
        call = Calls(lambda: process.admit(GET, 0), 1)
        until(lambda: process._waiting)
        process._flush()
    assert all(call.outcomes())


def test_says_what_all_have_used(site):
    first, second = site.process(), site.process()
    for _ in range(3):
        go(first, GET)
    go(second, GET)
    assert second.usage().used[Purpose.LOGIN] == 4


def test_says_what_this_process_has_used_while_the_store_is_away(site):
    process = site.process()
    go(process, GET)
    site.store.is_down = True
    go(process, GET)
    assert process.usage().used[Purpose.LOGIN] == 1
    assert process.usage().limit == 20


def test_closing_writes_what_is_not_yet_written(site):
    process = site.process()
    process.settle(process.admit(GET, 0), answer(403))
    process.close()
    assert json.loads(site.store.texts[KEY])["refusals"] == [1, 0]


def test_the_record_stays_small(site):
    process = site.process()
    for turn in range(300):
        go(process, HTTPRequest(url=URL, cost=Cost(payers=(Payer.of_account(turn),))))
        site.now += 0.7
    (text,) = site.store.texts.values()
    assert len(json.loads(text)["bookings"]) <= 100
    assert len(text) < 10_000


def test_the_record_has_no_token(site):
    process = site.process()
    process.admit(HTTPRequest(url=URL, form={"code": "secret-code"}), 0)
    process.admit(HTTPRequest(url=URL, bearer="secret-token"), 0)
    assert "secret" not in str(site.store.texts)


def test_the_record_does_not_say_who_pays(site):
    process = site.process()
    booking = process.admit(login(HERE), 0)
    process.charge(Cost(), ADA)
    process.settle(booking, answer(200))
    process.flush()
    assert '"address"' in site.store.texts[KEY]
    assert HERE.name not in site.store.texts[KEY]


def test_it_counts_a_bounded_number_of_processes(site):
    for _ in range(MOST_PROCESSES + 5):
        site.process().beat()
        site.now += 0.01
    (text,) = site.store.texts.values()
    assert len(json.loads(text)["processes"]) == MOST_PROCESSES


@pytest.mark.parametrize("text", ["7", "{}", '{"at": "x"}', '{"at": 1, "bookings": [[1]]}'])
def test_a_record_that_it_does_not_understand_is_written_anew(site, text):
    site.store.texts[KEY] = text
    assert fill(site.process()) == 100


@pytest.mark.parametrize("name", ["bookings", "refusals", "until", "processes"])
def test_a_malformed_part_of_a_record_is_written_anew(site, name):
    go(site.process(), GET, 403)
    record = json.loads(site.store.texts[KEY])
    site.store.texts[KEY] = json.dumps(record | {name: 7})
    go(site.process(), GET)
    assert json.loads(site.store.texts[KEY])["refusals"] == [0, 0]


@pytest.mark.parametrize("huge", [1e999, 10**400], ids=["infinite", "huge"])
@pytest.mark.parametrize("name", ["until", "processes", "at", "bookings", "refusals"])
def test_a_huge_number_in_a_record_is_no_error(site, name, huge):
    """Another site may have written it. No sum of ours may end in an OverflowError."""
    go(site.process(), GET, 403)
    record = json.loads(site.store.texts[KEY])
    row = ["stranger", 1, record["at"], 0, huge, 1, 0, 0, []]
    record[name] = {
        "until": dict.fromkeys(record["until"], huge),
        "processes": {"stranger": huge},
        "at": huge,
        "bookings": [row, [*row[:1], huge, *row[2:]], [*row[:2], huge, *row[3:]]],
        "refusals": [huge, huge],
    }[name]
    site.store.texts[KEY] = json.dumps(record)
    process = site.process()
    with suppress(RateLimited):
        go(process, GET)
    process.flush()
    with suppress(RateLimited):
        go(process, GET)
    assert json.loads(site.store.texts[KEY])["at"] < 1e12


@pytest.mark.parametrize("at", [1e999, -1e999])
def test_a_record_of_no_time_is_written_anew(site, at):
    fill(site.process())
    site.store.texts[KEY] = json.dumps(json.loads(site.store.texts[KEY]) | {"at": at})
    assert fill(site.process()) == 100


def test_no_record_blocks_the_address_for_longer_than_the_longest_pause(site):
    go(site.process(), POST, 401)
    record = json.loads(site.store.texts[KEY])
    record["until"] = dict.fromkeys(record["until"], 1e999)
    site.store.texts[KEY] = json.dumps(record)
    with pytest.raises(RateLimited) as caught:
        site.process().admit(POST, 0)
    assert caught.value.retry_after == pytest.approx(LONGEST)


def test_no_number_in_a_record_frees_what_was_used(site):
    process = site.process()
    fill(process)
    record = json.loads(site.store.texts[KEY])
    record["bookings"].append(["stranger", 1, record["at"] + 1e6, 0, -1000, 0, 0, 0, []])
    record["refusals"] = [-5, -5]
    site.store.texts[KEY] = json.dumps(record)
    assert fill(process) == 0
    site.now += 60
    assert fill(process) == 100


# --- clocks and processes that die ----------------------------------------------------


def test_a_store_whose_clock_is_set_back_neither_frees_nor_blocks_the_address(site):
    first, second = site.process(), site.process()
    fill(first)
    go_on = login(HERE)
    site.set_back = 3600.0
    assert fill(second) == 0
    site.now += 60
    go(second, go_on)
    assert fill(second) == 98


def test_a_pause_does_not_outlive_a_clock_that_is_set_back(site):
    first, second = site.process(), site.process()
    go(first, POST, 401)
    site.set_back = 86400.0
    with pytest.raises(RateLimited) as caught:
        second.admit(POST, 0)
    assert caught.value.retry_after == pytest.approx(SILENCE)
    site.beat(second)
    site.now += SILENCE
    go(second, POST)


def test_what_a_process_had_in_flight_when_it_died_counts_as_refused(site):
    """PeeringDB answers within 3 times the timeout. A refusal counts for a minute."""
    first, second = site.process(), site.process()
    assert all(first.admit(GET, 0) for _ in range(6))
    del first
    site.now += 30
    second.beat()
    site.now += 29
    assert second.admit(GET, 0) is None
    site.now += 1
    with pytest.raises(RateLimited, match="refused 6 requests") as caught:
        second.admit(GET, 0)
    assert caught.value.retry_after == pytest.approx(3 * site.config.timeout)
    site.now += 3 * site.config.timeout
    go(second, GET)


def test_a_long_timeout_keeps_slots_for_longer():
    site = Site(timeout=50)
    first, second = site.process(), site.process()
    assert all(first.admit(GET, 0) for _ in range(6))
    site.now += 149
    assert second.admit(GET, 0) is None
    site.now += 31
    assert refused(second) == 0
    for _ in range(3):  # the first one may have lived on without the store
        site.now += 21
        second.beat()
    site.now += 2
    assert refused(second) == 6


def test_a_booking_that_was_given_up_may_still_be_refused(site):
    first, second = site.process(), site.process()
    late = first.admit(POST, 0)
    site.now += 70
    go(second, GET)
    first.settle(late, answer(401))
    first.flush()
    with pytest.raises(RateLimited, match="401"):
        second.admit(POST, 0)


# --- nobody waits any more ------------------------------------------------------------


def test_what_was_asked_for_and_is_not_wanted_any_more_is_not_asked(site):
    process = site.process()
    process.abandon(process.submit(GET))
    process.flush()
    assert '"bookings": []' in site.store.texts[KEY]


def test_a_place_that_nobody_wants_any_more_is_given_back(site):
    process = site.process()
    futures = [process.submit(GET) for _ in range(7)]
    process.flush()
    for future in futures:
        process.abandon(future)
    process.flush()
    assert all(process.admit(GET, 0) for _ in range(6))


def test_a_place_that_was_refused_cannot_be_given_back(site):
    process = site.process()
    fill(process)
    future = process.submit(GET)
    process.flush()
    process.abandon(future)
    with pytest.raises(RateLimited):
        future.result().get()


def test_those_who_wait_get_the_error_of_a_broken_store(site):
    class Broken(Exception):
        pass

    def change(*_, **__):
        raise Broken

    process = site.process()
    site.store.change = change
    process.charge(GET.cost, None)
    future = process.submit(GET)
    with pytest.raises(Broken):
        process.flush()
    with pytest.raises(Broken):
        future.result(0)


# --- the store does not answer --------------------------------------------------------


def known(site, count):
    """So many processes that know of each other, the oldest first."""
    processes = [site.process() for _ in range(count)]
    site.beat(*processes)
    site.now += HEARTBEAT
    site.beat(*processes)
    return processes


@pytest.fixture
def four(site):
    return known(site, 4)


@pytest.mark.parametrize(
    ("count", "parts"), [(1, [20]), (2, [10, 10]), (3, [6, 6, 6]), (5, [5, 5, 5, 5, 0])]
)
def test_without_the_store_the_oldest_processes_share_a_fifth_more(site, count, parts):
    processes = known(site, count)
    assert fill(processes[0]) == 100
    site.store.is_down = True
    assert [fill(process) for process in processes] == parts
    assert [fill(process) for process in processes] == [0] * count
    site.now += 60
    assert fill(processes[0]) == parts[0]


@pytest.mark.parametrize(
    ("limit", "part"), [(50, 10), (100, 20), (101, 19), (110, 10), (118, 2), (119, 0), (600, 0)]
)
def test_with_and_without_the_store_peeringdb_gets_120_requests_or_the_limit(limit, part):
    site = Site(requests_per_minute=limit)
    process = site.process()
    assert fill(process) == limit
    site.store.is_down = True
    assert fill(process) == part


def test_a_process_that_alone_loses_the_store_takes_nothing_from_the_others(site, four):
    site.store.is_down = True
    assert fill(four[0]) == 5
    site.store.is_down = False
    assert fill(four[1]) == 100
    site.beat(four[0])
    assert fill(four[0]) == fill(four[1]) == 0


def test_a_store_that_comes_and_goes_gives_no_part_twice(site, four):
    site.store.is_down = True
    assert fill(four[0]) == 5
    for _ in range(3):
        site.store.is_down = False
        site.beat(four[0])
        site.store.is_down = True
        assert fill(four[0]) == 0


def test_a_request_that_is_under_way_while_the_store_comes_and_goes_takes_its_part(site, four):
    first = four[0]
    site.store.is_down = True
    for _ in range(4):
        go(first, GET)
    booking = first.admit(GET, 0)
    site.store.is_down = False
    site.beat(first)
    site.store.is_down = True
    first.settle(booking, answer(200))
    first.flush()
    assert fill(first) == 0


@pytest.mark.usefixtures("four")
def test_a_process_that_others_do_not_know_yet_takes_no_part(site):
    late = site.process()
    late.beat()
    site.now += FORGOTTEN - 1
    site.beat(late)  # it alone lives
    site.store.is_down = True
    with pytest.raises(RateLimited, match="does not answer") as caught:
        late.admit(GET, 0)
    assert caught.value.retry_after == PROBE
    site.store.is_down = False
    site.now += 1
    site.beat(late)
    site.store.is_down = True
    assert fill(late) == 20


def test_a_part_that_is_too_small_for_a_login_is_none(caplog):
    site = Site(requests_per_minute=9)
    process = site.process()
    process.beat()
    site.store.is_down = True
    assert fill(process) == 0
    assert "PeeringDB nothing" in caplog.text


def test_a_process_that_has_never_reached_the_store_supposes_that_it_is_not_alone(site):
    site.store.is_down = True
    assert fill(site.process()) == 20 // UNKNOWN_PROCESSES


def test_the_configured_number_of_processes_is_the_least_divisor():
    site = Site(processes=2)
    process = site.process()
    process.beat()
    site.store.is_down = True
    assert fill(process) == 10


def test_processes_that_have_ended_are_forgotten(site, four):
    first, *_ = four
    site.now += FORGOTTEN - 1
    first.beat()
    site.now += 1
    first.beat()
    site.store.is_down = True
    assert fill(first) == 20


def test_without_a_limit_the_parts_have_none_either(caplog):
    site = Site(requests_per_minute=None)
    process = site.process()
    process.beat()
    site.store.is_down = True
    for _ in range(150):
        go(process, GET)
    assert "requests without a limit" in caplog.text
    process.check_payers(Cost(payers=(ADA,)))


def test_blocks_are_known_without_the_store(site, four):
    go(four[0], POST, 401)
    site.beat(*four)
    site.store.is_down = True
    with pytest.raises(RateLimited, match="401") as caught:
        four[1].admit(POST, 0)
    assert caught.value.retry_after == pytest.approx(SILENCE)


@pytest.mark.parametrize("refusals", range(7))
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 20])
def test_refusals_with_and_without_the_store_stay_below_the_limit(site, refusals, count):
    """Though the last ones are not known to all, and the store comes and goes."""
    processes = known(site, count)
    for _ in range(refusals):
        go(processes[0], GET, 403)
    row, last = refusals, site.now
    for is_down in (True, False, True, True, False):
        site.store.is_down = is_down
        site.beat(*processes)
        for process in processes:
            if times := refused(process):
                row = times + (row if site.now < last + 60 else 0)
                last = site.now
            assert row <= REFUSALS
        site.now += 50
    assert row > 0


def test_an_answer_that_comes_after_an_outage_counts_in_the_next_one(site, four):
    """Each outage would let four more refusals through."""
    for _ in range(6):
        go(four[0], GET, 403)
    site.beat(*four)
    row = 6
    for _ in range(3):
        site.store.is_down = True
        sent = [admitted(process) for process in four]
        site.store.is_down = False
        site.beat(*four)
        for process, booking in zip(four, sent, strict=True):
            if booking is not None:
                row += 1
                process.settle(booking, answer(403))
                process.flush()
        site.now += 1
    assert row == REFUSALS


def test_what_a_killed_process_was_refused_without_the_store_may_count(site, four):
    first, killed, *_ = four
    for _ in range(6):
        go(first, GET, 403)
    site.now += 30
    site.beat(*four)
    site.store.is_down = True
    site.now += 20
    go(killed, GET, 403)  # PeeringDB counts the others for another minute
    site.store.is_down = False
    living = [one for one in four if one is not killed]
    for _ in range(6):
        site.now += 10
        site.beat(*living)
        assert refused(first) == 0  # 30 + 35 + 60 seconds after the refusals
    site.now += 15
    site.beat(*living)
    assert refused(first) == 6


def admitted(process):
    """A request in flight; None if the budget refuses it."""
    try:
        return process.admit(GET, 0)
    except RateLimited:
        return None


def refused(process):
    """How often PeeringDB refuses until the budget does."""
    for times in range(11):
        try:
            go(process, GET, 403)
        except RateLimited:
            return times
    return pytest.fail("never refused here")


def test_refusals_without_the_store_make_those_of_before_count_for_longer(site, four):
    first, second, *_ = four
    for _ in range(5):
        go(first, GET, 403)
    site.store.is_down = True
    site.now += 50
    go(second, GET, 403)
    site.store.is_down = False
    site.now += 50
    site.beat(*four)
    assert refused(first) == 0
    site.now += 11
    site.beat(*four)
    assert refused(first) == 6


def test_refusals_count_until_all_that_were_without_the_store_have_told(site, four):
    first, second, *_ = four
    for _ in range(6):
        go(first, GET, 403)
    site.store.is_down = True
    site.now += 50
    go(second, GET, 403)
    site.now += 50
    site.store.is_down = False
    site.beat(first)
    assert refused(first) == 0
    site.beat(*four)
    assert refused(first) == 0
    site.now += HEARTBEAT + 1
    site.beat(*four)
    assert refused(first) == 6


def test_after_a_night_without_processes_refusals_are_soon_forgotten(site):
    for _ in range(6):
        go(site.process(), GET, 403)
    site.now += 3600
    late = site.process()
    assert refused(late) == 0
    site.now += FORGOTTEN - 1
    late.beat()
    assert refused(late) == 0
    site.now += 1
    assert refused(late) == 6


@pytest.mark.parametrize("has_others", [True, False])
@pytest.mark.parametrize("pause", [30, 60, 90])
def test_processes_that_come_and_go_do_not_keep_refusals_for_ever(site, pause, has_others):
    """Such as a purge of each minute, or workers that are replaced."""
    process = site.process()
    for _ in range(6):
        go(process, GET, 403)
    for _ in range(600 // pause):
        short = site.process()
        short.beat()
        for _ in range(pause // 10):
            site.now += 10
            if has_others:
                process.beat()
    assert refused(process if has_others else site.process()) == 6


def test_processes_that_are_killed_one_after_another_do_not_stop_logins_for_long(site):
    process, goes_on = site.process(), []
    for _ in range(20):
        admitted(site.process())  # killed while it waits for the answer
        for _ in range(7):
            site.now += 10
            process.beat()
        booking = admitted(process)
        goes_on.append(booking is not None)
        if booking is not None:
            process.settle(booking, answer(200))
            process.flush()
    assert goes_on.count(False) == 3  # after six, for a minute each time
    assert all(any(pair) for pair in pairwise(goes_on))


def test_refusals_count_anew_after_an_outage(site):
    process = site.process()
    process.beat()
    for _ in range(3):
        site.store.is_down = True
        assert refused(process) == 4
        site.now += 60
        assert refused(process) == 0
        site.store.is_down = False
        site.now += 1
        process.beat()


def test_dead_tokens_without_the_store_stay_below_their_half(site, four):
    risky = HTTPRequest(url=URL, bearer="t", cost=Cost(is_risky=True))
    site.store.is_down = True
    for process in four:
        with pytest.raises(RateLimited, match="dead tokens"):
            process.admit(risky, 0)


def test_what_happened_without_the_store_is_brought_back(site, four):
    first, second, *_ = four
    site.store.is_down = True
    for _ in range(4):
        go(first, GET)
    go(first, POST, 401)
    site.store.is_down = False
    site.now += 3
    site.beat(first, second)
    with pytest.raises(RateLimited, match="401") as caught:
        second.admit(POST, 0)
    assert caught.value.retry_after == pytest.approx(SILENCE - 3)
    assert fill(second) == 95


def test_refusals_are_brought_back_once(site, four):
    for process in four[:2]:
        go(process, GET, 403)
    site.beat(*four)
    site.store.is_down = True
    go(four[2], GET, 403)
    site.store.is_down = False
    site.beat(*four, *four)
    site.store.is_down = True
    assert refused(four[2]) == 0
    site.store.is_down = False
    site.beat(*four, *four)
    record = json.loads(site.store.texts[KEY])
    assert record["refusals"] == [3, 0]


def test_what_others_have_in_flight_takes_no_slot_of_a_part(site, four):
    first, second, *_ = four
    assert all(first.admit(GET, 0) for _ in range(2))
    second.beat()
    site.store.is_down = True
    bookings = [second.admit(GET, 0) for _ in range(2)]
    assert [bool(booking) for booking in bookings] == [True, False]  # of its slot


def test_a_request_may_begin_with_the_store_and_end_without_it(site, four):
    first, second, *_ = four
    bookings = [first.admit(GET, 0) for _ in range(6)]
    site.store.is_down = True
    assert first.admit(GET, 0) is None
    for booking in bookings:
        first.settle(booking, answer(200))
    first.flush()
    site.store.is_down = False
    site.beat(first)
    assert all(second.admit(GET, 0) for _ in range(6))


def test_a_request_may_begin_without_the_store_and_end_with_it(site, four):
    first, second, *_ = four
    site.store.is_down = True
    booking = first.admit(POST, 0)
    site.store.is_down = False
    site.beat(first)
    first.settle(booking, answer(401))
    first.flush()
    with pytest.raises(RateLimited, match="401"):
        second.admit(POST, 0)


def test_requests_may_be_under_way_during_all_of_an_outage(site, four):
    first, second, third, _ = four
    bookings = [(process, process.admit(POST, 0)) for process in (first, second)]
    site.store.is_down = True
    first.flush()
    go(third, GET)
    site.store.is_down = False
    site.beat(*four)
    assert json.loads(site.store.texts[KEY])["bookings"][0][4] == 1
    assert sum(row[7] for row in json.loads(site.store.texts[KEY])["bookings"]) == 2
    for process, booking in bookings:
        process.settle(booking, answer(401))
        process.flush()
    record = json.loads(site.store.texts[KEY])
    assert (record["refusals"], sum(row[7] for row in record["bookings"])) == ([2, 0], 0)
    assert sum(row[4] for row in record["bookings"]) == 3


def test_what_is_brought_back_leaves_the_window_in_time(site, four):
    """Although others have written later requests meanwhile."""
    first, second, *_ = four
    site.store.is_down = True
    assert fill(first) == 5
    site.store.is_down = False
    site.now += 10
    for _ in range(20):
        go(second, GET)
    site.beat(first)
    site.now += 51
    assert fill(second) == 80


def test_while_the_store_is_away_only_the_beat_asks_for_it(site, four):
    first = four[0]
    site.store.is_down = True
    go(first, GET)
    asked = site.store.round_trips
    go(first, GET)
    assert site.store.round_trips == asked
    assert first.beat() == PROBE
    assert site.store.round_trips == asked + 1
    site.store.is_down = False
    assert first.beat() == HEARTBEAT


def test_a_store_that_fails_while_things_are_brought_back_loses_nothing(site, four):
    first, second, *_ = four
    site.store.is_down = True
    go(first, POST, 401)
    site.store.is_down = False

    def fail():
        site.store.is_down = True

    site.store.rival = fail
    assert first.beat() == PROBE
    site.store.is_down = False
    assert first.beat() == HEARTBEAT
    with pytest.raises(RateLimited, match="401"):
        second.admit(POST, 0)


def test_a_store_that_was_emptied_does_not_free_the_address(site, four):
    go(four[0], POST, 401)
    fill(four[1])
    site.store.texts.clear()
    assert fill(four[1]) == 0
    with pytest.raises(RateLimited, match="401"):
        four[2].admit(POST, 0)


def test_the_log_says_once_when_the_store_goes_and_when_it_comes_back(site, four, caplog):
    caplog.set_level(logging.WARNING, "peeringdb_oauth")
    site.store.is_down = True
    for _ in range(3):
        go(four[0], GET)
        four[0].beat()
    site.store.is_down = False
    site.beat(four[0], four[0])
    assert "\n".join(record.getMessage() for record in caplog.records) == (
        "the store of the sessions does not answer: until it does, this process sends PeeringDB at"
        " most 5 requests a minute\n"
        "the store of the sessions answers: all processes share one budget"
    )
