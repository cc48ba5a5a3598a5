"""What a proxy says of a visitor's request, and whom we believe."""

import pytest

from peeringdb_oauth.gateway.forwarded import (
    Forwarded,
    NotForwarded,
    RequestHeaders,
    TrustedProxies,
    read_forwarded,
    read_site,
)

GOOD = {
    "x-forwarded-method": "GET",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "lg.example.net",
    "x-forwarded-uri": "/a?b=\xe9",
}


def headers_of(*pairs, **more):
    given = [*pairs, *(GOOD | more).items()]
    return RequestHeaders([(name.encode(), value.encode("latin-1")) for name, value in given])


def test_headers_are_found_however_they_are_written():
    headers = headers_of(("cookie", "a=b"), ("cookie", "c=d"), ("accept", "x"), ("accept", "y"))
    assert (headers["Cookie"], headers.get("ACCEPT")) == ("a=b; c=d", "x, y")
    assert headers.get("Upgrade", "") == ""
    assert ("X-Forwarded-Uri" in headers, "Upgrade" in headers) == (True, False)
    assert len(headers) == 6
    assert set(headers) == {"cookie", "accept", *GOOD}


def test_the_visitors_request_is_read():
    forwarded = read_forwarded(headers_of())
    assert forwarded == Forwarded("https", "lg.example.net", "GET", "/a?b=\xe9")
    assert forwarded.origin == "https://lg.example.net"


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ({"x-forwarded-host": "LG.Example.net:443"}, "https://lg.example.net"),
        ({"x-forwarded-host": "lg.example.net:8443"}, "https://lg.example.net:8443"),
        ({"x-forwarded-proto": "http"}, "http://lg.example.net"),
        ({"x-forwarded-proto": "ws", "x-forwarded-host": "a:80"}, "http://a"),
        ({"x-forwarded-host": "[2001:db8::1]:8443"}, "https://[2001:db8::1]:8443"),
    ],
)
def test_one_host_has_one_name(given, origin):
    assert read_site(headers_of(**given)).origin == origin


@pytest.mark.parametrize("method", ["", "GET POST", "GET,POST", "GE\x00T", "G\xc9T", "A" * 33])
def test_a_method_that_is_none_is_refused(method):
    with pytest.raises(NotForwarded, match="X-Forwarded-Method"):
        read_forwarded(headers_of(**{"x-forwarded-method": method}))


NAMES = ["X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_or_was_sent_twice_is_named(name):
    with pytest.raises(NotForwarded) as refused:
        read_forwarded(headers_of(**{name.lower(): ""}))
    assert (refused.value.problem, refused.value.status) == (f"{name} is missing", 403)
    headers = headers_of()
    del headers.raw[name.lower().encode()]
    with pytest.raises(NotForwarded, match="is missing"):
        read_forwarded(headers)
    with pytest.raises(NotForwarded) as refused:
        read_forwarded(headers_of((name.lower(), "GET")))
    assert str(refused.value) == f"{name} was sent several times"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"x-forwarded-method": "GET POST"}, "X-Forwarded-Method is no method"),
        ({"x-forwarded-proto": "ftp"}, "X-Forwarded-Proto is neither http nor https"),
    ],
)
def test_what_makes_no_sense_is_named(given, problem):
    with pytest.raises(NotForwarded) as refused:
        read_forwarded(headers_of(**given))
    assert str(refused.value) == problem


def test_the_scheme_may_be_written_in_any_case():
    assert read_site(headers_of(**{"x-forwarded-proto": "HTTPS"})).scheme == "https"


def test_headers_have_at_most_32_kib():
    headers = RequestHeaders([(b"abcd", b"x" * 32_760), (b"e", b"fgh")])
    assert headers.size == 32_768
    headers.check_size()
    with pytest.raises(NotForwarded) as refused:
        RequestHeaders([(b"abcd", b"x" * 32_761), (b"e", b"fgh")]).check_size()
    assert refused.value.status == 431
    assert str(refused.value) == "its headers have more than 32768 bytes"


def test_headers_may_come_one_by_one():
    assert dict(RequestHeaders(iter([(b"a", b"\xe9"), (b"a", b"c")]))) == {"a": "\xe9, c"}


PROXIES = TrustedProxies(["127.0.0.1", "192.0.2.0/28", "2001:db8:1::/48"])


@pytest.mark.parametrize(
    ("client", "is_trusted"),
    [
        (("127.0.0.1", 1), True),
        (("127.0.0.2", 1), False),
        (("192.0.2.15", 1), True),
        (("192.0.2.16", 1), False),
        (("::ffff:192.0.2.1", 1), True),
        (("2001:db8:1::9", 1), True),
        (("2001:db8:2::9", 1), False),
        (("testclient", 1), False),
        (None, True),  # a Unix socket, as uvicorn says it
        (("", 0), True),
        (("unix:", 0), True),
        (("/run/gateway.sock", 0), True),
    ],
)
def test_a_trusted_proxy_has_an_address_of_ours_or_a_unix_socket(client, is_trusted):
    assert PROXIES.trusts(client) == is_trusted


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("203.0.113.9, 198.51.100.7, 192.0.2.3, 127.0.0.1", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8:2::1]:4711", "2001:db8:2::1"),
        ("2001:db8:2::1", "2001:db8:2::1"),
        ("127.0.0.1, 192.0.2.1", None),
        (" , ,", None),
        ("", None),
        (", ".join(["198.51.100.7"] * 5000), "198.51.100.7"),
        ("203.0.113.9, nonsense", "nonsense"),
        ("x" * 30_000, "x" * 64),
    ],
)
def test_the_visitor_is_the_last_address_that_is_no_proxys(header, address):
    assert PROXIES.visitor(headers_of(("x-forwarded-for", header))) == address


def test_a_visitor_is_looked_for_before_thirty_two_proxies_and_no_more():
    """A stranger could write thousands of addresses."""
    proxies = ", 127.0.0.1" * 32
    found = PROXIES.visitor(headers_of(("x-forwarded-for", f"198.51.100.7{proxies}")))
    assert found == "198.51.100.7"
    more = PROXIES.visitor(headers_of(("x-forwarded-for", f"198.51.100.7{proxies}, 127.0.0.1")))
    assert more != "198.51.100.7"


def test_a_network_may_be_written_with_the_address_of_a_host():
    assert TrustedProxies(["192.0.2.1/28"]).trusts(("192.0.2.15", 1))


def test_the_memory_of_addresses_is_bounded():
    for remembers in (PROXIES._has, PROXIES._is_proxy):
        assert remembers.cache_info().maxsize == 10_000


def test_several_headers_with_addresses_are_one_list():
    headers = headers_of(("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7"))
    assert PROXIES.visitor(headers) == "198.51.100.7"
    assert PROXIES.visitor(headers_of()) is None
