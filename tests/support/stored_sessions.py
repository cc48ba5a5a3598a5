"""Sessions in a store, without a login."""

from peeringdb_oauth.steps import Pause
from peeringdb_oauth.web.sessions.stored_login import StoredLogin


class AVisit:
    """As much of a visit as a new session needs."""

    def __init__(self):
        self.session = {}


def begin(store, user, *, client_id="portal"):
    """A session in the store, as an application begins it."""
    login = StoredLogin(
        application=["https://auth.peeringdb.com", client_id],
        user=user,
        logged_in_at=0.0,
        seen_at=0.0,
        checked_at=0.0,
        expires_at=0,
        csrf_token="csrf-token",
        tokens="sealed",
        address="192.0.2.7",
    )
    for step in store._sessions.begin(AVisit(), login):
        assert not isinstance(step, Pause)
        step.function()
