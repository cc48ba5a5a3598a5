"""Decorators for views, sync or async: who may see them."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, TypeVar, cast, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.access import require
from peeringdb_oauth.integrations.django.visits import to_response
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web import Refused

# The name of a view's argument, one number, several of which one suffices, or a
# function of the request that finds it.
ASN = str | int | Iterable[int] | Callable[[HttpRequest], object]
View = TypeVar("View", bound=Callable[..., Any])


def require_asn(
    asn: ASN,
    *,
    perms: Permission = Permission.READ,
    manage_sessions: bool = False,
    mfa: bool = False,
    max_age: float | None = None,
) -> Callable[[View], View]:
    """Only for who may do this with that network; the rest are sent to log in, or told
    why not. ``request.peeringdb`` is who it is.

    ``asn``: the name of the view's argument, one number or several of which one
    suffices, or a function of the request, which is called for nobody who is not logged
    in. ``max_age``: for how many seconds PeeringDB's word counts.
    """
    return Guard.of(
        asn,
        perms=perms,
        manage_sessions=manage_sessions,
        mfa=mfa,
        max_age=max_age,
    ).protect


@overload
def require_peeringdb(view: View) -> View: ...
@overload
def require_peeringdb(
    *,
    mfa: bool = False,
    max_age: float | None = None,
) -> Callable[[View], View]: ...
def require_peeringdb(view: Any = None, *, mfa: bool = False, max_age: float | None = None) -> Any:
    """Only for who is logged in with PeeringDB, whatever their networks. With or
    without arguments, as Django's ``login_required``.
    """
    protect = Guard(
        rule=AccessRule(mfa=mfa),
        find_asn=lambda _request, _kwargs: None,
        max_age=max_age,
    ).protect
    return protect if view is None else protect(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a view asks of its visitors.

    ``find_asn``: the network that a request is about, from the request and the view's
    arguments; or a function that finds it, to be called for nobody who is not logged
    in.
    """

    rule: AccessRule
    find_asn: Callable[[HttpRequest, dict[str, Any]], object]
    max_age: float | None
    name: str | None = None  # of the view's argument

    @classmethod
    def of(
        cls,
        asn: ASN,
        *,
        perms: Permission,
        manage_sessions: bool,
        mfa: bool,
        max_age: float | None,
    ) -> "Guard":
        """One that asks for a network. Raises: `ConfigurationError`."""
        if asn is None:
            raise ConfigurationError(
                "asn: missing; where no network is asked for, use require_peeringdb",
            )
        constant = None if isinstance(asn, str) or callable(asn) else asn
        rule = AccessRule(asn=constant, perms=perms, manage_sessions=manage_sessions, mfa=mfa)
        name = asn if isinstance(asn, str) else None
        return cls(rule=rule, find_asn=_finder(asn), max_age=max_age, name=name)

    def protect(self, view: View) -> View:
        """The view, behind this guard."""
        if self.name is not None and not _takes(view, self.name):
            raise ConfigurationError(
                f"{getattr(view, '__qualname__', view)} has no argument {self.name!r} that an AS"
                " number could be in",
            )
        if iscoroutinefunction(view):
            protected: Callable[..., Any] = self._protect_async(view)
        else:
            protected = self._protect(view)
        return cast("View", protected)

    def _protect(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = self._refuse(request, kwargs)
            return view(request, *args, **kwargs) if refusal is None else refusal

        return protected

    def _protect_async(self, view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        async def protected(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            refusal = await sync_to_async(self._refuse)(
                request,
                kwargs,
            )  # sessions and accounts are in the database
            return await view(request, *args, **kwargs) if refusal is None else refusal

        return protected

    def _refuse(self, request: HttpRequest, kwargs: dict[str, Any]) -> HttpResponse | None:
        """The answer for who may not. For who may: None, and it is known who."""
        try:
            request.peeringdb = require(  # type: ignore[attr-defined]  # our addition
                request,
                self.rule,
                asn=self.find_asn(request, kwargs),
                max_age=self.max_age,
            )
        except Refused as refused:
            return to_response(request, refused.answer)
        return None


def found(asn: object) -> object:
    """What `Guard.find_asn` gave, or finds now. Nothing is no AS number: None would
    mean that no network is asked for.
    """
    return asn() or "" if callable(asn) else asn


def _finder(asn: ASN) -> Callable[[HttpRequest, dict[str, Any]], object]:
    if isinstance(asn, str):
        return lambda _, kwargs: _argument(kwargs, asn)
    if callable(asn):
        # to be called when it is known who asks
        return lambda request, _: partial(asn, request)
    return lambda _request, _kwargs: None  # the rule names it


def _argument(kwargs: dict[str, Any], name: str) -> object:
    if kwargs.get(name) is None:
        raise ConfigurationError(f"this view's URL has no {name!r} with an AS number in it")
    return kwargs[name]


def _takes(view: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(
        view,
        follow_wrapped=False,
    ).parameters.values()  # what a wrapper hides is found out by its first call
    return any(
        parameter.name == name or parameter.kind is parameter.VAR_KEYWORD
        for parameter in parameters
    )
