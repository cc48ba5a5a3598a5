"""What the application is told about a person: the headers that the gateway adds."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from string import Formatter
from typing import Final

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import Permission, User

DEFAULT_HEADERS: Final = {
    "X-PeeringDB-ID": "{id}",
    "X-PeeringDB-Name": "{name}",
    "X-PeeringDB-Email": "{email}",
    "X-PeeringDB-ASNs": "{asns}",
    "X-PeeringDB-Update-ASNs": "{update_asns}",
    "X-PeeringDB-Roles": "{roles}",
}
_MAX_VALUE = 4096  # bytes of a header's value
_MAX_CUT = 10_000  # people whose lists were cut, of whom the log knows
_REST = b",..."  # stands for the elements that a list had no room for
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# A value of a person: a text, or the elements of a list.
Source = Callable[[User, Sequence[str]], str | Sequence[str]]
# Text of a template, and what stands after it.
Part = tuple[bytes, Source | None]

logger = logging.getLogger(__name__)


def _asns(permission: int = 0) -> Source:
    """The networks on which a person has a permission; 0 for all of their networks."""
    # Numbers: operations on flags take much longer, and this runs at each page.
    return lambda user, _: [
        str(network.asn)
        for network in user.networks
        if not permission or int(network.perms) & permission
    ]


PLACEHOLDERS: Final[Mapping[str, Source]] = {
    "id": lambda user, _: str(user.id),
    "name": lambda user, _: user.name,
    "given_name": lambda user, _: user.given_name,
    "family_name": lambda user, _: user.family_name,
    "email": lambda user, _: user.email or "",
    "asns": _asns(),
    "update_asns": _asns(Permission.UPDATE.value),
    "create_asns": _asns(Permission.CREATE.value),
    "delete_asns": _asns(Permission.DELETE.value),
    "roles": lambda _, roles: roles,
}


class Headers:
    """The headers that tell the application who a person is.

    ``templates``: the value of each header by its name, with placeholders such as
    ``{id}``, see `PLACEHOLDERS`. ``names``: the names of the headers.

    >>> from peeringdb_oauth import User
    >>> from peeringdb_oauth.gateway.identity import Headers
    >>> Headers({"X-User": "peeringdb-{id}"}).of(User(id=7), ())
    [(b'x-user', b'peeringdb-7')]

    Raises:
        ConfigurationError: a placeholder is unknown, or a template is wrong.
    """

    def __init__(self, templates: Mapping[str, str] = DEFAULT_HEADERS) -> None:
        self.templates = dict(templates)
        self.names = tuple(templates)
        self._values = [
            (name.lower().encode("ascii"), _compile(template))
            for name, template in templates.items()
        ]
        self._cut: set[int] = set()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self.templates == other.templates

    __hash__ = None  # type: ignore[assignment]  # compared by value, and never a key

    def of(self, user: User, roles: Sequence[str]) -> list[tuple[bytes, bytes]]:
        """The headers for one person, as pairs of bytes; the names are in lower case.

        A header whose placeholders are all empty is left out.
        """
        values = [(name, self._value(parts, user, roles)) for name, parts in self._values]
        return [(name, value) for name, value in values if value]

    def _value(self, parts: list[Part], user: User, roles: Sequence[str]) -> bytes:
        room = _MAX_VALUE - sum(len(literal) for literal, _ in parts)
        value, is_empty = b"", any(source for _, source in parts)
        for literal, source in parts:
            value += literal
            if source is None:
                continue
            found = source(user, roles)
            text = _clean(found if isinstance(found, str) else ",".join(found)).encode()
            if len(text) > room:
                text = self._cut_to(room, text, user)
            room -= len(text)
            value += text
            is_empty = is_empty and not text
        return b"" if is_empty else value.strip()

    def _cut_to(self, room: int, text: bytes, user: User) -> bytes:
        """As many elements of a list as fit, with ``,...`` at the end."""
        if user.id not in self._cut:
            if len(self._cut) >= _MAX_CUT:
                self._cut.clear()
            self._cut.add(user.id)
            logger.warning(
                "a list in a header about user %s is longer than %s bytes: it was cut",
                user.id,
                _MAX_VALUE,
            )
        kept, comma, _ = text[: max(0, room - len(_REST) + 1)].rpartition(b",")
        return kept + _REST if comma else b""


def _compile(template: str) -> list[Part]:
    return [
        (literal.encode(), None if name is None else PLACEHOLDERS[name])
        for literal, name in parse_template(template)
    ]


def parse_template(template: str) -> list[tuple[str, str | None]]:
    """The parts of a template: text, and the placeholder after it or None.

    Raises:
        ConfigurationError: a placeholder is unknown, or the template is wrong.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        raise ConfigurationError('has a "{" or "}" that belongs to no placeholder') from None
    for _, name, spec, how in parts:
        if name is not None and name not in PLACEHOLDERS:
            raise ConfigurationError(_unknown(name))
        if spec or how:
            raise ConfigurationError(f"{{{name}}} must have nothing after its name")
    return [(literal, name) for literal, name, _, _ in parts]


def _unknown(name: str) -> str:
    similar = get_close_matches(name, PLACEHOLDERS, 1)
    advice = (
        f"did you mean {{{similar[0]}}}?"
        if similar
        else f"there are {', '.join(f'{{{known}}}' for known in PLACEHOLDERS)}"
    )
    return f"there is no placeholder {{{name}}}; {advice}"


def _clean(text: str) -> str:
    return (text if text.isprintable() else _CONTROL.sub("", text)).strip()
