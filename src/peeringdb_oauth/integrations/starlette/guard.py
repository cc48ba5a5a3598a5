"""`Requirement`: a guard as a dependency of FastAPI, a decorator, or a function."""

import asyncio
import gc
import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import wraps
from typing import Annotated, Any, Never, NoReturn, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.starlette.sessions import keep_private, note_passed
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Guard, enclosed_in, wrapped_in

F = TypeVar("F", bound=Callable[..., Any])

_ANY_ARGUMENTS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
# What `sys.getrefcount` says below of a function that only its decorators hold. One in
# a route has four more.
_REFERENCES_TO_NEW = 6


class NotOfRequest:
    """Makes FastAPI raise an error for what it would otherwise read from a request.

    As for ``Depends(pdb.require)``. Without the parentheses FastAPI would read the
    conditions from the request, and let everybody in.
    """

    @staticmethod
    def refuse(*_: object) -> NoReturn:
        """Raise the error."""
        raise TypeError(
            "write Depends(pdb.require()) or Depends(pdb.bearer()): without its parentheses it"
            " protects nothing"
        )

    __get_pydantic_core_schema__ = refuse


def not_of_request(function: F) -> F:
    """Decorator of a function that is not to stand where a ``Depends`` is missing."""
    vars(function)["__get_pydantic_core_schema__"] = NotOfRequest.refuse
    return function


ASN = Annotated[str | int | Iterable[int] | Callable[[Any], object] | None, NotOfRequest]
Positional = Annotated[Never, NotOfRequest]
# The first argument is a request or a WebSocket.
Endpoint = Callable[[Any, User], Awaitable[Response | None] | Response]
# Returns the user if the guard lets them in. The last argument is from `Guard.asn_of`.
Check = Callable[[HTTPConnection, Guard, object], Awaitable[User]]


class Requirement:
    """What an endpoint asks of people.

    Use it in ``Depends``, as the decorator ``.guard``, or await it with a request.
    """

    def __init__(self, guard: Guard, check: Check) -> None:
        self._guard = guard
        self._check = check
        # Here FastAPI looks whether the result must be awaited.
        vars(self)["__call__"] = self._require

    def __call__(self, request: HTTPConnection) -> Coroutine[Any, Any, User]:
        """The user who is logged in or sent the token.

        Raises:
            Refused: they do not meet the requirement. The application sends the answer.
            TypeError: it was used as a decorator.
        """
        if not isinstance(request, HTTPConnection):
            raise TypeError(
                "write Depends(pdb.require()) for FastAPI, or @pdb.require().guard for Starlette:"
                " pdb.require() is no decorator"
            )
        asyncio.get_running_loop()  # raises where nobody would await the result
        return self._require(request)

    async def _require(self, request: HTTPConnection) -> User:
        where = f"the path parameters of {request.scope['path']}"
        asn = self._guard.asn_of(request.path_params, request, where=where)
        user = await self._check(request, self._guard, asn)
        note_passed(request)
        return user

    @property  # type: ignore[misc]  # a property that nobody sets replaces another
    def __class__(self) -> type:
        """FastAPI takes a requirement without ``Depends`` for one, and uses it as one.

        Otherwise it would leave the requirement out, and let everybody in.
        """
        return getattr(sys.modules.get("fastapi.params"), "Depends", type(self))

    @property
    def dependency(self) -> NoReturn:
        """What FastAPI asks a ``Depends`` for.

        Raises:
            TypeError: always. The ``Depends`` is missing.
        """
        raise TypeError(
            "write Annotated[User, Depends(pdb.require())]: without Depends or as a default it"
            " protects nothing"
        )

    @not_of_request
    def guard(
        self, endpoint: Annotated[Endpoint, NotOfRequest]
    ) -> Callable[[HTTPConnection], Awaitable[Response]]:
        """Decorator of a Starlette endpoint for users who meet the requirement.

        The endpoint's second argument is the user. It may be one for WebSockets.

        Raises:
            ConfigurationError: the endpoint is in a route already, without the guard.
        """
        _check_order(endpoint)

        async def guarded(request: HTTPConnection) -> Response:
            response: Response = await invoke(endpoint, request, await self(request))
            # An endpoint for WebSockets returns nothing.
            return response and keep_private(response)

        # FastAPI would give it the arguments of the endpoint.
        vars(guarded)["__signature__"] = inspect.signature(guarded)
        return wraps(endpoint)(guarded)


def _check_order(endpoint: Endpoint) -> None:
    """Refuse an endpoint that is in a route: the route would call it without the guard.

    Raises:
        ConfigurationError: the decorator of a route stands below ours.
    """
    passes_on = getattr(getattr(endpoint, "__code__", None), "co_flags", 0) & _ANY_ARGUMENTS
    functions = [*wrapped_in(endpoint), *(enclosed_in(endpoint) if passes_on else ())]
    # The search takes 10 ms, so only functions that somebody holds are searched for.
    held = [function for function in functions if sys.getrefcount(function) > _REFERENCES_TO_NEW]
    if held and any(map(_is_route, gc.get_referrers(*held))):
        raise ConfigurationError(
            f"{endpoint.__name__}: .guard protects nothing above the decorator of a route: put it"
            " below"
        )


def _is_route(holder: object) -> bool:
    """Whether an object is a route with an endpoint, or the dict of one."""
    return isinstance(holder, BaseRoute) or (
        isinstance(holder, dict) and {"endpoint", "path"} <= holder.keys()
    )


async def invoke(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function of the application, which may be a coroutine function.

    Any other function runs in a thread, because it may take time.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await run_in_threadpool(function, *arguments)
    return await result if inspect.isawaitable(result) else result
