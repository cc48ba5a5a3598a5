"""What drf-spectacular writes into an OpenAPI document about our authentication.

It is imported if ``drf_spectacular`` is in ``INSTALLED_APPS``.
"""

from typing import Any

from peeringdb_oauth.extras import needs

with needs("django", "drf-spectacular"):
    from drf_spectacular.extensions import OpenApiAuthenticationExtension

_SCHEME = "PeeringDBToken"
_REFUSAL = "PeeringDBRefusal"
_TEXTS = {
    "401": "The token is missing, or not valid here.",
    "403": "The user of the token does not meet the conditions.",
    "503": "PeeringDB cannot be asked now. The header Retry-After says when to try again.",
}
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": "string", "nullable": True}
_SCHEMA = {
    "type": "object",
    "required": ["code", "title", "reasons", "advice", "login_url", "detail"],
    "properties": {
        "code": _TEXT,
        "title": _TEXT,
        "reasons": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["code", "asn", "text"],
                "properties": {
                    "code": _TEXT,
                    "asn": {"type": "integer", "nullable": True},
                    "text": _TEXT,
                },
            },
        },
        "advice": _TEXT,
        "login_url": _MAYBE_TEXT,
        "detail": _TEXT,
        "error": _TEXT,
    },
}


class PeeringDBAuthenticationScheme(OpenApiAuthenticationExtension):
    """The security scheme of `PeeringDBAuthentication`: a bearer token."""

    target_class = "peeringdb_oauth.integrations.django.rest_framework.PeeringDBAuthentication"
    match_subclasses = True
    name = _SCHEME

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:  # noqa: ARG002 - as drf-spectacular calls it
        """The scheme of RFC 6750."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token or ID token of PeeringDB for this application.",
        }


def add_refusals(result: Any, **_: Any) -> Any:
    """Describe 401, 403 and 503 in the operations that take a token of PeeringDB.

    A hook for ``SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"]``. What a view itself says
    of a status stays.
    """
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{_REFUSAL}"}}}
    refusals = {
        status: {"description": text, "content": content} for status, text in _TEXTS.items()
    }
    guarded = [
        operation
        for operations in result.get("paths", {}).values()
        for operation in operations.values()
        if isinstance(operation, dict) and _takes_token(operation)
    ]
    for operation in guarded:
        operation["responses"] = refusals | operation.get("responses", {})
    if guarded:
        schemas = result.setdefault("components", {}).setdefault("schemas", {})
        schemas.setdefault(_REFUSAL, _SCHEMA)
    return result


def _takes_token(operation: dict[str, Any]) -> bool:
    return any(_SCHEME in scheme for scheme in operation.get("security", ()))
