import threading

import pytest
from in_threads import Calls, Gate, run_all, until

from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.workers import LIMIT, Workers

SHORT = 0.05  # seconds


@pytest.fixture
def make_workers():
    made = []

    def make(**options):
        made.append(Workers(**{"patience": 10} | options))
        return made[-1]

    yield make
    for workers in made:
        workers.close()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "peeringdb_oauth"]


def test_returns_what_the_function_returns_or_raises(make_workers):
    workers = make_workers()
    assert workers.run(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        workers.run(lambda: 1 / 0)
    assert workers.run(threading.current_thread) is not threading.current_thread()


def test_works_in_few_threads_that_are_used_many_times(make_workers):
    workers, gate = make_workers(), Gate()

    def work():
        gate.wait()
        return threading.get_ident()

    calls = Calls(lambda: workers.run(work), 9)
    gate.arrive(LIMIT)
    assert gate.nobody_arrives()
    gate.open()
    assert len(set(calls.outcomes())) == LIMIT


def test_a_thread_that_waits_is_used_before_a_new_one_starts(make_workers):
    workers = make_workers()
    assert len({workers.run(threading.get_ident) for _ in range(9)}) == 1


def test_the_caller_does_not_wait_for_work_that_hangs(make_workers):
    workers, gate = make_workers(patience=SHORT), Gate()
    with pytest.raises(RecordsUnavailable, match=r"longer than 0\.05 seconds"):
        workers.run(gate.wait)
    gate.open()


def test_threads_that_hang_are_replaced_so_many_times(make_workers):
    workers, gate = make_workers(patience=SHORT), Gate()
    outcomes = run_all(lambda: workers.run(gate.wait), LIMIT)
    assert [type(outcome) for outcome in outcomes] == [RecordsUnavailable] * LIMIT
    assert workers.run(lambda: 7) == 7
    run_all(lambda: workers.run(gate.wait), LIMIT)
    with pytest.raises(RecordsUnavailable):
        workers.run(lambda: 7)
    gate.arrive(2 * LIMIT)
    gate.open()
    until(lambda: len(threads()) <= LIMIT)
    assert workers.run(lambda: 7) == 7


def test_work_that_was_given_up_before_it_began_is_left_out(make_workers):
    workers, gate, done = make_workers(patience=SHORT), Gate(), []
    run_all(lambda: workers.run(gate.wait), 2 * LIMIT)
    run_all(lambda: workers.run(gate.wait), LIMIT)
    with pytest.raises(RecordsUnavailable):
        workers.run(lambda: done.append(1))
    gate.open()
    assert workers.run(lambda: 7) == 7
    assert done == []


def test_a_job_that_waits_gets_the_thread_that_replaces_another(make_workers):
    workers, gate = make_workers(patience=0.3), Gate()
    hanging = [Calls(lambda: workers.run(gate.wait)) for _ in range(LIMIT)]
    gate.arrive(LIMIT)
    assert gate.nobody_arrives()  # a tenth of a second, so that they are given up first
    later = Calls(lambda: workers.run(lambda: 7))
    assert [type(*calls.outcomes()) for calls in hanging] == [RecordsUnavailable] * LIMIT
    assert later.outcomes() == [7]
    gate.open()


def test_a_thread_without_work_ends(make_workers):
    ended = []
    workers = make_workers(idle=SHORT, at_end=lambda: ended.append(threading.get_ident()))
    thread = workers.run(threading.get_ident)
    until(lambda: ended == [thread])
    assert workers.run(lambda: 7) == 7


def test_closing_ends_all_threads_and_new_work_starts_others(make_workers):
    ended = []
    workers, gate = make_workers(at_end=lambda: ended.append(1)), Gate()
    calls = Calls(lambda: workers.run(gate.wait), 3)
    gate.arrive(3)
    gate.open()
    calls.outcomes()
    until(lambda: workers._waiting == 3)
    workers.close()
    assert ended == [1] * 3
    assert workers._threads == set()
    assert workers.run(lambda: 7) == 7
