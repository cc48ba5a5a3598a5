"""What an endpoint asks of its visitors, as an object: a dependency of FastAPI, a decorator, or a function to await."""

import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User

ASN = str | int | Iterable[int] | Callable[[Request], object] | None
Check = Callable[[Request, object], Awaitable[User]]  # of a request, and of the network that it is about


class Requirement:
    """Called with a request, it gives the user who meets it. For everybody else it raises the answer they get."""

    def __init__(self, check: Check, asn: ASN) -> None:
        self._check = check
        self._asn = asn

    async def __call__(self, request: Request) -> User:
        """Who is logged in, or sent the token, if they may."""
        return await self._check(request, await self._find_asn(request))

    def guard(self, endpoint: Callable[[Request, User], Awaitable[Response] | Response]) -> Callable[[Request], Awaitable[Response]]:
        """Decorator: an endpoint of Starlette only for who may; it gets the user as its second argument."""

        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            response: Response = await call(endpoint, request, await self(request))
            return response

        return guarded

    async def _find_asn(self, request: Request) -> object:
        if callable(self._asn):
            number = await call(self._asn, request)
            return "" if number is None else number  # None would be: no network is asked for
        if not isinstance(self._asn, str):
            return None  # it is in the rule
        if self._asn not in request.path_params:
            raise ConfigurationError(f"asn: {request.scope['path']} has no path parameter {self._asn!r}")
        return request.path_params[self._asn]


def make_requirement(check: Check, asn: ASN, *, cookie: str | None = None) -> Requirement:
    """A requirement; in an application of FastAPI one for its OpenAPI document. ``cookie``: the session's, if it is about who logged in."""
    if "fastapi" not in sys.modules:
        return Requirement(check, asn)
    from peeringdb_oauth.integrations.starlette.openapi import DocumentedRequirement  # noqa: PLC0415 - Starlette does without FastAPI

    return DocumentedRequirement(check, asn, cookie=cookie)


async def call(function: Callable[..., Any], *arguments: object) -> Any:
    """What a function of the application's gives, be it a coroutine or not; one that is not gets a thread, for it may take its time."""
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await run_in_threadpool(function, *arguments)
    return await result if inspect.isawaitable(result) else result
