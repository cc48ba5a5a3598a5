"""The page to return to after a login: always a page of this site.

The path comes from the address, where anybody can write anything.
"""

import re

MAX_LENGTH = 512  # characters; the path is stored in a cookie

# The characters of RFC 3986 and no others. So there is no backslash, which browsers
# read as a slash, no control character, which some browsers drop, and no space.
_CHARACTERS = re.compile(r"/[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
# Refused in the path: a second slash, after which a host could stand; dot segments,
# which can make one; and both in any number of encodings.
_DANGEROUS = re.compile(
    r"//|/\.{1,2}(/|$)|%(2f|5c|2e|25|[01][0-9a-f]|7f)|%(?![0-9a-f]{2})",
    re.IGNORECASE,
)


def safe_return_path(text: object, *, default: str) -> str:
    """``text`` if it is a path of this site, with or without a query; else ``default``.

    Text that could be anything else is not such a path.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH or not _CHARACTERS.fullmatch(text):
        return default
    path = re.split("[?#]", text, maxsplit=1)[0]
    return default if _DANGEROUS.search(path) else text
