"""What FastAPI's OpenAPI document says about refusals."""

from collections.abc import Iterator
from typing import Any

LOGIN, TOKEN = "PeeringDBLogin", "PeeringDBToken"  # the names of the security schemes
_SCHEMA = "PeeringDBRefusal"

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
    "title": _SCHEMA,
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


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document, with the refusals of all operations behind a requirement.

    What an operation says of a status itself stays.
    """
    guarded = [each for each in _operations(document) if _is_guarded(each)]
    if guarded:
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[_SCHEMA] = _REFUSAL
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_SCHEMA}"}}}
    for operation in guarded:
        for status, description in _DESCRIPTIONS.items():
            said = {"description": description, "content": content}
            operation.setdefault("responses", {}).setdefault(str(status), said)
    return document


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document.get("paths", {}).values():
        yield from (each for each in path.values() if isinstance(each, dict))


def _is_guarded(operation: dict[str, Any]) -> bool:
    return any({LOGIN, TOKEN} & scheme.keys() for scheme in operation.get("security", ()))
