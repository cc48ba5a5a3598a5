"""What a process remembers of the store for a moment."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

_SECONDS = 1.0  # so the end of a session is known everywhere after so long
_MAX = 10_000  # logins


class RecentLogin:
    """A login that was read from the store.

    ``login``: as it was read. ``monotonic``: gives seconds that only grow. ``since``:
    when the store was asked, by ``monotonic``; None for now.
    """

    __slots__ = ("_is_replaced", "_monotonic", "login", "since")

    def __init__(
        self, login: StoredLogin, monotonic: Callable[[], float], since: float | None = None
    ) -> None:
        self.login = login
        self.since = monotonic() if since is None else since
        self._monotonic = monotonic
        self._is_replaced = False

    @property
    def age(self) -> float:
        """Seconds since the store was asked."""
        return self._monotonic() - self.since

    def is_current(self) -> bool:
        """Whether the store was asked within a second, and nothing is known anew."""
        return not self._is_replaced and 0 <= self._monotonic() - self.since < _SECONDS

    def replace(self) -> None:
        """Something is known anew."""
        self._is_replaced = True


class RecentLogins:
    """The logins that this process has read from the store within the last second.

    ``monotonic``: gives seconds that only grow.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._logins: OrderedDict[str, RecentLogin] = OrderedDict()
        self._lock = ForkSafeLock()

    def get(self, key: str) -> StoredLogin | None:
        """The login, with the time of now; None if it was not read just now."""
        recent = self.entry(key)
        if recent is None:
            return None
        return replace(recent.login, now=recent.login.now + recent.age)

    def entry(self, key: str) -> RecentLogin | None:
        """What is known of a login, as long as it is current."""
        recent = self._logins.get(key)
        return recent if recent is not None and recent.is_current() else None

    def now(self) -> float:
        """The time for `put`, to be taken before the store is asked."""
        return self._monotonic()

    def put(self, login: StoredLogin, since: float) -> None:
        """Remember a login that was read.

        ``since``: when the store was asked. Of two answers the one that was asked for
        later counts: the other one may be from before the end of the session.
        """
        with self._lock:
            known = self._logins.get(login.key)
            if known is None or known.since <= since:
                self._put(login, since)

    def put_changed(self, login: StoredLogin, since: float) -> None:
        """Remember a login that was dropped, and then changed in the store.

        If somebody else has read or changed it meanwhile, nobody knows which one is
        newer, and it is forgotten. ``since``: when the store was asked to change it. If
        it was slow, somebody may have ended the session since.
        """
        with self._lock:
            if login.key in self._logins:
                self._forget(login.key)
            else:
                self._put(login, since)

    def drop(self, key: str) -> None:
        """Forget a login, if it is remembered."""
        with self._lock:
            self._forget(key)

    def _put(self, login: StoredLogin, since: float) -> None:
        """Too many make the oldest ones forgotten."""
        self._forget(login.key)
        self._logins[login.key] = RecentLogin(login, self._monotonic, since)
        while len(self._logins) > _MAX:
            self._logins.popitem(last=False)

    def _forget(self, key: str) -> None:
        recent = self._logins.pop(key, None)
        if recent is not None:
            recent.replace()
