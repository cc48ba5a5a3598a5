"""Sessions in a store, without a login."""

from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Pause
from peeringdb_oauth.web.sessions.stored_login import StoredLogin


class AVisit:
    """As much of a visit as a new session needs."""

    def __init__(self):
        self.session = {}


def stored_login(**changes):
    """A login as an application stores it, and as nobody has used it yet."""
    fields = {
        "application": ["https://auth.peeringdb.com", "portal"],
        "user": User(id=7, name="Ada Admin"),
        "logged_in_at": 0.0,
        "seen_at": 0.0,
        "checked_at": 0.0,
        "expires_at": 0,
        "csrf_token": "csrf-token",
        "tokens": "sealed",
        "address": "192.0.2.7",
    }
    return StoredLogin(**fields | changes)


def begin(store, user, *, client_id="portal"):
    """A session in the store, as an application begins it."""
    login = stored_login(user=user, application=["https://auth.peeringdb.com", client_id])
    for step in store._sessions.begin(AVisit(), login):
        assert not isinstance(step, Pause)
        step.function()
