"""Clients that share one budget through a store. Each test runs for both clients."""

import asyncio
import gc
import json
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from weakref import ref

import pytest
from canned_server import answering
from client_config import config_of
from documents import MemoryDocuments
from forks import held_by_another_thread, in_a_child
from in_threads import Calls, Gate, run_all, until, within

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ProviderError, RateLimited
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.shared_ledger import SharedLedger
from peeringdb_oauth.web import Sealer, Vault

PROFILE, REFRESH = "/profile/v1", "/oauth2/token/"


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


@pytest.fixture
def documents():
    return MemoryDocuments(time.time)


@pytest.fixture
def sharing(make_client, server, documents):
    """``sharing(...)``: a client that shares the budget in ``documents``."""

    def make(**changes):
        client = make_client(server, **changes)
        client.share_budget(documents)
        return client

    server.answer(PROFILE, {"id": 1, "verified_user": True})
    return make


def record_of(documents):
    [text] = documents.texts.values()
    return json.loads(text)


def in_flight(documents):
    return sum(row[7] for row in record_of(documents)["bookings"])


def outcome(function):
    try:
        return function()
    except RateLimited as error:
        return error


# --- one budget -----------------------------------------------------------------------


def test_what_one_client_was_refused_the_other_does_not_ask(sharing, server, documents):
    first, second = sharing(), sharing()
    server.answers[REFRESH] = answering({"error": "invalid_client"}, status=401)
    with pytest.raises(ProviderError):
        first.refresh("a-refresh-token")
    until(lambda: in_flight(documents) == 0)  # a moment later
    with pytest.raises(RateLimited, match="nothing was sent"):
        second.refresh("a-refresh-token")
    assert server.paths() == [REFRESH]


def test_clients_share_the_requests_of_a_minute(sharing):
    clients = [sharing(requests_per_minute=6) for _ in range(2)]
    outcomes = [outcome(lambda at=at: clients[at % 2].fetch_user(f"t{at}")) for at in range(8)]
    assert [isinstance(one, RateLimited) for one in outcomes] == [False] * 6 + [True] * 2


def test_sites_with_other_secret_keys_share_the_requests_of_a_minute(sharing, clock):
    records, clients = MemoryRecords(clock), [sharing(requests_per_minute=6) for _ in range(2)]
    for client, secret in zip(clients, ("a" * 16, "b" * 16), strict=True):
        client.share_budget(Vault(records, Sealer(secret)))
    outcomes = [outcome(lambda at=at: clients[at % 2].fetch_user(f"t{at}")) for at in range(8)]
    assert [isinstance(one, RateLimited) for one in outcomes] == [False] * 6 + [True] * 2
    for client in clients:
        client.close()


def test_another_egress_has_a_budget_of_its_own(sharing, documents):
    first, second = sharing(requests_per_minute=2), sharing(requests_per_minute=2)
    second.share_budget(documents, egress="rack2")
    third = sharing(requests_per_minute=2, egress="rack3")
    for client in (first, second, third):
        client.fetch_user("t1")
        client.fetch_user("t2")
    names = [key.split(":")[1] for key in documents.texts]
    assert names == ["default", "rack2", "rack3"]


def test_a_sandbox_has_a_budget_of_its_own(sharing, documents):
    first, second = sharing(requests_per_minute=2), sharing(requests_per_minute=2)
    sandbox = replace(second.config, base_url="https://sandbox.example.net")
    for config in (first.config, sandbox):
        ledger = SharedLedger(documents, "default", config, in_background=False)
        assert ledger.admit(HTTPRequest(url=config.base_url), 0)
    assert len(documents.texts) == 2


def test_an_answer_is_written_although_nobody_asks_again(sharing, documents):
    sharing().fetch_user("t")
    until(lambda: in_flight(documents) == 0)


def test_waits_until_a_request_of_another_process_has_ended(sharing, server):
    first, second = sharing(), sharing()
    gate = Gate()
    gate.hold(server, PROFILE, when=lambda received: "first" in received.headers["authorization"])
    held = Calls(lambda: first.fetch_user(f"first-{time.monotonic_ns()}"), 3)
    gate.arrive(3)
    waiting = Calls(lambda: second.fetch_user("t"), 2)
    assert server.paths().count(PROFILE) == 3
    gate.open()
    assert [user.id for user in (*held.outcomes(), *waiting.outcomes())] == [1] * 5


def test_waiting_has_a_timeout(sharing, documents, server):
    client = sharing(timeout=0.3)
    other = SharedLedger(documents, "default", client.config, in_background=False)
    assert all(other.admit(HTTPRequest(url=server.url), 0) for _ in range(6))
    with within(3), pytest.raises(RateLimited, match="waiting for their answers"):
        client.fetch_user("t")
    assert server.received == []


def test_many_at_once_are_written_together(sharing, documents):
    client = sharing(requests_per_minute=None)
    tokens = iter(range(100))
    run_all(lambda: client.fetch_user(f"t{next(tokens)}"), 40)
    until(lambda: in_flight(documents) == 0)
    # With three slots most of them look for one several times.
    assert documents.round_trips <= 6 * 40


# --- the store does not answer --------------------------------------------------------


def test_without_the_store_requests_go_on(sharing, documents, server):
    client = sharing()
    documents.is_down = True
    outcomes = [outcome(lambda at=at: client.fetch_user(f"t{at}")) for at in range(6)]
    # It asks first whether a token is alive: that cannot be refused.
    assert [isinstance(one, RateLimited) for one in outcomes] == [False] * 2 + [True] * 4
    assert server.paths() == ["/oauth2/introspect/", PROFILE] * 2 + ["/oauth2/introspect/"]
    documents.is_down = False
    client._ledger.beat()
    assert len(record_of(documents)["bookings"]) == 5


def test_when_the_store_is_back_a_thread_notices(sharing, documents):
    client = sharing()
    documents.is_down = True
    client.fetch_user("t")
    documents.is_down = False
    client._ledger._flusher.wake(0, is_beat=True)  # and not in two seconds
    until(lambda: documents.texts)


# --- threads and forks ----------------------------------------------------------------


def test_a_forked_process_is_a_process_of_its_own(sharing, documents):
    client = sharing()
    client.fetch_user("of-the-parent")
    with held_by_another_thread(client._ledger._lock):
        assert in_a_child(lambda: _fetch_and_show(client, documents))


def _fetch_and_show(client, documents):
    if isinstance(client, Client):
        client.fetch_user("of-the-child")
    else:  # the loop of the parent has no thread here
        assert client._ledger.admit(HTTPRequest(url="https://auth.peeringdb.com"), 0)
    assert len(record_of(documents)["processes"]) == 2


def test_a_closed_client_has_written_everything_and_has_no_thread(sharing, documents):
    client = sharing()
    client.fetch_user("t")
    thread = client._ledger._flusher._thread
    client.close()
    assert in_flight(documents) == 0
    thread.join(10)
    assert not thread.is_alive()


def test_the_thread_ends_with_its_client(server, documents):
    ledger = SharedLedger(documents, "default", config_of(server))
    ledger.settle(ledger.admit(HTTPRequest(url=server.url), 0), None)
    flusher, gone = ledger._flusher, ref(ledger)
    del ledger
    until(lambda: gc.collect() is not None and gone() is None)
    flusher.wake(0)
    flusher._thread.join(10)
    assert not flusher._thread.is_alive()


def test_a_thread_that_fails_goes_on(server, documents, caplog):
    ledger = SharedLedger(documents, "default", config_of(server))
    booking = ledger.admit(HTTPRequest(url=server.url), 0)
    change, failed = documents.change, threading.Event()

    def fail(*_, **__):
        failed.set()
        raise ZeroDivisionError

    documents.change = fail
    ledger.settle(booking, None)
    assert failed.wait(10)
    until(lambda: caplog.messages == ["the shared budget could not be written"])
    documents.change = change
    ledger.charge(booking, None)
    ledger._flusher.wake(0)
    until(lambda: not ledger._waiting)
    ledger.close()


# --- the event loop -------------------------------------------------------------------


class SlowDocuments(MemoryDocuments):
    """A store that answers when it is told to."""

    def __init__(self, clock):
        super().__init__(clock)
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def change(self, key, function, **options):
        self.asked.set()
        assert self.may_answer.wait(10)
        return super().change(key, function, **options)


@asynccontextmanager
async def slow_store(server, **changes):
    server.answer(PROFILE, {"id": 1, "verified_user": True})
    documents = SlowDocuments(time.time)
    async with AsyncClient(config_of(server, **changes)) as client:
        client.share_budget(documents)
        yield client, documents
        documents.may_answer.set()


def test_a_slow_store_does_not_hold_up_the_event_loop(server):
    async def run():
        async with slow_store(server) as (client, documents):
            task = asyncio.create_task(client.fetch_user("t"))
            assert await asyncio.to_thread(documents.asked.wait, 10)
            await asyncio.sleep(0)  # the loop runs, although the store has not answered
            assert not task.done()
            documents.may_answer.set()
            return (await task).id

    assert asyncio.run(run()) == 1


def test_a_cancelled_task_gives_its_place_back(server):
    async def run():
        async with slow_store(server) as (client, documents):
            tasks = [asyncio.create_task(client.fetch_user(f"t{at}")) for at in range(3)]
            assert await asyncio.to_thread(documents.asked.wait, 10)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            documents.may_answer.set()
            await asyncio.to_thread(until, lambda: documents.texts)
            client._ledger._flusher.wake(0)
            await asyncio.to_thread(until, lambda: in_flight(documents) == 0)
            assert all(task.cancelled() for task in tasks)

    asyncio.run(run())
    assert server.received == []
