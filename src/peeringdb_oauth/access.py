"""What is enough: a rule, a user, and a decision that says in plain English everything
that is missing.

Whatever the source did not say counts as missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.profile import EVERY_PERMISSION, MAX_ASN, Network, Permission, User, is_asn

# A plain member of an organisation has READ in manage_peering_sessions of every
# network: only a write bit was ever granted to anyone.
_SESSION_WRITE = Permission.UPDATE | Permission.CREATE | Permission.DELETE

_WORDS = {
    Permission.READ: "read",
    Permission.UPDATE: "update",
    Permission.CREATE: "create entries for",
    Permission.DELETE: "delete",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether the user may, and one plain sentence for each condition that is not met.
    True in an ``if`` only when allowed.
    """

    allowed: bool
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """What a user must have, all of it. The defaults: account and email address
    verified by PeeringDB.

    ``mfa``: they logged in with a second factor. ``asn``: one AS number, or several of
    which one suffices (kept as a tuple); they must be affiliated with it, have all of
    ``perms`` there, and with ``manage_sessions`` the right to change its peering
    sessions. With no ASN here and none in `check`, no network is asked for: then a rule
    with ``manage_sessions`` or ``perms`` above READ refuses everybody, for it cannot be
    met.

    Raises:
        ConfigurationError: an argument is not of its type or range; every problem at
            once.

    """

    verified_user: bool = True
    verified_email: bool = True
    mfa: bool = False
    asn: int | Iterable[int] | None = None
    perms: Permission = Permission.READ
    manage_sessions: bool = False

    def __post_init__(self) -> None:
        # 0, None or "" would switch a check off without anybody having said False.
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
                " with |",
            )
        if self.asn is not None:
            asns = _to_tuple(self.asn)
            if not asns or not all(
                map(is_asn, asns),
            ):  # an empty list must not read as "no network is asked for"
                problems.append(f"asn must be an int from 1 to {MAX_ASN}, several of them, or None")
            else:
                object.__setattr__(self, "asn", tuple(dict.fromkeys(asns)))
        if problems:
            raise ConfigurationError(*problems)

    def check(self, user: User, *, asn: int | None = None) -> Decision:
        """Whether ``user`` meets this rule, and every reason why not.

        ``asn`` is the network that this call is about, such as the one named in the
        URL. If the rule names networks as well it must be one of those. An ``asn`` that
        is not an int from 1 to 4294967295 (text from a URL, say) is a refusal and not
        an exception: it comes from outside, and a refusal cannot be caught and
        forgotten.
        """
        reasons = (*self._user_reasons(user), *self._network_reasons(user, asn))
        return Decision(allowed=not reasons, reasons=reasons)

    def require(self, user: User, *, asn: int | None = None) -> None:
        """Nothing, if `check` allows it.

        Raises:
            AccessDenied: it does not; with the same reasons.

        """
        decision = self.check(user, asn=asn)
        if not decision:
            raise AccessDenied(*decision.reasons)

    def _user_reasons(self, user: User) -> list[str]:
        reasons = []
        if self.verified_user and not user.verified_user:
            reasons.append(
                "PeeringDB has not verified your account: ask to be affiliated with your"
                " organisation at peeringdb.com",
            )
        if self.verified_email and not user.verified_email:
            reasons.append(
                "PeeringDB did not say whether your email address is confirmed: this application"
                " must ask for the scope email"
                if user.email is None
                else (
                    "PeeringDB says your email address is not confirmed: confirm it at"
                    " peeringdb.com and log in again"
                ),
            )
        if self.mfa and "mfa" not in (user.amr or ()):
            reasons.append(
                "PeeringDB did not say whether you used a second factor: log in again (this"
                " application must ask for the scope amr)"
                if user.amr is None
                else (
                    "you logged in without a second factor: log in again with one (PeeringDB does"
                    " not count a backup code)"
                ),
            )
        return reasons

    def _network_reasons(self, user: User, asn: object) -> list[str]:
        allowed = cast("tuple[int, ...]", self.asn or ())  # made a tuple at the start
        if asn is None:
            return self._one_of(user, allowed) if allowed else self._no_network()
        if not is_asn(asn):
            return [
                "this request names something that is not an AS number (an int from 1 to"  # noqa: ISC004
                f" {MAX_ASN})",
            ]
        reasons = (
            [f"AS{asn} is not one of the networks that this rule allows"]
            if allowed and asn not in allowed
            else []
        )
        return reasons + self._reasons_at(user.network(asn), asn)

    def _no_network(self) -> list[str]:
        if self.perms == Permission.READ and not self.manage_sessions:
            return []
        return [
            "this rule asks for permissions on a network, but neither the rule nor the request"  # noqa: ISC004
            " names an AS number",
        ]

    def _one_of(self, user: User, asns: tuple[int, ...]) -> list[str]:
        networks = {network.asn: network for network in user.networks}
        unmet = [self._reasons_at(networks[asn], asn) for asn in asns if asn in networks]
        if not all(unmet):
            return []
        reasons = [reason for at_one in unmet for reason in at_one]
        strangers = [asn for asn in asns if asn not in networks]
        if strangers:
            reasons.append(_not_affiliated(strangers))
        return (
            reasons if len(asns) == 1 else [f"one network is enough, but {', and '.join(reasons)}"]
        )

    def _reasons_at(self, network: Network | None, asn: int) -> list[str]:
        if network is None:
            return [_not_affiliated([asn])]
        reasons = []
        missing = self.perms & ~network.perms
        if missing:
            may, may_not = _verbs(network.perms), _join(_verbs(missing), "or")
            reasons.append(
                f"AS{asn}: you may {_join(may, 'and')} this network but not {may_not} it"
                if may
                else f"AS{asn}: you may not {may_not} this network",
            )
        sessions = network.manage_peering_sessions
        if self.manage_sessions and not (sessions or 0) & _SESSION_WRITE:
            reasons.append(
                f"AS{asn}: PeeringDB did not say whether you may manage its peering sessions (an ID"
                " token never says it, the profile does)"
                if sessions is None
                else (
                    f"AS{asn}: you may not manage its peering sessions: ask an administrator of its"
                    " organisation at peeringdb.com"
                ),
            )
        return reasons


def _to_tuple(asn: object) -> tuple[object, ...]:
    # Bytes and text are iterable too, but they are not lists of AS numbers: b"ab" would
    # be AS97 and AS98.
    if isinstance(asn, Iterable) and not isinstance(asn, str | bytes | bytearray):
        return tuple(asn)
    return (asn,)


def _not_affiliated(asns: list[int]) -> str:
    shown = [f"AS{asn}" for asn in asns[:5]]
    if len(asns) > len(shown):
        shown.append(f"{len(asns) - len(shown)} others")
    return f"you are not affiliated with {_join(shown, 'or')} at PeeringDB"


def _verbs(perms: Permission) -> list[str]:
    return [word for permission, word in _WORDS.items() if permission & perms]


def _join(words: list[str], conjunction: str) -> str:
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}" if len(words) > 1 else words[0]
