"""Sessions without a store: all of a login lies in the framework's session.

That may be a cookie, which people can read and which holds 4 KB. So a user takes less
than 2 KB of it, and the tokens are sealed. The memory of the process has what is newer
than the cookie, and the networks for which the cookie has no room. What it has lost is
asked of PeeringDB.
"""

import json
import math
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from typing import Any

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.recent_logins import RecentLogin
from peeringdb_oauth.web.sessions.stored_login import (
    Ending,
    EndReason,
    StoredLogin,
    compact,
    from_json,
    to_json,
)
from peeringdb_oauth.web.stores import MemoryStore
from peeringdb_oauth.web.visit import Visit

SESSION_KEY = "peeringdb"  # of the login in the framework's session
MAX_SIZE = 2000  # bytes of a user in a cookie, as JSON
_MAX_LOGINS = 1000  # of which the process remembers the whole user
# As many logins as PeeringDB's limits allow within ten hours, the lifetime of one.
_MAX_ENDED = 20_000


class CookieSessions:
    """The sessions of one application without a store.

    ``asns``: the networks that the application's rule names. They always stay in the
    session itself, if there is room. ``is_on_server``: whether that session lies on the
    server and not in a cookie: all of a user has room then.
    """

    def __init__(
        self,
        provider: Provider,
        policy: SessionPolicy,
        *,
        asns: tuple[int, ...] = (),
        is_on_server: bool = False,
    ) -> None:
        self._application = [provider.config.base_url, provider.config.client_id]
        self._clock = provider.clock
        self._policy = policy
        self._asns = asns
        self._room = math.inf if is_on_server else MAX_SIZE
        self._known = MemoryStore(_MAX_LOGINS)
        self._ended = MemoryStore(_MAX_ENDED)

    def begin(self, visit: Visit, login: StoredLogin) -> Flow[None]:
        """Store a new login."""
        yield from ()
        self._write(visit.session, replace(login, key=_key(login.csrf_token)))

    def peek(self, visit: Visit) -> StoredLogin | None:
        """The living login in a visit's session; None if there is none."""
        stored = self._read(visit)
        login = stored and self._newest(stored)
        if login is None or login.ending is not None or self.over(login) is not None:
            return None
        return login

    def csrf_token(self, visit: Visit) -> str | None:
        """The token in the forms of a visit's login, which may have ended."""
        stored = self._read(visit)
        return None if stored is None else stored.csrf_token

    def ready(self) -> Flow[None]:
        """Do nothing: there is no store that may be down."""
        yield from ()

    def load(self, visit: Visit) -> Flow[StoredLogin | None]:
        """The login in a visit's session, whether it lives or has ended.

        None if there is none, or if another application or another version of the
        library stored it. Also notes that the person has used the session.
        """
        yield from ()
        stored = self._read(visit)
        if stored is None:
            return None
        login = self._newest(stored)
        if login.ending is not None or self.over(login) is not None:
            return login
        if is_long_ago(login.seen_at, login.now, self._policy):
            login = replace(login, seen_at=login.now)
        if login is not stored:
            self._write(visit.session, login)
        return login

    def show(self, visit: Visit, login: StoredLogin) -> None:
        """Write a changed login into the visit's session."""
        self._write(visit.session, login)

    def fresh(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The login as this process knows it now."""
        yield from ()
        return self._newest(replace(login, now=self._clock()))

    def read_anew(self, _: Visit) -> None:
        """Do nothing: the cookie of each request is read."""

    def remembered(self, _: StoredLogin) -> RecentLogin | None:
        """None: the cookie of each request is read."""
        return None

    def forget(self, visit: Visit) -> None:
        """Take the login out of the visit's session."""
        visit.session.pop(SESSION_KEY, None)

    def over(self, login: StoredLogin) -> EndReason | None:
        """Why the session is over by its age; it lives as long as its access token."""
        return "max_age" if login.now >= login.expires_at else login.over(self._policy)

    def ends_at(self, login: StoredLogin) -> float:
        """When the session is over if nobody uses it any more, in Unix seconds."""
        return min(login.expires_at, login.ends_at(self._policy))

    def claim(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The login as it is now: there is no other process that asks about it."""
        return (yield from self.fresh(login))

    def renew(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The login as it is: nobody else can have taken its lease."""
        yield from ()
        return login

    def change(
        self, login: StoredLogin, function: Callable[[StoredLogin], StoredLogin | None]
    ) -> Flow[StoredLogin | None]:
        """Change a login here. The next visit takes it into its session.

        ``function``: gets the login and returns the changed one, or None to leave it.
        The result is what it returned.
        """
        yield from ()
        changed = function(self._newest(replace(login, now=self._clock())))
        if changed is not None:
            self._remember(changed)
        return changed

    def end(self, login: StoredLogin, ending: Ending) -> Flow[StoredLogin | None]:
        """End a login. The result is the login; None if it had ended already."""
        yield from ()
        if self._ended.get(login.key) is not None:
            return None
        self._ended.set(login.key, ending, timeout=math.inf)
        return replace(login, ending=ending)

    def note_revoked(self, _: StoredLogin) -> Flow[None]:
        """Do nothing: there is no record to delete."""
        yield from ()

    def _read(self, visit: Visit) -> StoredLogin | None:
        value: Any = visit.session.get(SESSION_KEY)
        try:
            login = from_json(value, key=_key(value["csrf_token"]), now=self._clock())
        except (AttributeError, LookupError, TypeError, ValueError):
            return None
        return login if login.application == self._application else None

    def _newest(self, login: StoredLogin) -> StoredLogin:
        """A login with what this process knows better than the cookie."""
        ending: Ending | None = self._ended.get(login.key)
        if ending is not None:
            return replace(login, ending=ending)
        known: StoredLogin | None = self._known.get(login.key)
        if known is None:
            return login
        if elapsed(known.checked_at, login.now) > elapsed(login.checked_at, login.now):
            # Another process has asked PeeringDB since, and got the user known here.
            is_same = login.is_short and login.digest == known.digest
            return replace(login, user=known.user, is_short=False) if is_same else login
        return replace(
            login,
            user=known.user,
            is_short=known.is_short,
            checked_at=known.checked_at,
            failed_at=known.failed_at,
        )

    def _write(self, session: MutableMapping[str, Any], login: StoredLogin) -> None:
        if not login.is_short:
            short = self._shorten(login.user)
            if short == login.user:
                login = replace(login, digest="")
            else:
                login = replace(self._remember(login), user=short, is_short=True)
        session[SESSION_KEY] = to_json(login)

    def _remember(self, login: StoredLogin) -> StoredLogin:
        login = replace(login, digest=_digest(login.user))
        self._known.set(login.key, login, timeout=math.inf)
        return login

    def _shorten(self, user: User) -> User:
        """As much of the user as the session has room for.

        If not everything fits, only the networks that the rule names stay. If that is
        still too long, names and addresses go, and at last all networks.
        """
        named = tuple(network for network in user.networks if network.asn in self._asns)
        bare = User(
            id=user.id, verified_user=user.verified_user, verified_email=user.verified_email
        )
        amr = tuple(word for word in user.amr or () if word == "mfa") or None
        for short in (user, replace(user, networks=named), replace(bare, networks=named, amr=amr)):
            if len(json.dumps(compact(short))) <= self._room:
                return short
        return replace(bare, amr=amr)


def is_long_ago(seen_at: float, now: float, policy: SessionPolicy) -> bool:
    """Whether the time at which a session was last used is to be written again."""
    idle = policy.idle_timeout
    return elapsed(seen_at, now) >= (60 if idle is None else min(60, idle / 10))


def _digest(user: User) -> str:
    """The same for the same user, whichever process asked PeeringDB.

    Without ``amr``, which a process may know from the cookie only.
    """
    networks = tuple(sorted(user.networks, key=attrgetter("id")))
    values = compact(replace(user, networks=networks, amr=None))
    return sha256(json.dumps(values).encode()).hexdigest()[:16]


def _key(csrf_token: str) -> str:
    """The name of a login in memory.

    The CSRF token is different for each login, and stays the same as long as it lives.
    """
    return sha256(csrf_token.encode()).hexdigest()
