"""What a person's own session says of them, as JSON."""

from collections.abc import Sequence
from typing import Any

from peeringdb_oauth.web import SessionInfo


def describe(session: SessionInfo, roles: Sequence[str]) -> dict[str, Any]:
    """The user with all networks, the names of their roles, and the session's times."""
    user = session.user
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "verified_user": user.verified_user,
        "verified_email": user.verified_email,
        "networks": [
            {
                "asn": network.asn,
                "name": network.name,
                "perms": _words(network.perms),
                "manage_peering_sessions": _words(network.manage_peering_sessions),
            }
            for network in user.networks
        ],
        "asns": list(user.asns),
        "roles": list(roles),
        "amr": None if user.amr is None else list(user.amr),
        "logged_in_at": session.logged_in_at,
        "checked_at": session.checked_at,
        "stale": session.stale,
        "expires_at": session.expires_at,
    }


def _words(permission: Any) -> list[str] | None:
    """The names of permissions; None if PeeringDB did not say which."""
    return None if permission is None else [each.name.lower() for each in permission]
