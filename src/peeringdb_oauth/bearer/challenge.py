"""Refusals of a bearer token, each with its WWW-Authenticate header (RFC 6750 section 3)."""

import re

from peeringdb_oauth.errors import AccessDenied, TokenRejected

REALM = "PeeringDB"
_UNQUOTABLE = re.compile(
    r"[^\x20\x21\x23-\x5b\x5d-\x7e]",
)  # RFC 6750 section 3: what an error_description must not have


def insufficient_scope(*missing: str) -> AccessDenied:
    """The token is good, but was not granted what the rule reads: 403, not 401 (RFC
    6750 section 3.1).
    """
    reason = (
        f"this token was not granted the scope {' '.join(missing)}: log in again, with an"
        " application that asks for it"
    )
    return AccessDenied(
        reason,
        www_authenticate=challenge("insufficient_scope", reason, scope=" ".join(missing)),
    )


def invalid_token(reason: str) -> TokenRejected:
    """The token is not good: 401."""
    return TokenRejected(reason, www_authenticate=challenge("invalid_token", reason))


def challenge(error: str, description: str, **more: str) -> str:
    """The value of a WWW-Authenticate header (RFC 6750 section 3)."""
    parameters = {
        "realm": REALM,
        "error": error,
        "error_description": _UNQUOTABLE.sub("?", description),
    } | more
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())
