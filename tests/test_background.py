"""What runs behind an answer, in `Client` and in `AsyncClient`."""

import asyncio
import subprocess
import sys
import threading

import pytest
from client_config import config_of
from forks import in_a_child
from in_threads import Gate, until

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.background import MAX_WAITING, Background
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import TransportError
from peeringdb_oauth.steps import call, later, pause, shared


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


def calling(function):
    """A flow that calls a function."""
    yield from call(function)


def begin(client, name, function):
    """Have a client call a function behind the answer."""
    client.run(later(name, calling(function)))


def test_work_runs_behind_the_answer(client):
    gate, done = Gate(), []
    begin(client, "work", lambda: done.append(gate.wait()))
    assert done == []  # the answer did not wait
    gate.open()
    until(lambda: len(done) == 1)


def test_one_work_of_a_name_runs_at_a_time(client):
    gate, begun = Gate(), []

    def work():
        begun.append(None)
        gate.wait()

    for _ in range(3):
        begin(client, "work", work)
    begin(client, "another", lambda: begun.append("another"))
    until(lambda: "another" in begun)
    assert begun.count(None) == 1
    gate.open()
    client.close()
    assert len(begun) == 2


def test_the_same_work_can_be_done_again_later(client):
    done = []
    for count in (1, 2):
        begin(client, "work", lambda: done.append(None))
        until(lambda count=count: len(done) == count)
        until(lambda: not names(client))


def names(client):
    """What is under way."""
    background = client._background
    return background._names if isinstance(background, Background) else background


def test_closing_waits_for_the_work(client):
    done = []
    begin(client, "work", lambda: done.append(None))
    client.close()
    assert done == [None]


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (TransportError("no answer"), "re-check: TransportError: no answer"),
        (ZeroDivisionError(), "re-check failed"),
    ],
)
def test_a_failure_is_logged_without_the_name_of_the_session(client, caplog, error, logged):
    def fail():
        raise error

    caplog.set_level("INFO")
    begin(client, "re-check session:0123", fail)
    client.close()
    assert logged in caplog.text
    assert "0123" not in caplog.text


def test_work_that_waits_is_bounded(client):
    names(client).update(
        dict.fromkeys(map(str, range(MAX_WAITING)))
        if isinstance(names(client), dict)
        else map(str, range(MAX_WAITING))
    )
    done = []
    begin(client, "one more", lambda: done.append(None))
    names(client).clear()
    client.close()
    assert done == []


def test_a_flow_can_pause(client):
    assert client.run(pause(0)) is None


def test_a_forked_process_has_threads_of_its_own():
    background = Background()
    gate = Gate()
    background.start("work", gate.wait)

    def child():
        done = threading.Event()
        assert background.start("work", done.set)
        assert done.wait(5)

    assert in_a_child(child) is True
    gate.open()
    background.finish()


def test_few_threads_do_many_works():
    background, gate, done = Background(), Gate(), []
    for number in range(6):
        background.start(f"work {number}", lambda: done.append(gate.wait()))
    gate.arrive(4)
    assert gate.nobody_arrives()
    gate.open()
    background.finish()
    assert len(done) == 6


AT_END = """
import atexit, sys, threading
from peeringdb_oauth import background
background.AT_EXIT = float(sys.argv[1])
at_end, begun = threading.Event(), threading.Event()
def work():
    begun.set()
    at_end.wait()
    print("done")
works = background.Background()
works.start("work", work)
begun.wait()
"""


@pytest.mark.parametrize(
    ("last", "done"), [("atexit.register(at_end.set)", "done\n"), ("", "")], ids=["soon", "never"]
)
def test_a_process_that_ends_waits_for_the_work_for_a_while(last, done):
    longest = "10" if done else "0.1"
    command = [sys.executable, "-c", AT_END + last, longest]
    assert subprocess.check_output(command, text=True, timeout=30) == done


def test_waiting_for_work_can_be_bounded(client):
    gate, done = Gate(), []
    begin(client, "work", lambda: done.append(gate.wait()))
    gate.arrive()
    wait = client.finish_background
    wait(0.01)
    assert done == []
    gate.open()
    wait(10)
    assert done == [None]


def test_a_shared_flow_can_go_on_when_the_one_who_asked_goes_away(server):
    """As when a browser hangs up while its tokens are refreshed."""
    done = []

    async def main():
        begun = asyncio.Event()

        def work():
            begun.set()
            yield from pause(0.05)
            done.append("ended")

        async with AsyncClient(config_of(server)) as client:
            asking = asyncio.create_task(client.run(shared("work", work(), to_its_end=True)))
            await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert done == []
        assert done == ["ended"]  # closing the client has waited

    asyncio.run(main())


def test_two_shared_flows_of_one_name_in_turn_are_both_waited_for(server):
    """The second may begin before asyncio has told that the first has ended."""
    done, problems = [], []

    async def main():
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: problems.append(context)
        )
        gate = asyncio.Event()

        def second():
            yield from pause(0.05)
            done.append("second")

        async def ask_when_open():
            await gate.wait()
            await client.run(shared("work", second(), to_its_end=True))

        async with AsyncClient(config_of(server)) as client:
            first = asyncio.create_task(
                client.run(shared("work", call(gate.wait), to_its_end=True))
            )
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            asking = asyncio.create_task(ask_when_open())
            await asyncio.sleep(0)
            gate.set()
            await first
            asking.cancel()
        assert done == ["second"]

    asyncio.run(main())
    assert problems == []
