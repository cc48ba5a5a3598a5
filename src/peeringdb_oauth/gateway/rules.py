"""Who may do what: the rules of the gateway, and the roles of a person.

The first rule that matches a request decides. What no rule matches is refused. Nothing
here knows where the rules come from.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, Literal

from peeringdb_oauth.access import NOT_AN_ASN, AccessRule, Decision
from peeringdb_oauth.gateway.asn_file import ASNFile
from peeringdb_oauth.gateway.paths import Requested, Segments
from peeringdb_oauth.profile import Permission, User, is_asn
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import NO_ASN, parse_asn

ASN: Final = "{asn}"  # the segment of a rule's path that stands for an AS number

_METHOD = re.compile("[A-Z][A-Z-]{0,31}")  # as long as forwarded.py takes
_NO_RULE = Reason("no rule of this site lets anybody in here", code="no_rule")
_ODD_METHOD = Reason(
    "this site does not know the method of this request",
    code="odd_method",
    cause="a method has capital letters and hyphens, 32 at most, such as GET",
)
_SEVERAL_RULES = Reason(
    "servers could read this address in more than one way",
    code="ambiguous_path",
    cause="the ways to read it lead to different rules, so none of them can allow it",
)
_ALLOWED = Decision(allowed=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a rule or a role asks of a person.

    ``asns``: AS numbers of which one suffices; None where none is named. ``asn_file``:
    a file with such numbers. ``perms``, ``manage_sessions``, ``mfa``: as in
    `AccessRule`.
    """

    asns: tuple[int, ...] | None = None
    asn_file: ASNFile | None = None
    perms: Permission = Permission.READ
    manage_sessions: bool = False
    mfa: bool = False

    def of(self, user: User, asn: int | None = None) -> AccessRule:
        """The rule for one person.

        ``asn``: the network that the request is about, if it is about one. Of a file
        with AS numbers the rule has only those that matter here, or all if none does.
        """
        if self.asn_file is None:
            return self.at(self.asns)
        asked = user.asns if asn is None else (asn,)
        listed = tuple(one for one in asked if one in self.asn_file.members)
        return self.at(listed or self.asn_file.asns)

    def at(self, asns: tuple[int, ...] | None) -> AccessRule:
        """The rule that asks the same at other networks."""
        return _access_rule(asns, self.perms, self.manage_sessions, self.mfa)


@lru_cache(maxsize=1024)
def _access_rule(
    asns: tuple[int, ...] | None,
    perms: Permission,
    manage_sessions: bool,  # noqa: FBT001 - the cache is faster without names
    mfa: bool,  # noqa: FBT001
) -> AccessRule:
    return AccessRule(asn=asns, perms=perms, manage_sessions=manage_sessions, mfa=mfa)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the gateway.

    ``index``: its place in the file, from 1. ``host``: the host that it is for; None
    for all. ``path``: what its paths begin with, in whole segments, perhaps with
    ``{asn}`` as one of them. ``methods``: the HTTP methods that it is for; None for
    all. ``allow``: "everybody", also strangers, or "verified", who are people whom
    PeeringDB has verified; None where a network is asked for. ``conditions``: what it
    asks of a person. ``own_asn``: a network whose people pass with any number in the
    path. ``allow_in_path``: the tricks that a path may have, see ``paths.py``.
    ``origins``: other origins whose pages may send forms and open WebSockets.
    """

    index: int
    host: str | None = None
    path: str = "/"
    methods: frozenset[str] | None = None
    allow: Literal["everybody", "verified"] | None = None
    conditions: Conditions = Conditions()
    own_asn: int | None = None
    allow_in_path: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
    segments: Segments = field(init=False)
    has_asn: bool = field(init=False)

    def __post_init__(self) -> None:
        segments = tuple(filter(None, self.path.split("/")))
        object.__setattr__(self, "segments", segments)
        object.__setattr__(self, "has_asn", ASN in segments)

    @property
    def name(self) -> str:
        """The rule in logs, metrics and messages."""
        named = {"host": self.host, "path": self.path if self.segments else None}
        where = ", ".join(f"{word} {value}" for word, value in named.items() if value)
        return f"rule {self.index} ({where})" if where else f"rule {self.index}"

    @property
    def is_open(self) -> bool:
        """Whether everybody passes, also strangers."""
        return self.allow == "everybody"

    def access(self, user: User, asn: object) -> tuple[AccessRule, Any]:
        """What the rule asks of a person, and the AS number to ask it about.

        The second is what `AccessRule.check` takes as ``asn``. ``asn``: that of the
        `Match`.
        """
        if not self.has_asn:
            return self.conditions.of(user), None
        if not is_asn(asn):
            return self.conditions.of(user), NO_ASN
        if self.own_asn is not None and (own := self.conditions.at((self.own_asn,))).check(user):
            return own, None
        return self.conditions.of(user, asn), asn

    def check(self, user: User, asn: object) -> Decision:
        """Whether a person may pass, and why not. ``asn``: that of the `Match`."""
        if self.is_open:
            return _ALLOWED
        rule, asked = self.access(user, asn)
        return rule.check(user, asn=asked)

    def fits(self, host: str, method: str, segments: Segments) -> bool:
        """Whether a request is the rule's, whatever stands in place of ``{asn}``."""
        return (
            (self.host is None or self.host == host)
            and (self.methods is None or method in self.methods)
            and self._begins(segments)
        )

    def _begins(self, segments: Segments) -> bool:
        """Whether a path begins with the segments of the rule."""
        length = len(self.segments)
        if not self.has_asn:
            return segments[:length] == self.segments
        place = self.segments.index(ASN)
        return (
            len(segments) >= length
            and segments[:place] == self.segments[:place]
            and segments[place + 1 : length] == self.segments[place + 1 :]
        )

    def asn_in(self, segments: Segments) -> object:
        """The AS number in a path that fits the rule; None for a rule without.

        `NO_ASN` if what stands there is no AS number.
        """
        if not self.has_asn:
            return None
        asn = parse_asn(segments[self.segments.index(ASN)])
        return asn if is_asn(asn) else NO_ASN


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What the rules say of a request before anybody knows who asks.

    ``rule``: the rule that decides; None if there is none. ``asn``: the AS number in
    the path; None without, `NO_ASN` if it is no number. ``refusal``: why nobody can
    pass; None if a person may.
    """

    rule: Rule | None = None
    asn: object = None
    refusal: Reason | None = None


class Rules:
    """The rules in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules)

    def match(self, host: str, method: str, requested: Requested) -> Match:
        """The rule that decides about a request.

        ``host``: the name of one of the gateway's hosts.

        Raises:
            OddPath: servers can read the path in too many ways.
        """
        if not _METHOD.fullmatch(method):
            return Match(refusal=_ODD_METHOD)
        tricks = requested.tricks
        # Nobody can make the gateway list the readings of a path that no rule allows.
        if tricks and not any(tricks <= rule.allow_in_path for rule in self._rules):
            return Match(refusal=_not_allowed(tricks))
        match, *others = (self._first(host, method, reading) for reading in requested.readings)
        if any(other != match for other in others):
            return Match(refusal=_SEVERAL_RULES)
        if match.rule is not None and not tricks <= match.rule.allow_in_path:
            return replace(match, refusal=_not_allowed(tricks - match.rule.allow_in_path))
        return match

    def _first(self, host: str, method: str, segments: Segments) -> Match:
        for rule in self._rules:
            if rule.fits(host, method, segments):
                asn = rule.asn_in(segments)
                return Match(rule=rule, asn=asn, refusal=NOT_AN_ASN if asn is NO_ASN else None)
        return Match(refusal=_NO_RULE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A name that the application is told of people who meet conditions."""

    name: str
    conditions: Conditions

    def check(self, user: User) -> Decision:
        """Whether a person has the role, and why not."""
        return self.conditions.of(user).check(user)


def roles_of(user: User, roles: Sequence[Role]) -> tuple[str, ...]:
    """The names of a person's roles, each once, in the order of ``roles``."""
    return tuple(dict.fromkeys(role.name for role in roles if role.check(user)))


def _not_allowed(tricks: frozenset[str]) -> Reason:
    named = ", ".join(f'"{trick}"' for trick in sorted(tricks)).replace("\\", "%5C")
    return Reason(
        _SEVERAL_RULES.text,
        code=_SEVERAL_RULES.code,
        cause=f"if the application needs such addresses, add allow_in_path = [{named}] to its rule",
    )
