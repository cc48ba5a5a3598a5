"""Stands in for everybody's login, in tests of an application.

No provider is asked and no session is needed. The rules decide as ever.
"""

from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web.sessions import StoredLogin, Visitors
from peeringdb_oauth.web.visit import Visit

_LIFETIME = 36_000  # seconds, as PeeringDB's access tokens have


class ActingVisitors(Visitors):
    """Every visit is one of ``user``, until they log out.

    ``visitors``: those of the application, whose rule and clock count.
    """

    takes_all_forms = True

    def __init__(self, visitors: Visitors, user: User) -> None:
        vars(self).update(vars(visitors))
        now = self._provider.clock()
        self._login: StoredLogin | None = StoredLogin(
            application=self._application,
            user=user,
            logged_in_at=now,
            seen_at=now,
            checked_at=now,
            expires_at=int(now) + _LIFETIME,
            prompted=True,
            csrf_token="of-a-test",  # noqa: S106 - every form counts
            tokens="",
        )

    def peek(self, _: Visit) -> StoredLogin | None:
        """The login."""
        return self._login

    def current(self, _: Visit, *, max_age: float | None = None) -> Flow[StoredLogin | None]:  # noqa: ARG002
        """The login, if the application's rule lets the user in.

        Raises:
            AccessDenied: it does not.
        """
        yield from ()
        if self._login is not None:
            self._rule.require(self._login.user)
        return self._login

    def load(self, _: Visit) -> Flow[StoredLogin | None]:
        """The login."""
        yield from ()
        return self._login

    def end(self, *_: Any) -> Flow[tuple[User, tuple[Reason, ...]] | None]:
        """Log out: from now on nobody is logged in."""
        yield from ()
        login, self._login = self._login, None
        return None if login is None else (login.user, ())


class ActingVerifier(BearerVerifier[Any]):
    """Every request has a bearer token of ``user``."""

    def __init__(self, user: User) -> None:
        self._user = user

    def verify_flow(
        self,
        token: str,  # noqa: ARG002 - any will do
        *,
        asn: int | None = None,
        rule: AccessRule | None = None,
        **_: Any,
    ) -> Flow[User]:
        """The user, if the rule lets them in.

        Raises:
            AccessDenied: it does not.
        """
        yield from ()
        if rule is not None:
            rule.require(self._user, asn=asn)
        return self._user
