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

    ``login``: as it was read. ``read_at``: by ``monotonic``, which gives seconds that
    only grow.
    """

    __slots__ = ("_is_replaced", "_monotonic", "_read_at", "login")

    def __init__(self, login: StoredLogin, monotonic: Callable[[], float]) -> None:
        self.login = login
        self._monotonic = monotonic
        self._read_at = monotonic()
        self._is_replaced = False

    @property
    def age(self) -> float:
        """Seconds since it was read."""
        return self._monotonic() - self._read_at

    def is_current(self) -> bool:
        """Whether it was read within the last second, and nothing is known anew."""
        return not self._is_replaced and 0 <= self._monotonic() - self._read_at < _SECONDS

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

    def put(self, login: StoredLogin) -> None:
        """Remember a login. Too many make the oldest ones forgotten."""
        with self._lock:
            self._forget(login.key)
            self._logins[login.key] = RecentLogin(login, self._monotonic)
            while len(self._logins) > _MAX:
                self._logins.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget a login, if it is remembered."""
        with self._lock:
            self._forget(key)

    def _forget(self, key: str) -> None:
        recent = self._logins.pop(key, None)
        if recent is not None:
            recent.replace()
