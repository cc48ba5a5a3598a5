"""The same for class-based views."""

from dataclasses import replace
from typing import Any

from django.http import HttpRequest
from django.views import View

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.guard import ASN, Guard, found
from peeringdb_oauth.profile import Permission


class RequireASNMixin:
    """Before a view class, sync or async: ``class Edit(RequireASNMixin, UpdateView)``.
    The attributes are `require_asn`'s arguments.

    ``asn`` is the name of the URL's argument, a number or several. Where the view
    itself knows the network, override `get_asn`.
    """

    asn: ASN = "asn"
    perms: Permission = Permission.READ
    manage_sessions: bool = False
    mfa: bool = False
    max_age: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _guard_of(cls)  # a wrong attribute is found now, and not by the first visitor
        order = cls.__mro__
        if View in order and order.index(View) < order.index(RequireASNMixin):
            raise ConfigurationError(
                f"{cls.__qualname__}: RequireASNMixin must come before the view's class, or it"
                " protects nothing",
            )

    def get_asn(self) -> object:
        """The network that this request is about."""
        view: Any = self
        return found(_guard_of(self).find_asn(view.request, view.kwargs))

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The view, for who may see it."""
        guard = replace(_guard_of(self), name=None)
        if (
            getattr(self.get_asn, "__func__", None) is not RequireASNMixin.get_asn
        ):  # then it looks for nothing on behalf of strangers
            guard = replace(guard, find_asn=lambda _request, _kwargs: self.get_asn)
        view: Any = super()
        if not getattr(self, "view_is_async", False):
            return guard.protect(view.dispatch)(request, *args, **kwargs)

        async def dispatch(*args: Any, **kwargs: Any) -> Any:
            return await view.dispatch(*args, **kwargs)

        return guard.protect(dispatch)(request, *args, **kwargs)


def _guard_of(view: RequireASNMixin | type[RequireASNMixin]) -> Guard:
    return Guard.of(
        view.asn,
        perms=view.perms,
        manage_sessions=view.manage_sessions,
        mfa=view.mfa,
        max_age=view.max_age,
    )
