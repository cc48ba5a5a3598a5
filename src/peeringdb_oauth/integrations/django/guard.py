"""Decorators that put a guard before a view, which may be a coroutine function."""

import inspect
from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.access import require
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.visits import keep_private, to_response
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web import Guard, Refused, find_asn

# The name of a view's argument, one number, several of which one suffices, or a
# function of the request that finds it.
ASN = str | int | Iterable[int] | Callable[[HttpRequest], object]
View = TypeVar("View", bound=Callable[..., Any])

_FORGOTTEN = 'asn: missing; write @require_asn("asn"), with the name of the view\'s argument'


def require_asn(
    asn: ASN,
    *,
    perms: Permission = Permission.READ,
    manage_sessions: bool = False,
    mfa: bool = False,
    max_age: float | None = None,
) -> Callable[[View], View]:
    """Decorator of a view for users who have rights on a network.

    ::

        @require_asn("asn", perms=Permission.UPDATE)
        def edit(request: HttpRequest, asn: int) -> HttpResponse:
            return HttpResponse(f"{request.peeringdb.name} may change AS{asn}")

    ``request.peeringdb`` is the `User`. People who are not logged in are sent to the
    login. Other people see the reason why they may not.

    ``asn``: the name of the view's argument with the AS number, one AS number, several
    of which one suffices, or a function of the request that finds it. The function is
    called only for people who are logged in. ``perms``, ``manage_sessions``, ``mfa``:
    as for `AccessRule`. ``max_age``: PeeringDB is asked if its last answer is older, in
    seconds; None: it is asked when ``SESSION_POLICY`` says so.

    Raises:
        ConfigurationError: an argument is wrong, or the view has no argument of that
            name.
    """
    if callable(asn) and not _takes_a_request(asn):
        raise ConfigurationError(_FORGOTTEN)
    guard = network_guard(
        asn, perms=perms, manage_sessions=manage_sessions, mfa=mfa, max_age=max_age
    )
    return partial(_protect, guard)


@overload
def require_peeringdb(view: View) -> View: ...
@overload
def require_peeringdb(
    *, mfa: bool = False, max_age: float | None = None
) -> Callable[[View], View]: ...
def require_peeringdb(view: Any = None, *, mfa: bool = False, max_age: float | None = None) -> Any:
    """Decorator of a view for users who are logged in with PeeringDB.

    ::

        @require_peeringdb
        def home(request: HttpRequest) -> HttpResponse:
            return HttpResponse(f"You speak for {request.peeringdb.asns}")

    It also takes arguments, as in ``@require_peeringdb(mfa=True)``. ``mfa``: the user
    must have logged in with a second factor. ``max_age``: as for `require_asn`.

    Raises:
        ConfigurationError: an argument is wrong.
    """
    protect = partial(_protect, Guard.of(None, mfa=mfa, max_age=max_age))
    return protect if view is None else protect(view)


class Conditions:
    """The arguments of `require_asn` as attributes of a class."""

    asn: ASN = "asn"
    perms: Permission = Permission.READ
    manage_sessions: bool = False
    mfa: bool = False
    max_age: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        guard_of(cls)  # raises now, and not at the first request


def guard_of(conditions: Conditions | type[Conditions]) -> Guard:
    """The guard that the attributes describe.

    Raises:
        ConfigurationError: an attribute is wrong.
    """
    return network_guard(
        conditions.asn,
        perms=conditions.perms,
        manage_sessions=conditions.manage_sessions,
        mfa=conditions.mfa,
        max_age=conditions.max_age,
    )


def network_guard(asn: ASN, **conditions: Any) -> Guard:
    """A guard that asks for a network. The arguments are those of `Guard.of`.

    Raises:
        ConfigurationError: an argument is wrong or ``asn`` is None.
    """
    if asn is None:
        raise ConfigurationError(
            "asn: missing; where no network is asked for, use require_peeringdb"
        )
    return Guard.of(asn, **conditions)


def asn_of(guard: Guard, request: HttpRequest, kwargs: dict[str, Any]) -> object:
    """The AS number of a request, or the function that finds it.

    Raises:
        ConfigurationError: the URL has no argument of the guard's name.
    """
    return guard.asn_of(kwargs, request, where=f"the URL arguments of {request.path}")


def find_asn_now(guard: Guard, request: HttpRequest, kwargs: dict[str, Any]) -> object:
    """The AS number of a request, even if nobody is logged in.

    Raises:
        ConfigurationError: the URL has no argument of the guard's name.
    """
    return application().run(find_asn(asn_of(guard, request, kwargs)))


def put_behind(
    guard: Guard, view: View, *, is_async: bool, find: Callable[[], object] | None = None
) -> View:
    """The view behind a guard.

    ``find``: finds the AS number, in place of the guard. It is called only for people
    who are logged in.
    """

    def refuse(request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse | None:
        try:
            asn = find or asn_of(guard, request, kwargs)
            request.peeringdb = require(  # type: ignore[attr-defined]  # our addition
                request, guard, asn=asn
            )
            if is_async:
                request.peeringdb_login  # type: ignore[attr-defined]  # noqa: B018 - read in a thread
        except Refused as refused:
            return to_response(request, refused.answer)
        return None

    def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refusal = refuse(request, kwargs)
        return keep_private(view(request, *args, **kwargs)) if refusal is None else refusal

    async def protected_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # In a thread, because sessions and accounts are in the database.
        refusal = await sync_to_async(refuse)(request, kwargs)
        return keep_private(await view(request, *args, **kwargs)) if refusal is None else refusal

    return cast("View", wraps(view)(protected_async if is_async else protected))


def _protect(guard: Guard, view: View) -> View:
    if not callable(view):
        # A request, because Django takes what a decorator without its argument returned
        # for the view. Or a text, as for `require_asn`.
        raise ConfigurationError(_FORGOTTEN)
    if isinstance(guard.asn, str) and not _takes(view, guard.asn):
        name = getattr(view, "__qualname__", view)
        raise ConfigurationError(f"{name} has no argument {guard.asn!r} for the AS number")
    return put_behind(guard, view, is_async=iscoroutinefunction(view))


def _takes_a_request(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    return True


def _takes(view: Callable[..., Any], name: str) -> bool:
    """Whether a view takes an argument of this name, as far as its signature says.

    If another decorator hides the view, the first request finds the mistake.
    """
    parameters = inspect.signature(view, follow_wrapped=False).parameters.values()
    return any(
        parameter.name == name or parameter.kind is parameter.VAR_KEYWORD
        for parameter in parameters
    )
