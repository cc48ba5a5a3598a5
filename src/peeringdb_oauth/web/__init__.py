"""The login in a browser, without a framework: `LoginFlow` and the values that go in
and out of it. Integrations are adapters of it.
"""

from pathlib import Path

from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.guard import (
    NO_ASN,
    Guard,
    bearer_token,
    find_asn,
    parse_asn,
    refuse_token,
    require_token,
    verify_token,
)
from peeringdb_oauth.web.login import CSRF_FIELD, LoginFlow, PageContext
from peeringdb_oauth.web.return_path import safe_return_path
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.session import SESSION_KEY
from peeringdb_oauth.web.stores import MemoryStore, Store
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Refused, Visit

# Written in what Jinja and Django's template language have in common.
TEMPLATES = Path(__file__).parent / "templates"

__all__ = [
    "CSRF_FIELD",
    "NO_ASN",
    "SESSION_KEY",
    "TEMPLATES",
    "Answer",
    "Cookie",
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
    "Visit",
    "bearer_token",
    "find_asn",
    "parse_asn",
    "refuse_token",
    "require_token",
    "safe_return_path",
    "verify_token",
]
