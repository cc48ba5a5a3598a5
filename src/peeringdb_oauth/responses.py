"""What the status of an answer means: success, or the error that a caller acts on.

Measured on PeeringDB 2.82.0, together with how long to wait after each refusal. Knows
no endpoint.
"""

import re

from peeringdb_oauth.errors import (
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TransportError,
)
from peeringdb_oauth.grammar import ENDPOINT_ERROR
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse

# Seconds. After a 401 PeeringDB refuses this address until it has heard nothing for 60.
SILENCE = 61.0
# Seconds. PeeringDB repeats a 429 for 10, whatever its Retry-After said, and for 10
# more if it is asked meanwhile.
_MIN_PAUSE = 11.0
_MAX_PAUSE = 3600.0  # seconds; no Retry-After keeps us away for longer
# The form fields that no message may repeat.
_SECRETS = ("code", "code_verifier", "client_secret", "refresh_token", "token")


def successful(request: HTTPRequest, response: HTTPResponse) -> HTTPResponse:
    """The response, if its status is 200.

    PeeringDB's endpoints know no other success.

    Raises:
        RateLimited: a 429, or a 401 that PeeringDB repeats from its cache.
        TransportError: a 5xx.
        ProviderError: a 4xx; ``error`` is PeeringDB's word for it.
        InvalidResponse: any other status, such as that of a redirect.
    """
    if response.status == 200:
        return response
    raise _failure(request, response)


def retry_after(response: HTTPResponse) -> float:
    """How many seconds to wait after a 429.

    PeeringDB says it only sometimes. Otherwise it is as long as its longest memory.
    """
    text = response.headers.get("retry-after", "").strip()
    if not re.fullmatch(r"[0-9]{1,9}", text):
        return SILENCE
    # PeeringDB's figure is one second too short: in the window's last second it says 0.
    return min(max(float(text) + 1, _MIN_PAUSE), _MAX_PAUSE)


def _failure(request: HTTPRequest, response: HTTPResponse) -> PeeringDBOAuthError:
    status, error = response.status, _error_word(request, response)
    said = f": {error}" if error else ""
    if status == 429:
        wait = retry_after(response)
        return RateLimited(
            f"PeeringDB has had too many requests from this address: wait {wait:.0f} s",
            retry_after=wait,
            status=status,
        )
    if status >= 500:
        return TransportError(
            f"PeeringDB is out of order (it answered {status}){_hint(request, status)}",
            status=status,
        )
    if status == 401 and "x-cached-response" in response.headers:
        return RateLimited(
            "PeeringDB repeats a refusal that something at this address earned less than a minute"
            " ago, perhaps with a wrong client secret, and goes on until it has heard nothing for"
            f" {SILENCE:.0f} s",
            retry_after=SILENCE,
            status=status,
        )
    if status < 400:
        return InvalidResponse(
            f"PeeringDB answered {status}, which this endpoint never does: check base_url",
            check="status",
        )
    refused = "this application" if status == 401 else "the request"
    return ProviderError(
        f"PeeringDB refused {refused} (it answered {status}{said}){_meaning(error, status)}",
        error=error,
        status=status,
    )


def _meaning(error: str, status: int) -> str:
    if status == 401:
        return (
            ": check client_id and client_secret (the secret can be copied only before the"
            f" application is saved); PeeringDB now refuses this address for {SILENCE:.0f} s"
        )
    if status == 403:  # of the introspection endpoint
        return ": this needs the client_secret, or a firewall between here and PeeringDB says no"
    if error == "invalid_grant":
        return (
            ": this code or refresh token is used, expired, or was issued to another application;"
            " log in again"
        )
    return ""


def _hint(request: HTTPRequest, status: int) -> str:
    if status == 500 and "code" in (request.form or {}):
        return (
            "; if it does so at every login with the scope 'openid', choose the algorithm RS256 on"
            " the application's page at PeeringDB"
        )
    return ""


def _error_word(request: HTTPRequest, response: HTTPResponse) -> str:
    """PeeringDB's word for what is wrong; "" for an answer without one.

    OAuth's ``error``, or the ``meta.error`` of what answers before OAuth does. HTML and
    text have none.
    """
    try:
        value = response.json_object()
    except InvalidResponse:
        return ""
    meta = value.get("meta")
    error = value.get("error", meta.get("error") if isinstance(meta, dict) else None)
    if not isinstance(error, str) or not ENDPOINT_ERROR.fullmatch(error):
        return ""
    return "" if _repeats_secret(request, error) else error


def _repeats_secret(request: HTTPRequest, error: str) -> bool:
    """Whether an error contains eight characters of a secret that we sent.

    So it is noticed even if it is cut off or encoded in some way.
    """
    form = request.form or {}
    secrets = [form.get(name) for name in _SECRETS] + [request.bearer]
    return any(
        secret[start : start + 8] in error
        for secret in secrets
        if secret
        for start in range(max(1, len(secret) - 7))
    )
