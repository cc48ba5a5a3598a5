"""Which cookies are protected, judged by the ``Cookie`` header as it was sent.

Browsers protect names that begin with ``__Host-`` or ``__Secure-``. No other host of
the domain can set a cookie with the first prefix. But some frameworks remove Unicode
spaces before a name. Another host can set a cookie with such a space, and the framework
then finds the protected name.
"""

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie

_PROTECTED = ("__Host-", "__Secure-")
_INVISIBLE = re.compile(r"[^!-~]")  # everything but visible ASCII characters


def is_genuine(header: str, name: str, value: str) -> bool:
    """Whether ``value`` is that of the only cookie that is called exactly ``name``.

    ``value``: what the framework found under the name. Names without a prefix are not
    protected, so they are always genuine.
    """
    if not name.startswith(_PROTECTED):
        return True
    return [_unquoted(text) for own, text in _cookies(header) if own == name] == [value]


def without_impostors(header: str, name: str) -> str:
    """The header without the cookies that a framework could take for ``name``.

    Only the genuine cookie stays. If there are several of exactly this name, none does.
    """
    if not name.startswith(_PROTECTED):
        return header
    pairs = header.split(";")
    exact = [pair for pair in pairs if _is_exact(pair, name)]
    genuine = exact if len(exact) == 1 else []
    return ";".join(pair for pair in pairs if pair in genuine or not _is_alike(pair, name))


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        if equals:
            yield name.strip(" \t"), value.strip(" \t")


def _unquoted(text: str) -> str:
    value: str = SimpleCookie().value_decode(text)[0]
    return value


def _is_exact(pair: str, name: str) -> bool:
    return [own for own, _ in _cookies(pair)] == [name]


def _is_alike(pair: str, name: str) -> bool:
    return _INVISIBLE.sub("", pair.partition("=")[0]) == name
