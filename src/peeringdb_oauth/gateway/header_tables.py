"""Reads ``[headers]``: which headers the application gets, and their values."""

import re
from collections.abc import Sequence
from typing import Any

from peeringdb_oauth.errors import ConfigurationError, collected
from peeringdb_oauth.gateway.identity import Headers, parse_template
from peeringdb_oauth.gateway.toml_file import Table
from peeringdb_oauth.gateway.values import text

COOKIE_HEADER = "X-PeeringDB-Cookie"  # brings the visitor's cookies without ours

_MAX_LITERAL = 256  # characters of a template
_NAME = re.compile(r"[A-Za-z0-9-]+")  # RFC 9110 section 5.6.2 allows more
# The proxy, the application and HTTP itself need these for other things.
_TAKEN = frozenset(
    [
        *("accept", "connection", "content-length", "content-type", "cookie", "date", "expect"),
        *("forwarded", "host", "keep-alive", "origin", "range", "referer", "set-cookie", "te"),
        *("trailer", "transfer-encoding", "upgrade", "via"),
    ]
)
_TAKEN_STARTS = (
    *("access-control-", "proxy-", "sec-", "x-forwarded-", "x-http-method", "x-method-"),
    *("x-original-", "x-real-ip", "x-rewrite-", COOKIE_HEADER.lower()),
)


# The scope without which PeeringDB does not say what a placeholder stands for.
_SCOPE_OF = {"email": "email"} | dict.fromkeys(
    ("asns", "update_asns", "create_asns", "delete_asns"), "networks"
)


def read_headers(top: Table, scope: Sequence[str]) -> Headers:
    """The headers of ``[headers]``; without that table the usual ones.

    ``scope``: what PeeringDB is asked for.
    """
    if "headers" not in top:
        return Headers()
    table = top.table("headers")
    templates: dict[str, str] = {}
    for name in table.values:
        same = [one for one in templates if one.lower() == name.lower()]
        if same:
            table.problem(name, f"is the same header as {same[0]}")
            continue
        problems: list[str] = []
        with collected(problems):
            templates[header_name(name)] = table.read(name, _template, "")
            _check_scope(table, name, templates[name], scope)
        for problem in problems:
            table.problem(name, problem)
    return Headers(templates)


def header_name(value: Any) -> str:
    """A header for the application.

    Raises:
        ConfigurationError: it cannot have this name.
    """
    name = text(value)
    lower = name.lower()
    if "_" in name:
        raise ConfigurationError(
            "must be written with - instead of _; some servers drop a header with _ in its name"
        )
    if not _NAME.fullmatch(name):
        raise ConfigurationError("must be the name of a header, such as X-PeeringDB-Name")
    if lower in _TAKEN or lower.startswith(_TAKEN_STARTS):
        raise ConfigurationError(
            "already has a meaning; choose another name, such as X-PeeringDB-Name"
        )
    return name


def _check_scope(table: Table, name: str, template: str, scope: Sequence[str]) -> None:
    for _, placeholder in parse_template(template):
        word = _SCOPE_OF.get(placeholder or "")
        if word is not None and word not in scope:
            table.problem(name, f"would be empty: {word!r} is missing in scope; add {word!r}")


def _template(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError('must be text in quotes, such as "{name}"')
    if not value.isprintable() or len(value) > _MAX_LITERAL:
        raise ConfigurationError(
            f"must be one line of at most {_MAX_LITERAL} characters, without control characters"
        )
    parse_template(value)
    return value
