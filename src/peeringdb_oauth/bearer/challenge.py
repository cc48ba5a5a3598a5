"""The errors that refuse a bearer token, each with its WWW-Authenticate header.

RFC 6750 section 3 defines the header, section 3.1 the error codes.
"""

import logging
import re

from peeringdb_oauth.errors import AccessDenied, InvalidIDToken, TokenRejected
from peeringdb_oauth.reasons import Reason

log = logging.getLogger("peeringdb_oauth")

REALM = "PeeringDB"
# RFC 6750 section 3: the characters that an error_description must not have.
_UNQUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")

# What the messages of an ID token tell the people who run this API.
_FOR_OPERATORS = re.compile(r", or the clock here is .*|: choose RS256 .*")


def missing_token() -> TokenRejected:
    """The request has no token: 401, without an error code."""
    return TokenRejected("no token was sent", www_authenticate=f'Bearer realm="{REALM}"')


def invalid_token(reason: str) -> TokenRejected:
    """The token is unknown, expired, revoked or not ours: 401."""
    return TokenRejected(reason, www_authenticate=challenge("invalid_token", reason))


def invalid_id_token(error: InvalidIDToken) -> TokenRejected:
    """The ID token is not valid: 401. What the operator can do about it is logged."""
    message = str(error)
    level = logging.WARNING if error.check == "alg" else logging.INFO
    log.log(level, "a bearer token was refused: %s", message)
    return invalid_token(_FOR_OPERATORS.sub("", message))


def insufficient_scope(*missing: str) -> AccessDenied:
    """The token is valid, but was not granted the scope that the rule needs: 403."""
    scope = " ".join(missing)
    reason = (
        f"this token was not granted the scope {scope}: log in again, with an application that"
        " asks for it"
    )
    return AccessDenied(
        Reason(reason, code="insufficient_scope"),
        www_authenticate=challenge("insufficient_scope", reason, scope=scope),
    )


def challenge(error: str, description: str, **parameters: str) -> str:
    """The value of a WWW-Authenticate header with an error code and its description."""
    quoted = {
        "realm": REALM,
        "error": error,
        "error_description": _UNQUOTABLE.sub("?", description),
    } | parameters
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())
