r"""The path that a visitor asks for, with every way in which servers may read it.

A server behind the proxy may read a path in another way than the gateway. If it does,
it serves something that no rule has judged. So a path that nobody needs and that
servers read in different ways is refused (`OddPath`). A path that some applications
need has its tricks named (`TRICKS`) and all its readings listed. ``rules.py`` lets it
pass only where a rule allows the tricks and all readings lead to that rule.

The tricks, by the names that a rule writes in ``allow_in_path``:

- ``%2F``: an encoded slash. Some servers decode it before they split the path.
- ``\``, also ``%5C``: some servers read it as a slash.
- ``;``, also ``%3B``: some servers cut it off, with what follows in the segment.
- ``//``: some servers read it as one slash, or as the start of a host name.
- ``%25``: an encoded percent sign. Some servers decode a path twice.
- ``%3F`` and ``%23``: an encoded ``?`` or ``#``. A proxy that decodes the path and
  sends it on makes them the end of the path.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

TRICKS = ("%2F", "\\", ";", "//", "%25", "%3F", "%23")

_MAX_LENGTH = 8192  # characters of the path with its query
_MAX_LEVELS = 3  # how often a path may be encoded
_MAX_READ = 100_000  # characters of all ways to read a path: they take 50 milliseconds
_NEVER_RAW = re.compile(r"[\x00-\x20\x7f]")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ASCII_ESCAPE = re.compile(r"%([0-7][0-9A-Fa-f])")
# What any server may take for the end of a segment, or of what counts in it.
_SEGMENT_ENDS = re.compile(r"[/\\;?#]")

# A path and query with nothing that needs a second look, as nearly all are.
_NAME = r"[A-Za-z0-9_~!$&'()*,=:@+-][A-Za-z0-9_~!$&'()*,=:@+.-]*"
_PLAIN = re.compile(rf"/(?:{_NAME}(?:/{_NAME})*/?)?(?:\?[^\x00-\x20#\x7f]*)?")

Segments = tuple[str, ...]


class OddPath(Exception):
    """The path is one that no rule can allow.

    ``name``: what is odd, as a word for logs. ``reason``: a sentence about it.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A path that a visitor asks for.

    ``path``, ``query``: as they were sent. ``tricks``: names of `TRICKS` that are in
    the path. ``text``: the path with all decoded that is not ASCII.

    >>> from peeringdb_oauth.gateway.paths import parse
    >>> parse("/members/64500/?page=2").readings
    (('members', '64500'),)
    >>> parse("/group%2Fproject").tricks
    frozenset({'%2F'})
    """

    path: str
    query: str
    tricks: frozenset[str]
    text: str

    @property
    def readings(self) -> tuple[Segments, ...]:
        """The segments of the path, once for each way to read it.

        Raises:
            OddPath: there are too many ways.
        """
        if "%" not in self.text and not self.tricks:
            return (_split(self.text),)
        return tuple(sorted({_split(text) for text in _all_texts(self.text)}))


def parse(uri: str) -> Requested:
    """Read the path and query that a visitor asks for.

    ``uri``: as it was sent, with its bytes as Latin-1 characters.

    Raises:
        OddPath: it has something that no application needs and that servers read in
            different ways.
    """
    if _PLAIN.fullmatch(uri) and len(uri) <= _MAX_LENGTH:
        path, _, query = uri.partition("?")
        return Requested(path=path, query=query, tricks=frozenset(), text=path)
    return _parse_any(uri)


def _parse_any(uri: str) -> Requested:
    _check_form(uri)
    path, _, query = uri.partition("?")
    levels = _decoded(path)
    for text in levels:
        _check_decoded(text)
    text = _decode_all_but_ascii(path)
    return Requested(path=path, query=query, tricks=_tricks_in(path, levels), text=text)


def _check_form(uri: str) -> None:
    if not uri.startswith("/"):
        raise OddPath("no_path", "the address does not begin with a slash")
    if len(uri) > _MAX_LENGTH:
        raise OddPath("too_long", f"the address has more than {_MAX_LENGTH} characters")
    if _NEVER_RAW.search(uri):
        raise OddPath("control_character", "the address has a blank or a control character in it")
    if "#" in uri:
        raise OddPath("fragment", "the address has a fragment (#...), which browsers never send")
    if _BROKEN_ESCAPE.search(uri.partition("?")[0]):
        raise OddPath("broken_escape", "the path has a % without two hexadecimal digits after it")


def _decoded(path: str) -> list[str]:
    """The path decoded once, twice and so on, until nothing changes."""
    levels = [_utf8(path.encode("latin-1", "replace"))]
    while (again := _utf8(levels[-1].encode())) != levels[-1]:
        levels.append(again)
        if len(levels) > _MAX_LEVELS:
            raise OddPath("encoded_often", f"the path is encoded more than {_MAX_LEVELS} times")
    return levels


def _utf8(path: bytes) -> str:
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise OddPath("broken_utf8", "the path is not UTF-8") from None


def _check_decoded(text: str) -> None:
    if not text.isprintable() and any(unicodedata.category(one) == "Cc" for one in text):
        raise OddPath("control_character", "the path has an encoded control character in it")
    for segment in _SEGMENT_ENDS.split(text):
        # Some systems ignore blanks and more dots at the end of a name.
        if "." in segment and not segment.strip(". "):
            raise OddPath("dot_segment", "the path has a segment of dots in it")


def _decode_all_but_ascii(path: str) -> str:
    kept = _ASCII_ESCAPE.sub(lambda found: f"%25{found[1]}", path)
    return unquote_to_bytes(kept.encode("latin-1")).decode()


def _tricks_in(path: str, levels: list[str]) -> frozenset[str]:
    """``levels``: the path decoded once, twice and so on."""
    encoded = "".join((path, *levels[:-1])).upper()
    decoded = "".join((path, *levels))
    found = {name for name in TRICKS if name.startswith("%") and name in encoded}
    found.update(name for name in ("\\", ";") if name in decoded)
    if any("//" in text for text in (path, *levels)):
        found.add("//")
    return frozenset(found)


# What a server may do with a path before it splits it, each in any order.
_CHANGES: tuple[Callable[[str], str], ...] = (
    unquote,
    lambda text: re.sub("%2F", "/", text, flags=re.IGNORECASE),
    lambda text: re.sub("%5C", "/", text, flags=re.IGNORECASE),
    lambda text: text.replace("\\", "/"),  # as browsers and URL in JavaScript do
    lambda text: re.sub("(;|%3B)[^/]*", "", text, flags=re.IGNORECASE),
    lambda text: re.sub(";[^/]*", "", text),
    lambda text: re.sub("//+", "/", text),
    lambda text: re.sub("^//+", "/", text),  # as gunicorn and Werkzeug do
    lambda text: re.sub("^//+[^/]*", "", text) or "/",
    lambda text: re.sub(r"(\?|%3F).*", "", text, flags=re.IGNORECASE | re.DOTALL),
    lambda text: re.sub("(#|%23).*", "", text, flags=re.IGNORECASE | re.DOTALL),
)


def _all_texts(text: str) -> set[str]:
    """All that the changes make of a path, in every order and any number of times.

    Raises:
        OddPath: that is too much.
    """
    found, new, size = {text}, [text], 0
    while new:
        text = new.pop()
        size += len(text)
        if size > _MAX_READ:
            raise OddPath("many_readings", "servers can read the path in far too many ways")
        made = {change(text) for change in _CHANGES} - found
        found |= made
        new.extend(made)
    return found


def _split(text: str) -> Segments:
    """The segments of a path; a slash at its end makes no difference."""
    return tuple(text.removesuffix("/").split("/")[1:])
