"""The default people: one for every case that matters to an application."""

from peeringdb_oauth.sandbox.people import Network, People, Person, Right

_NET_ONE, _NET_TWO, _NET_FOUR_BYTE, _SECOND_NET = 64500, 64501, 65550, 64510
_NETWORKS = (
    Network(id=1, asn=_NET_ONE, name="Example Net One"),
    Network(id=2, asn=_NET_TWO, name="Example Net Two"),
    Network(id=3, asn=_NET_FOUR_BYTE, name="Example Net Four Byte Ünïcode"),
    Network(id=6, asn=_SECOND_NET, name="Second Net"),
)
# The ranges for documentation hold 32 ASNs. The 300 networks of one person need the
# range for private use (RFC 6996).
_MANY_NETS = tuple(
    Network(id=1000 + i, asn=4_200_000_000 + i, name=f"Example Net {i:03}") for i in range(1, 301)
)


def default_people() -> People:
    """The people and networks of a sandbox without a people file."""
    return People(networks=_NETWORKS + _MANY_NETS, people=_PEOPLE)


def _rights(perms: int, *asns: int) -> tuple[Right, ...]:
    return tuple(Right(asn=asn, perms=perms, manage_peering_sessions=perms) for asn in asns)


def _person(
    login: str,
    id_: int,
    name: str,
    about: str,
    *networks: Right,
    verified_email: bool = True,
    mfa: bool = True,
) -> Person:
    given_name, _, family_name = name.partition(" ")
    return Person(
        login=login,
        id=id_,
        given_name=given_name,
        family_name=family_name,
        email=f"{login}@example.net",
        about=about,
        verified_email=verified_email,
        mfa=mfa,
        networks=networks,
    )


def _unverified() -> Person:
    return Person(
        login="unverified",
        id=6,
        given_name="Una",
        family_name="Verified",
        email="unverified@example.net",
        about="not verified by PeeringDB, email not confirmed, in no organisation",
        verified_user=False,
        verified_email=False,
        mfa=False,
    )


_PEOPLE = (
    _person(
        "orgadmin",
        1,
        "Ada Admin",
        "organisation admin: may do everything with its networks",
        *_rights(15, _NET_ONE, _NET_TWO, _NET_FOUR_BYTE),
    ),
    _person(
        "member",
        2,
        "Mel Member",
        "plain member: may only read",
        *_rights(1, _NET_ONE, _NET_TWO, _NET_FOUR_BYTE),
    ),
    _person(
        "limited",
        3,
        "Lim Ited",
        "different rights on each network; on one of them only for peering sessions",
        Right(asn=_NET_ONE, perms=15, manage_peering_sessions=15),
        Right(asn=_NET_TWO, perms=1, manage_peering_sessions=15),
        Right(asn=_NET_FOUR_BYTE, perms=3, manage_peering_sessions=3),
    ),
    _person(
        "twoorgs",
        4,
        "Тест",
        "admin of one organisation, member of another; name not in Latin letters, no family name",
        *_rights(15, _NET_ONE, _NET_TWO, _NET_FOUR_BYTE),
        *_rights(1, _SECOND_NET),
    ),
    _person("nonets", 5, "No Nets", "verified, in an organisation without networks"),
    _unverified(),
    _person(
        "nomfa",
        7,
        "Nora Nofactor",
        "has no second factor, so PeeringDB never sends her back to the application",
        *_rights(15, _NET_ONE),
        mfa=False,
    ),
    _person(
        "emailunconf",
        8,
        "Em Unconf",
        "organisation admin whose email address is not confirmed",
        *_rights(15, _NET_ONE, _NET_TWO, _NET_FOUR_BYTE),
        verified_email=False,
        mfa=False,
    ),
    _person("superuser", 9, "Su Per", "superuser at PeeringDB, in no organisation"),
    _person(
        "tobedisabled",
        10,
        "To Disable",
        "plain member, for tests that disable the account",
        *_rights(1, _NET_ONE, _NET_TWO, _NET_FOUR_BYTE),
    ),
    _person(
        "manynets",
        11,
        "Many Nets",
        "admin of 300 networks",
        *_rights(15, *(network.asn for network in _MANY_NETS)),
    ),
)
