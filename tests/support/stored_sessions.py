"""Sessions in a store, without a login."""

from peeringdb_oauth.profile import User
from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.steps import Pause
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web.sessions.stored_login import StoredLogin


class AVisit:
    """As much of a visit as a new session needs."""

    def __init__(self):
        self.session = {}


class WatchedRecords(MemoryRecords):
    """A store in memory.

    ``reads``: the keys that were read. ``limits``: how many due records were asked for.
    ``before_put``: called before each write. ``is_closed``: whether it was closed.
    """

    def __init__(self, clock):
        super().__init__(clock)
        self.reads, self.limits, self.before_put = [], [], lambda: None
        self.is_closed = False

    def get(self, key):
        self.reads.append(key)
        return super().get(key)

    def put(self, record, *, expected):
        self.before_put()
        return super().put(record, expected=expected)

    def due(self, limit, *, ahead=0.0):
        self.limits.append(limit)
        return super().due(limit, ahead=ahead)

    def close(self):
        self.is_closed = True


def token_response(number=1, *, is_refreshable=True, expires_at=99):
    """The tokens of a login, which are told apart by their numbers."""
    return TokenResponse(
        access_token=f"access-{number}",
        token_type="Bearer",
        expires_at=expires_at,
        refresh_token=f"refresh-{number}" if is_refreshable else None,
        scope=(),
        id_token=None,
    )


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
