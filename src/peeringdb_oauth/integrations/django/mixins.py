"""`RequireASNMixin`: `require_asn` for class-based views."""

from typing import Any

from django.http import HttpRequest
from django.views import View

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.guard import Conditions, find_asn_now, guard_of, put_behind


class RequireASNMixin(Conditions):
    """Makes a view class ask for a network. It must be the first base class.

    ::

        class Edit(RequireASNMixin, UpdateView):
            perms = Permission.UPDATE

    The attributes ``asn``, ``perms``, ``manage_sessions``, ``mfa`` and ``max_age`` are
    the arguments of `require_asn`. If the URL does not have the AS number, override
    `get_asn`.

    Raises:
        ConfigurationError: an attribute is wrong, or the mixin stands after the view's
            class.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if View in order and order.index(View) < order.index(RequireASNMixin):
            raise ConfigurationError(
                f"{cls.__qualname__}: RequireASNMixin must come before the view's class, or it"
                " protects nothing"
            )

    def get_asn(self) -> object:
        """The AS number that the request is about; None if an attribute names it.

        Your own method is called only for people who are logged in. If it returns None,
        they are refused.

        Raises:
            ConfigurationError: the URL has no argument of that name.
        """
        view: Any = self
        return find_asn_now(guard_of(self), view.request, view.kwargs)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Check who is logged in, then call the view."""
        is_own = getattr(self.get_asn, "__func__", None) is not RequireASNMixin.get_asn
        view: Any = super()
        protected = put_behind(
            guard_of(self),
            view.dispatch,
            is_async=getattr(self, "view_is_async", False),
            find=self.get_asn if is_own else None,
        )
        return protected(request, *args, **kwargs)
