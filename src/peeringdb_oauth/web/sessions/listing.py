"""What an application may know of its sessions, and how it ends them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.in_cookie import CookieSessions
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.stored_login import EndReason, StoredLogin


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A session, without anything that opens it. All times are Unix seconds.

    ``id``: the name of the session for `SessionList.end`; None where no store is set.
    ``user``: who is logged in. ``logged_in_at``: when. ``last_seen_at``: when they last
    used it, at most a minute ago more than they did. ``checked_at``: when PeeringDB
    last described their rights. ``stale``: whether the re-check that was due last has
    failed. ``expires_at``: when it ends if nobody uses it any more. ``address``: of the
    browser at the login, if it is known.
    """

    id: str | None
    user: User
    logged_in_at: float
    last_seen_at: float
    checked_at: float
    stale: bool
    expires_at: float
    address: str | None

    @classmethod
    def of(cls, login: StoredLogin, sessions: CookieSessions | StoreSessions) -> "SessionInfo":
        """What an application may know of a login."""
        return cls(
            id=login.handle,
            user=login.user,
            logged_in_at=login.logged_in_at,
            last_seen_at=login.seen_at,
            checked_at=login.checked_at,
            stale=login.failed_at is not None,
            expires_at=sessions.ends_at(login),
            address=login.address,
        )


class SessionFlows:
    """The sessions in the store of an application, as flows.

    Raises:
        ConfigurationError: there is no store.
    """

    def __init__(self, sessions: CookieSessions | StoreSessions, endings: Endings) -> None:
        if isinstance(sessions, CookieSessions):
            raise ConfigurationError(
                "sessions: must be set, such as to sqlite:///sessions.db: without a store the"
                " sessions are in the browsers, where nobody can list or end them"
            )
        self._sessions = sessions
        self._endings = endings

    def of(self, user_id: int) -> Flow[list[SessionInfo]]:
        """The sessions of a person, by their id at PeeringDB, the newest first."""
        logins = yield from self._sessions.of_user(user_id)
        return [SessionInfo.of(login, self._sessions) for login in logins]

    def end(self, handle: str) -> Flow[bool]:
        """End a session. Whether there was one."""
        login = yield from self._sessions.of_handle(handle)
        return login is not None and (yield from self._endings.end(login, "operator")) is not None

    def end_all(self, user_id: int, reason: EndReason = "operator") -> Flow[int]:
        """End all sessions of a person. How many there were."""
        ended = 0
        for login in (yield from self._sessions.of_user(user_id)):
            ended += (yield from self._endings.end(login, reason)) is not None
        return ended

    def purge(self) -> Flow[int]:
        """End what is over and delete what has ended; how many sessions that were.

        It also runs by itself, in one process at a time.
        """
        return (yield from self._endings.purge())


class SessionList:
    """The sessions in the store of an application.

    ::

        for session in pdb.sessions.of(user.id):
            print(session.address, session.last_seen_at)
        pdb.sessions.end_all(user.id)

    All methods raise `RecordsUnavailable` if the store does not answer.
    """

    def __init__(self, flows: SessionFlows, run: Callable[[Flow[Any]], Any]) -> None:
        self._flows = flows
        self._run = run

    def of(self, user_id: int) -> list[SessionInfo]:
        """The sessions of a person, by their id at PeeringDB, the newest first."""
        return self._run(self._flows.of(user_id))  # type: ignore[no-any-return]

    def end(self, id: str) -> bool:  # noqa: A002 - the name of the field
        """End the session with this `SessionInfo.id`; whether there was one."""
        return self._run(self._flows.end(id))  # type: ignore[no-any-return]

    def end_all(self, user_id: int) -> int:
        """End all sessions of a person; how many there were."""
        return self._run(self._flows.end_all(user_id))  # type: ignore[no-any-return]

    def purge(self) -> int:
        """End what is over and delete what has ended; how many sessions that were.

        It also runs by itself, in one process at a time.
        """
        return self._run(self._flows.purge())  # type: ignore[no-any-return]


class AsyncSessionList:
    """As `SessionList`, with methods to await."""

    def __init__(self, flows: SessionFlows, run: Callable[[Flow[Any]], Awaitable[Any]]) -> None:
        self._flows = flows
        self._run = run

    async def of(self, user_id: int) -> list[SessionInfo]:
        """As `SessionList.of`."""
        return await self._run(self._flows.of(user_id))  # type: ignore[no-any-return]

    async def end(self, id: str) -> bool:  # noqa: A002 - the name of the field
        """As `SessionList.end`."""
        return await self._run(self._flows.end(id))  # type: ignore[no-any-return]

    async def end_all(self, user_id: int) -> int:
        """As `SessionList.end_all`."""
        return await self._run(self._flows.end_all(user_id))  # type: ignore[no-any-return]

    async def purge(self) -> int:
        """As `SessionList.purge`."""
        return await self._run(self._flows.purge())  # type: ignore[no-any-return]
