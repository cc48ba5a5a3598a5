"""When PeeringDB is to be asked for somebody's rights again. Reads no clock."""

from hashlib import sha256

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

RETRY = 10.0  # seconds until PeeringDB is asked again after it gave no answer
_LONGEST_PAUSE = 5.0  # seconds without re-checks in a process, when the budget refused one
_SPREAD = 0.1  # of ``recheck_every``: by so much at most a re-check comes early


class Pace:
    """How often the sessions of one process are re-checked."""

    def __init__(self, policy: SessionPolicy) -> None:
        self._every = policy.recheck_every
        self.postponed_until = 0.0  # Unix seconds

    def is_due(self, login: StoredLogin) -> bool:
        """Whether PeeringDB is to be asked about a login by the policy."""
        if self._every is None or login.now < self.postponed_until:
            return False
        if login.failed_at is not None:
            return elapsed(login.failed_at, login.now) >= RETRY
        # So the sessions of people who came at the same time are spread.
        fraction = int.from_bytes(sha256(login.csrf_token.encode()).digest()[:2]) / 65536
        age = elapsed(login.checked_at, login.now)
        return age >= self._every * (1 - _SPREAD * fraction)

    def postpone(self, seconds: float, now: float) -> None:
        """Ask nothing for a while: the budget has refused a re-check.

        ``seconds``: until it may admit one.
        """
        self.postponed_until = now + min(seconds, _LONGEST_PAUSE)
