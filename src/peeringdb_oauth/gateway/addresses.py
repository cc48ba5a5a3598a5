"""Where people are, where the gateway listens, and which proxies it trusts."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from peeringdb_oauth.config import url_problems
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.values import one_or_several, text

CALLBACK_PATH = "/_peeringdb/callback"

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_PORTS = {"https": 443, "http": 80}
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]+):([0-9]{1,5})")
_PORT = re.compile(":[0-9]*$")
_UNIX = "unix:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One of the places where people are.

    ``origin``: scheme, host and perhaps port, such as ``https://lg.example.net``.
    ``name``: the host in lower case, with its port unless it is the usual one.
    """

    origin: str
    name: str

    @property
    def redirect_uri(self) -> str:
        """Where PeeringDB sends people back to, as it is registered there."""
        return self.origin + CALLBACK_PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Where the gateway listens: at an address and port, or at a Unix socket."""

    host: str = ""
    port: int = 0
    unix: Path | None = None

    def __str__(self) -> str:
        if self.unix is not None:
            return f"{_UNIX}{self.unix}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_listen(value: Any) -> Listen:
    """Where to listen: ``127.0.0.1:4180``, ``[::1]:4180`` or ``unix:/run/x.sock``.

    Raises:
        ConfigurationError: it is nothing of these.
    """
    given = value if isinstance(value, str) else ""
    if given.startswith(_UNIX):
        path = Path(given.removeprefix(_UNIX))
        if not path.is_absolute():
            raise ConfigurationError("must have a path from the root, such as unix:/run/name.sock")
        return Listen(unix=path)
    found = _LISTEN.fullmatch(given)
    if not found or not 1 <= int(found[2]) <= 65535:
        raise ConfigurationError(
            'must be an address and a port in quotes, such as "127.0.0.1:4180", or a Unix socket,'
            ' such as "unix:/run/peeringdb-oauth/gateway.sock"'
        )
    return Listen(host=found[1].strip("[]"), port=int(found[2]))


def read_mode(value: Any) -> int:
    """The mode of a socket's file, in octal digits such as ``0660``.

    Raises:
        ConfigurationError: it is something else.
    """
    if not isinstance(value, str) or not re.fullmatch("0?[0-7]{3}", value):
        raise ConfigurationError('must be the mode of a file, in quotes, such as "0660"')
    return int(value, 8)


def read_hosts(value: Any, *, allow_http: bool) -> tuple[Host, ...]:
    """The hosts of ``urls``.

    Raises:
        ConfigurationError: a URL is wrong; all of them are reported.
    """
    given = one_or_several(value, text)
    problems: list[str] = []
    hosts: dict[str, Host] = {}
    for url in given:
        parts, wrong = url_problems(url, url, allow_http=allow_http)
        if parts is not None and (parts.path not in ("", "/") or "?" in url):
            wrong.append(f"{url}: must be scheme and host only, such as https://lg.example.net")
        if wrong or parts is None:
            problems.extend(wrong)
            continue
        is_usual = parts.port in (None, _PORTS[parts.scheme])
        name = _PORT.sub("", parts.netloc.lower()) + ("" if is_usual else f":{parts.port}")
        if name in hosts:
            problems.append(f"{url}: this host is named twice")
        hosts[name] = Host(origin=f"{parts.scheme}://{name}", name=name)
    if problems:
        raise ConfigurationError(*problems)
    return tuple(hosts.values())


def read_proxies(value: Any) -> tuple[Network, ...]:
    """The addresses and networks of proxies.

    Raises:
        ConfigurationError: one of them is no address and no network, or is everybody.
    """
    return one_or_several(value, _network)


def _network(value: Any) -> Network:
    try:
        network = ip_network(text(value), strict=False)
    except ValueError:
        raise ConfigurationError(
            f'"{value}" is no address and no network; write them as "192.0.2.1" and "192.0.2.0/24"'
        ) from None
    if "/" in value and str(network.network_address) != value.partition("/")[0]:
        raise ConfigurationError(
            f'"{value}" is an address within a network; did you mean'
            f' "{network}" or "{value.partition("/")[0]}"?'
        )
    if not network.prefixlen:
        raise ConfigurationError(f'"{value}" is everybody: each visitor could claim to be anyone')
    return network
