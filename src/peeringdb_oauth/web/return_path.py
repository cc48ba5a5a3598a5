"""Where to go after a login: a page of this very site, whatever somebody wrote into the
address.
"""

import re

MAX_LENGTH = 512  # characters; it travels in a cookie

# RFC 3986's characters and no others: no backslash (browsers read it as a slash), no
# control character (they drop some), no space.
_CHARACTERS = re.compile(r"/[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
# In the path: a second slash where a host could begin, dot segments that could make
# one, and the same in any number of encodings.
_SUSPICIOUS = re.compile(
    r"//|/\.{1,2}(/|$)|%(2f|5c|2e|25|[01][0-9a-f]|7f)|%(?![0-9a-f]{2})",
    re.IGNORECASE,
)


def safe_return_path(text: object, *, default: str) -> str:
    """``text``, if it is a path on this site (with its query), else ``default``. What
    is in doubt is not.
    """
    if not isinstance(text, str) or len(text) > MAX_LENGTH or not _CHARACTERS.fullmatch(text):
        return default
    path = re.split("[?#]", text, maxsplit=1)[0]
    return default if _SUSPICIOUS.search(path) else text
