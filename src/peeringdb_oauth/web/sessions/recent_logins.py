"""What a process remembers of the store for a moment."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

_SECONDS = 1.0  # so the end of a session is known everywhere after so long
_MAX = 10_000  # logins


class RecentLogins:
    """The logins that this process has read from the store within the last second.

    ``monotonic``: gives seconds that only grow.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._logins: OrderedDict[str, tuple[float, StoredLogin]] = OrderedDict()
        self._lock = ForkSafeLock()

    def get(self, key: str) -> StoredLogin | None:
        """The login, with the time of now; None if it was not read just now."""
        read_at, login = self._logins.get(key, (0.0, None))
        if login is None:
            return None
        age = self._monotonic() - read_at
        return replace(login, now=login.now + age) if 0 <= age < _SECONDS else None

    def entry(self, key: str) -> object | None:
        """What stands for all that is known of a login, as long as it is remembered.

        It is another object as soon as anything is known anew, and None after a second.
        """
        entry = self._logins.get(key)
        return entry if entry and 0 <= self._monotonic() - entry[0] < _SECONDS else None

    def put(self, login: StoredLogin) -> None:
        """Remember a login. Too many make the oldest ones forgotten."""
        with self._lock:
            self._logins.pop(login.key, None)
            self._logins[login.key] = self._monotonic(), login
            while len(self._logins) > _MAX:
                self._logins.popitem(last=False)

    def drop(self, key: str) -> None:
        """Forget a login, if it is remembered."""
        with self._lock:
            self._logins.pop(key, None)
