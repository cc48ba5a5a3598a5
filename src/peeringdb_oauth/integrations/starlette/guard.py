"""What an endpoint asks of its visitors, as an object: a dependency of FastAPI, a
decorator, or a function to await.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial, wraps
from typing import Annotated, Any, NoReturn

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User


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
Check = Callable[
    [Request, object],
    Awaitable[User],
]  # of a request, and of the network that it is about


class Requirement:
    """Called with a request, it gives the user who meets it. For everybody else it
    raises the answer they get.
    """

    def __init__(self, check: Check, asn: ASN) -> None:
        self._check = check
        self._asn = asn

    async def __call__(self, request: Request) -> User:
        """Who is logged in, or sent the token, if they may."""
        return await self._check(request, self._asn_of(request))

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

    def _asn_of(self, request: Request) -> object:
        """The number, or a function that finds it once it is known who asks."""
        if callable(self._asn):
            return partial(self._asn, request)
        if not isinstance(self._asn, str):
            return None  # it is in the rule
        if self._asn not in request.path_params:
            raise ConfigurationError(
                f"asn: {request.scope['path']} has no path parameter {self._asn!r}",
            )
        return request.path_params[self._asn]


def make_requirement(check: Check, asn: ASN, *, cookie: str | None = None) -> Requirement:
    """A requirement; in an application of FastAPI one for its OpenAPI document.
    ``cookie``: the session's, if it is about who logged in.
    """
    if "fastapi" not in sys.modules:
        return Requirement(check, asn)
    from peeringdb_oauth.integrations.starlette.openapi import (  # noqa: PLC0415
        DocumentedRequirement,
    )

    return DocumentedRequirement(check, asn, cookie=cookie)


async def call(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of the application's gives, be it a coroutine or not; one that is
    not gets a thread, for it may take its time.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await run_in_threadpool(function, *arguments)
    return await result if inspect.isawaitable(result) else result
