"""Answers operators at ``metrics_listen``, in the event loop of a worker.

granian has one address only. Its server for a second one is an experiment, and says so.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from socket import AF_UNIX, socket
from sys import version_info
from typing import Any

from aiohttp import web

from peeringdb_oauth.gateway.listening import listening
from peeringdb_oauth.gateway.settings import Settings

# The status, the type of the content, and the content.
Answer = tuple[int, str, bytes]

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_METHODS = ("GET", "HEAD")
_TEXT = "text/plain; charset=utf-8"
_END_WITHIN = 2.0  # seconds for the requests under way
# A process has so many connections, each for one answer and so many seconds. Otherwise
# they could take the open files that the connections of visitors need.
MOST_CONNECTIONS, _LONGEST = 100, 30.0
# From 3.13 on, Python would remove the file although other workers still use it.
_KEEP_FILE: dict[str, Any] = {"cleanup_socket": False} if version_info >= (3, 13) else {}


def open_listener(
    settings: Settings, *, is_shared: bool = False
) -> AbstractContextManager[socket | None]:
    """The socket of ``metrics_listen``, while it is needed; None without that setting.

    ``is_shared``: as in `listening`.

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
        is_shared=is_shared,
    )


async def answer_to(
    method: str, answer: Callable[[], Awaitable[Answer]]
) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers and the body for a request that may only read."""
    status, content_type, body = await answer()
    if method in _METHODS or status == 404:
        return status, _HEADERS | {"Content-Type": content_type}, body
    allow = {"Content-Type": _TEXT, "Allow": ", ".join(_METHODS)}  # RFC 9110 section 15.5.6
    return 405, _HEADERS | allow, b"method not allowed\n"


@asynccontextmanager
async def serving(
    answer: Callable[[str], Awaitable[Answer]], listener: socket, *, longest: float = _LONGEST
) -> AsyncIterator[None]:
    """Serve meanwhile what ``answer`` says about a path.

    ``listener``: takes the connections. Several processes can share it. ``longest``:
    seconds until a connection is ended.
    """

    async def handle(request: web.BaseRequest) -> web.Response:
        status, headers, body = await answer_to(request.method, partial(answer, request.path))
        response = web.Response(status=status, body=body, headers=headers)
        response.force_close()
        return response

    def connect() -> asyncio.Protocol:
        if len(protocols.connections) >= MOST_CONNECTIONS:
            return _NoConnection()
        protocol = protocols()
        loop.call_later(longest, protocol.force_close)
        return protocol

    protocols = web.Server(handle, access_log=None)
    loop = asyncio.get_running_loop()
    if listener.family == AF_UNIX:
        server = await loop.create_unix_server(connect, sock=listener, **_KEEP_FILE)
    else:
        server = await loop.create_server(connect, sock=listener)
    try:
        yield
    finally:
        server.close()
        await protocols.shutdown(_END_WITHIN)


class _NoConnection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
