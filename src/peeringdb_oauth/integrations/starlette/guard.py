"""What an endpoint asks of its visitors, as an object: a dependency of FastAPI, a
decorator, or a function to await.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Annotated, Any, NoReturn

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Guard


class _NotOfRequest:
    """Stops FastAPI where somebody writes ``Depends(pdb.require)``: it would have the
    visitor give the conditions, and let everybody in.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> NoReturn:
        raise TypeError(
            "write Depends(pdb.require()) or Depends(pdb.bearer()): without its parentheses it"
            " protects nothing",
        )


ASN = Annotated[str | int | Iterable[int] | Callable[[Request], object] | None, _NotOfRequest]
# Gives the user if the guard lets them in. The last argument is from `Guard.asn_of`.
Check = Callable[[Request, Guard, object], Awaitable[User]]


class Requirement:
    """Called with a request, it gives the user who meets it. For everybody else it
    raises the answer they get.
    """

    def __init__(self, guard: Guard, check: Check) -> None:
        self._guard = guard
        self._check = check

    async def __call__(self, request: Request) -> User:
        """Who is logged in, or sent the token, if they may."""
        where = f"the path parameters of {request.scope['path']}"
        asn = self._guard.asn_of(request.path_params, request, where=where)
        return await self._check(request, self._guard, asn)

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        # What FastAPI does with the default of a query parameter, which this is where
        # somebody forgets the Depends: and lets everybody in.
        raise TypeError(
            "write Annotated[User, Depends(pdb.require())]: as a default it protects nothing",
        )

    def guard(
        self,
        endpoint: Callable[[Request, User], Awaitable[Response] | Response],
    ) -> Callable[[Request], Awaitable[Response]]:
        """Decorator: an endpoint of Starlette only for who may; it gets the user as its
        second argument.
        """

        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            response: Response = await call(endpoint, request, await self(request))
            return response

        return guarded


async def call(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of the application's gives, be it a coroutine or not; one that is
    not gets a thread, for it may take its time.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await run_in_threadpool(function, *arguments)
    return await result if inspect.isawaitable(result) else result
