"""HTTP requests and responses as plain values.

Knows forms and JSON. Knows neither OAuth nor a network.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode

from peeringdb_oauth._version import __version__
from peeringdb_oauth.cost import ONE_REQUEST, Cost
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.grammar import BearerToken

USER_AGENT = f"peeringdb-oauth/{__version__}"
MAX_BODY = 1024 * 1024  # bytes; the profile of somebody with 300 networks has 30 KB


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPRequest:
    """A request to PeeringDB.

    ``form``: the fields of the form. With a form it is a POST. ``bearer``: the access
    token for the header. ``cost``: what it takes from the budget. ``within``: the most
    seconds until its answer is read; None: as the client is configured.
    """

    url: str
    form: Mapping[str, str] | None = field(default=None, repr=False)
    bearer: BearerToken | None = field(default=None, repr=False)
    cost: Cost = ONE_REQUEST
    within: float | None = None

    @property
    def method(self) -> str:
        """GET, or POST when there is a form."""
        return "GET" if self.form is None else "POST"

    @property
    def headers(self) -> dict[str, str]:
        """All headers but those of the connection itself."""
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # or the limit of the size would not hold
            "User-Agent": USER_AGENT,
        }
        if self.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self.bearer is not None:  # PeeringDB answers 500 to any other spelling
            headers["Authorization"] = f"Bearer {self.bearer}"
        return headers

    @property
    def body(self) -> bytes | None:
        """The form, encoded."""
        return None if self.form is None else urlencode(self.form).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPResponse:
    """An answer of PeeringDB.

    ``status``: the HTTP status. ``headers``: with names in lower case. ``body``: whole,
    and at most `MAX_BODY` bytes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            InvalidResponse: it is something else, as PeeringDB's HTML and plain text.
        """
        media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json" and not media_type.endswith("+json"):
            # Only these two by name: a header can repeat what we sent.
            found = media_type if media_type in ("text/html", "text/plain") else "something else"
            raise InvalidResponse(
                f"PeeringDB answered {self.status} with {found} where JSON was due",
                check="content-type",
            )
        try:
            value = parse_json(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise InvalidResponse(
                f"PeeringDB answered {self.status} with something that is not a JSON object",
                check="json",
            )
        return value


def parse_json(text: bytes) -> Any:
    """The value of UTF-8 encoded JSON (RFC 8259), without Python's extensions.

    Raises:
        ValueError: it is something else.
    """
    try:
        return _decode(text.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# One decoder for all texts: json.loads would make one for each.
_decode = json.JSONDecoder(parse_constant=_no_constant).decode
