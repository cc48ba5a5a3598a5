"""Login and access checks for web applications, without a framework.

`LoginFlow` is the login of a browser. `Guard` says what a view asks of people. A
framework's integration imports everything it needs from here.
"""

from pathlib import Path

from peeringdb_oauth.budget import shortest_recheck
from peeringdb_oauth.web.acting import ActingVerifier, ActingVisitors
from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.configured_paths import configured_paths
from peeringdb_oauth.web.connections import OTHER_ACCOUNT, Connections, LocalAccount
from peeringdb_oauth.web.cookies import is_genuine, without_impostors
from peeringdb_oauth.web.csrf import CSRF_FIELD
from peeringdb_oauth.web.decorators import enclosed_in, refuse_positional, wrapped_in
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import (
    CONNECTED_ALREADY,
    CONNECTED_ELSEWHERE,
    LOGGED_OUT,
    NO_OTHER_LOGIN,
    TRY_AGAIN,
    Failure,
    cause_of,
    failure_of,
    reasons_of,
)
from peeringdb_oauth.web.guard import (
    NO_ASN,
    Guard,
    bearer_token,
    find_asn,
    parse_asn,
    private,
    refuse_token,
    require_token,
    verify_token,
)
from peeringdb_oauth.web.login import LoginFlow
from peeringdb_oauth.web.page_context import PageContext
from peeringdb_oauth.web.return_path import safe_return_path
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.secret_keys import read_key_file, secret_keys_of_environment
from peeringdb_oauth.web.sessions import (
    NOTHING_SHARED,
    SESSION_KEY,
    AsyncSessionList,
    Ending,
    EndReason,
    RecentLogin,
    SessionInfo,
    SessionList,
    SessionPolicy,
    SessionStore,
    StoredLogin,
    Visitors,
    open_session_store,
    share,
)
from peeringdb_oauth.web.settings import (
    NOT_STRICT,
    SessionSettings,
    checked_keep,
    checked_origins,
    read_session_policy,
    read_session_settings,
    read_session_store,
)
from peeringdb_oauth.web.stores import open_records
from peeringdb_oauth.web.style_sheet import STYLE_SHEET, STYLE_SHEET_HEADERS
from peeringdb_oauth.web.vault import Change, Entry, Vault
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Refused, Visit
from peeringdb_oauth.web.websocket_close import close_code, close_reason

# The templates use only what Jinja and Django's template language have in common.
TEMPLATES = Path(__file__).parent / "templates"

__all__ = [
    "CONNECTED_ALREADY",
    "CONNECTED_ELSEWHERE",
    "CSRF_FIELD",
    "LOGGED_OUT",
    "NOTHING_SHARED",
    "NOT_STRICT",
    "NO_ASN",
    "NO_OTHER_LOGIN",
    "OTHER_ACCOUNT",
    "SESSION_KEY",
    "STYLE_SHEET",
    "STYLE_SHEET_HEADERS",
    "TEMPLATES",
    "TRY_AGAIN",
    "ActingVerifier",
    "ActingVisitors",
    "Answer",
    "AsyncSessionList",
    "Change",
    "Connections",
    "Cookie",
    "EndReason",
    "Ending",
    "Entry",
    "Event",
    "Failure",
    "Guard",
    "LocalAccount",
    "LoginFlow",
    "Page",
    "PageContext",
    "Paths",
    "RecentLogin",
    "Refused",
    "Sealer",
    "SessionInfo",
    "SessionList",
    "SessionPolicy",
    "SessionSettings",
    "SessionStore",
    "StoredLogin",
    "Vault",
    "Visit",
    "Visitors",
    "bearer_token",
    "cause_of",
    "checked_keep",
    "checked_origins",
    "close_code",
    "close_reason",
    "configured_paths",
    "enclosed_in",
    "failure_of",
    "find_asn",
    "is_genuine",
    "open_records",
    "open_session_store",
    "parse_asn",
    "private",
    "read_key_file",
    "read_session_policy",
    "read_session_settings",
    "read_session_store",
    "reasons_of",
    "refuse_positional",
    "refuse_token",
    "require_token",
    "safe_return_path",
    "secret_keys_of_environment",
    "share",
    "shortest_recheck",
    "verify_token",
    "without_impostors",
    "wrapped_in",
]
