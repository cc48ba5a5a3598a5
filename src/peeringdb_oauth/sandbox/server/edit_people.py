"""Change the people, networks and tokens in the database."""

import re
import unicodedata
from collections.abc import Mapping
from itertools import chain, count
from typing import Any

from django.db import transaction
from oauth2_provider.models import AccessToken, RefreshToken

from peeringdb_oauth.sandbox import people as people_file
from peeringdb_oauth.sandbox.people import ALL_RIGHTS, EMAIL, MAX_ASN, People
from peeringdb_oauth.sandbox.server.models import Network, Person, Right

SWITCHES = ("verified_user", "verified_email", "mfa", "is_active")

# The name of each field in the database, and in the people file.
_PERSON_FIELDS = {
    "username": "login",
    "first_name": "given_name",
    "last_name": "family_name",
    "email": "email",
    "about": "about",
    "verified_user": "verified_user",
    "verified_email": "verified_email",
    "mfa": "mfa",
    "is_active": "active",
}


class CannotChange(ValueError):
    """A value is out of range, or names something unknown; the message says what."""


@transaction.atomic
def replace_all_people(people: People) -> None:
    """Replace all people and networks of the database by these.

    Somebody with the same id and login name as before keeps their tokens.
    """
    if _rows_of(people) == _stored_rows():
        return  # most tests change nobody, and writing everything takes 20 milliseconds
    kept = {(person.id, person.login) for person in people.people}
    Person.objects.filter(
        pk__in=[p.pk for p in Person.objects.all() if (p.pk, p.username) not in kept]
    ).delete()
    Network.objects.all().delete()
    Network.objects.bulk_create(Network(id=n.id, asn=n.asn, name=n.name) for n in people.networks)
    ids = {network.asn: network.id for network in people.networks}
    for person in people.people:
        _store_person(person, ids)


def _rows_of(people: People) -> tuple[set[tuple[Any, ...]], ...]:
    """The rows of networks, people and rights that describe these people."""
    network_ids = {network.asn: network.id for network in people.networks}
    return (
        {(network.id, network.asn, network.name) for network in people.networks},
        {(person.id, *_fields_of(person).values()) for person in people.people},
        {
            (person.id, network_ids[right.asn], right.perms, right.manage_peering_sessions)
            for person in people.people
            for right in person.networks
        },
    )


def _stored_rows() -> tuple[set[tuple[Any, ...]], ...]:
    rights = ("person_id", "network_id", "perms", "manage_peering_sessions")
    return (
        set(Network.objects.values_list("id", "asn", "name")),
        set(Person.objects.values_list("id", *_PERSON_FIELDS)),
        set(Right.objects.values_list(*rights)),
    )


def _store_person(person: people_file.Person, network_ids: Mapping[int, int]) -> None:
    Person.objects.update_or_create(id=person.id, defaults=_fields_of(person))
    Right.objects.bulk_create(
        Right(
            person_id=person.id,
            network_id=network_ids[right.asn],
            perms=right.perms,
            manage_peering_sessions=right.manage_peering_sessions,
        )
        for right in person.networks
    )


def _fields_of(person: people_file.Person) -> dict[str, Any]:
    return {name: getattr(person, source) for name, source in _PERSON_FIELDS.items()}


def add_person(name: Any, *, email: Any = None) -> Person:
    """Add a person without networks.

    The login name is made of the name. The email address is made of the login name if
    there is none.

    Raises:
        CannotChange: the name is empty, or the email address is none.
    """
    if not isinstance(name, str) or not name.strip():
        raise CannotChange("a person needs a name")
    if email is not None and not (isinstance(email, str) and EMAIL.fullmatch(email)):
        raise CannotChange("an email address must have one '@'")
    given_name, _, family_name = name.strip().partition(" ")
    login = _unused_login(name)
    person: Person = Person.objects.create(
        username=login,
        first_name=given_name,
        last_name=family_name.strip(),
        email=email or f"{login}@example.net",
    )
    return person


@transaction.atomic
def change_person(
    login: str,
    *,
    networks: Mapping[int, int] | None,
    sessions: int | Mapping[int, int] | None,
    switches: Mapping[str, bool],
) -> None:
    """Change a person; what is not given stays as it is.

    ``networks``: ASN to perms, which replace all networks of the person.
    ``sessions``: manage_peering_sessions, for all networks or by ASN. ``switches``:
    values for some of `SWITCHES`.

    Raises:
        CannotChange: nobody has this login name, or an ASN or a permission is out of
            range.
    """
    person = find_person(login)
    for name, switch in switches.items():
        setattr(person, name, switch)
    person.save()
    if networks is not None:
        person.rights.all().delete()
        for asn, perms in networks.items():
            Right.objects.create(
                person=person,
                network=_find_or_create_network(asn),
                perms=_check_bits(perms),
                manage_peering_sessions=_check_bits(perms),
            )
    if sessions is not None:
        for right in person.rights.select_related("network"):
            value = (
                sessions
                if isinstance(sessions, int)
                else sessions.get(right.network.asn, right.manage_peering_sessions)
            )
            right.manage_peering_sessions = _check_bits(value)
            right.save()


@transaction.atomic
def revoke_tokens(login: str | None) -> int:
    """Delete the tokens of one person, or of everybody, and return their number.

    Access tokens and refresh tokens count.

    Raises:
        CannotChange: nobody has this login name.
    """
    owner = {"user": find_person(login)} if login else {}
    refresh, _ = RefreshToken.objects.filter(**owner).delete()
    access, _ = AccessToken.objects.filter(**owner).delete()
    return int(refresh + access)


def find_person(login: str) -> Person:
    """The person with this login name.

    Raises:
        CannotChange: there is none.
    """
    person: Person | None = Person.objects.filter(username=login).first()
    if person is None:
        raise CannotChange(
            f"nobody here is called {login!r}; there are:"
            f" {', '.join(Person.objects.values_list('username', flat=True))}"
        )
    return person


def _unused_login(name: str) -> str:
    """A login name that resembles the name, and that nobody has."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    login = re.sub("[^a-z0-9]+", "-", letters)[:50].strip("-") or "person"
    return next(
        unused
        for unused in chain([login], (f"{login}-{n}" for n in count(2)))
        if not Person.objects.filter(username=unused).exists()
    )


def _find_or_create_network(asn: Any) -> Network:
    if type(asn) is not int or not 1 <= asn <= MAX_ASN:
        raise CannotChange(f"an ASN must be between 1 and {MAX_ASN}, not {asn!r}")
    network: Network = Network.objects.get_or_create(
        asn=asn, defaults={"name": f"Example Net AS{asn}"}
    )[0]
    return network


def _check_bits(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= ALL_RIGHTS:
        raise CannotChange(
            "permissions must be a sum of 1 (read), 2 (update), 4 (create) and 8 (delete), so from"
            f" 0 to {ALL_RIGHTS}, not {value!r}"
        )
    return value
