"""The cookie that says who is logged in at one host."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth.web import Cookie, Sealer

_NAME = "peeringdb_gateway"
# Of ours and of logins that have been started, at this host and at others.
_OURS = re.compile(r"(__Host-)?(peeringdb_gateway(_\d+)?|peeringdb-login-.*)")
_FOREVER = 400 * 86400  # seconds; browsers keep no cookie longer


class SessionCookie:
    """The session of a browser at one host, sealed in a cookie.

    Nothing in it opens anything at another host or with another key. ``origin``: scheme
    and host. ``max_age``: for how many seconds a browser keeps it; None: for as long
    as it can.
    """

    def __init__(self, sealer: Sealer, origin: str, *, max_age: float | None) -> None:
        parts = urlsplit(origin)
        self.is_secure = parts.scheme == "https"
        # Browsers send a cookie to all ports of a host.
        port = parts.port or ("" if self.is_secure else 80)
        self.name = f"{'__Host-' if self.is_secure else ''}{_NAME}{f'_{port}' if port else ''}"
        self._sealer = sealer
        self._purpose = f"gateway session 1 at {origin}"
        self._max_age = _FOREVER if max_age is None else int(max_age)

    def read(self, cookies: Mapping[str, str]) -> dict[str, Any]:
        """The session; empty if there is none, or if we have not sealed it."""
        text = cookies.get(self.name)
        session = self._sealer.open(self._purpose, text) if text else None
        return session if isinstance(session, dict) else {}

    def write(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Cookie, ...]:
        """The cookies to set for a session that a request has changed."""
        if before == after:
            return ()
        value = self._sealer.seal(self._purpose, dict(after)) if after else ""
        max_age = self._max_age if after else 0
        return (Cookie(name=self.name, value=value, max_age=max_age, secure=self.is_secure),)


def parse_cookies(header: str) -> dict[str, str]:
    """The cookies of a ``Cookie`` header. Of several with one name the first counts.

    Browsers send the quotes back that a value was set with (RFC 6265 section 4.1.1).
    """
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            value = value.strip(" \t")
            is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
            cookies.setdefault(name.strip(" \t"), value[1:-1] if is_quoted else value)
    return cookies


def without_ours(header: str) -> str:
    """A ``Cookie`` header without the cookies of the gateway.

    An application that gets them could act as the person at the other hosts.
    """
    pairs = (pair.strip(" \t") for pair in header.split(";"))
    return "; ".join(pair for pair in pairs if pair and not _is_ours(pair))


def _is_ours(pair: str) -> bool:
    return _OURS.fullmatch(pair.partition("=")[0].strip()) is not None
