"""What all parts of one application's login work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web.answer_builder import AnswerBuilder
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.sessions import Visitors
from peeringdb_oauth.web.visit import Visit

# The application's own check of a user. It raises `AccessDenied` to refuse them.
Admit = Callable[[User], Any]


@dataclass(slots=True, kw_only=True)
class LoginContext:
    """What all parts of one application's login work with.

    ``rule``: who may log in. ``builder``: builds the answers. ``pending``: the logins
    that were started. ``visitors``: the sessions. Tests put others in their place.
    """

    provider: Provider
    rule: AccessRule
    builder: AnswerBuilder
    pending: PendingLogins
    visitors: Visitors

    def cookies(self, visit: Visit) -> Mapping[str, str]:
        """The cookies of started logins, if no other host can have set them."""
        names = filter(visit.has_genuine_cookie, self.pending.names(visit.cookies))
        return {name: visit.cookies[name] for name in names}

    def started(self, visit: Visit) -> list[PendingLogin]:
        """The logins that this browser has started."""
        return self.pending.find_all(self.cookies(visit))

    def visitor_name(self, visit: Visit) -> str | None:
        """What to call the person who is logged in; None for nobody."""
        login = self.visitors.peek(visit)
        return None if login is None else display_name(login.user)


def display_name(user: User | None) -> str:
    """What to call a person; empty for nobody."""
    return "" if user is None else user.name or f"user {user.id}"
