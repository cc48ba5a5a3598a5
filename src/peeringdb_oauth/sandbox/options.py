"""The options of a sandbox, and what a running sandbox tells about itself."""

import contextlib
import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

_PRINTABLE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Everything that can be chosen about a sandbox.

    ``host``: the loopback address to listen on. ``port``: the port to listen on; 0 for
    a free one. ``tls``: use https. ``strict``: refuse http redirect URIs with a bare
    400, as PeeringDB does; without it they work on loopback. ``limits``: limit the rate
    and repeat refusals, as PeeringDB does. ``people``: the path of a JSON or TOML file
    that replaces the people of the sandbox. ``database``: the path of an SQLite file;
    None for a database in memory. ``redirect_uris``: those of the default application;
    without any it gets ``/login/peeringdb/callback`` on port 5000 of this machine, with
    https if ``tls`` or ``strict`` is true. ``hosts``: further host names that
    PeeringDB's pages answer to; the control pages answer to loopback names only.
    ``log``: print method, path without query, and status of each request on standard
    error.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls: bool = True
    strict: bool = False
    limits: bool = True
    people: str | None = None
    database: str | None = None
    redirect_uris: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    log: bool = False

    def __post_init__(self) -> None:
        if not self.redirect_uris:
            scheme = "https" if self.tls or self.strict else "http"
            uris = tuple(
                f"{scheme}://{host}:5000/login/peeringdb/callback"
                for host in ("127.0.0.1", "localhost")
            )
            object.__setattr__(self, "redirect_uris", uris)

    def problems(self) -> list[str]:
        """One sentence for each option that cannot work; an empty list if all can."""
        found = []
        if not is_loopback(self.host):
            found.append(
                "host must be a loopback address (127.0.0.1 or ::1), because the sandbox has no"
                f" passwords, not {self.host!r}"
            )
        if not 0 <= self.port <= 65535:
            found.append(f"port must be between 0 (a free one) and 65535, not {self.port}")
        for uri in self.redirect_uris:
            found.extend(redirect_uri_problems(uri) or self._http_problems(uri))
        return found

    def _http_problems(self, uri: str) -> list[str]:
        """Why no login would come back to this http redirect URI.

        Neither PeeringDB nor the sandbox refuses to register it.
        """
        parts = urlsplit(uri)
        if parts.scheme == "http" and self.strict:
            return [
                f"redirect URI {uri} must be https, because strict refuses http as PeeringDB does"
            ]
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            return [f"redirect URI {uri} must be https; http works for loopback hosts only"]
        return []

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The options of a JSON object that was made with `dataclasses.asdict`."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
        }
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a running sandbox tells about itself.

    ``url``: its base URL, without a slash at the end. ``ca_file``: a PEM file with the
    certificate authority that signed its certificate; None without TLS. ``client_id``,
    ``client_secret``: those of the default application. ``control_token``: opens the
    JSON control endpoint, as the header ``X-Sandbox-Token``. ``people``: whom one can
    log in as, login name to description. ``rights``: the same people in groups, the
    name of the group to login name to networks and rights in words.
    """

    url: str
    ca_file: str | None
    client_id: str
    client_secret: str = field(repr=False)
    control_token: str = field(repr=False)
    people: dict[str, str]
    rights: dict[str, dict[str, str]] = field(default_factory=dict)


def redirect_uri_problems(uri: str) -> list[str]:
    """Why this redirect URI cannot be registered; an empty list if it can."""
    # urlsplit refuses brackets without an address; port refuses what is no number.
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
        f"redirect URI {uri!r} must be an absolute http or https URL without user name and"  # noqa: ISC004
        " fragment"
    ]


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
