"""A login for which PeeringDB is to ask for the second factor: once, not in circles."""

from dataclasses import replace
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.profile import User
from peeringdb_oauth.web.login_context import LoginContext
from peeringdb_oauth.web.visit import Answer, Visit


def lacks_second_factor(rule: AccessRule, user: User, asn: Any = None) -> bool:
    """Whether nothing but the second factor is missing."""
    without = replace(rule, mfa=False)
    return bool(without.check(user, asn=asn)) and not rule.check(user, asn=asn)


class SecondFactor:
    """Asks the people of one application for their second factor."""

    def __init__(self, context: LoginContext) -> None:
        self._context = context

    def ask(self, visit: Visit, return_path: str) -> Answer:
        """Send the browser to a login for which PeeringDB asks for the password."""
        builder = self._context.builder
        return builder.redirect(builder.login_url(visit, return_path, prompted=True))

    def may_ask(self, visit: Visit) -> bool:
        """Whether to ask for a second factor: only once for each login and page.

        Somebody who was asked and gave none must see the reason. Otherwise they would
        be redirected in circles.
        """
        stored_login = self._context.visitors.peek(visit)
        return (
            visit.is_safe
            and visit.is_navigation
            and stored_login is not None
            and not stored_login.prompted
            and not self.was_asked(visit, visit.address)
        )

    def was_asked(self, visit: Visit, return_path: str) -> bool:
        """Whether PeeringDB was to ask for the password, and sent nobody back.

        It may have shown its error page: it does if a colleague logs in at a browser in
        which somebody else is logged in there.
        """
        return any(
            login.prompted and login.answered_at is None and login.return_path == return_path
            for login in self._context.started(visit)
        )
