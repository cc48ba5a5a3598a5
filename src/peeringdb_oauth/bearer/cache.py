"""The results of earlier checks of bearer tokens, each for as long as it counts."""

import math
from dataclasses import dataclass

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.profile import User

MAX_AGE = 60  # seconds that an answer of PeeringDB counts
GRACE = 300  # seconds that it counts while PeeringDB cannot be asked
CACHE_SIZE = 1000  # tokens in each of the two halves of a cache


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedResult:
    """What the check of a good token found. All times are Unix seconds.

    ``outcome``: the user, or the error to raise. ``allowed``: the user, if the
    verifier's own rule lets them in where a call names no network. ``sees_networks``:
    whether the token was granted the scope ``networks``. ``checked_at``: the time of
    the check. ``expires_at``: when the token expires, infinite if unknown.
    ``issued_at``: when an ID token was issued, None for an access token.
    """

    outcome: User | AccessDenied
    allowed: User | None = None
    sees_networks: bool = False
    checked_at: float
    expires_at: float = math.inf
    issued_at: float | None = None

    def is_fresh(self, now: float, max_age: float | None = None) -> bool:
        """Whether the result still counts.

        ``max_age``: how many seconds old the result of an access token may be. It does
        not concern ID tokens, whose claims do not change.
        """
        age = elapsed(self.checked_at, now)
        if age >= MAX_AGE or now >= self.expires_at:
            return False
        if max_age is None or self.issued_at is not None:
            return True
        return age < max_age


class ResultCache:
    """A bounded cache of results by the SHA-256 of their tokens. Thread-safe.

    It has two halves. New results go into the recent half. When that is full it becomes
    the older half, and the previous older half is dropped. A result that is asked for
    moves back into the recent half, so only results that nobody asks for are dropped.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, CachedResult] = {}
        self._older: dict[bytes, CachedResult] = {}
        self._lock = ForkSafeLock()

    def get(self, key: bytes) -> CachedResult | None:
        """The result for a key, None if there is none."""
        # Most keys are found here. No lock is needed, because nothing is ever removed
        # from a recent half.
        return self._recent.get(key) or self._get_older(key)

    def put(self, key: bytes, result: CachedResult) -> None:
        """Store a result. It replaces an earlier one for the same key."""
        with self._lock:
            self._put(key, result)

    def _get_older(self, key: bytes) -> CachedResult | None:
        with self._lock:
            # Another thread may have stored a newer one in the meantime.
            result = self._recent.get(key) or self._older.get(key)
            if result is not None:
                self._put(key, result)
            return result

    def _put(self, key: bytes, result: CachedResult) -> None:
        if len(self._recent) >= CACHE_SIZE and key not in self._recent:
            self._older, self._recent = self._recent, {}
        self._recent[key] = result
