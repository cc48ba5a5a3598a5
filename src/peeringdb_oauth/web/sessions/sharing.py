"""What processes share, and the warning that several of them share nothing."""

import logging
from functools import cache
from typing import Any, Protocol

from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web.sessions.session_store import SessionStore

log = logging.getLogger("peeringdb_oauth")

NOTHING_SHARED = (
    "not set, although there are several processes. Each of them reads rights anew and"
    " keeps long lists of networks for itself, and a session that ends in one of them lives on in"
    " the others for up to 15 minutes"
)


class _Client(Protocol):
    """`Client`, `AsyncClient`, or what behaves as one of them."""

    provider: Provider

    def share_budget(self, documents: Any, *, egress: str | None = None) -> None: ...


def share(client: _Client, store: SessionStore | None) -> None:
    """Have a client share its budget in the store.

    Without a store this warns once in a process, if there are several processes.
    """
    if store is not None:
        client.share_budget(store.vault, egress=store.egress)
    elif client.provider.config.processes > 1:
        _warn()


@cache
def _warn() -> None:
    log.warning("sessions: %s", NOTHING_SHARED)
