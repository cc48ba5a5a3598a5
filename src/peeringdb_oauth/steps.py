"""A flow: one run of the protocol as a generator, and the steps that it may yield.

A flow knows no network. It yields what is to be done and is sent the result::

    def fetch_user(metadata: ProviderMetadata, access_token: BearerToken) -> Flow[User]:
        request = build_profile_request(metadata, access_token=access_token)
        response = yield from send(request)
        return User.from_profile(parse_profile_response(request, response))

A driver does what the flow yields. If that fails, the flow is thrown the error. This
driver knows only requests, neither locks nor functions of the application::

    def run(flow: Flow[T], transmit: Callable[[HTTPRequest], HTTPResponse]) -> T:
        proceed = partial(next, flow)
        while True:
            try:
                request = proceed()
            except StopIteration as done:
                return done.value
            try:
                proceed = partial(flow.send, transmit(request))
            except PeeringDBOAuthError as error:
                proceed = partial(flow.throw, error)

`Client` and `AsyncClient` are such drivers. So each flow is written and tested once.
"""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

from peeringdb_oauth.cost import Cost, Payer
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A flow whose result is shared by all who want the same at the same time.

    ``name``: what they want. ``flow``: how to get it. One of them runs the flow, the
    others wait for its result or its error. The answer arrives after they came, so it
    is as fresh as their own would be. ``to_its_end``: the flow goes on even if the one
    who runs it goes away.
    """

    name: str
    flow: "Flow[Any]"
    to_its_end: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """Say who pays for a request that was answered.

    ``cost``: the very object that the request had. ``payer``: pays from now on, if
    their part has room for it. None: those who have paid so far. ``requests``: how many
    there were, if not all that it announced were sent. Every request that announced
    others needs this in the end.
    """

    cost: Cost
    payer: Payer | None
    requests: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationCall:
    """A function of the application to call. It may take time, as a store does.

    ``function``: takes no argument. `AsyncClient` awaits a coroutine function and runs
    any other in a thread. `Client` calls it.
    """

    function: Callable[[], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """A flow to run behind the answer. Its result and its errors are nobody's.

    ``name``: what it does. While one of this name runs, no other one starts. ``flow``:
    what to do.
    """

    name: str
    flow: "Flow[Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait for so many ``seconds``."""

    seconds: float


Step = HTTPRequest | Shared | Charge | ApplicationCall | Later | Pause
Flow = Generator[Step, Any, T]


def send(request: HTTPRequest) -> Flow[HTTPResponse]:
    """Send a request; the result is its response, whatever its status.

    Raises:
        TransportError: there is no response, or PeeringDB must not be asked now.
    """
    response: HTTPResponse = yield request
    return response


def shared(name: str, flow: Flow[T], *, to_its_end: bool = False) -> Flow[T]:
    """Run a flow, or wait for one of the same ``name``; the result is the flow's.

    ``to_its_end``: see `Shared`.

    Raises:
        TransportError: the other flow did not end in time.
    """
    result: T = yield Shared(name=name, flow=flow, to_its_end=to_its_end)
    return result


def charge(cost: Cost, payer: Payer | None, requests: int | None = None) -> Flow[None]:
    """Say who pays for a request that was answered; see `Charge`."""
    yield Charge(cost=cost, payer=payer, requests=requests)


def call(function: Callable[[], T | Awaitable[T]]) -> Flow[T]:
    """Call a function of the application; the result is what it returns.

    Raises:
        ConfigurationError: it is to be awaited, and the driver is a `Client`.
    """
    result: T = yield ApplicationCall(function=function)
    return result


def later(name: str, flow: Flow[Any]) -> Flow[None]:
    """Run a flow behind the answer, unless one of this ``name`` runs already."""
    yield Later(name=name, flow=flow)


def pause(seconds: float) -> Flow[None]:
    """Wait."""
    yield Pause(seconds=seconds)
