"""Asynchronous logins over TLS.

One by one they are compared with bare aiohttp and with a raw stream, in CPU time. With
50 in flight they are compared with other libraries, by the clock.
"""

import asyncio
import os
import ssl
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
import httpx
import raw_requests
from httpx_oauth.oauth2 import BaseOAuth2
from logins import CALLBACK, OURS, config, started_logins, token_form
from measure import Row, at_most, faster, interleave
from provider import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Provider

from peeringdb_oauth.async_client import AsyncClient

BARE, RAW = "aiohttp, kept", "raw stream of asyncio, kept"
AUTHLIB, AUTHLIB_HTTPX, HTTPX_OAUTH = "Authlib on httpx2", "Authlib on httpx", "httpx-oauth"
CALLS = 20
IN_FLIGHT = 50
LogIn = Callable[[], Awaitable[object]]


def measure(provider: Provider, rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    crowds = max(3, rounds // 4)
    pending = started_logins(provider, (rounds + 1) * CALLS + (crowds + 1) * IN_FLIGHT)
    with asyncio.Runner() as runner:
        client, session = AsyncClient(config(provider)), runner.run(open_session(provider))

        async def ours() -> object:
            return await client.log_in(*pending.pop())

        raw, close_raw = runner.run(raw_requests.asynchronous(provider, token_form()))
        each = {OURS: ours, BARE: bare(provider, session), RAW: raw}
        samples = interleave(
            {name: _one_by_one(runner, log_in) for name, log_in in each.items()},
            rounds=rounds,
            size=CALLS,
        )
        yield at_most(1.3, "log in, async, CPU", samples, OURS, BARE)
        yield at_most(None, "log in, async, CPU", samples, OURS, RAW)
        close_raw()

        each = {
            OURS: ours,
            AUTHLIB: authlib(provider, httpx2=True),
            AUTHLIB_HTTPX: authlib(provider, httpx2=False),
            HTTPX_OAUTH: _httpx_oauth(provider),
            BARE: each[BARE],
        }
        samples = interleave(
            {name: _in_flight(runner, log_in) for name, log_in in each.items()},
            rounds=crowds,
            clock=time.perf_counter,
            size=IN_FLIGHT,
        )
        title = f"log in, async, {IN_FLIGHT} in flight, clock"
        for other in (AUTHLIB_HTTPX, AUTHLIB, HTTPX_OAUTH):
            yield faster(10, title, samples, OURS, other)
        yield at_most(None, title, samples, OURS, BARE)
        runner.run(session.close())
        runner.run(client.close())


def _one_by_one(runner: asyncio.Runner, log_in: LogIn) -> Callable[[], None]:
    async def run() -> None:
        for _ in range(CALLS):
            await log_in()

    return lambda: runner.run(run())


def _in_flight(runner: asyncio.Runner, log_in: LogIn) -> Callable[[], None]:
    async def run() -> None:
        await asyncio.gather(*(log_in() for _ in range(IN_FLIGHT)))

    return lambda: runner.run(run())


async def open_session(provider: Provider) -> aiohttp.ClientSession:
    """A bare session that keeps its connections."""
    context = ssl.create_default_context(cafile=provider.ca_file)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


def bare(provider: Provider, session: aiohttp.ClientSession) -> LogIn:
    """The two requests of a login and nothing else."""
    form = token_form()

    async def log_in() -> object:
        async with session.post(f"{provider.base_url}/oauth2/token/", data=form) as answer:
            token = await answer.json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        async with session.get(f"{provider.base_url}/profile/v1", headers=headers) as answer:
            return await answer.json()

    return log_in


def authlib(provider: Provider, *, httpx2: bool) -> LogIn:
    """Its "OAuth for HTTPX", with a client for each login.

    It takes httpx2 if that is installed, otherwise httpx, which it calls deprecated.
    """
    for name in [
        name for name in sys.modules if name.startswith("authlib.integrations.httpx_client")
    ]:
        del sys.modules[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not httpx2:  # make it look as if it were not installed
            sys.modules["httpx2"] = None  # type: ignore[assignment]
        try:
            from authlib.integrations.httpx_client import AsyncOAuth2Client  # noqa: PLC0415 - it chooses when it is imported
        finally:
            if not httpx2:
                del sys.modules["httpx2"]
    # httpx loads the whole bundle of certifi for each client. httpx2 uses the directory
    # of the system, where OpenSSL reads only what it needs.
    authorities = str(provider.ca_file if httpx2 else provider.bundle)

    async def log_in() -> object:
        os.environ["SSL_CERT_FILE"] = authorities
        async with AsyncOAuth2Client(
            CLIENT_ID,
            CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
            state="a-state",
            token_endpoint_auth_method="client_secret_post",
            timeout=None,  # on a busy machine five seconds are too few for a crowd
        ) as client:
            await client.fetch_token(
                f"{provider.base_url}/oauth2/token/", authorization_response=CALLBACK
            )
            return (await client.get(f"{provider.base_url}/profile/v1")).json()

    return log_in


def _httpx_oauth(provider: Provider) -> LogIn:
    """Its "OAuth2" client. A subclass reads the profile, as its own clients do."""

    class PeeringDB(BaseOAuth2[dict[str, object]]):
        def get_httpx_client(self) -> httpx.AsyncClient:
            return httpx.AsyncClient(timeout=None)  # noqa: S113 - see `authlib`

        async def get_profile(self, token: str) -> dict[str, object]:
            headers = {**self.request_headers, "Authorization": f"Bearer {token}"}
            async with self.get_httpx_client() as http:
                profile = await http.get(f"{provider.base_url}/profile/v1", headers=headers)
                return dict(profile.json())

    client = PeeringDB(
        CLIENT_ID,
        CLIENT_SECRET,
        f"{provider.base_url}/oauth2/authorize/",
        f"{provider.base_url}/oauth2/token/",
    )

    async def log_in() -> object:
        os.environ["SSL_CERT_FILE"] = str(provider.bundle)
        token = await client.get_access_token("a-code", REDIRECT_URI)
        return await client.get_profile(token["access_token"])

    return log_in
