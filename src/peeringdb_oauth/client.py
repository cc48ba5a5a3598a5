"""The blocking client: drives the flows of `flows` over requests. Knows connections,
timeouts and limits; knows no OAuth.
"""

import http.client
import inspect
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakSet, WeakValueDictionary

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from peeringdb_oauth import flows, verification
from peeringdb_oauth.authorization import AuthorizationRequest, Callback
from peeringdb_oauth.budget import REFUSALS, Budget
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

T = TypeVar("T")
Send = Callable[[HTTPRequest, float], requests.Response]


class Client:
    """Logs people in with PeeringDB. One for the whole process: thread-safe, with kept
    connections.

    ``session``: your own `requests.Session`, used as it is (proxies, adapters,
    certificates) and left open by `close`. Without one, the environment's proxies and
    certificate bundle count, and ``.netrc``, cookies, redirects and retries do not
    exist. ``clock`` gives Unix seconds, ``monotonic`` seconds that only grow.

    Every method that asks PeeringDB raises `TransportError`, `RateLimited`,
    `ProviderError` or `InvalidResponse`.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        session: requests.Session | None = None,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self.provider = Provider(config, clock)
        self._session = session
        self._context = (
            None if session is not None else tls_context(config.ca_file)
        )  # once: after a fork its file may be gone
        self._monotonic = monotonic
        self._budget = Budget(config.requests_per_minute)
        self._connect()
        _clients.add(self)

    def _connect(self) -> None:
        """What a process cannot share with another: connections, and locks that
        somebody over there may hold.
        """
        if self._session is not None:
            self._transmit, self._close = _over_session(self._session), _leave_open
        else:
            adapter = _Adapter(self._context)
            self._transmit, self._close = (
                _over_adapter(adapter, self.config.base_url),
                adapter.close,
            )
        self._budget.forget_in_flight()
        self._budget_changed = threading.Condition()
        self._locks: WeakValueDictionary[str, threading.Lock] = (
            WeakValueDictionary()
        )  # each lives as long as somebody holds or awaits it
        self._locks_lock = threading.Lock()

    def authorization_request(
        self,
        *,
        scope: Iterable[str] | None = None,
        prompt: str | None = None,
    ) -> AuthorizationRequest:
        """A new login: send the browser to its ``url`` and keep its ``to_dict()`` in
        the session. Asks nobody.

        ``scope`` instead of the configured one; ``prompt="login"`` makes PeeringDB ask
        for the password again.
        """
        return self.provider.authorization_request(scope=scope, prompt=prompt)

    def log_in(self, request: AuthorizationRequest, callback: Callback) -> Login:
        """Who came back. ``callback``: the full callback URL, or the mapping of its
        query parameters.

        Raises: `StateMismatch` when the callback belongs to another login,
        `LoginDenied` when the person cancelled.
        """
        return self.run(flows.log_in(self.provider, request, callback))

    def fetch_user(self, access_token: str) -> User:
        """Who an access token speaks for, and for which networks, as of now. Raises:
        `TokenRejected` when PeeringDB refuses it.
        """
        return self.run(flows.fetch_user(self.provider, checked_token(access_token)))

    def refresh(self, token: TokenResponse | str) -> TokenResponse:
        """New tokens for a token response or a refresh token. The old ones die at once,
        so store the new ones before anything else.
        """
        return self.run(flows.refresh(self.provider, token))

    def revoke(self, token: TokenResponse | str) -> None:
        """End a token, for logout. Of a token response both end; so give that, or the
        refresh token (it takes the access token with it).
        """
        self.run(flows.revoke(self.provider, token))

    def introspect(self, access_token: str) -> Introspection:
        """Whether an access token is alive, and which application it was issued to."""
        return self.run(flows.introspect(self.provider, checked_token(access_token)))

    def verify_id_token(
        self,
        id_token: str,
        *,
        nonce: str | None = None,
        max_age: int | None = None,
    ) -> IDTokenClaims:
        """The claims of an ID token that was issued to this application. ``max_age``:
        seconds since the person last logged in at PeeringDB.

        Raises: `InvalidIDToken`.
        """
        return self.run(
            verification.verify_id_token(self.provider, id_token, nonce=nonce, max_age=max_age),
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.config!r})"

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow of `flows` to its end."""
        proceed: Callable[[], Step] = partial(next, flow)
        while True:
            try:
                step = proceed()
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                proceed = partial(flow.send, self._take(step))
            except PeeringDBOAuthError as error:
                proceed = partial(flow.throw, error)

    def _take(self, step: Step) -> Any:
        if isinstance(step, Locked):
            return self._run_locked(step)
        if not isinstance(step, ApplicationCall):
            return self._send(step)
        result = step.function()
        if inspect.isawaitable(
            result,
        ):  # nobody here can await it, and whom it was to refuse would pass
            getattr(result, "close", _leave_open)()
            raise ConfigurationError("a function that is to be awaited needs an AsyncClient")
        return result

    def _run_locked(self, locked: Locked) -> Any:
        with self._locks_lock:
            lock = self._locks.setdefault(locked.name, threading.Lock())
        if not lock.acquire(
            timeout=self.config.timeout,
        ):  # or everybody would wait out everybody's timeout, one after the other
            raise TransportError(
                "PeeringDB has been asked the same already, and has not answered for"
                f" {self.config.timeout:g} s",
            )
        try:
            return self.run(locked.flow)
        finally:
            lock.release()

    def _send(self, request: HTTPRequest) -> HTTPResponse:
        with self._budget_changed:
            booking = self._budget_changed.wait_for(
                lambda: self._budget.admit(request, self._monotonic()),
                self.config.timeout,
            )
        if booking is None:
            raise RateLimited(
                "too many requests to PeeringDB are waiting for their answers, for"
                f" {self.config.timeout:g} s now",
                retry_after=self.config.timeout,
            )
        response = None
        try:
            answer = self._transmit(request, self.config.timeout)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            response = HTTPResponse(
                status=answer.status_code,
                headers=headers,
                body=b"",
            )  # a refusal counts without its body, too
            response = HTTPResponse(
                status=answer.status_code,
                headers=headers,
                body=self._read_body(answer),
            )
        except (
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            if isinstance(error, requests.RequestException):
                # its body has our secret, and error reports print what hangs on an
                # exception
                error.request = None
            raise TransportError(_explain(error, request, self.config.timeout)) from error
        finally:
            with self._budget_changed:
                self._budget.settle(booking, response, self._monotonic())
                # not one: the news may be that all of them must fail fast
                self._budget_changed.notify_all()
        return response

    def _read_body(self, answer: requests.Response) -> bytes:
        """The whole body, bounded in size, and in time however slowly it drips."""
        deadline = self._monotonic() + self.config.timeout
        # urllib3 1.26 has no read1
        read = getattr(answer.raw, "read1", answer.raw.read)
        body = bytearray()
        with answer:
            while chunk := read(65536, decode_content=False):
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


_clients: WeakSet[Client] = WeakSet()


def _connect_anew() -> None:
    for client in list(_clients):
        client._connect()  # noqa: SLF001 - of this module


with suppress(AttributeError):  # Windows has no fork
    # Two processes on one connection would read each other's answers: somebody would be
    # logged in as somebody else.
    os.register_at_fork(after_in_child=_connect_anew)


class _Adapter(HTTPAdapter):
    """Kept connections that share one TLS context: requests by itself loads the
    certificates anew for each, 30 ms at a time.
    """

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        super().__init__(pool_maxsize=REFUSALS)  # there are never more in flight

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to do: the context has the certificates and demands one."""


def _over_adapter(adapter: HTTPAdapter, base_url: str) -> Send:
    proxies = requests.utils.get_environ_proxies(base_url)

    def send(request: HTTPRequest, timeout: float) -> requests.Response:
        # By hand: prepare() looks for what we never have (cookies, files, hooks,
        # parameters), at a tenth of the price of a login.
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = request.method, request.url, request.body
        prepared.headers = CaseInsensitiveDict(request.headers)
        if prepared.body is not None:
            prepared.headers["Content-Length"] = str(
                len(prepared.body),
            )  # or the adapter would send it in chunks
        return adapter.send(prepared, stream=True, timeout=timeout, proxies=proxies)

    return send


def _over_session(session: requests.Session) -> Send:
    def send(request: HTTPRequest, timeout: float) -> requests.Response:
        return session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body,
            auth=_unchanged,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            hooks={"response": [*session.hooks["response"], _forget_redirect]},
        )

    return send


def _forget_redirect(answer: requests.Response, *_: Any, **__: Any) -> None:
    """Without it requests reads the whole body of a redirect, unbounded, although it is
    not to follow it.
    """
    answer.headers.pop("Location", None)


def _leave_open() -> None:
    """It is its owner's to close."""


def _unchanged(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An authentication that adds none: with it requests does not look into .netrc,
    whose password would replace our token.
    """
    return request


def _explain(error: Exception, request: HTTPRequest, timeout: float) -> str:
    host = urllib3.util.parse_url(request.url).netloc
    if isinstance(error, requests.exceptions.SSLError):
        return f"no TLS connection to {host}{_certificate_problem(error)}"
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy between here and {host} did not work"
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError):
        return f"{host} did not answer within {timeout:g} s"
    return f"the connection to {host} failed"


def _certificate_problem(error: BaseException | None) -> str:
    """What OpenSSL says about the certificate, if that is the cause, however deep down."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return (
        ""
        if error is None
        else (
            f": {error.verify_message}; if you trust the certificate's authority, name its file as"
            " ca_file"
        )
    )
