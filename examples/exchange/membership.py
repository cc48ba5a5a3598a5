"""Who may act for a member: the rules of IXP Manager, the most widely used ones,
carried out with `plan_memberships`.

At each login: people are known by PeeringDB's id alone; account and address must be
verified; everybody whom PeeringDB calls one of a member's people is linked to it, if it
is active and has opted in; only links that PeeringDB made are undone; without any, no
login.
"""

from exchange.members import Member, Members
from peeringdb_oauth import AccessDenied, AccessRule, User, plan_memberships

# verified, and affiliated with the network: that suffices for a link
LINK = AccessRule()
WHY_CLOSED = {
    "Suspended": "is suspended at Example-IX: ask our support",
    "Former member": "is no longer a member of Example-IX",
    "Member without PeeringDB login": (
        "does not let its people in with PeeringDB: its contacts can switch that on"
    ),
}


def link_memberships(members: Members, user: User) -> None:
    """Bring a person's links up to date, at login. Raises: `AccessDenied` when there is
    nobody to act for.
    """
    everybody = members.all()
    tenants = {
        asn: member
        for asn, member in everybody.items()
        if member.status == "active" and member.peeringdb_login
    }
    plan = plan_memberships(user, tenants, members.links(user.id), LINK)
    # also when nothing is left: then there is something to undo
    members.carry_out(user.id, plan)
    if not choices(members, user):
        raise AccessDenied(*_why_nobody(user, everybody))


def choices(members: Members, user: User) -> list[Member]:
    """The members that ``user`` may act for now."""
    everybody, links = members.all(), members.links(user.id)
    linked = [everybody[asn] for asn in sorted({link.asn for link in links})]
    return [
        member
        for member in linked
        if not _why_not(
            member,
            user,
            {link.origin for link in links if link.asn == member.asn},
            LINK,
        )
    ]


def act_as(members: Members, user: User, asn: object, rule: AccessRule = LINK) -> Member:
    """The member, if ``user`` may act for it now. Ask at every use: what a form or a
    session says was true once, or never.

    ``rule``: what they need at PeeringDB. A link that was made by hand counts without
    PeeringDB.

    Raises: `AccessDenied`.
    """
    if asn is None:
        raise AccessDenied("you have not chosen yet which member you act as")
    member = members.all().get(asn) if type(asn) is int else None
    origins = {link.origin for link in members.links(user.id) if link.asn == asn}
    if member is None or not origins:
        raise AccessDenied(
            f"you are not linked to {f'AS{asn}' if type(asn) is int else 'a member'} at Example-IX",
        )
    if reasons := _why_not(member, user, origins, rule):
        raise AccessDenied(*reasons)
    return member


def _why_not(member: Member, user: User, origins: set[str], rule: AccessRule) -> tuple[str, ...]:
    by_hand = origins != {"peeringdb"}
    if member.status != "active" or not (by_hand or member.peeringdb_login):
        return (f"AS{member.asn} {WHY_CLOSED[member.standing]}",)
    return () if by_hand else rule.check(user, asn=member.asn).reasons


def _why_nobody(user: User, everybody: dict[int, Member]) -> list[str]:
    known = [everybody[asn] for asn in user.asns if asn in everybody]
    if known:
        return [
            reason for member in known[:5] for reason in _why_not(member, user, {"peeringdb"}, LINK)
        ]
    if user.networks:
        return ["none of your networks is a member of Example-IX"]
    return [
        "PeeringDB lists no network for you: ask to be affiliated with your organisation, or add"  # noqa: ISC004
        " its network there",
    ]
