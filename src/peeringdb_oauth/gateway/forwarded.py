"""What a proxy says of a visitor's request, in the ``X-Forwarded-`` headers.

They count from a trusted proxy only. Anybody else could write into them what they like.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

# RFC 9110 section 5.6.2
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_SCHEMES = {b"http": "http", b"https": "https", b"ws": "http", b"wss": "https"}
_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_MAX_ADDRESSES = 32  # of proxies in one request
_MAX_ADDRESS = 64  # characters
_MAX_HEADERS = 32_768  # bytes of all headers of a request


class NotForwarded(Exception):
    """A request does not say what it must say of the visitor's request.

    ``problem``: what is wrong, for the operator. ``status``: of the answer.
    """

    def __init__(self, problem: str, *, status: int = 403) -> None:
        self.problem = problem
        self.status = status
        super().__init__(problem)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The request of a visitor, as the proxy describes it.

    ``scheme``: ``http`` or ``https``. ``host``: in small letters and without the
    default port. ``method``: as the visitor sent it. ``uri``: path and query as they
    were sent, a character for each byte.
    """

    scheme: str
    host: str
    method: str = "GET"
    uri: str = field(default="/", repr=False)

    @property
    def origin(self) -> str:
        """Scheme and host of the visitor's address."""
        return f"{self.scheme}://{self.host}"


class RequestHeaders(Mapping[str, str]):
    """The headers of a request, whose names may be written in any case.

    A header that was sent several times has its values joined with ", ", and a cookie
    with "; ".
    """

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        # A loop would take a third of a whole check.
        pairs = raw if isinstance(raw, list) else list(raw)
        self.raw: dict[bytes, bytes] = dict(pairs)
        self.repeated: set[bytes] = set()
        if len(self.raw) != len(pairs):
            self._join(pairs)

    def _join(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self.raw.clear()
        for name, value in pairs:
            if name in self.raw:
                self.repeated.add(name)
                comma = b"; " if name == b"cookie" else b", "
                self.raw[name] = self.raw[name] + comma + value
            else:
                self.raw[name] = value

    @property
    def size(self) -> int:
        """The bytes of all names and values."""
        return sum(map(len, self.raw)) + sum(map(len, self.raw.values()))

    def check_size(self) -> None:
        """Do nothing if the headers are short enough.

        Raises:
            NotForwarded: they are not.
        """
        if self.size > _MAX_HEADERS:
            raise NotForwarded(f"its headers have more than {_MAX_HEADERS} bytes", status=431)

    def __getitem__(self, name: str) -> str:
        return self.raw[name.lower().encode("latin-1")].decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self.raw)

    def __len__(self) -> int:
        return len(self.raw)


def read_forwarded(headers: RequestHeaders) -> Forwarded:
    """The visitor's request that a proxy asks about.

    Raises:
        NotForwarded: a header is missing, was sent twice, or makes no sense.
    """
    site = read_site(headers)
    method = _one(headers, b"x-forwarded-method")
    if not _METHOD.fullmatch(method):
        raise NotForwarded("X-Forwarded-Method is no method")
    uri = _one(headers, b"x-forwarded-uri").decode("latin-1")
    return Forwarded(site.scheme, site.host, method.decode("ascii"), uri)


def read_site(headers: RequestHeaders) -> Forwarded:
    """Scheme and host of a visitor's request that a proxy passes on.

    Raises:
        NotForwarded: as `read_forwarded`.
    """
    scheme = _SCHEMES.get(_one(headers, b"x-forwarded-proto").lower())
    if scheme is None:
        raise NotForwarded("X-Forwarded-Proto is neither http nor https")
    host = _one(headers, b"x-forwarded-host").decode("latin-1").lower()
    return Forwarded(scheme, host.removesuffix(_DEFAULT_PORT[scheme]))


def _one(headers: RequestHeaders, name: bytes) -> bytes:
    value = headers.raw.get(name)
    if not value:
        raise NotForwarded(f"{name.decode().title()} is missing")
    if name in headers.repeated:
        raise NotForwarded(f"{name.decode().title()} was sent several times")
    return value


class TrustedProxies:
    """Who may say what a visitor asks for.

    ``networks``: the addresses of the proxies. A Unix socket is trusted too: its file
    says who may open it.
    """

    def __init__(self, networks: Iterable[object]) -> None:
        self._networks = tuple(ip_network(str(network), strict=False) for network in networks)
        self._has = lru_cache(maxsize=10_000)(self._is_in_a_network)
        self._is_proxy = lru_cache(maxsize=10_000)(self._is_socket_or_proxy)

    def trusts(self, client: tuple[str, int] | None) -> bool:
        """Whether a connection comes from a proxy. ``client``: from the ASGI scope."""
        return self._is_proxy(client and client[0])

    def visitor(self, headers: RequestHeaders) -> str | None:
        """The visitor's address; None if no proxy says it.

        That is the last address in ``X-Forwarded-For`` that is no proxy's: a visitor
        can write others before it.
        """
        addresses = headers.get("X-Forwarded-For", "").rsplit(",", _MAX_ADDRESSES)
        for text in reversed(addresses):
            address = _without_port(text.strip())
            if address and not self._has(address):
                return address
        return None

    def _is_socket_or_proxy(self, address: str | None) -> bool:
        return not address or address.startswith(("unix:", "/")) or self._has(address)

    def _is_in_a_network(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)


def _without_port(text: str) -> str:
    """An address without brackets and port, as some proxies write it."""
    text = text[:_MAX_ADDRESS]
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
