"""Which of the application's own tenants a login links, keeps and unlinks: for an IXP's
member table or a portal's accounts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User, is_asn

ORIGIN = "peeringdb"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Membership:
    """A link of one user to the application's tenant with this ASN.

    ``origin`` is ``"peeringdb"`` for a link that a plan made; anything else was made by
    hand and is the application's own affair.

    Raises:
        ConfigurationError: ``asn`` is not an int from 1 to 4294967295, or ``origin`` is
            not text.

    """

    asn: int
    # no default: a link made by hand must not become PeeringDB's by an omission
    origin: str

    def __post_init__(self) -> None:
        if not is_asn(self.asn) or not isinstance(self.origin, str):
            raise ConfigurationError("a Membership needs an AS number as asn and text as origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipPlan:
    """What to do with a user's links: no link is in two of the three, each is in order
    of ASN.

    False in an ``if`` when no link is left: then refuse the login. Carry out ``remove``
    in either case.
    """

    add: tuple[Membership, ...]
    keep: tuple[Membership, ...]
    remove: tuple[Membership, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.keep)


def plan_memberships(
    user: User,
    tenants: Mapping[int, object],
    current: Iterable[Membership],
    rule: AccessRule,
) -> MembershipPlan:
    """The links to make, keep and undo so that ``user`` has one to every tenant that
    ``rule`` allows them, and to no other.

    ``tenants`` are those open to this kind of login, by ASN (an IXP: current members
    that opted in). ``current`` are the user's links. A link made by hand is always
    kept; one that PeeringDB made goes when its ASN is no longer allowed or its tenant
    is no longer there. Every ASN of the user is treated alike, wherever it stands in
    the list.

    A member table with the columns asn, user and origin::

        tenants = {member.asn: member for member in members if member.peeringdb_login}
        links = table.rows(user=login.user.id)
        current = [Membership(asn=link.asn, origin=link.origin) for link in links]
        plan = plan_memberships(login.user, tenants, current, AccessRule())
        for link in plan.remove:
            table.delete(user=login.user.id, asn=link.asn, origin=link.origin)
        for link in plan.add:
            table.insert(user=login.user.id, asn=link.asn, origin=link.origin)
        if not plan:
            raise AccessDenied("none of your networks is a member here")

    Raises:
        ConfigurationError: ``tenants`` or ``current`` is not of its type; both problems
            at once.

    """
    links = list(current) if isinstance(current, Iterable) else None
    problems = []
    if not isinstance(tenants, Mapping) or not all(map(is_asn, tenants)):
        problems.append("tenants must be a mapping from ASNs (int) to the application's tenants")
    if links is None or not all(isinstance(link, Membership) for link in links):
        problems.append("current must be the user's links, each a Membership")
    if problems or links is None:
        raise ConfigurationError(*problems)
    held = set(links)
    allowed = {asn for asn in user.asns if asn in tenants and rule.check(user, asn=asn)}
    keep = {link for link in held if link.origin != ORIGIN or link.asn in allowed}
    add = {Membership(asn=asn, origin=ORIGIN) for asn in allowed - {link.asn for link in keep}}
    return MembershipPlan(
        add=tuple(sorted(add)),
        keep=tuple(sorted(keep)),
        remove=tuple(sorted(held - keep)),
    )
