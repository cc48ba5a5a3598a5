"""What an API answers when a bearer token does not open it: a status and headers for
programs (RFC 6750 section 3), reasons for people.
"""

import logging
import math

from peeringdb_oauth.errors import (
    AccessDenied,
    PeeringDBOAuthError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.web.failures import failure_of, reasons_of
from peeringdb_oauth.web.visit import Answer

log = logging.getLogger("peeringdb_oauth")

_RETRY_AFTER = 30  # seconds, while PeeringDB is not available


def refuse_token(error: PeeringDBOAuthError) -> Answer:
    """The JSON for an error of `BearerVerifier.verify`, or of the rule of what was
    asked for. What the operator must see is logged.
    """
    status, headers = failure_of(error).status, {"Cache-Control": "no-store"}
    if isinstance(error, TokenRejected):
        status = 401
    elif isinstance(error, TransportError):
        status = 503
        headers["Retry-After"] = str(
            math.ceil(error.retry_after) if isinstance(error, RateLimited) else _RETRY_AFTER,
        )
    if isinstance(error, TokenRejected | AccessDenied):
        if error.www_authenticate is not None:
            headers["WWW-Authenticate"] = error.www_authenticate
    else:
        log.warning("%s: %s", type(error).__name__, error)
    return Answer(status=status, json={"reasons": reasons_of(error)}, headers=headers)
