"""Links between a user and the application's tenants, such as the members of an IXP.

`plan_memberships` says which links a login makes, keeps and removes. It changes nothing
itself: the application carries out the plan.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import User, is_asn

ORIGIN = "peeringdb"  # of the links that a plan makes


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Membership:
    """A link between a user and the application's tenant with this AS number.

    ``asn``: the AS number of the tenant. ``origin``: who made the link: "peeringdb" if
    a plan did, any other text if the application did. Plans never remove the links that
    the application made.

    >>> from peeringdb_oauth import Membership
    >>> Membership(asn=64500, origin="staff")
    Membership(asn=64500, origin='staff')

    Raises:
        ConfigurationError: ``asn`` is not an int from 1 to 4294967295, or ``origin`` is
            not text.
    """

    asn: int
    # No default: a link made by the application must not become PeeringDB's by mistake.
    origin: str

    def __post_init__(self) -> None:
        if not is_asn(self.asn) or not isinstance(self.origin, str):
            raise ConfigurationError("a Membership needs an AS number as asn, and text as origin")


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipPlan:
    """What to do with the links of a user. No link is in two of the three tuples.

    ``add``: the links to make. ``keep``: the links that stay. ``remove``: the links to
    delete. Each is in order of AS number.

    A plan is false in an ``if`` when it leaves the user without any link. Carry it out
    then too, and refuse the login.
    """

    add: tuple[Membership, ...]
    keep: tuple[Membership, ...]
    remove: tuple[Membership, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.keep)


def plan_memberships(
    user: User, tenants: Mapping[int, object], current: Iterable[Membership], rule: AccessRule
) -> MembershipPlan:
    """Plan the links of ``user``: one for each tenant that ``rule`` allows, no others.

    ``tenants``: the tenants whose people may log in with PeeringDB, by AS number; at an
    IXP the current members that opted in. ``current``: the links that the user has now.
    ``rule``: what the user needs for a link; it is checked for each AS number.

    A link that the application made is always kept. A link that PeeringDB made is
    removed when the rule no longer allows its AS number, or when its tenant is gone.

    >>> from peeringdb_oauth import AccessRule, Membership, Network, Permission, User
    >>> from peeringdb_oauth import plan_memberships
    >>> network = Network(id=7, asn=64500, name="Example Net", perms=Permission.READ)
    >>> ada = User(id=1, verified_user=True, verified_email=True, networks=(network,))
    >>> tenants = {64500: "Example Net", 64501: "Second Net"}
    >>> current = [Membership(asn=64501, origin="peeringdb")]
    >>> plan = plan_memberships(ada, tenants, current, AccessRule())
    >>> plan.add
    (Membership(asn=64500, origin='peeringdb'),)
    >>> plan.remove
    (Membership(asn=64501, origin='peeringdb'),)

    With a table of links that has the columns user, asn and origin::

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
        ConfigurationError: ``tenants`` or ``current`` has the wrong type; all problems
            are reported at once.
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
        add=tuple(sorted(add)), keep=tuple(sorted(keep)), remove=tuple(sorted(held - keep))
    )
