"""How a sandbox is started, and what it says once it runs: plain values, without Django."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

DEFAULT_REDIRECT_URIS = ("http://127.0.0.1:5000/login/peeringdb/callback", "http://localhost:5000/login/peeringdb/callback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that can be chosen about a sandbox; `problems` says what cannot work."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: a free one."""
    tls: bool = True
    strict: bool = False
    """True: http redirect URIs end in a bare 400, as at PeeringDB. False: on loopback they work."""
    limits: bool = True
    people: str | None = None
    """Path of a JSON or TOML file."""
    database: str | None = None
    """Path of an SQLite file; None: in memory."""
    redirect_uris: tuple[str, ...] = DEFAULT_REDIRECT_URIS
    """Of the default application."""
    hosts: tuple[str, ...] = ()
    """Further host names that the provider's pages answer to (the control pages answer on loopback names only)."""
    log: bool = False
    """One line on standard error for each request: method, path without query, status."""

    def problems(self) -> list[str]:
        """One sentence for each option that cannot work."""
        found = []
        if not _is_loopback(self.host):
            found.append(f"the sandbox has no passwords and binds loopback only (127.0.0.1 or ::1), not {self.host!r}")
        if not 0 <= self.port <= 65535:  # noqa: PLR2004
            found.append(f"port must be between 0 (a free one) and 65535, not {self.port}")
        if not self.redirect_uris:
            found.append("the default application needs at least one redirect URI")
        for uri in self.redirect_uris:
            found.extend(redirect_uri_problems(uri))
        return found

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Options:
        """The options that `dataclasses.asdict` and JSON made of them."""
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in document.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a running sandbox tells about itself."""

    url: str
    ca_file: str | None
    client_id: str
    client_secret: str = field(repr=False)
    control_token: str = field(repr=False)
    """Opens the JSON control endpoint (header ``X-Sandbox-Token``)."""


def redirect_uri_problems(uri: str) -> list[str]:
    """Why this cannot be registered as a redirect URI; an empty list if it can."""
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or " " in uri:
        return [f"a redirect URI is an absolute http or https URL without fragment, not {uri!r}"]
    return []


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
