"""Asynchronous logins over TLS: one after the other against bare aiohttp, in CPU time, and 50 in flight against Authlib, by the clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
from authlib.integrations.httpx_client import AsyncOAuth2Client
from logins import CALLBACK, OURS, config, started_logins, token_form
from measure import Row, at_most, faster, interleave
from provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Provider

from peeringdb_oauth.async_client import AsyncClient

BARE, AUTHLIB = "aiohttp, kept", "Authlib (httpx2)"
CALLS = 20
IN_FLIGHT = 50
LogIn = Callable[[], Awaitable[object]]


def measure(provider: Provider, rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    with asyncio.Runner() as runner:
        client, session = AsyncClient(config(provider)), runner.run(_session())
        pending = started_logins((rounds + 1) * (CALLS + IN_FLIGHT))

        async def ours() -> object:
            return await client.log_in(*pending.pop())

        bare = _bare(provider, session)
        samples = interleave({OURS: _row(runner, ours), BARE: _row(runner, bare)}, rounds=rounds)
        yield at_most(1.3, "log in, asynchronous, CPU", samples, OURS, BARE)

        samples = interleave(
            {OURS: _crowd(runner, ours), AUTHLIB: _crowd(runner, _authlib(provider))}, rounds=max(3, rounds // 3), clock=time.perf_counter
        )
        yield faster(10, f"log in, {IN_FLIGHT} in flight, by the clock", samples, OURS, AUTHLIB)
        runner.run(session.close())
        runner.run(client.close())
