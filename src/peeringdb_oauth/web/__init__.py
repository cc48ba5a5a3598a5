"""The login in a browser, without a framework: `LoginFlow` and the values that go in
and out of it. Integrations are adapters of it.
"""

from pathlib import Path

from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.login import CSRF_FIELD, LoginFlow, PageContext, parse_asn
from peeringdb_oauth.web.stores import MemoryStore, Store
from peeringdb_oauth.web.visit import Answer, Cookie, Page, Refused, Visit

# Written in what Jinja and Django's template language have in common.
TEMPLATES = Path(__file__).parent / "templates"

__all__ = [
    "CSRF_FIELD",
    "TEMPLATES",
    "Answer",
    "Cookie",
    "Event",
    "LoginFlow",
    "MemoryStore",
    "Page",
    "PageContext",
    "Paths",
    "Refused",
    "Store",
    "Visit",
    "parse_asn",
]
