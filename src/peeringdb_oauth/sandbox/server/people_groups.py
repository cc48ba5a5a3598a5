"""People in groups, with their networks and rights in a few words."""

from itertools import groupby

from peeringdb_oauth.sandbox.server.models import Person, Right

GET_IN = "Get in"
REFUSED = "Are refused"
ODD = "Odd"
_MANY = 40  # networks
_BITS = ((1, "read"), (2, "update"), (4, "create"), (8, "delete"))


def grouped_people() -> list[tuple[str, list[tuple[Person, str]]]]:
    """Each group with its people and their rights, without groups that are empty.

    "Are refused" are those who do not come back from PeeringDB, and those whom an
    application that checks what it should does not let in.
    """
    people: dict[str, list[tuple[Person, str]]] = {GET_IN: [], REFUSED: [], ODD: []}
    for person in Person.objects.prefetch_related("rights__network"):
        people[_group_of(person)].append((person, _rights_in_words(person)))
    return [(group, members) for group, members in people.items() if members]


def rights_by_group() -> dict[str, dict[str, str]]:
    """For each group, the login names of its people and their rights in words."""
    return {
        group: {person.username: rights for person, rights in people}
        for group, people in grouped_people()
    }


def _rights_in_words(person: Person) -> str:
    """The networks and what the person may do, such as "AS64500, AS64501: read"."""
    rights = list(person.rights.all())
    parts = [
        f"{_networks_in_words(list(same))}: {words}"
        for words, same in groupby(rights, key=_bits_in_words)
    ]
    return "; ".join(parts) or "no networks"


def _group_of(person: Person) -> str:
    networks = len(person.rights.all())
    checks = (person.is_active, person.verified_user, person.verified_email, person.mfa, networks)
    if not all(checks):
        return REFUSED
    return ODD if networks > _MANY or not person.last_name else GET_IN


def _networks_in_words(rights: list[Right]) -> str:
    if len(rights) > _MANY:
        return f"{len(rights)} networks"
    return ", ".join(f"AS{right.network.asn}" for right in rights)


def _bits_in_words(right: Right) -> str:
    words = _names_of(right.perms)
    if right.manage_peering_sessions != right.perms:
        words += f" (peering sessions: {_names_of(right.manage_peering_sessions)})"
    return words


def _names_of(bits: int) -> str:
    names = [name for bit, name in _BITS if bits & bit]
    if len(names) == len(_BITS):
        return "all rights"
    return " + ".join(names) or "no rights"
