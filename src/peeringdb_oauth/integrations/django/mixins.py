"""The same for class-based views."""

from typing import Any

from django.http import HttpRequest
from django.views import View

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.guard import (
    Conditions,
    find_asn_now,
    guard_of,
    put_behind,
)


class RequireASNMixin(Conditions):
    """Before a view class, sync or async: ``class Edit(RequireASNMixin, UpdateView)``.
    The attributes are `require_asn`'s arguments.

    ``asn`` is the name of the URL's argument, a number or several. Where the view
    itself knows the network, override `get_asn`.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if View in order and order.index(View) < order.index(RequireASNMixin):
            raise ConfigurationError(
                f"{cls.__qualname__}: RequireASNMixin must come before the view's class, or it"
                " protects nothing",
            )

    def get_asn(self) -> object:
        """The network that this request is about."""
        view: Any = self
        return find_asn_now(guard_of(self), view.request, view.kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The view, for who may see it."""
        is_own = getattr(self.get_asn, "__func__", None) is not RequireASNMixin.get_asn
        view: Any = super()
        protected = put_behind(
            guard_of(self),
            view.dispatch,
            is_async=getattr(self, "view_is_async", False),
            # Called only for people who are logged in.
            find=self.get_asn if is_own else None,
        )
        return protected(request, *args, **kwargs)
