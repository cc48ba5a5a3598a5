"""`Requirement`: a guard as a dependency of FastAPI, a decorator, or a function."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Annotated, Any, NoReturn

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from peeringdb_oauth.integrations.starlette.sessions import keep_private, note_passed
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Guard


class _NotOfRequest:
    """Makes FastAPI raise an error for ``Depends(pdb.require)``.

    Without the parentheses FastAPI would read the conditions from the request, and let
    everybody in.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> NoReturn:
        raise TypeError(
            "write Depends(pdb.require()) or Depends(pdb.bearer()): without its parentheses it"
            " protects nothing",
        )


ASN = Annotated[str | int | Iterable[int] | Callable[[Request], object] | None, _NotOfRequest]
# Returns the user if the guard lets them in. The last argument is from `Guard.asn_of`.
Check = Callable[[Request, Guard, object], Awaitable[User]]


class Requirement:
    """What an endpoint asks of people.

    Use it in ``Depends``, as the decorator ``.guard``, or await it with a request.
    """

    def __init__(self, guard: Guard, check: Check) -> None:
        self._guard = guard
        self._check = check

    async def __call__(self, request: Request) -> User:
        """The user who is logged in or sent the token.

        Raises:
            Refused: they do not meet the requirement. The application sends the answer.
        """
        where = f"the path parameters of {request.scope['path']}"
        asn = self._guard.asn_of(request.path_params, request, where=where)
        user = await self._check(request, self._guard, asn)
        note_passed(request)
        return user

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        # FastAPI copies the default of a query parameter. This is one if somebody
        # forgets the ``Depends``. Then everybody would be let in.
        raise TypeError(
            "write Annotated[User, Depends(pdb.require())]: as a default it protects nothing",
        )

    def guard(
        self,
        endpoint: Callable[[Request, User], Awaitable[Response] | Response],
    ) -> Callable[[Request], Awaitable[Response]]:
        """Decorator of a Starlette endpoint for users who meet the requirement.

        The endpoint's second argument is the user.
        """

        @wraps(endpoint)
        async def guarded(request: Request) -> Response:
            response: Response = await invoke(endpoint, request, await self(request))
            return keep_private(response)

        return guarded


async def invoke(function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function of the application, which may be a coroutine function.

    Any other function runs in a thread, because it may take time.
    """
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await run_in_threadpool(function, *arguments)
    return await result if inspect.isawaitable(result) else result
