"""The asynchronous client: drives the flows of `flows` over aiohttp, as `client`
does over requests. It knows no OAuth either.
"""

import asyncio
import inspect
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, closing
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from requests.utils import get_environ_proxies, select_proxy

from peeringdb_oauth import flows, verification
from peeringdb_oauth.authorization import AuthorizationRequest, Callback
from peeringdb_oauth.budget import Booking, Budget
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidResponse,
    PeeringDBOAuthError,
    RateLimited,
    TransportError,
)
from peeringdb_oauth.flows import Login
from peeringdb_oauth.id_token import IDTokenClaims
from peeringdb_oauth.messages import MAX_BODY, HTTPRequest, HTTPResponse
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Clock, Provider
from peeringdb_oauth.steps import ApplicationCall, Flow, Locked, Step
from peeringdb_oauth.tls import tls_context
from peeringdb_oauth.tokens import Introspection, TokenResponse, checked_token

try:
    import aiohttp
    from multidict import CIMultiDict, CIMultiDictProxy

    _HAS_AIOHTTP = True
except (
    ImportError
):  # told when an AsyncClient is made, so that help() and completion work without it
    _HAS_AIOHTTP = False

T = TypeVar("T")


class AsyncClient:
    """`Client` for asyncio: the same names, arguments, errors and limits, to be
    awaited. One serves all the tasks of an event loop.

    ``session``: your own `aiohttp.ClientSession`, used as it is and left open by
    `close`. Without one, the environment's proxies and certificate bundle count, and
    ``.netrc``, cookies, redirects and retries do not exist.

    A task may be cancelled anywhere: its connection is closed, and what it had taken
    from the budget's queue or locked is given back.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        session: "aiohttp.ClientSession | None" = None,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        if not _HAS_AIOHTTP:
            raise ConfigurationError(
                'AsyncClient needs the package "aiohttp": pip install "peeringdb-oauth[async]"',
            )
        self.config = config
        self.provider = Provider(config, clock)
        self._session, self._is_own = session, session is None
        if session is None:
            self._context, self._proxy = (
                tls_context(config.ca_file),
                _environment_proxy(config.base_url),
            )
        # Connecting, the first byte and the body have `timeout` each; what drips longer
        # than all three together ends as well.
        self._timeout = aiohttp.ClientTimeout(
            total=3 * config.timeout,
            connect=config.timeout,
            sock_read=config.timeout,
        )
        self._monotonic = monotonic
        self._budget = Budget(config.requests_per_minute)
        self._queue = (
            asyncio.Lock()
        )  # for the budget: only the first in it asks again when a request has been settled
        self._settled = asyncio.Event()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = (
            WeakValueDictionary()
        )  # each lives as long as somebody holds or awaits it

    def authorization_request(
        self,
        *,
        scope: Iterable[str] | None = None,
        prompt: str | None = None,
    ) -> AuthorizationRequest:
        """As `Client.authorization_request`: asks nobody, so there is nothing to await."""
        return self.provider.authorization_request(scope=scope, prompt=prompt)

    async def log_in(self, request: AuthorizationRequest, callback: Callback) -> Login:
        """As `Client.log_in`."""
        return await self.run(flows.log_in(self.provider, request, callback))

    async def fetch_user(self, access_token: str) -> User:
        """As `Client.fetch_user`."""
        return await self.run(flows.fetch_user(self.provider, checked_token(access_token)))

    async def refresh(self, token: TokenResponse | str) -> TokenResponse:
        """As `Client.refresh`."""
        return await self.run(flows.refresh(self.provider, token))

    async def revoke(self, token: TokenResponse | str) -> None:
        """As `Client.revoke`."""
        await self.run(flows.revoke(self.provider, token))

    async def introspect(self, access_token: str) -> Introspection:
        """As `Client.introspect`."""
        return await self.run(flows.introspect(self.provider, checked_token(access_token)))

    async def verify_id_token(
        self,
        id_token: str,
        *,
        nonce: str | None = None,
        max_age: int | None = None,
    ) -> IDTokenClaims:
        """As `Client.verify_id_token`."""
        return await self.run(
            verification.verify_id_token(self.provider, id_token, nonce=nonce, max_age=max_age),
        )

    async def close(self) -> None:
        """As `Client.close`."""
        if self._is_own and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self.config!r})"

    async def run(self, flow: Flow[T]) -> T:
        """As `Client.run`."""
        proceed: Callable[[], Step] = partial(next, flow)
        # cancelled, it ends here and now: before the lock around it is free
        with closing(flow):
            while True:
                try:
                    step = proceed()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    proceed = partial(flow.send, await self._take(step))
                except PeeringDBOAuthError as error:
                    proceed = partial(flow.throw, error)

    async def _take(self, step: Step) -> Any:
        if isinstance(step, Locked):
            return await self._run_locked(step)
        if isinstance(step, ApplicationCall):
            is_async = inspect.iscoroutinefunction(step.function)
            result = step.function() if is_async else await asyncio.to_thread(step.function)
            return await result if inspect.isawaitable(result) else result
        return await self._send(step)

    async def _run_locked(self, locked: Locked) -> Any:
        lock = self._locks.setdefault(locked.name, asyncio.Lock())
        try:
            async with asyncio.timeout(self.config.timeout):
                await lock.acquire()
        except TimeoutError:
            raise TransportError(
                "PeeringDB has been asked the same already, and has not answered for"
                f" {self.config.timeout:g} s",
            ) from None
        try:
            return await self.run(locked.flow)
        finally:
            lock.release()

    async def _send(self, request: HTTPRequest) -> HTTPResponse:
        booking = await self._admit(request)
        response = None
        try:
            async with self._transmit(request) as answer:
                headers = _join_headers(answer.headers)
                response = HTTPResponse(
                    status=answer.status,
                    headers=headers,
                    body=b"",
                )  # a refusal counts without its body, too
                response = HTTPResponse(
                    status=answer.status,
                    headers=headers,
                    body=await self._read_body(answer),
                )
        except (aiohttp.ClientError, OSError) as error:
            raise TransportError(
                _explain(error, request, self.config.timeout),
            ) from _without_secrets(error)
        finally:  # nothing is awaited here: a cancelled task can be cancelled once more
            self._budget.settle(booking, response, self._monotonic())
            self._settled.set()
        return response

    async def _admit(self, request: HTTPRequest) -> Booking:
        # Nobody is overtaken, but by a login that is half-way: its code is spent.
        if (request.booked == 0 or not self._queue.locked()) and (
            booking := self._budget.admit(request, self._monotonic())
        ):
            return booking
        timeout = self.config.timeout
        try:
            async with asyncio.timeout(timeout), self._queue:
                while (booking := self._budget.admit(request, self._monotonic())) is None:
                    self._settled.clear()
                    await self._settled.wait()
                return booking
        except TimeoutError:
            raise RateLimited(
                f"too many requests to PeeringDB are waiting for their answers, for {timeout:g}"
                " s now",
                retry_after=timeout,
            ) from None

    def _transmit(
        self,
        request: HTTPRequest,
    ) -> "AbstractAsyncContextManager[aiohttp.ClientResponse]":
        session = self._open_session()
        return session.request(
            request.method,
            request.url,
            data=request.body,
            timeout=self._timeout,
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            middlewares=(
                *getattr(session, "_middlewares", ()),
                partial(_send_once, request),
            ),  # ours would replace the session's
        )

    async def _read_body(self, answer: "aiohttp.ClientResponse") -> bytes:
        """The whole body, bounded in size, and in time however slowly it drips."""
        deadline = self._monotonic() + self.config.timeout
        body = bytearray()
        while chunk := await answer.content.readany():
            body += chunk
            if len(body) > MAX_BODY:
                raise InvalidResponse(
                    f"PeeringDB's answer is larger than {MAX_BODY} bytes",
                    check="size",
                )
            if self._monotonic() > deadline:
                raise TransportError(
                    f"PeeringDB's answer took longer than {self.config.timeout:g} s",
                )
        return bytes(body)

    def _open_session(self) -> "aiohttp.ClientSession":
        if self._session is None:  # it can only be made where a loop is running
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._context,
                    keepalive_timeout=60,
                ),  # s; by itself 15
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=self._proxy,
            )
        return self._session


def _join_headers(received: "CIMultiDictProxy[str]") -> dict[str, str]:
    """Each name once, with all its values (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in received.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


async def _send_once(
    request: HTTPRequest,
    prepared: "aiohttp.ClientRequest",
    send: "aiohttp.ClientHandlerType",
) -> "aiohttp.ClientResponse":
    """Send the request with our headers, and one time only. The last middleware, so
    nothing changes them after it.
    """
    prepared.headers.pop(
        "Authorization",
        None,
    )  # a password of the session's or from .netrc, which PeeringDB answers with a 401
    prepared.headers.update(request.headers)
    try:
        return await send(prepared)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # After these aiohttp would send a GET again, which PeeringDB may count twice
        # and the budget has booked once.
        raise aiohttp.ClientConnectionError("the connection was cut") from error


def _environment_proxy(base_url: str) -> str | None:
    """The proxy that `Client` would use: both leave the reading of NO_PROXY (names,
    ports, networks) to requests.
    """
    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    if not proxy:
        return None
    scheme, separator, _ = proxy.partition("://")
    if not separator:
        return f"http://{proxy}"
    if scheme.lower() not in ("http", "https"):
        raise ConfigurationError(
            f"the environment names a proxy of the kind {scheme!r}, and aiohttp knows http and"
            " https alone",
        )
    return proxy


def _without_secrets(error: Exception) -> Exception:
    """The error without what aiohttp hangs on it and error reports print: our headers,
    the address of a proxy with its password.
    """
    if isinstance(error, aiohttp.ClientResponseError):
        address, method = error.request_info.real_url.with_user(None), error.request_info.method
        error.args, error.request_info = (
            (),
            aiohttp.RequestInfo(address, method, CIMultiDictProxy(CIMultiDict()), address),
        )
    elif isinstance(error, aiohttp.ClientConnectorError):
        error.args, error._conn_key = (), error._conn_key._replace(proxy=None, proxy_auth=None)  # noqa: SLF001 - it has no other name
    return error


def _explain(error: Exception, request: HTTPRequest, timeout: float) -> str:
    host = urlsplit(request.url).netloc
    if isinstance(error, aiohttp.ClientSSLError):
        return f"no TLS connection to {host}{_certificate_problem(error.__cause__)}"
    if isinstance(
        error,
        aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError,
    ) or _is_about_another_host(error, request):
        return f"the proxy between here and {host} did not work"
    if isinstance(error, TimeoutError):
        return f"{host} did not answer within {timeout:g} s"
    return f"the connection to {host} failed"


def _is_about_another_host(error: Exception, request: HTTPRequest) -> bool:
    """The name of a proxy that was not found: aiohttp has no error of its own for that."""
    return (
        isinstance(error, aiohttp.ClientConnectorDNSError)
        and error.host != urlsplit(request.url).hostname
    )


def _certificate_problem(error: BaseException | None) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return ""
    return (
        f": {error.verify_message}; if you trust the certificate's authority, name its file as"
        " ca_file"
    )
