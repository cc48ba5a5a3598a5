"""When PeeringDB is to be asked for somebody's rights again. Reads no clock."""

import math
from hashlib import sha256

from peeringdb_oauth.budget import UsedUp
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

RETRY = 10.0  # seconds until PeeringDB is asked again after it gave no answer
_SOONEST, _LATEST = 18_000.0, 60.0  # seconds before its expiry, for a refresh
_LONGEST_PAUSE = 5.0  # seconds without re-checks in a process, when the budget refused one
_SPREAD = 0.1  # of ``recheck_every``: by so much at most a re-check comes early
# Each refusal makes the time between re-checks longer by this part, but not longer than
# the rights that could not be re-checked are old. Without refusals the excess is down
# to a third after so many seconds. So a short rush changes little, and when a long one
# is over, the oldest rights are due.
_STEP = 0.01
_FADING = 1800.0


def refresh_ahead(policy: SessionPolicy) -> float:
    """How many seconds before its expiry an access token is refreshed.

    As long as until the next re-check, within limits.
    """
    return max(_LATEST, min(policy.recheck_every or 0, _SOONEST))


class Pace:
    """How often the sessions of one process are re-checked.

    If there are more sessions than the budget can serve, the time between two re-checks
    of a session is stretched, for all of them alike. Otherwise sessions that are used
    often would take the turns of those whose rights are the oldest.
    """

    def __init__(self, policy: SessionPolicy) -> None:
        self._every = policy.recheck_every
        self.postponed_until = 0.0  # Unix seconds
        self._excess = 0.0  # part by which the time between re-checks is longer
        self._refused_at = 0.0

    def is_due(self, login: StoredLogin) -> bool:
        """Whether PeeringDB is to be asked about a login by the policy."""
        if self._every is None or login.now < self.postponed_until:
            return False
        if login.failed_at is not None:
            return elapsed(login.failed_at, login.now) >= RETRY
        # So the sessions of people who came at the same time are spread.
        fraction = int.from_bytes(sha256(login.csrf_token.encode()).digest()[:2]) / 65536
        age = elapsed(login.checked_at, login.now)
        return age >= self._every * self._stretch(login.now) * (1 - _SPREAD * fraction)

    def earliest(self, now: float) -> float:
        """The age of rights, in seconds, below which no re-check is due."""
        if self._every is None:
            return math.inf
        return self._every * self._stretch(now) * (1 - _SPREAD)

    def postpone(self, login: StoredLogin, error: RateLimited) -> None:
        """Ask nothing for a while: the budget has refused a re-check of this login.

        Only if there are too many requests, the time between re-checks is stretched. An
        outage or a pause of PeeringDB's has nothing to do with how many sessions there
        are. Several refusals at a time count as one.
        """
        if login.now < self.postponed_until:
            return
        self.postponed_until = login.now + min(error.retry_after, _LONGEST_PAUSE)
        if self._every is not None and isinstance(error, UsedUp):
            stretch = self._stretch(login.now)
            age = elapsed(login.checked_at, login.now) / (1 - _SPREAD)
            self._excess = max(stretch, min(stretch * (1 + _STEP), age / self._every)) - 1
            self._refused_at = login.now

    def _stretch(self, now: float) -> float:
        """By what the time between two re-checks is multiplied."""
        return 1 + self._excess * math.exp(-elapsed(self._refused_at, now) / _FADING)
