"""Sessions in a store: the browser holds a random id, the record lies on the server."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any

from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow, call, shared
from peeringdb_oauth.web.sessions.in_cookie import SESSION_KEY, is_long_ago
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.recent_logins import RecentLogin, RecentLogins
from peeringdb_oauth.web.sessions.stored_login import (
    BLANK,
    Ending,
    EndReason,
    StoredLogin,
    compact,
    expand,
    from_json,
    is_leased,
    remnant,
    to_json,
)
from peeringdb_oauth.web.vault import Change, Entry, Vault
from peeringdb_oauth.web.visit import Visit

LEASE = 20.0  # seconds
# A session that has ended is remembered for so many seconds, so that its browser is
# told why.
REMEMBERED = 43200.0
_RETRY = 60.0  # seconds until the tokens of an ended session are revoked again
_ALL = 1e9  # seconds, in which every record is due
_MOST_DUE = 100_000  # records that a purge reads at most
_FAR = 30 * 86400.0  # seconds until the purge looks at a session without any limit
_PREFIX = "session:"  # of the keys of the records

Function = Callable[[StoredLogin], StoredLogin | None]


class StoreSessions:
    """The sessions of one application in a store.

    In the framework's session lie the random id and what a page shows without asking
    the store. ``application``: the ``base_url`` and ``client_id`` of the application;
    None for the sessions of all. ``vault``: the store. ``monotonic``: gives seconds
    that only grow.
    """

    def __init__(
        self,
        application: list[str] | None,
        policy: SessionPolicy,
        vault: Vault,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._application = application
        self._policy = policy
        self._vault = vault
        self._recent = RecentLogins(monotonic)

    def begin(self, visit: Visit, login: StoredLogin) -> Flow[None]:
        """Store a new login under a new id."""
        session_id = secrets.token_urlsafe(32)
        # A command would take a handle that begins with "-" for an option.
        login = replace(login, key=_key(session_id), handle=secrets.token_hex(8))

        def create(_: object, now: float) -> Change:
            return self._to_change(
                replace(login, now=now, logged_in_at=now, seen_at=now, checked_at=now)
            )

        yield from call(partial(self._vault.change, login.key, create))
        shown = User(
            id=login.user.id,
            name=login.user.name,
            verified_user=login.user.verified_user,
            verified_email=login.user.verified_email,
        )
        visit.session[SESSION_KEY] = {
            "id": session_id,
            "application": login.application,
            "csrf_token": login.csrf_token,
            "prompted": login.prompted,
            "user": compact(shown),
        }

    def peek(self, visit: Visit) -> StoredLogin | None:
        """What is known about a visit's living login without asking the store.

        Perhaps it has only the name of the user.
        """
        given = _Given.of(visit, self._application)
        if given is None:
            return None
        login = self._recent.get(given.key) or given.as_login()
        return None if login.ending else login

    def csrf_token(self, visit: Visit) -> str | None:
        """The token in the forms of a visit's login, which may have ended."""
        given = _Given.of(visit, self._application)
        return None if given is None else given.csrf_token

    def ready(self) -> Flow[None]:
        """Do nothing if the store answers.

        Raises:
            RecordsUnavailable: it does not.
        """
        yield from call(self._vault.now)

    def show(self, visit: Visit, login: StoredLogin) -> None:
        """Do nothing: the browser's session has only the id."""

    def fresh(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The login as the store has it now; None if it has none."""
        since = self._recent.now()
        entry = yield from call(partial(self._vault.read, login.key))
        found = None if entry is None else self._from(entry)
        if found is not None:
            self._recent.put(found, since)
        return found

    def load(self, visit: Visit) -> Flow[StoredLogin | None]:
        """The login of a visit, whether it lives or has ended.

        None if there is none. Also notes that the person has used the session.
        """
        given = _Given.of(visit, self._application)
        if given is None:
            return None
        login = self._recent.get(given.key)
        if login is not None:
            return login
        # A page has many requests at once, and a crowd more than there are connections.
        # If the store is slow, its answer is an old one for those who come later.
        name = f"load {given.key} {int(self._recent.now())}"
        login = yield from shared(name, self._load_once(given.key))
        if login is None:
            return replace(given.as_login(), ending=Ending(reason="lost"))
        return login

    def _load_once(self, key: str) -> Flow[StoredLogin | None]:
        since = self._recent.now()
        entry = yield from call(partial(self._vault.read, key))
        login = None if entry is None else self._from(entry)
        if entry is None or login is None:
            return None
        if login.ending is None and self.over(login) is None:
            login = yield from self._note_use(entry, login)
        if login is not None:
            self._recent.put(login, since)
        return login

    def read_anew(self, visit: Visit) -> None:
        """Ask the store when the login of a visit is loaded next."""
        given = _Given.of(visit, self._application)
        if given is not None:
            self._recent.drop(given.key)

    def remembered(self, login: StoredLogin) -> RecentLogin | None:
        """What is known of a login, as long as it is current and says the same."""
        recent = self._recent.entry(login.key)
        if recent is None or (recent.login.user, recent.login.ending) != (login.user, login.ending):
            return None  # somebody has read other rights, or the end of the session
        return recent

    def forget(self, visit: Visit) -> None:
        """Take the login out of the visit's session."""
        visit.session.pop(SESSION_KEY, None)

    def over(self, login: StoredLogin) -> EndReason | None:
        """Why the session is over by its age; None while it is not."""
        return login.over(self._policy)

    def ends_at(self, login: StoredLogin) -> float:
        """When the session is over if nobody uses it any more, in Unix seconds."""
        return login.ends_at(self._policy)

    def claim(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The lease of a session: only who has it asks PeeringDB about the session.

        None: another one has it, or the session is gone.
        """
        return (
            yield from self._change(
                login.key, lambda stored: None if is_leased(stored) else _extend(_take(stored))
            )
        )

    def renew(self, mine: StoredLogin) -> Flow[StoredLogin | None]:
        """Let a lease last longer; None if it has ended and another one has it now."""
        return (
            yield from self._change(
                mine.key, lambda stored: _extend(stored) if stored.lease == mine.lease else None
            )
        )

    def change(self, login: StoredLogin, function: Function) -> Flow[StoredLogin | None]:
        """Change a login, whether it lives or has ended.

        ``function``: gets the login and returns the changed one, or None to leave it;
        perhaps several times, until no other process has changed it in between. The
        result is what it returned; None if there is no such login any more.
        """
        return (yield from self._change(login.key, function))

    def end(self, login: StoredLogin, ending: Ending) -> Flow[StoredLogin | None]:
        """End a login. The result is the login; None if it had ended already."""

        def end(stored: StoredLogin) -> StoredLogin | None:
            if stored.ending is not None:
                return None
            return replace(stored, ending=replace(ending, at=stored.now))

        return (yield from self._change(login.key, end))

    def note_revoked(self, login: StoredLogin) -> Flow[None]:
        """Delete the tokens of a login: they are revoked.

        Those that a refresh has stored meanwhile stay: somebody must revoke them, too.
        """

        def note(stored: StoredLogin) -> StoredLogin | None:
            is_same = stored.tokens == login.tokens
            return replace(stored, tokens="", lease_until=0.0) if is_same else None

        yield from self._change(login.key, note)

    def keep_tokens(self, tokens: str, expires_at: int) -> Flow[None]:
        """Keep sealed tokens without a session, so that a purge revokes them."""

        def create(_: object, now: float) -> Change:
            return self._to_change(
                replace(
                    BLANK,
                    application=self._application or [],
                    expires_at=expires_at,
                    tokens=tokens,
                    ending=Ending(reason="lost"),  # long ago: no browser has to be told
                    now=now,
                )
            )

        yield from call(partial(self._vault.change, _key(tokens), create))

    def of_user(self, user_id: int) -> Flow[list[StoredLogin]]:
        """The living sessions of a person at PeeringDB, the newest first."""
        entries = yield from call(partial(self._vault.of_owner, _owner(user_id)))
        living = yield from self._living_now(entries)
        return sorted(living, key=lambda login: login.logged_in_at, reverse=True)

    def all(self, limit: int) -> Flow[list[StoredLogin]]:
        """The living sessions of all people, those that end first in front."""
        entries, _ = yield from call(partial(self._vault.due, limit, ahead=_ALL))
        return self._living(entries)

    def of_handle(self, handle: str) -> Flow[StoredLogin | None]:
        """The living session that the application knows by this name."""
        entry = yield from call(partial(self._vault.of_handle, handle))
        living = yield from self._living_now([] if entry is None else [entry])
        return next(iter(living), None)

    def due(self, limit: int) -> Flow[list[StoredLogin]]:
        """Sessions that are over, or have ended with something left to do.

        ``limit``: how many records are read at first. If all of them are of others,
        more are read. Other records whose time is over are deleted.
        """
        entries, now = yield from call(partial(self._vault.due, limit))
        found = [(entry, self._from(entry)) for entry in entries]
        logins = [login for _, login in found if login is not None]
        if not logins and len(entries) == limit < _MOST_DUE:
            return (yield from self.due(10 * limit))
        for entry, login in found:
            # It is of another application, or of a secret that is no longer used.
            if login is None and (not entry.key.startswith(_PREFIX) or now - entry.due_at > _FAR):
                yield from call(partial(self._vault.delete, entry))
        return logins

    def delete(self, login: StoredLogin) -> Flow[None]:
        """Delete the record of a login that has nothing left to do."""
        entry = yield from call(partial(self._vault.read, login.key))
        if entry is not None:
            yield from call(partial(self._vault.delete, entry))

    def take_turn(self, seconds: float) -> Flow[bool]:
        """Whether this process purges, which one process at a time does."""
        key = f"purge:{sha256(json.dumps(self._application).encode()).hexdigest()}"
        taken = False

        def take(value: Any, now: float) -> Change | None:
            nonlocal taken
            taken = not value or value["until"] <= now
            return Change(value={"until": now + seconds}, due_at=now + _FAR) if taken else None

        yield from call(partial(self._vault.change, key, take))
        return taken

    def _change(self, key: str, function: Function) -> Flow[StoredLogin | None]:
        changed: StoredLogin | None = None

        def apply(value: Any, now: float) -> Change | None:
            nonlocal changed
            stored = self._parse(value, key=key, now=now)
            changed = None if stored is None else function(stored)
            return None if changed is None else self._to_change(changed)

        self._recent.drop(key)
        since = self._recent.now()
        yield from call(partial(self._vault.change, key, apply))
        if changed is not None:
            self._recent.put_changed(changed, since)
        return changed

    def _note_use(self, entry: Entry, login: StoredLogin) -> Flow[StoredLogin | None]:
        """Write that the person has used the session, if it was not written lately."""
        if not is_long_ago(login.seen_at, login.now, self._policy):
            return login
        used = replace(login, seen_at=login.now)
        change = self._to_change(used)
        write = partial(self._vault.write, entry, change.value, due_at=change.due_at)
        if (yield from call(write)) is not None:
            return used
        # Somebody was faster. They have noted the same use, or the session has ended.
        return (yield from self.fresh(login))

    def _living_now(self, entries: list[Entry]) -> Flow[list[StoredLogin]]:
        """The living ones of entries that were read without the time."""
        now = yield from call(self._vault.now)
        return self._living([replace(entry, read_at=now) for entry in entries])

    def _living(self, entries: list[Entry]) -> list[StoredLogin]:
        logins = [login for entry in entries if (login := self._from(entry)) is not None]
        return [one for one in logins if one.ending is None and self.over(one) is None]

    def _from(self, entry: Entry) -> StoredLogin | None:
        login = self._parse(entry.value, key=entry.key, now=entry.read_at)
        return None if login is None else replace(login, due_at=entry.due_at)

    def _parse(self, value: Any, *, key: str, now: float) -> StoredLogin | None:
        try:
            login = from_json(value, key=key, now=now)
        except ValueError:
            return None
        return login if self._application in (None, login.application) else None

    def _to_change(self, login: StoredLogin) -> Change:
        is_over = login.ending is not None and login.ending.is_told
        return Change(
            value=to_json(remnant(login) if is_over else login),
            due_at=self._due_at(login),
            owner=_owner(login.user.id),
            handle=login.handle if login.ending is None else "",
        )

    def _due_at(self, login: StoredLogin) -> float:
        """When the purge is to look at a session."""
        if login.ending is None:
            return min(self.ends_at(login), login.now + _FAR)
        if not login.ending.is_told:
            return login.now
        if login.tokens:
            return max(login.lease_until, login.now + _RETRY)
        return login.ending.at + REMEMBERED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What the framework's session has of a login."""

    key: str = field(repr=False)
    csrf_token: str = field(repr=False)
    prompted: bool
    user: User

    @classmethod
    def of(cls, visit: Visit, application: list[str] | None) -> "_Given | None":
        value = visit.session.get(SESSION_KEY)
        if not isinstance(value, Mapping) or value.get("application") != application:
            return None
        try:
            return cls(
                key=_key(value["id"]),
                csrf_token=str(value["csrf_token"]),
                prompted=value["prompted"] is True,
                user=expand(value["user"]),
            )
        except (AttributeError, InvalidResponse, LookupError, TypeError, ValueError):
            return None

    def as_login(self) -> StoredLogin:
        """A login of which only the name is known."""
        return replace(
            BLANK,
            user=self.user,
            is_short=True,
            prompted=self.prompted,
            csrf_token=self.csrf_token,
            key=self.key,
        )


def _take(login: StoredLogin) -> StoredLogin:
    return replace(login, lease=login.lease + 1)


def _extend(login: StoredLogin) -> StoredLogin:
    return replace(login, lease_until=login.now + LEASE)


def _key(session_id: str) -> str:
    return f"{_PREFIX}{sha256(session_id.encode()).hexdigest()}"


def _owner(user_id: int) -> str:
    return f"user:{user_id}"
