"""Who may act for a member: the rules of IXP Manager, with `plan_memberships`.

- PeeringDB's id identifies a person.
- PeeringDB must have verified the account and the email address.
- A login links a person to each of their networks that is an active member and has
  opted in.
- The other links are removed at a login and when PeeringDB has changed the rights of a
  person, but only those that PeeringDB made.
- A person without any link cannot log in.
"""

from exchange.members import Member, Members
from peeringdb_oauth import AccessDenied, AccessRule, User, plan_memberships

# A link needs a verified person who is affiliated with the network.
LINK = AccessRule()
WHY_CLOSED = {
    "Suspended": "is suspended at Example-IX: ask our support",
    "Former member": "is no longer a member of Example-IX",
    "Member without PeeringDB login": (
        "does not let its people in with PeeringDB: its contacts can switch that on"
    ),
}


def update_links(members: Members, user: User) -> None:
    """Update a person's links to what PeeringDB says now."""
    tenants = {
        asn: member
        for asn, member in members.all().items()
        if member.status == "active" and member.peeringdb_login
    }
    plan = plan_memberships(user, tenants, members.links(user.id), LINK)
    members.carry_out(user.id, plan)


def link_memberships(members: Members, user: User) -> None:
    """Update a person's links, at each login.

    Raises:
        AccessDenied: the person can act for no member.
    """
    # Before the refusal, because links may have to be removed.
    update_links(members, user)
    if not choices(members, user):
        raise AccessDenied(*_why_nobody(user, members.all()))


def choices(members: Members, user: User) -> list[Member]:
    """Return the members that ``user`` may act for now."""
    everybody, links = members.all(), members.links(user.id)
    linked = [everybody[asn] for asn in sorted({link.asn for link in links})]
    return [
        member
        for member in linked
        if not _why_not(
            member, user, {link.origin for link in links if link.asn == member.asn}, LINK
        )
    ]


def act_as(members: Members, user: User, asn: object, rule: AccessRule = LINK) -> Member:
    """Return the member ``asn`` if ``user`` may act for it now.

    Call it at every use, because a session says what was true earlier, and a form can
    say anything. ``rule``: what the user needs at PeeringDB, unless the link was made
    by hand.

    Raises:
        AccessDenied: they may not; the reasons say why.
    """
    if asn is None:
        raise AccessDenied("you have not chosen yet which member you act as")
    member = members.all().get(asn) if type(asn) is int else None
    origins = {link.origin for link in members.links(user.id) if link.asn == asn}
    if member is None or not origins:
        raise AccessDenied(
            f"you are not linked to {f'AS{asn}' if type(asn) is int else 'a member'} at Example-IX"
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
        " its network there"
    ]
