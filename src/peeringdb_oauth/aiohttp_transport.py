"""Connections over aiohttp: our own, or those of the caller's session.

Knows proxies, certificates and what aiohttp raises. Knows no OAuth. Can be imported
without aiohttp, so that ``help()`` and completion work.
"""

from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, TransportError
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.tls import tls_context
from peeringdb_oauth.transport import (
    BoundedBody,
    Timeouts,
    certificate_problem,
    forget_answer,
    goes_direct,
)

try:
    import aiohttp
    from multidict import CIMultiDict, CIMultiDictProxy
except ImportError:
    _HAS_AIOHTTP = False
    ERRORS: tuple[type[Exception], ...] = (OSError,)
else:
    _HAS_AIOHTTP = True
    ERRORS = (aiohttp.ClientError, OSError)  # everything that aiohttp raises

KEEP_ALIVE = 60  # seconds that an unused connection is kept; by default 15


class Connections:
    """The connections of one client.

    ``session``: the caller's session. None: one of our own, which is opened with the
    first request.

    Raises:
        ConfigurationError: aiohttp is not installed, or ``ca_file`` or the proxy of the
            environment cannot be used.
    """

    def __init__(self, config: ClientConfig, session: "aiohttp.ClientSession | None") -> None:
        if not _HAS_AIOHTTP:
            raise ConfigurationError(
                'AsyncClient needs the package "aiohttp": pip install "peeringdb-oauth[async]"'
            )
        self._callers_session = session
        make_in_each_process(self, Connections._start)
        self._is_direct = goes_direct(config.base_url)
        if session is None:
            self._context = tls_context(config.ca_file)
            self._proxy = _environment_proxy(config.base_url)

    def _start(self) -> None:
        self.session = self._callers_session

    def send(
        self, request: HTTPRequest, timeouts: Timeouts
    ) -> "AbstractAsyncContextManager[aiohttp.ClientResponse]":
        """Send a request once; the body of the answer is still to be read."""
        session = self._open()
        # A request's middlewares replace the session's, so those are repeated here.
        middlewares = (*getattr(session, "_middlewares", ()), partial(_send_once, request))
        if self._is_direct and getattr(session, "_default_proxy", None) is None:
            middlewares = (_without_proxy, *middlewares)
        return session.request(
            request.method,
            request.url,
            data=request.body,
            timeout=_client_timeout(timeouts),
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            middlewares=middlewares,
        )

    def _open(self) -> "aiohttp.ClientSession":
        if self.session is None:  # it can be made only where an event loop is running
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._context, keepalive_timeout=KEEP_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=self._proxy,
            )
        return self.session

    async def close(self) -> None:
        """Close our own session. The caller closes theirs."""
        if self._callers_session is None and self.session is not None:
            session, self.session = self.session, None
            await session.close()


@lru_cache
def _client_timeout(timeouts: Timeouts) -> "aiohttp.ClientTimeout":
    """What takes longer than all parts together ends as well."""
    return aiohttp.ClientTimeout(
        total=timeouts.connect + timeouts.answer + timeouts.body,
        connect=timeouts.connect,
        sock_read=timeouts.answer,
    )


async def _without_proxy(
    prepared: "aiohttp.ClientRequest", send: "aiohttp.ClientHandlerType"
) -> "aiohttp.ClientResponse":
    """Send the request past the proxy that a session with ``trust_env`` has found."""
    prepared.proxy = None
    return await send(prepared)


async def _send_once(
    request: HTTPRequest, prepared: "aiohttp.ClientRequest", send: "aiohttp.ClientHandlerType"
) -> "aiohttp.ClientResponse":
    """Send the request with our headers, and one time only.

    It is the last middleware, so nothing changes the headers after it.
    """
    # A password of the session or from .netrc, which PeeringDB answers with a 401.
    prepared.headers.pop("Authorization", None)
    prepared.headers.update(request.headers)
    try:
        return await send(prepared)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        # After these aiohttp would send a GET a second time. PeeringDB may count it
        # twice, and the budget has booked it once.
        raise aiohttp.ClientConnectionError("the connection was cut") from error


def _environment_proxy(base_url: str) -> str | None:
    """The proxy that `Client` would use: requests reads the environment for both.

    So NO_PROXY means the same to both, with its names, ports and networks.
    """
    if goes_direct(base_url):
        return None
    proxy = select_proxy(base_url, get_environ_proxies(base_url))
    if not proxy:
        return None
    scheme, separator, _ = proxy.partition("://")
    if not separator:
        return f"http://{proxy}"
    if scheme.lower() not in ("http", "https"):
        raise ConfigurationError(
            f"the environment names a proxy of the kind {scheme!r}, and aiohttp knows only http"
            " and https"
        )
    return proxy


def join_headers(received: "CIMultiDictProxy[str]") -> dict[str, str]:
    """Each header once, with all its values (RFC 9110 section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in received.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


async def read_body(answer: "aiohttp.ClientResponse", body: BoundedBody) -> bytes:
    """The whole body of an answer.

    Raises:
        InvalidResponse: the body is too large.
        TransportError: the body takes too long.
    """
    while chunk := await answer.content.readany():
        body.add(chunk)
    return bytes(body)


def transport_error(error: Exception, request: HTTPRequest, timeout: float) -> TransportError:
    """Our error for one of `ERRORS`, which loses its secrets."""
    explained = TransportError(_explain(error, request.url, timeout))
    _drop_secrets(error)
    return explained


def _drop_secrets(error: Exception) -> None:
    """Take from an error what aiohttp attaches to it and error reports print.

    That is our headers, the address of a proxy with its password, and what a malformed
    answer says.
    """
    if isinstance(error, aiohttp.ClientPayloadError):
        forget_answer(error)
    elif isinstance(error, aiohttp.ClientResponseError):
        forget_answer(error)
        address, method = error.request_info.real_url.with_user(None), error.request_info.method
        error.message, error.headers = "", None
        error.request_info = aiohttp.RequestInfo(
            address, method, CIMultiDictProxy(CIMultiDict()), address
        )
    elif isinstance(error, aiohttp.ClientConnectorError):
        error.args, error._conn_key = (), error._conn_key._replace(proxy=None, proxy_auth=None)  # noqa: SLF001 - it has no other name


def _explain(error: Exception, url: str, timeout: float) -> str:
    host = urlsplit(url).netloc
    if isinstance(error, aiohttp.ClientSSLError):
        # aiohttp's error passes for OpenSSL's, but has not its words.
        return f"no TLS connection to {host}{certificate_problem(error.__cause__)}"
    if _is_about_proxy(error, url):
        return f"the proxy between here and {host} did not work"
    if isinstance(error, TimeoutError):
        return f"{host} did not answer within {timeout:g} s"
    return f"the connection to {host} failed"


def _is_about_proxy(error: Exception, url: str) -> bool:
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return True
    # aiohttp has no error of its own for a proxy whose name is unknown.
    return (
        isinstance(error, aiohttp.ClientConnectorDNSError) and error.host != urlsplit(url).hostname
    )
