"""What PeeringDB said about which token, for as long as that counts."""

import math
import threading
from dataclasses import dataclass

from peeringdb_oauth.errors import AccessDenied, TokenRejected
from peeringdb_oauth.look_ups import MAX_AGE
from peeringdb_oauth.profile import User

CACHE_SIZE = 1000  # tokens; two generations are remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResult:
    """What became of a token. Times are Unix seconds."""

    outcome: User | TokenRejected | AccessDenied
    allowed: User | None = None  # whom the rule lets in where the call names no network
    sees_networks: bool = False  # the token was granted the scope
    since: float
    until: float
    expires_at: float = math.inf  # the token
    issued_at: float | None = None  # an ID token, which says what was true then

    @property
    def is_good(self) -> bool:
        """Whether the token is alive and ours; what it opens is another question."""
        return not isinstance(self.outcome, TokenRejected)

    def is_fresh(self, now: float, max_age: float | None = None) -> bool:
        """Whether it still counts, also for a call that wants nothing older than
        ``max_age`` seconds.
        """
        # A clock that was set back must not make it last.
        if not self.since - MAX_AGE < now < self.until:
            return False
        is_too_old = max_age is not None and abs(now - self.since) >= max_age
        return not (is_too_old and self.is_good and self.issued_at is None)


class ResultCache:
    """Results by the SHA-256 of their tokens, and no more than two generations of
    them.

    What is asked for gets into the young generation; when that is full it becomes the
    old one, and what was still in that is forgotten. So reading takes no lock.
    """

    def __init__(self) -> None:
        self.recent: dict[bytes, CachedResult] = {}
        self._older: dict[bytes, CachedResult] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes) -> CachedResult | None:
        """What is known about a token."""
        with self._lock:
            result = self.recent.get(key)
            if result is None and (result := self._older.get(key)) is not None:
                self._put(key, result)
            return result

    def put(self, key: bytes, result: CachedResult) -> None:
        """Remember it, in place of what was known."""
        with self._lock:
            self._put(key, result)

    def _put(self, key: bytes, result: CachedResult) -> None:
        if len(self.recent) >= CACHE_SIZE and key not in self.recent:
            self._older, self.recent = self.recent, {}
        self.recent[key] = result
