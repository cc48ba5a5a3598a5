"""The page to return to after a login: always a page of this site.

The path comes from the address, where anybody can write anything.
"""

import re
from urllib.parse import quote, unquote

MAX_LENGTH = 512  # characters; the path is stored in a cookie

# What RFC 3986 allows in a path, a query and a fragment. Browsers also send others as
# they are, such as "|" and "\" in a query. They are encoded here.
_SAFE = "/?#[]@:!$&'()*+,;=~%"
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")  # browsers drop some of them
_DOT_SEGMENT = re.compile(r"/\.{1,2}(/|$)")  # browsers resolve it: "/..//host" has a host


def safe_return_path(
    text: object, *, default: str, origins: tuple[str, ...] = (), longest: int = MAX_LENGTH
) -> str:
    """``text`` if it is a path of this site, with or without a query; else ``default``.

    It is encoded where it has to be. If it is longer than ``longest`` characters, the
    path without the query counts. ``origins``: of this site, such as
    ``https://portal.example.net``. What begins with one of them is an address of this
    site, too.
    """
    if not isinstance(text, str) or _CONTROLS.search(text):
        return default
    path, rest = split_path(_without_origin(text, origins))
    path = path.replace("\\", "/")  # as browsers read it
    if len(path) > longest or _may_lead_away(path):
        return default
    try:
        whole, short = encoded(path + rest), encoded(path)
    except UnicodeEncodeError:  # a lone surrogate
        return default
    return next((each for each in (whole, short) if len(each) <= longest), default)


def split_path(address: str) -> tuple[str, str]:
    """The path of an address, and its query and fragment."""
    path = re.split("[?#]", address)[0]
    return path, address[len(path) :]


def encoded(text: str | bytes) -> str:
    """An address in the characters of RFC 3986. What is encoded already stays."""
    return _STRAY_PERCENT.sub("%25", quote(text, safe=_SAFE))


def _without_origin(text: str, origins: tuple[str, ...]) -> str:
    for origin in origins:
        start, rest = text[: len(origin)], text[len(origin) :]
        if start.lower() == origin.lower() and rest[:1] in ("", "/", "?", "#"):
            return rest if rest.startswith("/") else f"/{rest}"
    return text


def _may_lead_away(path: str) -> bool:
    """Whether a browser could find a host in a path, in any number of decodings.

    A proxy or an application may decode the path before it comes back.
    """
    while True:
        browsers = _CONTROLS.sub("", path).replace("\\", "/")
        if not re.match("/(?!/)", browsers) or _DOT_SEGMENT.search(browsers):
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
