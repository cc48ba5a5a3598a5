"""The blocking client: drives flows over requests.

Knows threads, locks, the budget and forks. Knows no OAuth, see `flows`, and no
connections, see `requests_transport`.
"""

import inspect
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from peeringdb_oauth import flows, requests_transport, verification
from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.background import Background
from peeringdb_oauth.budget import Budget, Usage
from peeringdb_oauth.callback import Callback
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import payers_of
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.id_token import IDTokenClaims
from peeringdb_oauth.ledger import Ledger, LocalLedger
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.observers import tell_answer
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Clock, Provider
from peeringdb_oauth.records import Documents
from peeringdb_oauth.requests_transport import Connections, OwnConnections, SessionConnections
from peeringdb_oauth.shared_ledger import SharedLedger
from peeringdb_oauth.steps import ApplicationCall, Charge, Flow, Later, Pause, Shared, Step
from peeringdb_oauth.tls import tls_context
from peeringdb_oauth.tokens import Introspection, TokenResponse, checked_token
from peeringdb_oauth.transport import (
    BoundedBody,
    Outcome,
    budget_timeout,
    flight_timeout,
    log_at_start,
    timeouts_of,
)

T = TypeVar("T")


class Client:
    """Logs people in with PeeringDB. One client serves all threads of a process.

    ::

        client = Client(ClientConfig.load())

        request = client.authorization_request()
        session["login"] = request.to_dict()
        # Redirect the browser to request.url. When it comes back to the redirect URI:
        request = AuthorizationRequest.from_dict(session.get("login"))
        login = client.log_in(request, callback_url)
        print(login.user.name, login.user.asns)

    ``config``: the application, as registered at PeeringDB. ``session``: your own
    `requests.Session`, with its proxies, adapters and certificates. `close` leaves it
    open. Without one, the environment's proxies and certificate bundle count;
    ``.netrc`` is not read, and there are no cookies, redirects or retries. ``clock``:
    gives Unix seconds. ``monotonic``: gives seconds that only grow.

    Beside the errors that it names, every method that asks PeeringDB may raise
    `TransportError` (PeeringDB was not reached, or is out of order), `RateLimited` (it
    must not be asked for so many seconds), `ProviderError` (it refused the application
    or the request) and `InvalidResponse` (its answer is malformed).

    Raises:
        ConfigurationError: ``ca_file`` cannot be used, or the scope has ``openid`` and
            the package ``cryptography`` is not installed.
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
        self.provider = Provider(config, clock, monotonic)
        self._session = session
        # Loaded once: when the process forks, its file may be gone.
        self._context = None if session is not None else tls_context(config.ca_file)
        self._monotonic = monotonic
        self._background = Background()
        budget = Budget(config.requests_per_minute, config.processes)
        self._ledger: Ledger = LocalLedger(budget, monotonic)
        self.provider.check_payers = self._ledger.check_payers
        make_in_each_process(self, Client._connect)
        log_at_start(config)

    def _connect(self) -> None:
        """Make what a process cannot share with its parent: connections and locks."""
        self._connections: Connections = (
            OwnConnections(self._context, self.config.base_url)
            if self._session is None
            else SessionConnections(self._session, self.config.base_url)
        )
        self._flights: dict[str, Future[Outcome | None]] = {}
        self._flights_lock = threading.Lock()

    def authorization_request(
        self, *, scope: Iterable[str] | None = None, prompt: str | None = None
    ) -> AuthorizationRequest:
        """A new login. Asks nobody.

        Redirect the browser to its ``url`` and keep its ``to_dict()`` in the session.
        ``scope``: instead of the configured one. ``prompt``: "login" makes PeeringDB
        ask for the password even if the person is logged in there.

        Raises:
            ConfigurationError: the scope or the prompt is of no use with PeeringDB.
        """
        return self.provider.authorization_request(scope=scope, prompt=prompt)

    def log_in(
        self, request: AuthorizationRequest, callback: Callback, *, address: str | None = None
    ) -> Login:
        """Complete a login: who came back, and their tokens.

        ``request``: as `authorization_request` made it. ``callback``: the full callback
        URL, or the mapping of its query parameters. ``address``: that of the visitor.
        Failed logins then use up a small part of the requests a minute for this address
        alone; without it anybody can use up all of them with made-up codes.

        Raises:
            StateMismatch: the callback belongs to another login, or was used already.
            LoginDenied: the person cancelled.
            InvalidIDToken: the ID token is missing or wrong.
            TokenRejected: PeeringDB refused the new access token.
        """
        payers = payers_of(address)
        return self.run(flows.log_in(self.provider, request, callback, payers=payers))

    def fetch_user(self, access_token: str) -> User:
        """Who an access token speaks for, with their networks as of now.

        Raises:
            TokenRejected: PeeringDB refuses the token, or it is no token.
        """
        return self.run(flows.fetch_user(self.provider, checked_token(access_token)))

    def refresh(self, token: TokenResponse | str) -> TokenResponse:
        """New tokens. Store them at once: the old ones no longer work.

        ``token``: a token response, or its refresh token.

        Raises:
            TokenRejected: there is no refresh token, or it is no token.
            InvalidIDToken: the new ID token is wrong or about another person.
        """
        return self.run(flows.refresh(self.provider, token))

    def revoke(self, token: TokenResponse | str) -> None:
        """End a token, for a logout.

        ``token``: a token response, of which both tokens end, or a single token. A
        refresh token takes its access token with it, but not the other way round.

        Raises:
            TokenRejected: it is no token.
        """
        self.run(flows.revoke(self.provider, token))

    def introspect(self, access_token: str) -> Introspection:
        """Whether an access token is alive, and which application it was issued to.

        Raises:
            TokenRejected: it is no token.
            ConfigurationError: the application has no secret.
        """
        return self.run(flows.introspect(self.provider, checked_token(access_token)))

    def verify_id_token(
        self, id_token: str, *, nonce: str | None = None, max_age: int | None = None
    ) -> IDTokenClaims:
        """The claims of an ID token that was issued to this application.

        ``nonce``: that of the login. ``max_age``: the most seconds since the person
        last logged in at PeeringDB.

        Raises:
            InvalidIDToken: the ID token is not acceptable; ``check`` says why.
            ConfigurationError: the package ``cryptography`` is not installed.
        """
        return self.run(
            verification.verify_id_token(self.provider, id_token, nonce=nonce, max_age=max_age)
        )

    def share_budget(self, documents: Documents, *, egress: str | None = None) -> None:
        """Share the requests a minute with all who use the same store.

        Call it before the first request. The refusals of PeeringDB and its pauses are
        shared as well, and so are the results of a `BearerVerifier`. ``processes`` of
        the configuration then counts only while the store does not answer.

        ``documents``: where the record lies that all of them change. ``egress``: a name
        for the address from which PeeringDB is asked; None for that of the
        configuration. Who leaves through another address has a budget of its own.
        """
        self._ledger = SharedLedger(documents, egress or self.config.egress, self.config)
        self.provider.check_payers = self._ledger.check_payers
        self.provider.documents = documents

    def usage(self) -> Usage:
        """What was taken from the requests a minute. Asks nobody.

        With a shared budget it counts what all have taken, as this process knew it some
        seconds ago.
        """
        return self._ledger.usage()

    def close(self) -> None:
        """Wait for what runs behind the answers, then close the kept connections."""
        self.finish_background()
        self._ledger.close()
        self._connections.close()

    def finish_background(self, seconds: float | None = None) -> None:
        """Wait until what runs behind the answers has ended.

        ``seconds``: the most to wait; None for any number.
        """
        self._background.finish(seconds)

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
        """Drive a flow to its end, as `steps` shows."""
        proceed: Callable[[], Step] = partial(next, flow)
        while True:
            try:
                step = proceed()
            except StopIteration as done:
                result: T = done.value
                return result
            try:
                proceed = partial(flow.send, self._perform(step))
            except PeeringDBOAuthError as error:
                proceed = partial(flow.throw, error)

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Shared):
            return self._run_shared(step)
        if isinstance(step, ApplicationCall):
            return _call(step.function)
        if isinstance(step, Later):
            if not self._background.start(step.name, partial(self.run, step.flow)):
                step.flow.close()
            return None
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        if isinstance(step, Charge):
            self._ledger.charge(step.cost, step.payer, step.requests)
            return None
        return self._send(step)

    def _run_shared(self, shared: Shared) -> Any:
        mine: Future[Outcome | None] = Future()
        deadline = self._monotonic() + self.config.timeout
        while True:
            with self._flights_lock:
                flight = self._flights.setdefault(shared.name, mine)
            if flight is mine:
                return self._fly(shared, mine)
            try:
                outcome = flight.result(max(0, deadline - self._monotonic()))
            except FutureTimeoutError:
                raise flight_timeout(self.config.timeout) from None
            if outcome is not None:  # else it was broken off, so fly yourself
                return outcome.get()

    def _fly(self, shared: Shared, flight: "Future[Outcome | None]") -> Any:
        outcome = None
        try:
            result = self.run(shared.flow)
            outcome = Outcome(result)
        except PeeringDBOAuthError as error:
            outcome = Outcome(error=error)
            raise
        finally:
            # From now on others ask anew: this answer was on its way before they came.
            with self._flights_lock:
                del self._flights[shared.name]
            flight.set_result(outcome)
        return result

    def _send(self, request: HTTPRequest) -> HTTPResponse:
        response, lost = None, False
        timeouts = timeouts_of(request.within, self.config.timeout, request.cost.purpose)
        booking = self._ledger.admit(request, timeouts.admission)
        if booking is None:
            raise budget_timeout(timeouts.admission)
        started = self._monotonic()
        try:
            answer = self._connections.send(request, timeouts)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            # Before the body is read: a refusal counts even if its body is lost.
            response = HTTPResponse(status=answer.status_code, headers=headers, body=b"")
            body = requests_transport.read_body(answer, BoundedBody(timeouts.body, self._monotonic))
            response = HTTPResponse(status=answer.status_code, headers=headers, body=body)
        except requests_transport.ERRORS as error:
            lost = True
            timeout = timeouts.answer if response is None else timeouts.body
            raise requests_transport.transport_error(error, request, timeout) from error
        finally:
            self._ledger.settle(booking, response, lost=lost)
            status = None if lost or response is None else response.status
            tell_answer(request.cost.purpose, status, self._monotonic() - started)
        return response


def _call(function: Callable[[], Any]) -> Any:
    result = function()
    if inspect.isawaitable(result):
        # It cannot be awaited here. To go on without its result would let everybody
        # pass whom it was to refuse.
        if inspect.iscoroutine(result):
            result.close()  # or Python warns that it was never awaited
        raise ConfigurationError("a function that is to be awaited needs an AsyncClient")
    return result
