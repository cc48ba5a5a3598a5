import re
from urllib.parse import parse_qs, quote, unquote, unquote_to_bytes, urlsplit

import ada_url
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from peeringdb_oauth.web.return_path import MAX_LENGTH, safe_return_path

from .test_answer_builder import BUILDER, visit

PORTAL = "https://portal.example.net"
HERE = f"{PORTAL}/login/peeringdb"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/networks/64500",
        "/networks/64500/?page=2&q=AS64501#peers",
        "/search?next=%2Fother&text=a%20b",
        "/search?q=https://example.net//x",
        "/a.b/..c/.well-known/x",
        "/caf%C3%A9",
        "/a//b///",
        "/a/https://example.net/x",
        "/100%25",
        "/a%5Cb%2Fc%00%7f%0d%0aSet-Cookie:a=b",
        "/?q=%5c%2f..//evil.example/../",
        "/" + "a" * (MAX_LENGTH - 1),
    ],
)
def test_a_path_of_this_site_is_accepted(path):
    assert safe_return_path(path, default="/home") == path


@pytest.mark.parametrize(
    ("path", "accepted"),
    [
        ("/?q={a|b}^`\\", "/?q=%7Ba%7Cb%7D%5E%60%5C"),
        ("/{x}/a|b", "/%7Bx%7D/a%7Cb"),
        ("/caf\u00e9?q=\u00fc", "/caf%C3%A9?q=%C3%BC"),
        ("/\u2044evil.example", "/%E2%81%84evil.example"),
        ("/\uff0fevil.example", "/%EF%BC%8Fevil.example"),
        ("/ /a b", "/%20/a%20b"),
        ('/"onmouseover=alert(1)', "/%22onmouseover=alert(1)"),
        ("/<script>", "/%3Cscript%3E"),
        ("/%", "/%25"),
        ("/%2?%zz", "/%252?%25zz"),
        ("/a\\b", "/a/b"),
        ("/a?" + "b" * MAX_LENGTH, "/a"),
        ("/a#" + "b" * MAX_LENGTH, "/a"),
        ("/a?" + "|" * 200, "/a"),
        ("/" + "a" * (MAX_LENGTH - 1) + "?b", "/" + "a" * (MAX_LENGTH - 1)),
    ],
)
def test_a_path_is_encoded_and_shortened_where_it_has_to_be(path, accepted):
    assert safe_return_path(path, default="/home") == accepted


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("https://portal.example.net/x?y=1#z", "/x?y=1#z"),
        ("HTTPS://Portal.Example.net/x", "/x"),
        ("https://portal.example.net", "/"),
        ("https://portal.example.net?x", "/?x"),
        ("https://portal.example.net#x", "/#x"),
        ("http://127.0.0.1:5000/x", "/x"),
        ("https://portal.example.net.evil.example/x", "/home"),
        ("https://portal.example.net@evil.example/x", "/home"),
        ("https://portal.example.net:444/x", "/home"),
        ("https://portal.example.net\\@evil.example/x", "/home"),
        ("https://portal.example.net//evil.example", "/home"),
        ("http://portal.example.net/x", "/home"),
        (" https://portal.example.net/x", "/home"),
    ],
)
def test_an_absolute_address_of_this_site_is_its_path(address, path):
    origins = ("https://portal.example.net", "http://127.0.0.1:5000")
    assert safe_return_path(address, default="/home", origins=origins) == path


@pytest.mark.parametrize(
    "path",
    [
        None,
        64500,
        ["/"],
        "",
        "networks",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " //evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https://evil.example/",
        "HTTPS://evil.example/",
        "http:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/..//evil.example",
        "/.//evil.example",
        "/../x",
        "/a/..",
        "/a/./b",
        "/%2fevil.example",
        "/%2F%2Fevil.example",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/%252fevil.example",
        "/%2e%2e/x",
        "/%09/evil.example",
        "/\x00",
        "/\x7f",
        "/\ud800",
        "/%255cevil.example",
        "/%09%5cevil.example",
        "/a/%252e%252e//x",
        "/a\\\\..\\x",
        "/" + "a" * MAX_LENGTH,
    ],
)
def test_a_path_that_could_lead_to_another_site_is_refused(path):
    assert safe_return_path(path, default="/home") == "/home"


TRICKY = st.text(alphabet="/\\.:@?#%2fF5cCeE09aA \t\r\n\x00evil-\u3002\uff0f;", max_size=30)


def leads_to_another_site(path):
    """Whether a browser leaves this site, by the WHATWG's rules for URLs.

    A proxy may have decoded the path once.
    """
    portal = ada_url.URL(HERE).origin
    path_alone = path.partition("?")[0]
    return any(
        ada_url.URL(form, base=HERE).origin != portal
        for form in (path, path_alone.replace("%2F", "/").replace("%2f", "/"), unquote(path_alone))
    )


@given(
    st.one_of(
        st.text(),
        TRICKY,
        TRICKY.map("/{}".format),
        TRICKY.map(f"{PORTAL}{{}}".format),
        TRICKY.map(lambda text: quote(f"/{text}", safe="/?#")),
        TRICKY.map(lambda text: quote(quote(f"/{text}", safe="/?#"), safe="/?#")),
    )
)
def test_a_browser_stays_on_this_site_with_every_accepted_path(text):
    path = safe_return_path(text, default="/", origins=(PORTAL,))
    assert not leads_to_another_site(path)
    assert safe_return_path(path, default="/no") == path
    assert path.isascii()
    assert path.isprintable()


def test_the_model_of_a_browser_knows_paths_to_other_sites():
    assert leads_to_another_site("/\\evil.example")
    assert leads_to_another_site("/%2Fevil.example")
    assert leads_to_another_site("/%5Cevil.example")


ADDRESSES = st.text(
    st.sampled_from("/?#%{}|^`\\ab1.=&+ :;@\u00fc\u20ac\"'<>[]~") | st.characters(codec="utf-8"),
    max_size=60,
)


@given(ADDRESSES.map("/a{}".format))
@example("/a?q={a|b}^`\\")
@example("/a//b%25%5C?\u00fc")
def test_what_a_browser_shows_comes_back(typed):
    """Also through our own redirect to the login."""
    shown = ada_url.URL(typed, base=HERE)
    path, query = unquote(shown.pathname), shown.search[1:].encode().decode("latin-1")
    assume("\ufffd" not in path)  # frameworks decode paths as UTF-8
    assume(len(quote(path)) + len(quote(query)) < MAX_LENGTH)
    assume(not re.search(r"[\x00-\x1f\x7f]|^//|/\.{1,2}(/|$)", unquote(path)))
    wanted = visit(path, query_string=query)
    redirect = BUILDER.ask_to_log_in(wanted).location
    [back] = parse_qs(urlsplit(redirect).query)["next"]
    again = BUILDER.return_path(wanted, back)
    assert unquote_to_bytes(again) == unquote_to_bytes(shown.pathname + shown.search)
    assert BUILDER.return_path(wanted, f"{shown.origin}{back}") == again


def test_a_path_that_is_too_long_once_it_is_encoded_is_refused():
    assert safe_return_path("/" + "\u00e9" * 200, default="/home") == "/home"
