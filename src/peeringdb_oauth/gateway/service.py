"""`Service`: the gateway in one process, with what operators and applications ask.

It runs on any ASGI server. `serving` runs it on granian. For uvicorn,
``PEERINGDB_OAUTH_GATEWAY_CONFIG`` names the settings file, and its arguments are
``--factory --no-proxy-headers peeringdb_oauth.gateway.service:create_service``.
"""

import asyncio
import json
import logging
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus
from socket import socket

from peeringdb_oauth.budget import Usage
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.assertions import Signer
from peeringdb_oauth.gateway.forwarded import NotForwarded, RequestHeaders, read_site
from peeringdb_oauth.gateway.gateway import Receive, Scope, Send
from peeringdb_oauth.gateway.health import Health
from peeringdb_oauth.gateway.host import BELOW
from peeringdb_oauth.gateway.metrics import CONTENT_TYPE, GatewayMetrics
from peeringdb_oauth.gateway.operators import Answer, answer_to, open_listener, serving
from peeringdb_oauth.gateway.reloading import Reloader
from peeringdb_oauth.gateway.settings import Settings, find_settings
from peeringdb_oauth.web import open_session_store

log = logging.getLogger("peeringdb_oauth")

_TEXT = "text/plain; charset=utf-8"
FILES_EVERY = 2.0  # seconds between two looks at the files of ASNs


class Service:
    """The gateway in one process, as an ASGI application.

    ``settings``: as they were read. ``operators``: takes the connections of
    ``metrics_listen``; None if nothing does so yet. ``level``: of the log for a reload
    that went well; where several processes reload, one of them says so.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        operators: socket | None = None,
        level: int = logging.INFO,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        store = open_session_store(settings.sessions, secrets=settings.secret_keys)
        self.metrics = GatewayMetrics(self._usage, store, monotonic=monotonic)
        self.gateway = create_app(
            settings, store=store, observer=self.metrics, clock=clock, monotonic=monotonic
        )
        self.reloader = Reloader(settings, self.gateway.reload, level=level)
        self._origins = {host.origin for host in settings.hosts}
        self._operators = operators
        self._signer = Signer(settings.secret_keys)
        self._clock = clock
        self._health = Health(store)
        self._reloads: set[asyncio.Task[object]] = set()
        private: dict[str, Callable[[Scope], Awaitable[Answer]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
        }
        below = {f"{BELOW}{path}": answer for path, answer in private.items()}
        self._private = private | below
        self._own: dict[str, Callable[[Scope], Awaitable[Answer]]] = {
            f"{BELOW}/jwks.json": self._jwks
        }
        if settings.metrics_listen is None:
            self._own |= {path: partial(_if_direct, answer) for path, answer in below.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif (answer := self._own.get(scope["path"])) is not None:
            await _send(answer, scope, send)
        else:
            await self.gateway(scope, receive, send)

    def reload(self) -> None:
        """Read the settings again, behind the requests."""
        task = asyncio.ensure_future(asyncio.to_thread(self.reloader.reload))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    def _usage(self) -> Usage:
        return self.gateway.client.usage()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                await self._begin(stack)
            except ConfigurationError as error:
                # Of an error that nobody tells it, a server thinks that it may go on.
                await receive()
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                raise
            await self.gateway(scope, receive, send)

    async def _begin(self, stack: AsyncExitStack) -> None:
        """Begin what is done besides answering requests, until the stack ends."""
        stack.enter_context(self.metrics.enabled())
        for work in (self.metrics.keep_flushing(), self._watch_files()):
            await stack.enter_async_context(_running(work))
        # Another server than granian may have several workers.
        listener = self._operators or stack.enter_context(
            open_listener(self.reloader.settings, is_shared=True)
        )
        if listener is not None:
            await stack.enter_async_context(serving(self._answer_operators, listener))
        try:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reload)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])  # see `Main.load`
        except (NotImplementedError, RuntimeError, ValueError):
            log.info("SIGHUP reloads nothing: the gateway does not run in a main thread")

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(FILES_EVERY)
            await asyncio.to_thread(self.reloader.refresh)

    async def _answer_operators(self, path: str) -> Answer:
        return await self._private.get(path, _not_found)({})

    async def _healthz(self, _: Scope) -> Answer:
        return HTTPStatus.OK, _TEXT, b"ok\n"

    async def _readyz(self, _: Scope) -> Answer:
        problem = await self._health.problem()
        if problem is None:
            return HTTPStatus.OK, _TEXT, b"ready\n"
        body = f"not ready: {problem}\n".encode()
        return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, body

    async def _metrics(self, _: Scope) -> Answer:
        return HTTPStatus.OK, CONTENT_TYPE, await self.metrics.page()

    async def _jwks(self, scope: Scope) -> Answer:
        try:
            origin = read_site(RequestHeaders(scope["headers"])).origin
        except NotForwarded:
            origin = ""
        if self.reloader.settings.assertions is None or origin not in self._origins:
            return await _not_found(scope)
        keys = self._signer.key_set(origin, now=self._clock())
        return HTTPStatus.OK, "application/jwk-set+json", json.dumps(keys).encode()


def create_service(path: str | None = None) -> Service:
    """The gateway of a settings file, for an ASGI server.

    ``path``: of the file; None for the usual places, see `find_settings`.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    return Service(Settings.load(find_settings(path)))


@asynccontextmanager
async def _running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Do a work meanwhile that never ends by itself."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _if_direct(answer: Callable[[Scope], Awaitable[Answer]], scope: Scope) -> Answer:
    """An answer for operators, and none for who comes through a proxy."""
    is_proxied = any(name.startswith(b"x-forwarded-") for name, _ in scope["headers"])
    return await (_not_found if is_proxied else answer)(scope)


async def _not_found(_: Scope) -> Answer:
    return HTTPStatus.NOT_FOUND, _TEXT, b"not found\n"


async def _send(answer: Callable[[Scope], Awaitable[Answer]], scope: Scope, send: Send) -> None:
    status, named, body = await answer_to(scope["method"], partial(answer, scope))
    named["Content-Length"] = str(len(body))
    headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
    await send({"type": "http.response.start", "status": int(status), "headers": headers})
    await send({"type": "http.response.body", "body": body})
