"""The path after a login: it stays on this site, as browsers read it."""

from urllib.parse import unquote, urljoin, urlsplit

import ada_url

from peeringdb_oauth.web.return_path import MAX_LENGTH, safe_return_path

PORTAL = "https://portal.example.net"
HERE = f"{PORTAL}/login/peeringdb"


def check(data, read=safe_return_path):
    text = data.decode("utf-8", "surrogateescape")
    path = read(text, default="/default", origins=(PORTAL,))
    assert path[0] == "/"
    assert len(path) <= MAX_LENGTH
    assert path.isascii()
    assert path.isprintable()
    assert " " not in path
    assert read(path, default="/no") == path
    for form in _decoded(path.partition("?")[0]):
        assert _stays(form), form
    assert _stays(path)
    assert urlsplit(urljoin(HERE, path)).netloc == "portal.example.net"
    if path != "/default":
        _assert_it_is_what_was_asked_for(text, path)


def _decoded(path):
    """Yield the path as it is, and as proxies may decode it, again and again."""
    while True:
        yield path
        decoded = unquote(path, errors="replace")
        if decoded == path:
            return
        path = decoded


def _stays(path):
    """Whether a browser stays on this site (WHATWG URL Standard)."""
    url = ada_url.URL(path, base=HERE)
    return url.origin == PORTAL and not (url.username or url.password)


def _assert_it_is_what_was_asked_for(text, path):
    """A browser that is sent to either opens the same page, but for a long query."""
    asked = ada_url.URL(f"{text}#", base=HERE)  # so that blanks at the end count
    found = ada_url.URL(path, base=HERE)
    assert asked.origin == PORTAL
    assert _same(asked.pathname, found.pathname)


def _same(left, right):
    return unquote(left, errors="replace") == unquote(right, errors="replace")
