"""Login and access checks for web applications, without a framework.

`LoginFlow` is the login of a browser. `Guard` says what a view asks of people. A
framework's integration imports everything it needs from here.
"""

from pathlib import Path

from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.cookies import is_genuine, without_impostors
from peeringdb_oauth.web.decorators import enclosed_in, refuse_positional, wrapped_in
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import cause_of, failure_of, reasons_of
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
from peeringdb_oauth.web.login import CSRF_FIELD, LoginFlow, PageContext
from peeringdb_oauth.web.return_path import safe_return_path
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.session import NOT_STRICT, SESSION_KEY, checked_keep
from peeringdb_oauth.web.stores import MemoryStore, Store, ended_logins, open_records
from peeringdb_oauth.web.vault import Change, Entry, Vault
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Refused, Visit

# The templates use only what Jinja and Django's template language have in common.
TEMPLATES = Path(__file__).parent / "templates"

__all__ = [
    "CSRF_FIELD",
    "NOT_STRICT",
    "NO_ASN",
    "SESSION_KEY",
    "TEMPLATES",
    "Answer",
    "Change",
    "Cookie",
    "Entry",
    "Event",
    "Guard",
    "LoginFlow",
    "MemoryStore",
    "Page",
    "PageContext",
    "Paths",
    "Refused",
    "Sealer",
    "Store",
    "Vault",
    "Visit",
    "bearer_token",
    "cause_of",
    "checked_keep",
    "enclosed_in",
    "ended_logins",
    "failure_of",
    "find_asn",
    "is_genuine",
    "open_records",
    "parse_asn",
    "private",
    "reasons_of",
    "refuse_positional",
    "refuse_token",
    "require_token",
    "safe_return_path",
    "verify_token",
    "without_impostors",
    "wrapped_in",
]
