"""Connections over requests: our own, or those of the caller's session.

Knows proxies, certificates and what requests raises. Knows no OAuth.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from functools import cache
from queue import LifoQueue
from typing import Any, Protocol

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.budget import REFUSALS
from peeringdb_oauth.errors import TransportError
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.transport import (
    BoundedBody,
    Timeouts,
    causes_of,
    certificate_problem,
    forget_answer,
    goes_direct,
)

# Everything that requests and the libraries below it raise.
ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)


class Connections(Protocol):
    """What `Client` needs of its connections."""

    def send(self, request: HTTPRequest, timeouts: Timeouts) -> requests.Response:
        """Send a request once; the body of the answer is still to be read."""

    def close(self) -> None:
        """Close the kept connections."""


class OwnConnections:
    """Connections of our own, kept for the next request, with one TLS context.

    ``context``: the TLS context. ``base_url``: whose proxy the environment may name.
    """

    def __init__(self, context: ssl.SSLContext | None, base_url: str) -> None:
        self._adapter = _Adapter(context)
        self._proxies = (
            {} if goes_direct(base_url) else requests.utils.get_environ_proxies(base_url)
        )

    def send(self, request: HTTPRequest, timeouts: Timeouts) -> requests.Response:
        """See `Connections.send`."""
        # Made by hand: prepare() looks for cookies, files, hooks and parameters. There
        # are none, and the search costs a tenth of a login.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
        prepared.headers = CaseInsensitiveDict(request.headers)
        if prepared.body is not None:  # without its length it would be sent in chunks
            prepared.headers["Content-Length"] = str(len(prepared.body))
        answer = self._adapter.send(
            prepared, stream=True, timeout=_pair(timeouts), proxies=self._proxies
        )
        raw: Any = answer.raw
        raw._original_response.begin_body(timeouts.body)  # noqa: SLF001 - it has no other name
        return answer

    def close(self) -> None:
        """See `Connections.close`."""
        self._adapter.close()


class SessionConnections:
    """The connections of the caller's ``session``, with its proxies.

    Their timeouts are those of requests, which count for each read: headers that come a
    byte at a time have no end here.

    ``base_url``: whose proxy the environment may name, if the session reads it.
    """

    def __init__(self, session: requests.Session, base_url: str) -> None:
        self._session = session
        self._proxies = {"no_proxy": "*"} if goes_direct(base_url) else {}

    def send(self, request: HTTPRequest, timeouts: Timeouts) -> requests.Response:
        """See `Connections.send`."""
        return self._session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            auth=_no_authentication,
            proxies=self._proxies,
            timeout=_pair(timeouts),
            allow_redirects=False,
            stream=True,
            hooks={"response": [*self._session.hooks["response"], _forget_redirect]},
        )

    def close(self) -> None:
        """Do nothing: the caller owns the session and closes it."""


class _KeptConnections(LifoQueue[Any]):
    """The connections that a pool keeps, with locks that are free in a forked process.

    When the child exits, urllib3 closes what the parent's pools kept.
    """

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        make_in_each_process(self, _KeptConnections._make_locks)

    def _make_locks(self) -> None:
        self.mutex = threading.Lock()
        self.not_empty = threading.Condition(self.mutex)
        self.not_full = threading.Condition(self.mutex)
        self.all_tasks_done = threading.Condition(self.mutex)


class _TimedFile(io.RawIOBase):
    """What arrives at a socket until a deadline, however slowly it comes.

    A timeout of a socket counts for each read, so a server that sends a byte at a time
    would never meet it. At first the deadline is the timeout that the socket has.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._file = sock.makefile("rb", buffering=0)
        self.end_within(sock.gettimeout() or 0)

    def end_within(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now."""
        self._deadline = time.monotonic() + seconds

    def readinto(self, buffer: Any) -> int | None:
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        self._sock.settimeout(seconds)
        return self._file.readinto(buffer)

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What `http.client` calls a socket's method of this name for."""
        return io.BufferedReader(self)


class _TimedAnswer(http.client.HTTPResponse):
    """An answer whose head has a deadline, and then its body."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        timed_file: Any = _TimedFile(sock)
        self._timed_file = timed_file
        super().__init__(timed_file, *args, **kwargs)

    def begin(self) -> None:
        super().begin()
        # urllib3 would log the lines that are no headers. They may repeat our token.
        self.msg.defects.clear()
        self.msg.set_payload("")

    def begin_body(self, seconds: float) -> None:
        """Let the body, with its chunk sizes and trailers, take so many seconds."""
        self._timed_file.end_within(seconds)


class _HTTPConnection(HTTPConnection):
    response_class = _TimedAnswer

    def _new_conn(self) -> socket.socket:
        """Connect, and leave the time that is left for the TLS handshake."""
        begun = time.monotonic()
        sock = super()._new_conn()
        left = (sock.gettimeout() or 0) - (time.monotonic() - begun)
        sock.settimeout(max(0.001, left))
        return sock


@cache
def _timed(pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """A class of pools as ``pool``, whose connections have our deadlines.

    Pools for TLS and for a SOCKS proxy have connections of their own kinds.
    """
    if issubclass(pool.ConnectionCls, _HTTPConnection):
        return pool
    connection = type("_Connection", (_HTTPConnection, pool.ConnectionCls), {})
    members = {"QueueCls": _KeptConnections, "ConnectionCls": connection}
    return type("_Pool", (pool,), members)


def _let_time(manager: Any) -> None:
    """Give all connections that a manager of pools will make our deadlines."""
    pools = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _timed(pool) for scheme, pool in pools.items()}


class _Adapter(HTTPAdapter):
    """An adapter whose connections share one TLS context.

    By itself requests loads the certificates for each connection, which takes 30 ms.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_maxsize=REFUSALS)  # there are never more in flight

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        _let_time(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        _let_time(manager)
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the context has the certificates and demands one."""


def _no_authentication(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds nothing.

    Without any, requests looks into ``.netrc`` and replaces our token by a password.
    """
    return request


def _forget_redirect(answer: requests.Response, *_: Any, **__: Any) -> None:
    """Drop the address of a redirect, which is not to be followed.

    With it requests reads the whole body of a redirect, whatever its size.
    """
    answer.headers.pop("Location", None)


def read_body(answer: requests.Response, body: BoundedBody) -> bytes:
    """The whole body of an answer.

    Raises:
        InvalidResponse: the body is too large.
        TransportError: the body takes too long.
    """
    read = getattr(answer.raw, "read1", answer.raw.read)  # urllib3 1.26 has no read1
    with answer:
        while chunk := read(65536, decode_content=False):
            body.add(chunk)
    return bytes(body)


def _pair(timeouts: Timeouts) -> tuple[float, float]:
    return timeouts.connect, timeouts.answer


def transport_error(error: Exception, request: HTTPRequest, timeout: float) -> TransportError:
    """Our error for one of `ERRORS`, which loses its secrets."""
    if isinstance(error, requests.RequestException):
        # Error reports print what an exception carries, and the request has our secret.
        error.request = None
    explained = _explain(error, urllib3.util.parse_url(request.url).netloc, timeout)
    if any(isinstance(each, http.client.HTTPException | ValueError) for each in causes_of(error)):
        forget_answer(error)  # it was malformed
    return TransportError(explained)


def _explain(error: Exception, host: str | None, timeout: float) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"no TLS connection to {host}{certificate_problem(error)}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy between here and {host} did not work"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return f"{host} did not answer within {timeout:g} s"
    return f"the connection to {host} failed"
