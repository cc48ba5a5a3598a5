"""Answers operators at ``metrics_listen``, in the event loop of a worker.

granian has one address only. Its server for a second one is an experiment, and says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from socket import AF_UNIX, socket
from sys import version_info
from typing import Any

from aiohttp import web

from peeringdb_oauth.gateway.listening import listening
from peeringdb_oauth.gateway.settings import Settings

# The status, the type of the content, and the content.
Answer = tuple[int, str, bytes]

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_END_WITHIN = 2.0  # seconds for the requests under way
# From 3.13 on, Python would remove the file although other workers still use it.
_KEEP_FILE: dict[str, Any] = {"cleanup_socket": False} if version_info >= (3, 13) else {}


def open_listener(settings: Settings) -> AbstractContextManager[socket | None]:
    """The socket of ``metrics_listen``, while it is needed; None without that setting.

    Raises:
        ConfigurationError: as `listening`.
    """
    if settings.metrics_listen is None:
        return nullcontext()
    return listening(
        "metrics_listen",
        settings.metrics_listen,
        mode=settings.socket_mode,
        group=settings.socket_group,
    )


@asynccontextmanager
async def serving(
    answer: Callable[[str], Awaitable[Answer]], listener: socket
) -> AsyncIterator[None]:
    """Serve meanwhile what ``answer`` says about a path.

    ``listener``: takes the connections. Several processes can share it.
    """

    async def handle(request: web.BaseRequest) -> web.Response:
        status, content_type, body = await answer(request.path)
        headers = HEADERS | {"Content-Type": content_type}
        return web.Response(status=status, body=body, headers=headers)

    protocols = web.Server(handle, access_log=None)
    loop = asyncio.get_running_loop()
    if listener.family == AF_UNIX:
        server = await loop.create_unix_server(protocols, sock=listener, **_KEEP_FILE)
    else:
        server = await loop.create_server(protocols, sock=listener)
    try:
        yield
    finally:
        server.close()
        await protocols.shutdown(_END_WITHIN)
