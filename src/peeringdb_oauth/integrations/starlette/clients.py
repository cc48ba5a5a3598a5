"""Who asks PeeringDB: a client for each event loop, since connections belong to the
loop that they were made in.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar
from weakref import WeakKeyDictionary

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.steps import Flow

T = TypeVar("T")
Keeper = AsyncGenerator[AsyncClient, None]


class Clients:
    """As one `AsyncClient`, in any number of event loops: a server has one, test
    clients may make one for each request.

    Each client is closed with its loop, or before by `close`.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.provider = AsyncClient(config).provider
        self._config = config
        self._kept: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Keeper, AsyncClient]] = (
            WeakKeyDictionary()
        )

    async def run(self, flow: Flow[T]) -> T:
        """As `AsyncClient.run`."""
        loop = asyncio.get_running_loop()
        if loop not in self._kept:
            keeper = _keep(self._config)
            self._kept[loop] = keeper, await anext(keeper)
        return await self._kept[loop][1].run(flow)

    async def close(self) -> None:
        """Close the client of the running loop, if it has one."""
        keeper, _ = self._kept.pop(asyncio.get_running_loop(), (None, None))
        if keeper is not None:
            await keeper.aclose()


async def _keep(config: ClientConfig) -> Keeper:
    """A client that lives as long as the event loop: that closes the generators begun
    in it when it ends (PEP 525).
    """
    async with AsyncClient(config) as client:
        yield client
