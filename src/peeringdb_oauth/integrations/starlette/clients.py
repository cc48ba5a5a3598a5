"""An `AsyncClient` for each event loop, because a connection belongs to its loop."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar
from weakref import WeakKeyDictionary

from peeringdb_oauth.async_client import AsyncClient, running_loop
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.records import Documents
from peeringdb_oauth.steps import Flow

T = TypeVar("T")
ClientOwner = AsyncGenerator[AsyncClient, None]


class Clients:
    """Behaves as one `AsyncClient` in any number of event loops.

    A server has one event loop. A test client may make one for each request. Each
    client is closed when its loop ends, or by `close`.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.provider = AsyncClient(config).provider
        self._config = config
        self._shared_budget: tuple[Documents, str | None] | None = None
        self._of_loop: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[ClientOwner, AsyncClient]
        ] = WeakKeyDictionary()

    async def run(self, flow: Flow[T]) -> T:
        """Run a flow, as `AsyncClient.run` does.

        Raises:
            ConfigurationError: no event loop of asyncio runs.
        """
        loop = running_loop()
        if loop not in self._of_loop:
            owner = _own_client(self._config, self._shared_budget)
            self._of_loop[loop] = owner, await anext(owner)
        return await self._of_loop[loop][1].run(flow)

    def share_budget(self, documents: Documents, *, egress: str | None = None) -> None:
        """As `AsyncClient.share_budget`."""
        self.provider.documents = documents
        self._shared_budget = documents, egress

    async def finish_background(self, seconds: float | None = None) -> None:
        """As `AsyncClient.finish_background`, in the running loop."""
        _, client = self._of_loop.get(asyncio.get_running_loop(), (None, None))
        if client is not None:
            await client.finish_background(seconds)

    async def close(self) -> None:
        """Close the client of the running loop, if it has one."""
        owner, _ = self._of_loop.pop(asyncio.get_running_loop(), (None, None))
        if owner is not None:
            await owner.aclose()


async def _own_client(
    config: ClientConfig, shared_budget: tuple[Documents, str | None] | None
) -> ClientOwner:
    """A client that is closed when the event loop ends.

    At its end an event loop closes the asynchronous generators that were started in it
    (PEP 525).
    """
    async with AsyncClient(config) as client:
        if shared_budget is not None:
            documents, egress = shared_budget
            client.share_budget(documents, egress=egress)
        yield client
