"""Sessions that stay true: what is stored, for how long, and how it is kept true."""

from peeringdb_oauth.web.sessions.in_cookie import SESSION_KEY, CookieSessions
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.listing import (
    AsyncSessionList,
    SessionFlows,
    SessionInfo,
    SessionList,
)
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.recent_logins import RecentLogin
from peeringdb_oauth.web.sessions.session_store import SessionStore, open_session_store
from peeringdb_oauth.web.sessions.sharing import NOTHING_SHARED, share
from peeringdb_oauth.web.sessions.stored_login import Ending, EndReason, StoredLogin
from peeringdb_oauth.web.sessions.visitors import Visitors

__all__ = [
    "NOTHING_SHARED",
    "SESSION_KEY",
    "AsyncSessionList",
    "CookieSessions",
    "EndReason",
    "Ending",
    "RecentLogin",
    "SessionFlows",
    "SessionInfo",
    "SessionList",
    "SessionPolicy",
    "SessionStore",
    "StoreSessions",
    "StoredLogin",
    "Visitors",
    "open_session_store",
    "share",
]
