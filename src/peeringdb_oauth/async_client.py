"""The asynchronous client: drives flows over aiohttp, as `client` does over requests.

Knows tasks, locks and the budget. Knows no OAuth, see `flows`, and no connections, see
`aiohttp_transport`.
"""

import asyncio
import inspect
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

from peeringdb_oauth import aiohttp_transport, flows, verification
from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.aiohttp_transport import Connections
from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.background import MAX_WAITING, note_failure
from peeringdb_oauth.budget import Booking, Budget, Usage
from peeringdb_oauth.callback import Callback
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import HALF_WAY, Queue, payers_of, queue_of
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.id_token import IDTokenClaims
from peeringdb_oauth.ledger import LocalLedger
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.observers import tell_answer
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Clock, Provider
from peeringdb_oauth.records import Documents
from peeringdb_oauth.shared_ledger import SharedLedger, pauses
from peeringdb_oauth.steps import ApplicationCall, Charge, Flow, Later, Pause, Shared, Step
from peeringdb_oauth.tokens import Introspection, TokenResponse, checked_token
from peeringdb_oauth.transport import (
    BoundedBody,
    Outcome,
    budget_timeout,
    flight_timeout,
    log_at_start,
    timeouts_of,
)

with suppress(ImportError):  # `Connections` says so when a client is made
    import aiohttp

log = logging.getLogger("peeringdb_oauth")

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop:
    """The event loop of asyncio that runs here.

    Raises:
        ConfigurationError: there is none, as in a server that runs on trio.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise ConfigurationError(
            "AsyncClient needs asyncio, and no event loop of asyncio runs here: start the server"
            " with asyncio, such as hypercorn --worker-class asyncio"
        ) from None


class AsyncClient:
    """`Client` for asyncio. One client serves all tasks of an event loop.

    ::

        async with AsyncClient(ClientConfig.load()) as client:
            request = client.authorization_request()
            session["login"] = request.to_dict()
            # Redirect the browser to request.url. When it comes back:
            request = AuthorizationRequest.from_dict(session.get("login"))
            login = await client.log_in(request, callback_url)
            print(login.user.name, login.user.asns)

    Names, arguments, errors and limits are those of `Client`. ``session``: your own
    `aiohttp.ClientSession`. `close` leaves it open.

    A task may be cancelled at any point. Its connection is closed, and its locks and
    its place in the budget's queue are given back.

    Raises:
        ConfigurationError: as for `Client`, or aiohttp is not installed, or it cannot
            use the environment's proxy.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        session: "aiohttp.ClientSession | None" = None,
        clock: Clock = time.time,
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._connections = Connections(config, session)
        self.config = config
        self.provider = Provider(config, clock, monotonic)
        self._monotonic = monotonic
        budget = Budget(config.requests_per_minute, config.processes)
        self._ledger: LocalLedger | SharedLedger = LocalLedger(budget, monotonic)
        self.provider.check_payers = self._ledger.check_payers
        make_in_each_process(self, AsyncClient._make_locks)
        log_at_start(config)

    def _make_locks(self) -> None:
        # Each queue lives as long as somebody waits in it.
        self._queues: WeakValueDictionary[Queue, asyncio.Lock] = WeakValueDictionary()
        self._settled = asyncio.Event()
        self._flush_lock = asyncio.Lock()
        self._flights: dict[str, asyncio.Future[Outcome | None]] = {}
        self._background: dict[str, asyncio.Task[Any]] = {}

    def authorization_request(
        self, *, scope: Iterable[str] | None = None, prompt: str | None = None
    ) -> AuthorizationRequest:
        """As `Client.authorization_request`. Asks nobody, so it is not awaited."""
        return self.provider.authorization_request(scope=scope, prompt=prompt)

    async def log_in(
        self, request: AuthorizationRequest, callback: Callback, *, address: str | None = None
    ) -> Login:
        """As `Client.log_in`."""
        payers = payers_of(address)
        return await self.run(flows.log_in(self.provider, request, callback, payers=payers))

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
        self, id_token: str, *, nonce: str | None = None, max_age: int | None = None
    ) -> IDTokenClaims:
        """As `Client.verify_id_token`."""
        return await self.run(
            verification.verify_id_token(self.provider, id_token, nonce=nonce, max_age=max_age)
        )

    def share_budget(self, documents: Documents, *, egress: str | None = None) -> None:
        """As `Client.share_budget`. It is not awaited."""
        self._ledger = SharedLedger(documents, egress or self.config.egress, self.config)
        self.provider.check_payers = self._ledger.check_payers
        self.provider.documents = documents

    def usage(self) -> Usage:
        """As `Client.usage`. It is not awaited."""
        return self._ledger.usage()

    async def close(self) -> None:
        """As `Client.close`."""
        await self.finish_background()
        if isinstance(self._ledger, SharedLedger):
            await asyncio.to_thread(self._ledger.close)
        await self._connections.close()

    async def finish_background(self, seconds: float | None = None) -> None:
        """As `Client.finish_background`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._background:
                    await asyncio.wait(self._background.values())

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
        """As `Client.run`.

        Raises:
            ConfigurationError: no event loop of asyncio runs.
        """
        running_loop()
        proceed: Callable[[], Step] = partial(next, flow)
        with closing(flow):  # a cancelled flow ends at once, while its locks are still held
            while True:
                try:
                    step = proceed()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    proceed = partial(flow.send, await self._perform(step))
                except PeeringDBOAuthError as error:
                    proceed = partial(flow.throw, error)

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Shared):
            return await self._run_shared(step)
        if isinstance(step, ApplicationCall):
            return await _call(step.function)
        if isinstance(step, Later):
            self._start(step)
            return None
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            return None
        if isinstance(step, Charge):
            self._ledger.charge(step.cost, step.payer, step.requests)
            self._settled.set()
            return None
        return await self._send(step)

    def _start(self, later: Later) -> None:
        if later.name in self._background or len(self._background) >= MAX_WAITING:
            later.flow.close()
            return
        task = asyncio.create_task(self._do(later))
        self._background[later.name] = task

    async def _do(self, later: Later) -> None:
        try:
            await self.run(later.flow)
        except PeeringDBOAuthError as error:
            note_failure(later.name, error)
        except Exception:
            log.exception("%s failed", later.name.partition(" ")[0])
        finally:
            del self._background[later.name]

    async def _run_shared(self, shared: Shared) -> Any:
        deadline = self._monotonic() + self.config.timeout
        while (flight := self._flights.get(shared.name)) is not None:
            landed, _ = await asyncio.wait([flight], timeout=deadline - self._monotonic())
            if not landed:
                raise flight_timeout(self.config.timeout)
            outcome = flight.result()
            if outcome is not None:  # else it was cancelled, so fly yourself
                return outcome.get()
        return await self._fly(shared)

    async def _fly(self, shared: Shared) -> Any:
        flight = self._flights[shared.name] = asyncio.get_running_loop().create_future()
        if not shared.to_its_end:
            return await self._land(shared, flight)
        task = asyncio.create_task(self._land(shared, flight))
        # A next one of this name may begin before the callback of this one is called.
        name = f"shared {shared.name} {id(task)}"
        self._background[name] = task
        task.add_done_callback(lambda _: self._background.pop(name))
        return await asyncio.shield(task)

    async def _land(self, shared: Shared, flight: "asyncio.Future[Outcome | None]") -> Any:
        outcome = None
        try:
            result = await self.run(shared.flow)
            outcome = Outcome(result)
        except PeeringDBOAuthError as error:
            outcome = Outcome(error=error)
            raise
        finally:
            # From now on others ask anew: this answer was on its way before they came.
            del self._flights[shared.name]
            flight.set_result(outcome)
        return result

    async def _send(self, request: HTTPRequest) -> HTTPResponse:
        response, lost = None, False
        timeouts = timeouts_of(request.within, self.config.timeout, request.cost.purpose)
        booking = await self._admit(request, timeouts.admission)
        started = self._monotonic()
        try:
            async with self._connections.send(request, timeouts) as answer:
                headers = aiohttp_transport.join_headers(answer.headers)
                # Before the body is read: a refusal counts even if its body is lost.
                response = HTTPResponse(status=answer.status, headers=headers, body=b"")
                bounded = BoundedBody(timeouts.body, self._monotonic)
                body = await aiohttp_transport.read_body(answer, bounded)
                response = HTTPResponse(status=answer.status, headers=headers, body=body)
        except aiohttp_transport.ERRORS as error:
            lost = True
            raise aiohttp_transport.transport_error(error, request, timeouts.answer) from error
        finally:  # nothing is awaited here: a cancelled task can be cancelled once more
            self._ledger.settle(booking, response, lost=lost)
            self._settled.set()
            status = None if lost or response is None else response.status
            tell_answer(request.cost.purpose, status, self._monotonic() - started)
        return response

    async def _admit(self, request: HTTPRequest, seconds: float) -> Booking:
        name = queue_of(request.cost, is_limited=self.config.requests_per_minute is not None)
        if name not in self._queues:
            booking = await self._try_to_admit(request, name)
            if booking is not None:
                return booking
        queue = self._queues.setdefault(name, asyncio.Lock())
        try:
            async with asyncio.timeout(seconds), queue:  # only the first one asks again
                waits = pauses()
                while (booking := await self._try_to_admit(request, name)) is None:
                    await self._wait_for_change(next(waits))
                return booking
        except TimeoutError:
            raise budget_timeout(seconds) from None
        finally:
            self._settled.set()  # perhaps there is room for another one, or they must fail, too

    async def _try_to_admit(self, request: HTTPRequest, name: Queue) -> Booking | None:
        ledger = self._ledger
        self._settled.clear()
        half_way = self._queues.get(HALF_WAY)
        if name != HALF_WAY and half_way is not None and half_way.locked():
            return None
        if isinstance(ledger, LocalLedger):
            return ledger.try_admit(request)
        future = ledger.submit(request)
        try:
            async with self._flush_lock:  # or many threads would wait for one
                if not future.done():
                    await asyncio.to_thread(ledger.flush)
        except asyncio.CancelledError:
            ledger.abandon(future)
            raise
        booking: Booking | None = future.result().get()
        return booking

    async def _wait_for_change(self, pause: float) -> None:
        """Wait until a request has ended here, or perhaps in another process."""
        if isinstance(self._ledger, LocalLedger):
            await self._settled.wait()
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), pause)


async def _call(function: Callable[[], Any]) -> Any:
    is_async = inspect.iscoroutinefunction(function)
    result = function() if is_async else await asyncio.to_thread(function)
    return await result if inspect.isawaitable(result) else result
