"""What a proxy says of a visitor: who asks, from where, and for what."""

from ipaddress import ip_address, ip_network

from peeringdb_oauth.cost import payers_of
from peeringdb_oauth.gateway.forwarded import (
    NotForwarded,
    RequestHeaders,
    TrustedProxies,
    read_forwarded,
)
from peeringdb_oauth.web.visit import shown_address

from .inputs import CANARY, assert_tells_no_secret

NETWORKS = [ip_network(one) for one in ("127.0.0.0/8", "192.0.2.0/28", "2001:db8:1::/48")]
PROXIES = TrustedProxies(NETWORKS)
FORWARDED = ("x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri")
MAX_LENGTH = 64  # characters of an address
MAX_ADDRESSES = 32  # that are looked at


def check(data, visitor=PROXIES.visitor, read=read_forwarded):
    pairs = [(b"cookie", f"a={CANARY}".encode()), *_headers(data)]
    headers = RequestHeaders(pairs)
    values = {}
    for name, value in pairs:
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    _check_address(visitor(headers), ", ".join(values.get("x-forwarded-for", [])))
    try:
        found = read(headers)
    except NotForwarded as error:
        assert_tells_no_secret(error)
        return
    method, proto, host, uri = (values.get(name) for name in FORWARDED)
    assert len(method) == len(proto) == len(host) == len(uri) == 1
    assert (found.method, found.uri) == (method[0], uri[0])
    assert found.method.isascii()
    assert found.method.isprintable()
    assert (
        found.scheme
        == {"http": "http", "https": "https", "ws": "http", "wss": "https"}[proto[0].lower()]
    )
    port = {"http": ":80", "https": ":443"}[found.scheme]
    assert host[0].lower() in (found.host, f"{found.host}{port}")
    assert found.origin == f"{found.scheme}://{found.host}"


def _headers(data):
    """Yield the headers in lines of text, as an ASGI server gives them."""
    for line in data.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name.strip().lower(), value.strip()


def _check_address(found, header):
    """The right one is the last that is no proxy's: others a visitor can write."""
    parts = header.split(",")
    named = [host for part in reversed(parts[-MAX_ADDRESSES:]) if (host := _host(part.strip()))]
    others = [host for host in named if not _is_proxy(host)]
    if others or len(parts) <= MAX_ADDRESSES:
        assert found == (others[0] if others else None)
    if found is None:
        return
    assert 0 < len(found) <= MAX_LENGTH
    shown = shown_address(found)
    assert shown is None or shown.isprintable()
    assert payers_of(found)


def _host(text):
    text = text[:MAX_LENGTH]
    if text[:1] == "[":
        return text[1:].split("]")[0]
    return text.split(":")[0] if text.count(":") == 1 else text


def _is_proxy(text):
    try:
        address = ip_address(text)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in NETWORKS)
