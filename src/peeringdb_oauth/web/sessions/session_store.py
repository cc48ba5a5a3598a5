"""`SessionStore`: the sessions of a site in a store, also for a program beside it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Self, TypeVar

from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.records import Records
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.listing import SessionInfo
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.stored_login import Ending, StoredLogin
from peeringdb_oauth.web.stores.opening import open_records
from peeringdb_oauth.web.vault import Vault

T = TypeVar("T")

_MOST = 10_000  # sessions in a list


class SessionStore:
    """The sessions of a site, in a store that processes and machines share.

    It can list and end sessions without the application: the application then tells
    the end and revokes the tokens, at its next purge. ``vault``: the store. ``egress``:
    the name of the address through which requests go to PeeringDB.

    All methods raise `RecordsUnavailable` if the store does not answer.
    """

    def __init__(self, vault: Vault, *, egress: str = "default") -> None:
        self.vault = vault
        # None for the name in the configuration of the client.
        self.egress = None if egress == "default" else egress
        # Only the application knows its policy.
        policy = SessionPolicy(idle_timeout=None, max_age=None)
        self._sessions = StoreSessions(None, policy, vault)

    def of(self, user_id: int) -> list[SessionInfo]:
        """The sessions of a person, by their id at PeeringDB, the newest first."""
        return self._list(_run(self._sessions.of_user(user_id)))

    def all(self) -> list[SessionInfo]:
        """All sessions, those that end first in front; at most 10,000."""
        return self._list(_run(self._sessions.all(_MOST)))

    def count(self) -> int:
        """How many living sessions there are, of all applications with this store."""
        return self.vault.count()

    def end(self, id: str) -> bool:  # noqa: A002 - the name of the field
        """End the session with this `SessionInfo.id`; whether there was one."""
        login = _run(self._sessions.of_handle(id))
        return login is not None and self._end(login)

    def end_all(self, user_id: int) -> int:
        """End all sessions of a person; how many there were."""
        return sum(map(self._end, _run(self._sessions.of_user(user_id))))

    def purge(self) -> int:
        """Delete what has ended and has nothing left to do; how many sessions."""
        count = 0
        for login in _run(self._sessions.due(1000)):
            ending = login.ending
            if ending is not None and ending.is_told and not login.tokens:
                _run(self._sessions.delete(login))
                count += 1
        return count

    def close(self) -> None:
        """Close the connections of this process."""
        self.vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _list(self, logins: list[StoredLogin]) -> list[SessionInfo]:
        return [
            replace(SessionInfo.of(login, self._sessions), expires_at=login.due_at)
            for login in logins
            if login.due_at > login.now
        ]

    def _end(self, login: StoredLogin) -> bool:
        ending = Ending(reason="operator", is_told=False)
        return _run(self._sessions.end(login, ending)) is not None


def open_session_store(
    url: str, *, secrets: tuple[str, ...], egress: str = "default"
) -> SessionStore:
    """The store of a site's sessions.

    ::

        from peeringdb_oauth.web import open_session_store

        with open_session_store("sqlite:///sessions.db", secrets=(key,)) as sessions:
            sessions.end_all(user_id)

    ``url``: ``sqlite:///FILE``, ``postgresql+psycopg://``, ``mysql+pymysql://``,
    ``redis://``, ``rediss://`` or ``valkey://``. ``secrets``: texts of 16 characters or
    more; the first one seals, and all of them open. ``egress``: the name of the address
    through which the machine's requests go to PeeringDB; machines that leave through
    one address share its requests a minute.

    Raises:
        ConfigurationError: the URL or a secret is wrong, or the driver is missing.
    """
    problems: list[str] = []
    with collected(problems):
        records: Records = open_records(url)
    with collected(problems):
        sealer = Sealer(*secrets)
    if problems:
        raise ConfigurationError(*problems)
    return SessionStore(Vault(records, sealer), egress=egress)


def _run(flow: Flow[T]) -> T:
    """Run a flow that asks nothing but the store."""
    proceed: Callable[[], Any] = flow.__next__
    while True:
        try:
            step = proceed()
        except StopIteration as done:
            result: T = done.value
            return result
        proceed = partial(flow.send, step.function())
