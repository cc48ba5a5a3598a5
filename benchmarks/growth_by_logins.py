"""What a login costs, by the number of logins at a time: in threads, and in tasks.

The figures are CPU time of this process, in which only the client runs.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import async_logins
import requests
from async_logins import BARE
from curves import FLAT, Call, Curve, curves
from logins import OURS, SESSION, config, started_logins, two_calls
from provider import Provider

from peeringdb_oauth import Client
from peeringdb_oauth.async_client import AsyncClient

ALONG = "logins at a time"
AT_A_TIME = (1, 10, 50, 100, 250, 500)
LOGINS = 500  # at each point of a round


def measure(provider: Provider, rounds: int) -> Iterator[Curve]:
    """The curves of this file."""
    yield from _in_threads(provider, rounds)
    with asyncio.Runner() as runner:
        yield from _in_tasks(provider, rounds, runner)


def _in_threads(provider: Provider, rounds: int) -> Iterator[Curve]:
    pending = started_logins(provider, (rounds + 1) * LOGINS * len(AT_A_TIME))
    with Client(config(provider)) as client, requests.Session() as session, ExitStack() as stack:
        each: dict[str, Call] = {
            OURS: lambda: client.log_in(*pending.pop()),
            SESSION: two_calls(provider, session),
        }
        calls = {
            name: {count: _threads(stack, log_in, count) for count in AT_A_TIME}
            for name, log_in in each.items()
        }
        yield from curves(
            ALONG, "log in, threads", calls, goals={OURS: FLAT}, rounds=rounds, size=LOGINS
        )


def _threads(stack: ExitStack, log_in: Call, count: int) -> Call:
    """So many threads, which begin together and log somebody in one after the other."""
    pool, barrier = stack.enter_context(ThreadPoolExecutor(count)), Barrier(count)

    def work(_: int) -> None:
        barrier.wait()
        for _login in range(LOGINS // count):
            log_in()

    return lambda: list(pool.map(work, range(count)))


def _in_tasks(provider: Provider, rounds: int, runner: asyncio.Runner) -> Iterator[Curve]:
    pending = started_logins(provider, (rounds + 1) * LOGINS * len(AT_A_TIME))
    client = AsyncClient(config(provider))
    session = runner.run(async_logins.open_session(provider))

    async def ours() -> object:
        return await client.log_in(*pending.pop())

    each = {OURS: ours, BARE: async_logins.bare(provider, session)}
    calls = {
        name: {count: _tasks(runner, log_in, count) for count in AT_A_TIME}
        for name, log_in in each.items()
    }
    yield from curves(ALONG, "log in, tasks", calls, goals={OURS: FLAT}, rounds=rounds, size=LOGINS)
    runner.run(session.close())
    runner.run(client.close())


def _tasks(runner: asyncio.Runner, log_in: async_logins.LogIn, count: int) -> Callable[[], None]:
    async def work() -> None:
        for _ in range(LOGINS // count):
            await log_in()

    async def run() -> None:
        await asyncio.gather(*(work() for _ in range(count)))

    return lambda: runner.run(run())
