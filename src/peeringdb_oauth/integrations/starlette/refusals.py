"""`REFUSALS`: what FastAPI's OpenAPI document says about refusals."""

from typing import Any

_REASON = {
    "type": "object",
    "required": ["code", "asn", "text"],
    "properties": {
        "code": {"type": "string", "examples": ["needs_update"]},
        "asn": {"type": ["integer", "null"], "examples": [64500]},
        "text": {"type": "string"},
    },
}
_REFUSAL = {
    "type": "object",
    "title": "PeeringDBRefusal",
    "required": ["code", "title", "reasons", "advice", "login_url"],
    "properties": {
        "code": {"type": "string", "examples": ["forbidden"]},
        "title": {"type": "string"},
        "reasons": {"type": "array", "items": _REASON},
        "advice": {"type": "string"},
        "login_url": {"type": ["string", "null"]},
        "error": {"type": "string", "enum": ["invalid_token", "insufficient_scope"]},
    },
}
_DESCRIPTIONS = {
    401: "Nobody is logged in, or the bearer token is not good.",
    403: "The person, or the user of the token, does not meet the conditions.",
    429: "This person, account or address has asked too often.",
    503: "PeeringDB cannot be asked now.",
}

# For FastAPI's argument ``responses``, of an application, a router or an endpoint.
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"description": description, "content": {"application/json": {"schema": _REFUSAL}}}
    for status, description in _DESCRIPTIONS.items()
}
