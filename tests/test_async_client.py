"""What only `AsyncClient` has: tasks that are cancelled, an event loop, aiohttp.

What it has in common with `Client` is in test_client.py and test_twins.py.
"""

import asyncio
import base64
import logging
import os
import socket
import subprocess
import sys
import threading
import types
from contextlib import asynccontextmanager

import aiohttp
import pytest
from canned_server import far_url
from client_config import CLIENT_SECRET, REDIRECT_URI, config_of
from error_reports import everything_about

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import PAID_REQUEST
from peeringdb_oauth.errors import ConfigurationError, ProviderError, RateLimited, TransportError
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.steps import call, send, shared

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
INTROSPECT, REVOKE = "/oauth2/introspect/", "/oauth2/revoke_token/"
PATIENCE = 10  # seconds until a test gives up on another thread


def logged_in(client, code="a-code"):
    request = client.authorization_request()
    return client.log_in(request, {"code": code, "state": request.state})


class Held:
    """Answers at a path that are held back until `release`."""

    def __init__(self, server, path):
        self._answer = server.answers[path]
        self._arrived = threading.Semaphore(0)
        self._released = threading.Event()
        self._hung_up = threading.Semaphore(0)
        server.answers[path] = self._hold

    def _hold(self, handler):
        self._arrived.release()
        handler.connection.settimeout(0.01)
        while not self._released.is_set():
            try:
                if not handler.connection.recv(1, socket.MSG_PEEK):
                    self._hung_up.release()
                    handler.close_connection = True
                    return
            except TimeoutError:
                pass
        handler.connection.settimeout(None)
        self._answer(handler)

    def release(self):
        self._released.set()

    async def arrive(self, number=1):
        for _ in range(number):
            assert await asyncio.to_thread(self._arrived.acquire, timeout=PATIENCE)

    async def hang_up(self, number=1):
        for _ in range(number):
            assert await asyncio.to_thread(self._hung_up.acquire, timeout=PATIENCE)


@pytest.fixture
def hold(server):
    """``hold(path)``: hold the answers at a path back, at most until the test ends."""
    every = []

    def make(path, server=server):
        every.append(Held(server, path))
        return every[-1]

    yield make
    for held in every:
        held.release()


@asynccontextmanager
async def one_that_leaves_nothing(*args, **kwargs):
    """A client that at its end has nothing in flight and no lock or task.

    Connections may be kept for the next request.
    """
    before = asyncio.all_tasks()
    async with AsyncClient(*args, **kwargs) as client:
        yield client
        assert_nothing_left(client)
    assert asyncio.all_tasks() == before


def assert_nothing_left(client):
    assert sum(client._ledger.budget._in_flight) == 0
    assert not client._flights
    assert not any(queue.locked() for queue in client._queues.values())
    assert (
        client._connections.session is None or not client._connections.session.connector._acquired
    )


async def cancel(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def settle_down():
    """Let all tasks run until they wait for the network."""
    for _ in range(5):
        await asyncio.sleep(0)


# --- a client and its event loop ------------------------------------------------------


def test_needs_no_event_loop_at_first_and_serves_several_in_turn(server):
    client = AsyncClient(config_of(server))

    async def use():
        async with client:
            return (await client.fetch_user("t")).id

    assert [asyncio.run(use()), asyncio.run(use())] == [1, 1]


def test_an_unused_client_can_be_closed(server):
    asyncio.run(AsyncClient(config_of(server)).close())
    assert server.connections == 0


def test_many_tasks_share_ten_connections(server):
    async def main():
        async with one_that_leaves_nothing(config_of(server, requests_per_minute=None)) as client:
            return await asyncio.gather(
                *(logged_in(client, f"code-{number}") for number in range(50))
            )

    logins = asyncio.run(main())
    assert [login.user.id for login in logins] == [1] * 50
    assert server.connections <= 10
    assert len(server.received) == 100


def test_clients_share_one_tls_context(make_server):
    config = config_of(make_server(tls=True))
    assert AsyncClient(config)._connections._context is AsyncClient(config)._connections._context


def test_keeps_a_connection_for_a_minute_and_no_cookies(server, recording):
    """The host has a name, because aiohttp keeps no cookies for an address."""
    server.answer(PROFILE, recording("profile-orgadmin").body, Set_Cookie="sessionid=abc; Path=/")

    async def main():
        async with one_that_leaves_nothing(
            config_of(server, base_url=server.url.replace("127.0.0.1", "localhost"))
        ) as client:
            await client.fetch_user("t")
            await client.fetch_user("t")
            assert client._connections.session.connector._keepalive_timeout == 60

    asyncio.run(main())
    assert ["cookie" in request.headers for request in server.received] == [False, False]


@pytest.fixture
def run_without_aiohttp(measured):
    """``run_without_aiohttp(code)``: what a program prints without aiohttp."""
    without = 'import sys; sys.modules |= dict.fromkeys(["aiohttp", "multidict", "yarl"])'

    def run(code):
        command = [sys.executable, "-c", f"{without}\n{code}"]
        return subprocess.check_output(command, text=True, env=os.environ | measured)

    return run


def test_without_aiohttp_it_names_what_to_install(run_without_aiohttp):
    said = run_without_aiohttp("""
from peeringdb_oauth import AsyncClient, ClientConfig, ConfigurationError
config = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
try:
    AsyncClient(config)
except ConfigurationError as error:
    print(error)
""")
    assert 'AsyncClient needs the package "aiohttp": pip install "peeringdb-oauth[async]"' in said


def test_without_aiohttp_help_and_star_imports_work(run_without_aiohttp):
    said = run_without_aiohttp("""
import pydoc
import peeringdb_oauth
print(pydoc.plain(pydoc.render_doc(peeringdb_oauth)))
from peeringdb_oauth import *
""")
    assert "class AsyncClient" in said


# --- functions of the application -----------------------------------------------------


async def coroutine_function():
    return threading.current_thread()


def function():
    return threading.current_thread()


def returns_a_coroutine():
    return coroutine_function()


@pytest.mark.parametrize(
    ("called", "in_the_event_loop"),
    [(coroutine_function, True), (function, False), (returns_a_coroutine, True)],
)
def test_awaits_what_is_awaitable_and_gives_other_functions_a_thread(
    server, called, in_the_event_loop
):
    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            return await client.run(call(called))

    assert (asyncio.run(main()) is threading.current_thread()) == in_the_event_loop


# --- cancellation ---------------------------------------------------------------------


@types.coroutine
def cancelled_when_waiting(coroutine, times):
    """Run a coroutine, and cancel its task when it waits for the so-many-th time."""
    task, waits = asyncio.current_task(), 0
    while True:
        try:
            awaited = coroutine.send(None)
        except StopIteration as done:
            return done.value
        waits += 1
        if waits == times:
            asyncio.get_running_loop().call_soon(task.cancel)
        try:
            yield awaited
        except asyncio.CancelledError as cancelled:
            return coroutine.throw(cancelled)


@pytest.mark.parametrize("tls", [False, True])
def test_a_login_may_be_cancelled_wherever_it_waits(make_server, tls):
    server = make_server(tls=tls)
    server.replay(TOKEN, "token-success-no-openid")
    server.replay(PROFILE, "profile-orgadmin")

    async def is_cancelled_at(times):
        async def log_in():
            return await cancelled_when_waiting(logged_in(client), times)

        async with one_that_leaves_nothing(config_of(server)) as client:
            outcome = await asyncio.gather(asyncio.create_task(log_in()), return_exceptions=True)
            assert_nothing_left(client)
            assert (await logged_in(client)).user.id == 1
        return isinstance(outcome[0], asyncio.CancelledError)

    times = 1
    while asyncio.run(is_cancelled_at(times)):
        times += 1
    assert times > 3  # at least for the connection and two answers


@pytest.mark.parametrize("path", [TOKEN, PROFILE])
def test_cancelled_while_the_server_thinks_it_hangs_up(server, hold, path):
    held = hold(path)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            task = asyncio.create_task(logged_in(client))
            await held.arrive()
            await cancel(task)
            await held.hang_up()
            held.release()
            assert (await logged_in(client)).user.id == 1

    asyncio.run(main())


def test_cancelled_while_reading_it_hangs_up(server, hold):
    server.answers[PROFILE] = lambda handler: handler.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    )
    begin, held = server.answers[PROFILE], hold(PROFILE)

    def begin_and_hold(handler):
        begin(handler)
        held._hold(handler)

    server.answers[PROFILE] = begin_and_hold

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            task = asyncio.create_task(client.fetch_user("t"))
            await held.arrive()
            await cancel(task)
            await held.hang_up()

    asyncio.run(main())


def test_cancelled_after_a_refusal_began_to_arrive_the_refusal_counts(server):
    """PeeringDB has counted the refusal, even if nobody has read its body."""
    server.answers[TOKEN] = lambda handler: handler.wfile.write(
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99\r\n\r\n{"
    )

    async def main():
        asked, reading = [], asyncio.Event()

        def monotonic():
            asked.append(None)
            if len(asked) == 4:  # the shared flow, the budget, the start, and before the body
                reading.set()
            return 0.0

        async with one_that_leaves_nothing(config_of(server), monotonic=monotonic) as client:
            task = asyncio.create_task(client.refresh("r"))
            await reading.wait()
            await cancel(task)
            with pytest.raises(RateLimited, match="401"):
                await client.refresh("r")

    asyncio.run(main())


def test_cancelled_while_connecting_it_hangs_up():
    """The server takes the connection, but does not answer the TLS handshake."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"

        async def main():
            config = ClientConfig(
                client_id="a", redirect_uri="https://app.example.net/callback", base_url=url
            )
            async with one_that_leaves_nothing(config) as client:
                task = asyncio.create_task(client.fetch_user("t"))
                connection, _ = await asyncio.to_thread(silent.accept)
                with connection:
                    connection.settimeout(PATIENCE)
                    assert (
                        await asyncio.to_thread(connection.recv, 1)
                    ) == b"\x16"  # the handshake begins
                    await cancel(task)
                    while await asyncio.to_thread(connection.recv, 65536):
                        pass  # the rest of the handshake, then the end

        asyncio.run(main())


def test_cancelled_while_waiting_for_admission_it_leaves_the_queue(server, hold):
    held = hold(INTROSPECT)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            ten = [asyncio.create_task(client.introspect(f"t{n}")) for n in range(10)]
            await held.arrive(10)
            waiting = [asyncio.create_task(client.introspect(f"w{n}")) for n in range(4)]
            await settle_down()
            await cancel(waiting[0])  # the first of the queue
            await cancel(waiting[2])  # one in the middle
            held.release()
            return await asyncio.gather(*ten, waiting[1], waiting[3])

    assert [answer.active for answer in asyncio.run(main())] == [True] * 12
    assert len(server.received) == 12


def test_a_cancelled_request_makes_room_for_the_next(server, hold):
    held = hold(INTROSPECT)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            ten = [asyncio.create_task(client.introspect(f"t{n}")) for n in range(10)]
            await held.arrive(10)
            eleventh = asyncio.create_task(client.introspect("eleventh"))
            await settle_down()
            await cancel(ten[3])
            await held.arrive()  # the eleventh request; nine are still held back
            held.release()
            await asyncio.gather(*ten[:3], *ten[4:], eleventh)

    asyncio.run(main())


def test_requests_are_sent_in_the_order_in_which_they_wait(server, hold):
    held, order = hold(INTROSPECT), []

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            ten = [asyncio.create_task(client.introspect(f"t{n}")) for n in range(10)]
            await held.arrive(10)
            waiting = [
                asyncio.create_task(client.introspect(f"token-{number}")) for number in range(5)
            ]
            await settle_down()
            for number in range(5):
                await cancel(ten[number])
                await held.arrive()
                order.append(server.received[-1].form["token"])
            held.release()
            await asyncio.gather(*ten[5:], *waiting)

    asyncio.run(main())
    assert order == [f"token-{number}" for number in range(5)]


def test_a_second_request_waits_behind_those_who_wait_already(server, hold):
    hold(REVOKE)
    held = hold(INTROSPECT)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:

            async def introspect_twice():
                for _ in range(2):
                    await client.introspect("t")

            nine = [asyncio.create_task(client.revoke(f"t{n}")) for n in range(9)]
            tenth = asyncio.create_task(introspect_twice())
            await held.arrive()
            waiting = asyncio.create_task(client.refresh("r"))
            await settle_down()
            held.release()
            await asyncio.gather(tenth, waiting)
            for task in nine:
                await cancel(task)

    asyncio.run(main())
    assert [path for path in server.paths() if path != REVOKE] == [INTROSPECT, TOKEN, INTROSPECT]


def test_a_login_that_is_half_way_goes_before_those_who_wait(server, hold):
    tokens, profiles = hold(TOKEN), hold(PROFILE)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            logins = [asyncio.create_task(logged_in(client)) for _ in range(10)]
            await tokens.arrive(10)
            waiting = [asyncio.create_task(client.introspect("t")) for _ in range(5)]
            await settle_down()
            tokens.release()
            await profiles.arrive(10)
            assert server.paths() == [TOKEN] * 10 + [PROFILE] * 10
            profiles.release()
            await asyncio.gather(*logins, *waiting)

    asyncio.run(main())


def test_a_login_that_gave_up_half_way_stops_nobody(server, hold):
    held = hold(INTROSPECT)
    half_a_login = HTTPRequest(url=f"{server.url}{PROFILE}", cost=PAID_REQUEST, within=0.5)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            ten = [asyncio.create_task(client.introspect("t")) for _ in range(10)]
            await held.arrive(10)
            with pytest.raises(RateLimited) as kept:  # with its traceback, and so its queue
                await client.run(send(half_a_login))
            late = asyncio.create_task(client.introspect("t"))
            await settle_down()
            held.release()
            await asyncio.gather(*ten, late)
            return kept

    asyncio.run(main())


def test_those_who_let_a_login_pass_learn_that_it_has_failed(server, hold):
    server.answer(INTROSPECT, status=429, Retry_After="30")
    held = hold(INTROSPECT)
    request = HTTPRequest(url=f"{server.url}{INTROSPECT}")
    half_a_login = HTTPRequest(url=f"{server.url}{PROFILE}", cost=PAID_REQUEST)

    async def main():
        # With ten processes each has one request in flight.
        async with one_that_leaves_nothing(config_of(server, processes=10)) as client:
            first = asyncio.create_task(client.run(send(request)))
            await held.arrive()
            waiting = asyncio.create_task(client.run(send(request)))
            await settle_down()
            login = asyncio.create_task(client.run(send(half_a_login)))
            await settle_down()
            held.release()
            await first
            return await asyncio.gather(waiting, login, return_exceptions=True)

    for error in asyncio.run(main()):  # not that it has waited in vain
        assert str(error).startswith("PeeringDB has had too many requests from this address")


def test_there_is_room_for_those_behind_a_login_that_was_half_way(server, hold):
    revocations, profile, behind = hold(REVOKE), hold(PROFILE), hold(INTROSPECT)
    half_a_login = HTTPRequest(url=f"{server.url}{PROFILE}", cost=PAID_REQUEST)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            ten = [asyncio.create_task(client.revoke(f"t{n}")) for n in range(10)]
            await revocations.arrive(10)
            waiting = asyncio.create_task(client.introspect("t"))
            await settle_down()
            login = asyncio.create_task(client.run(send(half_a_login)))
            await settle_down()
            for task in ten[:2]:
                task.cancel()
            await profile.arrive()
            await behind.arrive()  # while the login is still under way
            profile.release()
            behind.release()
            await asyncio.gather(login, waiting)
            for task in ten[2:]:
                await cancel(task)

    asyncio.run(main())


def shared_request(server):
    return shared("a name", send(HTTPRequest(url=f"{server.url}{PROFILE}")))


def test_cancelled_while_waiting_for_a_shared_answer_it_leaves_it_to_the_others(server, hold):
    held = hold(PROFILE)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            first, second, third = (
                asyncio.create_task(client.run(shared_request(server))) for _ in range(3)
            )
            await held.arrive()
            await cancel(second)
            held.release()
            return await asyncio.gather(first, third)

    first, third = asyncio.run(main())
    assert first is third
    assert len(server.received) == 1


def test_cancelled_while_asking_for_others_it_lets_one_of_them_ask(server, hold):
    held = hold(PROFILE)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            first, *others = (
                asyncio.create_task(client.run(shared_request(server))) for _ in range(5)
            )
            await held.arrive()
            await cancel(first)
            await held.arrive()
            held.release()
            return await asyncio.gather(*others)

    answers = asyncio.run(main())
    assert {id(answer) for answer in answers} == {id(answers[0])}
    assert len(server.received) == 2


def test_a_cancelled_flow_has_ended_before_the_next_one_begins(server, hold):
    held, story = hold(PROFILE), []

    def flow(name):
        story.append(f"{name} begins")
        try:
            yield from send(HTTPRequest(url=f"{server.url}{PROFILE}"))
        finally:
            story.append(f"{name} ends")

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            first, second = (
                asyncio.create_task(client.run(shared("a name", flow(name))))
                for name in ("first", "second")
            )
            await held.arrive()
            await cancel(first)
            held.release()
            await second

    asyncio.run(main())
    assert story == ["first begins", "first ends", "second begins", "second ends"]


def test_cancelled_logins_do_not_disturb_others(server, hold):
    held = hold(TOKEN)

    async def main():
        async with one_that_leaves_nothing(config_of(server, requests_per_minute=None)) as client:
            tasks = [asyncio.create_task(logged_in(client)) for _ in range(30)]
            await held.arrive(10)
            for task in tasks[::2]:
                task.cancel()
            held.release()
            return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes[::2])
    assert [outcome.user.id for outcome in outcomes[1::2]] == [1] * 15


def test_an_applications_own_timeout_is_its_own(server, hold):
    hold(PROFILE)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.fetch_user("t")

    asyncio.run(main())


# --- time -----------------------------------------------------------------------------


def test_a_head_that_drips_has_an_end(server):
    over = threading.Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not over.wait(0.01):
            handler.wfile.write(b"y")

    server.answers[PROFILE] = drip

    async def main():
        async with one_that_leaves_nothing(config_of(server, timeout=0.1)) as client:
            with pytest.raises(TransportError, match=r"did not answer within 0\.1 s"):
                await client.fetch_user("t")

    try:
        asyncio.run(asyncio.wait_for(main(), 2))
    finally:
        over.set()


async def is_given_up_after_half_a_second(config):
    async with (
        one_that_leaves_nothing(config) as client,
        asyncio.timeout(1.3),
    ):  # less than the three parts of a request together
        with pytest.raises(TransportError, match=r"did not answer within 0\.5 s"):
            await client.fetch_user("t")


def test_an_answer_that_does_not_come_has_an_end(server, hold):
    hold(PROFILE)
    asyncio.run(is_given_up_after_half_a_second(config_of(server, timeout=0.5)))


def test_a_handshake_that_does_not_come_has_an_end():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        config = ClientConfig(
            client_id="a",
            redirect_uri="https://app.example.net/callback",
            base_url=url,
            timeout=0.5,
        )
        asyncio.run(is_given_up_after_half_a_second(config))


# --- once is once ---------------------------------------------------------------------


def test_a_get_is_not_repeated_when_a_kept_connection_is_cut(server):
    """By itself aiohttp would repeat a GET, and PeeringDB may count both requests."""

    def cut(handler):
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            await client.fetch_user("t")
            server.answers[PROFILE] = cut
            with pytest.raises(TransportError, match="the connection to"):
                await client.fetch_user("t")

    asyncio.run(main())
    assert server.paths() == [PROFILE, PROFILE]


def test_repeated_headers_are_all_heard(server):
    """Two different values of Retry-After are none, as for `Client`."""

    def answer(handler):
        handler.wfile.write(
            b"HTTP/1.1 429 Slow Down\r\nRetry-After: 20\r\nretry-after: 30\r\nContent-Length:"
            b" 0\r\n\r\n"
        )

    server.answers[PROFILE] = answer

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            with pytest.raises(RateLimited) as caught:
                await client.fetch_user("t")
        return caught.value.retry_after

    assert asyncio.run(main()) == 61


# --- a session of the caller's own ----------------------------------------------------


def test_uses_the_callers_session_as_it_is_and_leaves_it_open(server):
    seen = []

    async def watch(request, handler):
        seen.append(request.method)
        return await handler(request)

    async def main():
        headers = {"X-From": "its owner", "Authorization": "Basic bm90OnBlZXJpbmdkYg=="}
        async with aiohttp.ClientSession(
            headers=headers, middlewares=(watch,), raise_for_status=True
        ) as session:
            async with one_that_leaves_nothing(config_of(server), session=session) as client:
                await logged_in(client)
                server.replay(PROFILE, "profile-error-bad-token")
                with pytest.raises(Exception, match="refused the access token"):
                    await client.fetch_user("t")
            assert not session.closed
            with pytest.raises(aiohttp.ClientResponseError):
                await session.get(f"{server.url}{PROFILE}")

    asyncio.run(main())
    assert server.connections == 1
    assert seen == ["POST", "GET", "GET", "GET"]
    assert [request.headers.get("x-from") for request in server.received] == ["its owner"] * 4
    assert "authorization" not in server.received[0].headers
    assert server.received[1].headers["authorization"].startswith("Bearer ")
    assert [request.headers["user-agent"].partition("/")[0] for request in server.received[:3]] == [
        "peeringdb-oauth"
    ] * 3


def test_a_callers_session_needs_no_readable_ca_file_of_ours(server, tmp_path):
    async def main():
        async with aiohttp.ClientSession() as session:
            return AsyncClient(
                config_of(server, ca_file=str(tmp_path / "none.pem")), session=session
            )

    assert asyncio.run(main())


# --- proxies --------------------------------------------------------------------------


@pytest.fixture
def far_server(make_server):
    """A server that is not on this machine, if a client uses its `far_url`."""
    return make_server(tls=True)


def proxied(far_server, monkeypatch, proxy):
    """The error of a client for which the environment names a proxy."""
    monkeypatch.setenv("https_proxy", proxy)

    async def main():
        config = config_of(far_server, base_url=far_url(far_server))
        async with one_that_leaves_nothing(config) as client:
            with pytest.raises(TransportError) as caught:
                await client.fetch_user("t")
        return caught.value

    return asyncio.run(main())


def test_sends_the_proxys_password_to_the_proxy(make_server, far_server, monkeypatch):
    proxy = make_server()
    proxied(far_server, monkeypatch, proxy.url.replace("//", "//us%40er:pass%20word@"))
    assert (
        proxy.received[0].headers["proxy-authorization"]
        == f"Basic {base64.b64encode(b'us@er:pass word').decode()}"
    )


def test_a_proxy_may_be_named_without_a_scheme(make_server, far_server, monkeypatch):
    proxy = make_server()
    proxied(far_server, monkeypatch, proxy.url.removeprefix("http://"))
    assert len(proxy.received) == 1


@pytest.mark.parametrize("no_proxy", ["192.0.2.0/24", "203.0.113.1, 192.0.2.1", "*"])
def test_reads_no_proxy_as_requests_does(monkeypatch, no_proxy):
    """With a SOCKS proxy there is no client, as the next test shows."""
    monkeypatch.setenv("https_proxy", "socks5h://127.0.0.1:1080")
    monkeypatch.setenv("no_proxy", no_proxy)
    config = ClientConfig(client_id="a", redirect_uri=REDIRECT_URI, base_url="https://192.0.2.1")
    assert AsyncClient(config).config == config


def test_a_proxy_of_another_kind_is_a_configuration_error(far_server, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5h://user:pa55word@127.0.0.1:1080")
    with pytest.raises(ConfigurationError, match="'socks5h'") as caught:
        AsyncClient(config_of(far_server, base_url=far_url(far_server)))
    assert "pa55word" not in str(caught.value)


def test_a_proxy_with_an_unknown_name_is_named_as_the_cause(far_server, monkeypatch):
    error = proxied(far_server, monkeypatch, "http://proxy.invalid:3128")
    assert "the proxy between" in str(error)


def test_the_proxy_of_the_callers_session_is_asked_for_a_loopback_host(make_server, server):
    """The caller has named it. Only what the environment names is passed by."""
    proxy = make_server()
    proxy.replay(f"{server.url}{PROFILE}", "profile-orgadmin")

    async def main():
        async with aiohttp.ClientSession(proxy=proxy.url) as session:
            return await AsyncClient(config_of(server), session=session).fetch_user("t")

    assert asyncio.run(main()).id == 1
    assert (len(proxy.received), server.received) == (1, [])


def test_a_host_with_an_unknown_name_is_no_matter_of_the_proxy(server):
    async def main():
        async with one_that_leaves_nothing(
            config_of(server, base_url="https://peeringdb.invalid")
        ) as client:
            with pytest.raises(
                TransportError, match=r"the connection to peeringdb\.invalid failed"
            ):
                await client.fetch_user("t")

    asyncio.run(main())


def test_a_proxy_that_refuses_is_named_as_the_cause_without_its_password(
    make_server, far_server, monkeypatch
):
    proxy = make_server()
    proxy.answer(far_url(far_server).removeprefix("https://"), b"", status=407)
    error = proxied(far_server, monkeypatch, proxy.url.replace("//", "//user:pa55word@"))
    assert "the proxy between" in str(error)
    assert [request.method for request in proxy.received] == ["CONNECT"]
    assert "pa55word" not in everything_about(error)
    assert base64.b64encode(b"user:pa55word").decode() not in everything_about(error)


# --- secrets --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ],
    ids=["nothing", "no HTTP", "cut short", "no chunk"],
)
def test_no_error_has_a_secret(server, answer):
    def write(handler):
        handler.close_connection = True
        handler.wfile.write(answer)

    server.answers[TOKEN] = server.answers[PROFILE] = write

    async def main():
        async with one_that_leaves_nothing(config_of(server)) as client:
            return await asyncio.gather(
                client.refresh("the-refresh-token"),
                client.fetch_user("the-access-token"),
                return_exceptions=True,
            )

    for error in asyncio.run(main()):
        assert isinstance(error, TransportError)
        for secret in (CLIENT_SECRET, "the-refresh-token", "the-access-token"):
            assert secret not in everything_about(error)


def test_no_error_has_the_password_of_a_proxy(make_server, far_server, monkeypatch):
    proxy = make_server()
    proxy.answers[far_url(far_server).removeprefix("https://")] = lambda handler: (
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nno handshake")
    )
    error = proxied(far_server, monkeypatch, proxy.url.replace("//", "//user:pa55word@"))
    assert "no TLS connection" in str(error)
    assert "pa55word" not in everything_about(error)


def test_nothing_secret_is_logged_even_in_debug_mode(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers["/cut"] = lambda handler: setattr(handler, "close_connection", True)

    async def main():
        # Log every step of the event loop.
        asyncio.get_running_loop().slow_callback_duration = 0
        async with one_that_leaves_nothing(config_of(server)) as client:
            login = await logged_in(client, "the-authorization-code")
            await client.revoke(login.token)
            server.replay(TOKEN, "token-error-wrong-secret")
            with pytest.raises(ProviderError):
                await client.refresh(login.token)
            return login.token

    token = asyncio.run(main(), debug=True)
    assert "AsyncClient" in caplog.text or "Executing" in caplog.text
    for secret in (
        CLIENT_SECRET,
        "the-authorization-code",
        token.access_token,
        token.refresh_token,
    ):
        assert secret not in caplog.text


def test_without_asyncio_the_client_says_what_to_do(server):
    """As in a server that runs on trio."""
    client = AsyncClient(config_of(server))
    with pytest.raises(ConfigurationError, match="hypercorn --worker-class asyncio"):
        client.fetch_user("t").send(None)
