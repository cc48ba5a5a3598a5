"""Access rules: what a user must have, and why a user is refused.

What PeeringDB did not say about a user counts as missing, never as given.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import cast

from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.profile import EVERY_PERMISSION, MAX_ASN, Network, Permission, User, is_asn
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text

# Every member of an organisation has READ in manage_peering_sessions of all its
# networks. Only the write bits show that somebody granted the right.
_SESSION_WRITE = Permission.UPDATE | Permission.CREATE | Permission.DELETE

_ASN_RANGE = f"an int from 1 to {MAX_ASN}"
# The code of the reason why somebody may not do something, and its text: for people who
# may read the network, and for others.
_LACKS = {
    Permission.READ: (
        "needs_read",
        Text("AS{asn}: you may not read this network"),
        Text("AS{asn}: you may not read this network"),
    ),
    Permission.UPDATE: (
        "needs_update",
        Text("AS{asn}: you may read this network but not update it"),
        Text("AS{asn}: you may not update this network"),
    ),
    Permission.CREATE: (
        "needs_create",
        Text("AS{asn}: you may read this network but not create entries for it"),
        Text("AS{asn}: you may not create entries for this network"),
    ),
    Permission.DELETE: (
        "needs_delete",
        Text("AS{asn}: you may read this network but not delete it"),
        Text("AS{asn}: you may not delete this network"),
    ),
}
NO_RULE = "must be an AccessRule, such as AccessRule(asn=64500)"
_UNVERIFIED = Reason(
    "PeeringDB has not verified your account: ask to be affiliated with your organisation at"
    " peeringdb.com",
    code="unverified_user",
)
_UNCONFIRMED = Reason(
    "PeeringDB says your email address is not confirmed: confirm it at peeringdb.com and log in"
    " again",
    code="unverified_email",
)
_EMAIL_UNKNOWN = Reason(
    "PeeringDB did not say whether your email address is confirmed",
    code="email_unknown",
    cause="the scope 'email' is missing: the application must ask for it",
)
_ONE_FACTOR = Reason(
    "you logged in without a second factor: log in again with one (PeeringDB does not count a"
    " backup code)",
    code="needs_second_factor",
)
_FACTORS_UNKNOWN = Reason(
    "PeeringDB did not say whether you used a second factor: log in again",
    code="second_factor_unknown",
    cause="perhaps the scope 'amr' is missing: the application must ask for it",
)
_NO_NETWORK = Reason(
    "this needs rights on a network, but the request names none",
    code="no_network",
    cause="the rule asks for permissions on a network, but neither the rule nor the request names"
    " an AS number",
)
NOT_AN_ASN = Reason(
    Text(
        "this request names something that is not an AS number (a number from 1 to {last})",
        last=MAX_ASN,
    ),
    code="invalid_asn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The result of `AccessRule.check`. It is true in an ``if`` when access is allowed.

    ``allowed``: whether the user meets the rule. ``reasons``: a `Reason` for each
    condition that is not met; empty if access is allowed.
    """

    allowed: bool
    reasons: tuple[Reason, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """The conditions that a user must meet, all of them.

    By default PeeringDB must have verified the account and the email address.

    ``verified_user``: PeeringDB must have verified the account. ``verified_email``:
    PeeringDB must have confirmed the email address. ``mfa``: the user must have logged
    in with a second factor. ``asn``: one AS number, or several of which one suffices;
    the user must be affiliated with that network. It is kept as a tuple. ``perms``: the
    permissions that the user must have on the network, all of them.
    ``manage_sessions``: the user must have the right to change the peering sessions of
    the network.

    If neither the rule nor the call of `check` names an ASN, no network is required. A
    rule with ``manage_sessions`` or with ``perms`` other than READ then refuses every
    user, because nobody can meet it.

    >>> from peeringdb_oauth import AccessRule, Network, Permission, User
    >>> network = Network(id=7, asn=64500, name="Example Net", perms=Permission.READ)
    >>> ada = User(id=1, verified_user=True, verified_email=True, networks=(network,))
    >>> AccessRule().check(ada).allowed
    True
    >>> decision = AccessRule(perms=Permission.UPDATE).check(ada, asn=64500)
    >>> decision.allowed
    False
    >>> print(*decision.reasons)
    AS64500: you may read this network but not update it

    Raises:
        ConfigurationError: an argument has the wrong type or is out of range; all
            problems are reported at once.
    """

    verified_user: bool = True
    verified_email: bool = True
    mfa: bool = False
    asn: int | Iterable[int] | None = None
    perms: Permission = Permission.READ
    manage_sessions: bool = False

    def __post_init__(self) -> None:
        # Only True and False: 0, None or "" would switch a check off by mistake.
        switches = ("verified_user", "verified_email", "mfa", "manage_sessions")
        problems = [
            f"{name} must be True or False"
            for name in switches
            if not isinstance(getattr(self, name), bool)
        ]
        if (
            not isinstance(self.perms, Permission)
            or not self.perms
            or self.perms not in EVERY_PERMISSION
        ):
            problems.append(
                "perms must be one or several of Permission.READ, UPDATE, CREATE and DELETE, joined"
                " with |"
            )
        if self.asn is not None:
            asns = _to_tuple(self.asn)
            # An empty list is refused: it must not mean that no network is required.
            if asns and all(map(is_asn, asns)):
                object.__setattr__(self, "asn", tuple(dict.fromkeys(asns)))
            else:
                problems.append(f"asn must be {_ASN_RANGE}, several of them, or None")
        if problems:
            raise ConfigurationError(*problems)

    def check(self, user: User, *, asn: int | None = None) -> Decision:
        """Decide whether ``user`` meets this rule, and list every reason why not.

        ``asn``: the network that this call is about, such as the one in the URL. If the
        rule names networks too, ``asn`` must be one of them. The value may come from a
        visitor. If it is not an int from 1 to 4294967295 (text from a URL, for
        example), the decision is a refusal; no exception is raised.
        """
        reasons = (*self._user_reasons(user), *self._network_reasons(user, asn))
        return Decision(allowed=not reasons, reasons=reasons)

    def require(self, user: User, *, asn: int | None = None) -> None:
        """Raise an exception unless `check` allows access.

        Raises:
            AccessDenied: access is refused; it carries the reasons of `check`.
        """
        decision = self.check(user, asn=asn)
        if not decision:
            raise AccessDenied(*decision.reasons)

    def _user_reasons(self, user: User) -> list[Reason]:
        reasons = []
        if self.verified_user and not user.verified_user:
            reasons.append(_UNVERIFIED)
        if self.verified_email and not user.verified_email:
            reasons.append(_EMAIL_UNKNOWN if user.email is None else _UNCONFIRMED)
        if self.mfa and "mfa" not in (user.amr or ()):
            reasons.append(_FACTORS_UNKNOWN if user.amr is None else _ONE_FACTOR)
        return reasons

    def _network_reasons(self, user: User, asn: object) -> list[Reason]:
        allowed = cast("tuple[int, ...]", self.asn or ())  # __post_init__ made it a tuple
        if asn is None:
            return self._reasons_at_any(user, allowed) if allowed else self._no_network_reasons()
        if not is_asn(asn):
            return [NOT_AN_ASN]
        reasons = (
            [
                Reason(
                    Text("AS{asn} is not one of the networks that are allowed here", asn=asn),
                    code="network_not_allowed",
                    asn=asn,
                )
            ]
            if allowed and asn not in allowed
            else []
        )
        return reasons + self._reasons_at(user.network(asn), asn)

    def _no_network_reasons(self) -> list[Reason]:
        if self.perms == Permission.READ and not self.manage_sessions:
            return []
        return [_NO_NETWORK]

    def _reasons_at_any(self, user: User, asns: tuple[int, ...]) -> list[Reason]:
        networks = {network.asn: network for network in user.networks}
        for_each = [self._reasons_at(networks[asn], asn) for asn in asns if asn in networks]
        if not all(for_each):  # one network has no reasons against it
            return []
        reasons = [reason for for_one in for_each for reason in for_one]
        others = [asn for asn in asns if asn not in networks]
        if others:
            reasons.append(_not_affiliated(others))
        if len(asns) == 1:
            return reasons
        why = reduce(
            lambda first, second: Text("{first}, and {second}", first=first, second=second),
            (reason.text for reason in reasons),
        )
        text = Text("one network is enough, but {why}", why=why)
        return [Reason(text, code="needs_one_network")]

    def _reasons_at(self, network: Network | None, asn: int) -> list[Reason]:
        if network is None:
            return [_not_affiliated([asn])]
        missing = self.perms & ~network.perms
        reasons = []
        if missing:  # most often not, and then nothing is looked up
            reasons = [_lacks(permission, network) for permission in _LACKS if permission & missing]
        sessions = network.manage_peering_sessions
        if self.manage_sessions and not (sessions and sessions & _SESSION_WRITE):
            reasons.append(_unknown_sessions(asn) if sessions is None else _no_sessions(asn))
        return reasons


def checked_rule(rule: AccessRule | None) -> AccessRule:
    """The rule, or for None the default one.

    Raises:
        ConfigurationError: it is something else, such as an AS number.
    """
    if rule is None:
        return AccessRule()
    if not isinstance(rule, AccessRule):
        raise ConfigurationError(f"rule: {NO_RULE}")
    return rule


def summary(rule: AccessRule) -> str:
    """The conditions of a rule in one line, for a log."""
    asns = cast("tuple[int, ...]", rule.asn or ())
    networks = [f"AS{asn}" for asn in asns[:5]] + (["..."] if len(asns) > 5 else [])
    conditions = {
        "verified_user": rule.verified_user,
        "verified_email": rule.verified_email,
        "mfa": rule.mfa,
        f"asn={' or '.join(networks)}": bool(asns),
        f"perms={rule.perms.name}": rule.perms != Permission.READ,
        "manage_sessions": rule.manage_sessions,
    }
    return " ".join(condition for condition, is_asked in conditions.items() if is_asked) or "none"


def scope_of(rule: AccessRule) -> dict[str, str]:
    """The scope without which PeeringDB does not say what the rule reads.

    Each word is the key of the condition that reads it.
    """
    is_about_network = rule.asn is not None or rule.manage_sessions or rule.perms != Permission.READ
    read = [
        ("profile", "verified_user", True),
        ("email", "verified_email", rule.verified_email),
        ("networks", "asn", is_about_network),
        ("amr", "mfa", rule.mfa),
    ]
    return {word: condition for word, condition, is_read in read if is_read}


def missing_scope(needed: Mapping[str, str], scope: Iterable[str], *, where: str) -> list[str]:
    """One sentence for each word that ``scope`` lacks.

    ``needed``: from `scope_of`. ``where``: whose conditions these are.
    """
    return [
        f"scope: {word!r} is missing, and {where} asks for {condition}; add {word!r}"
        for word, condition in needed.items()
        if word not in scope
    ]


def _to_tuple(asn: object) -> tuple[object, ...]:
    # Text and bytes are iterable too, but they must not be read as lists of AS numbers:
    # b"ab" would be AS97 and AS98.
    if isinstance(asn, Iterable) and not isinstance(asn, str | bytes | bytearray):
        return tuple(asn)
    return (asn,)


def _not_affiliated(asns: list[int]) -> Reason:
    names: list[str] = [f"AS{asn}" for asn in asns[:5]]
    if len(asns) > len(names):
        names.append(Text("{count} others", count=len(asns) - len(names)))
    *most, last = names
    if most:
        last = Text("{most} or {last}", most=", ".join(most), last=last)
    text = Text("you are not affiliated with {networks} at PeeringDB", networks=last)
    return Reason(text, code="not_affiliated", asn=asns[0])


def _lacks(permission: Permission, network: Network) -> Reason:
    code, for_readers, for_others = _LACKS[permission]
    text = for_readers if network.perms & Permission.READ else for_others
    return Reason(Text(text, asn=network.asn), code=code, asn=network.asn)


def _no_sessions(asn: int) -> Reason:
    return Reason(
        Text(
            "AS{asn}: you may not manage its peering sessions: ask an administrator of its"
            " organisation at peeringdb.com",
            asn=asn,
        ),
        code="needs_sessions",
        asn=asn,
    )


def _unknown_sessions(asn: int) -> Reason:
    return Reason(
        Text(
            "AS{asn}: PeeringDB did not say whether you may manage its peering sessions (an ID"
            " token never says it, the profile does)",
            asn=asn,
        ),
        code="sessions_unknown",
        asn=asn,
    )
