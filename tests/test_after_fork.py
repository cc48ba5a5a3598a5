"""Locks and connections of a forked process are new, whatever the parent was doing."""

import asyncio
import copy
import os
import socket
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import Future
from dataclasses import asdict
from functools import partial
from urllib.parse import urlsplit

import pytest
from client_config import config_of
from forks import PATIENCE, held_by_another_thread, in_a_child
from in_threads import Calls, within

from peeringdb_oauth import after_fork, budget
from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer.cache import CachedResult, ResultCache
from peeringdb_oauth.budget import Budget
from peeringdb_oauth.callback import UsedCodes
from peeringdb_oauth.cost import Cost, Payer
from peeringdb_oauth.errors import TokenRejected
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.steps import shared
from peeringdb_oauth.tls import tls_context
from peeringdb_oauth.web.stores import MemoryStore

REJECTED = CachedResult(outcome=TokenRejected("unknown"), checked_at=0.0)


@pytest.fixture(params=[False, True], ids=["http", "tls"])
def server(request, make_server):
    server = make_server(tls=request.param)
    server.answer("/profile/v1", {"id": 1, "verified_user": True})
    return server


# --- locks ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [threading.Lock, threading.RLock])
def test_a_lock_is_held_by_one_thread_at_a_time(kind):
    lock, order = ForkSafeLock(kind), []

    def enter():
        with lock:
            order.append("second")

    thread = threading.Thread(target=enter)
    with lock:
        thread.start()
        order.append("first")
    thread.join(PATIENCE)
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("make", "use"),
    [
        (ForkSafeLock, lambda lock: lock.__enter__()),
        (UsedCodes, lambda codes: codes.add("key", 0.0)),
        (ResultCache, lambda cache: cache.put(b"key", REJECTED)),
        (lambda: MemoryStore(10), lambda store: store.set("key", "value", 60)),
    ],
    ids=["lock", "used codes", "cache of the bearer verifier", "memory store"],
)
def test_a_lock_that_another_thread_holds_is_free_in_the_child(make, use):
    owner = make()
    with held_by_another_thread(getattr(owner, "_lock", owner)):
        assert in_a_child(lambda: use(owner))


def make_anew(owner):
    """Make one object anew, as a child does with all.

    All would be also what other tests have left, such as an open session of aiohttp,
    which nobody could close any more.
    """
    after_fork._owners[owner](owner)


def test_what_nobody_uses_any_more_is_not_made_anew():
    made = []

    class Owner:
        pass

    owner = Owner()
    after_fork.make_in_each_process(owner, made.append)
    del owner
    made.clear()

    def child():
        assert made == []

    assert in_a_child(child)


# --- the budget -----------------------------------------------------------------------


def forked_at_every_step(owner, work):
    """Copies of a budget, as processes have it that are forked during ``work``.

    The process can be forked between any two instructions of another thread.
    """
    copies, tracer = [], sys.gettrace()

    def trace(frame, event, _):
        if frame.f_code.co_filename != budget.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            copies.append(copy.deepcopy(owner))
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(tracer)
    return copies


VISITOR, ACCOUNT = Payer.of_address("192.0.2.1"), Payer.of_account(1)


@pytest.mark.parametrize("status", [200, 401, 429, 500, None])
def test_a_budget_counts_right_whatever_another_thread_did_with_it(status):
    parent = Budget(100)
    cost = Cost(payers=(VISITOR,), requests=2)
    response = None if status is None else HTTPResponse(status=status, headers={}, body=b"")

    def work():
        booking = parent.admit(HTTPRequest(url="https://pdb.test/", cost=cost), 0.0)
        parent.settle(booking, response, 1.0, lost=status is None)
        parent.charge(cost, ACCOUNT if status == 200 else None)
        parent.usage(70.0)  # a minute later everything is forgotten

    children = forked_at_every_step(parent, work)
    assert len(children) > 100
    for child in children:
        child.forget_in_flight()
        assert 0 <= child.usage(2.0).used[cost.purpose] <= 2
        assert sum(child.usage(70.0).used.values()) == 0
        assert child._paid == child._open == {}


# --- the blocking client --------------------------------------------------------------


def test_a_forked_process_opens_connections_of_its_own(server, make_client):
    client = make_client(server)
    client.fetch_user("of-the-parent")
    assert in_a_child(lambda: client.fetch_user("of-the-child"))
    client.fetch_user("of-the-parent")
    assert server.connections == 2


def test_requests_in_flight_in_the_parent_do_not_delay_the_child(server, make_client):
    client = make_client(server)
    for _ in range(10):  # never settled: their threads stay behind
        assert client._ledger.budget.admit(HTTPRequest(url=server.url), 0.0)
    assert in_a_child(lambda: client.fetch_user("of-the-child"))


def pool_of(client):
    """The connections that the client keeps, as urllib3 has them."""
    (pool,) = client._connections._adapter.poolmanager.pools._container.values()
    return pool


@pytest.mark.parametrize(
    "lock_of",
    [
        lambda client: client._ledger.lock,
        lambda client: client._flights_lock,
        lambda client: pool_of(client).pool.mutex,
        lambda client: client._connections._adapter.poolmanager.pools.lock,
    ],
    ids=["budget", "flights", "idle connections", "pools"],
)
def test_a_lock_of_the_client_is_free_in_the_child(server, make_client, lock_of):
    client = make_client(server)
    client.fetch_user("of-the-parent")
    with held_by_another_thread(lock_of(client)):
        assert in_a_child(lambda: client.fetch_user("of-the-child"))
    client.fetch_user("of-the-parent")
    assert server.connections == 2


def nothing():
    return None
    yield


def test_a_flow_that_the_parent_runs_does_not_stop_the_child(server, make_client):
    client = make_client(server)
    client._flights["name"] = Future()  # the thread that runs it stays in the parent
    assert in_a_child(lambda: client.run(shared("name", nothing())))


def test_the_old_connections_are_left_to_the_parent(server, make_client):
    client = make_client(server)
    client.fetch_user("before")
    pool = pool_of(client)
    make_anew(client)  # as in a child, but here it can be measured
    client.fetch_user("after")
    assert server.connections == 2
    connections = [connection for connection in pool.pool.queue if connection is not None]
    assert [connection.sock is None for connection in connections] == [False]


def test_a_child_exits_while_a_thread_of_the_parent_has_the_lock_of_a_pool(server):
    """At the exit urllib3 takes the lock of each pool to close its connections."""
    program = f"""
        import os, sys, threading
        from peeringdb_oauth import Client, ClientConfig
        client = Client(ClientConfig(**{asdict(config_of(server))!r}))
        client.fetch_user("of-the-parent")
        (pool,) = client._connections._adapter.poolmanager.pools._container.values()
        held, over = threading.Event(), threading.Event()
        def hold():
            with pool.pool.mutex:
                held.set()
                over.wait()
        threading.Thread(target=hold).start()
        held.wait()
        child = os.fork()
        if child == 0:
            client.fetch_user("of-the-child")
            sys.exit()
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        over.set()
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert (ended.stdout, ended.stderr) == ("0\n", "")


def test_a_client_whose_certificates_are_gone_does_not_stop_another(
    make_server, make_client, tmp_path, authority
):
    other, bundle = make_server(tls=True), tmp_path / "ca.pem"
    bundle.write_bytes(authority.cert_pem.bytes())
    for server in (first := make_server(tls=True), other):
        server.answer("/profile/v1", {"id": 1, "verified_user": True})
    clients = [make_client(first, ca_file=str(bundle)), make_client(other)]
    for client in clients:
        client.fetch_user("of-the-parent")
    bundle.unlink()
    tls_context.cache_clear()
    for client in clients:
        assert in_a_child(partial(client.fetch_user, "of-the-child"))
    assert (first.connections, other.connections) == (2, 2)


# --- the handshake --------------------------------------------------------------------


def test_a_process_is_not_forked_while_another_thread_is_in_openssl():
    with held_by_another_thread(after_fork.no_fork):
        calls = Calls(lambda: in_a_child(lambda: None))
        assert not threading.Event().wait(0.1)
        assert calls.ended == 0
    assert calls.outcomes() == [True]


def test_no_step_of_a_handshake_is_interrupted_by_a_fork(make_server, authority):
    """OpenSSL calls back from inside a step, for each message."""
    port, could_fork = urlsplit(make_server(tls=True).url).port, []

    def on_message(*_):
        lock = after_fork.no_fork._lock
        could_fork.extend(Calls(lambda: lock.acquire(blocking=False)).outcomes())

    context = tls_context.__wrapped__(authority.ca_file)
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        context._msg_callback = on_message
        with context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=True):
            context._msg_callback = None
    assert could_fork
    assert not any(could_fork)


def test_a_handshake_without_an_answer_ends_in_time(authority):
    context = tls_context(authority.ca_file)
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as plain:
        plain.connect(listener.getsockname())
        plain.settimeout(0.1)
        with within(PATIENCE), pytest.raises(TimeoutError, match="handshake timed out"):
            context.wrap_socket(plain, server_hostname="127.0.0.1")


def test_gevent_keeps_its_own_sockets(authority, measured):
    """They wait for the network in gevent's way, and there is one thread only."""
    program = f"""
        from gevent import monkey
        monkey.patch_all()
        from peeringdb_oauth.tls import tls_context
        print(tls_context({authority.ca_file!r}).sslsocket_class.__module__)
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=os.environ | measured,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=True,
    )
    assert ended.stdout == "gevent.ssl\n"


def test_a_socket_without_a_timeout_waits_for_the_handshake(make_server, authority):
    server = make_server(tls=True)
    context, port = tls_context(authority.ca_file), urlsplit(server.url).port
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        assert (secure.version(), secure.gettimeout()) == ("TLSv1.3", None)


# --- the asynchronous client ----------------------------------------------------------


def test_an_asynchronous_client_starts_anew_in_the_child(server):
    """The parent's tasks hold its locks, and its connections belong to their loop."""

    async def parent():
        client = AsyncClient(config_of(server))
        await client.fetch_user("of-the-parent")
        client._flights["name"] = asyncio.get_running_loop().create_future()
        for _ in range(10):
            assert client._ledger.budget.admit(HTTPRequest(url=server.url), 0.0)

        async def child():
            await client.run(shared("name", nothing()))
            await client.fetch_user("of-the-child")

        ended = in_a_child(lambda: asyncio.run(child()))
        await client.close()
        return ended

    assert asyncio.run(parent())
    assert server.connections == 2


def test_the_callers_session_stays_the_callers(server):
    session = object()
    client = AsyncClient(config_of(server), session=session)
    make_anew(client._connections)
    assert client._connections.session is session
