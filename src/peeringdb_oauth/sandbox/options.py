"""How a sandbox is started, and what it says once it runs: plain values, without
Django.
"""

import contextlib
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

_PRINTABLE = re.compile(r"[!-~]+")


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
    redirect_uris: tuple[str, ...] = ()
    """Of the default application.

    None: /login/peeringdb/callback on port 5000 of this machine, https with `tls` or `strict`.
    """
    hosts: tuple[str, ...] = ()
    """Further host names of the provider's pages.

    The control pages answer on loopback names only.
    """
    log: bool = False
    """One line on standard error for each request: method, path without query, status."""

    def __post_init__(self) -> None:
        if not self.redirect_uris:
            scheme = "https" if self.tls or self.strict else "http"
            uris = tuple(
                f"{scheme}://{host}:5000/login/peeringdb/callback"
                for host in ("127.0.0.1", "localhost")
            )
            object.__setattr__(self, "redirect_uris", uris)

    def problems(self) -> list[str]:
        """One sentence for each option that cannot work."""
        found = []
        if not is_loopback(self.host):
            found.append(
                "the sandbox has no passwords and binds loopback only (127.0.0.1 or ::1), not"
                f" {self.host!r}",
            )
        if not 0 <= self.port <= 65535:
            found.append(f"port must be between 0 (a free one) and 65535, not {self.port}")
        for uri in self.redirect_uris:
            found.extend(redirect_uri_problems(uri) or self._http_problems(uri))
        return found

    def _http_problems(self, uri: str) -> list[str]:
        """Why nobody would come back to this redirect URI. It could be registered, here
        as at PeeringDB.
        """
        parts = urlsplit(uri)
        if parts.scheme == "http" and self.strict:
            return [
                f"redirect URI {uri}: strict refuses http as PeeringDB does; give one with https",
            ]
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            return [
                f"redirect URI {uri}: PeeringDB redirects to https only; here http is for loopback"  # noqa: ISC004
                " hosts",
            ]
        return []

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The options that `dataclasses.asdict` and JSON made of them."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
        }
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
    people: dict[str, str]
    """Whom one can log in as: login name to what there is to say about them."""


def redirect_uri_problems(uri: str) -> list[str]:
    """Why this cannot be registered as a redirect URI; an empty list if it can."""
    # brackets that are no address, a port that is no number
    with contextlib.suppress(ValueError):
        parts = urlsplit(uri)
        absolute = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        if (
            absolute
            and "@" not in parts.netloc
            and _PRINTABLE.fullmatch(uri)
            and "#" not in uri
            and "\\" not in uri
        ):
            return []
    return [
        "a redirect URI is an absolute http or https URL without user name and fragment, not"  # noqa: ISC004
        f" {uri!r}",
    ]


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
