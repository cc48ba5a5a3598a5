"""The people of a sandbox and their networks, and the file that describes them.

The format of the file is in the docstring of the package.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peeringdb_oauth.errors import ConfigurationError

ALL_RIGHTS = 15  # READ 1 + UPDATE 2 + CREATE 4 + DELETE 8
MAX_ASN = 2**32 - 1
EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
PASSWORD_ONLY = ("pwd",)
# Each second factor with its label, and with the amr that PeeringDB sends after a login
# with it.
SECOND_FACTORS = {
    "otp": ("Code of an authenticator app", ("pwd", "otp", "mfa")),
    "backup": ("Backup code", PASSWORD_ONLY),  # measured: PeeringDB does not count it
    "security-key": ("Security key", ("pwd", "swk", "mfa")),
}

_LOGIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_LOGIN_RULE = "1 to 64 small letters, digits, '_', '.' or '-'"
_MAX_ID = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network.

    ``id``: PeeringDB's id of it, which is not the ASN. ``asn``: the AS number.
    ``name``: shown to people.
    """

    id: int
    asn: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What a person may do for one network.

    ``asn``: the AS number of the network. ``perms``: the sum of READ 1, UPDATE 2,
    CREATE 4 and DELETE 8. ``manage_peering_sessions``: the same bits for the peering
    sessions of the network.
    """

    asn: int
    perms: int
    manage_peering_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person to log in as.

    ``login``: the login name. ``id``: PeeringDB's id of the person. ``given_name``,
    ``family_name``, ``email``: what applications are told. ``about``: what the person
    is an example of, for the login page. ``verified_user``: PeeringDB has verified the
    account. ``verified_email``: PeeringDB has confirmed the email address. ``mfa``: the
    person has a second factor. ``active``: the account is enabled. ``networks``: the
    networks that the person is affiliated with.
    """

    login: str
    id: int
    given_name: str
    family_name: str
    email: str
    about: str = ""
    verified_user: bool = True
    verified_email: bool = True
    mfa: bool = True
    active: bool = True
    networks: tuple[Right, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Everybody in a sandbox, and every network.

    ``networks``: all networks, also those without people. ``people``: all people.
    """

    networks: tuple[Network, ...]
    people: tuple[Person, ...]


def load_people(path: str) -> People:
    """Read a people file: JSON if its name ends in ``.json``, otherwise TOML.

    Raises:
        ConfigurationError: the file cannot be read, or what it describes is wrong;
            every problem is named.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        document = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"the people file {path} cannot be read: {error.strerror}"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the people file {path} cannot be read: {error}") from error
    return parse_people(document)


def parse_people(document: Any) -> People:
    """The people that a JSON or TOML document describes.

    Raises:
        ConfigurationError: what it describes is wrong; every problem is named.
    """
    reader = _PeopleReader()
    top = reader.table(
        document, "the document", {"networks": list, "people": list}, required={"people"}
    )
    networks = tuple(
        reader.network(item, f"networks[{i}]") for i, item in enumerate(top.get("networks", []))
    )
    people = tuple(
        reader.person(item, f"people[{i}]") for i, item in enumerate(top.get("people", []))
    )
    if top.get("people") == []:
        reader.problems.append("people: at least one person is needed to log in as")
    _check_references(reader, networks, people)
    if reader.problems:
        raise ConfigurationError(*reader.problems)
    return People(networks=networks, people=people)


class _PeopleReader:
    """Reads the parts of a document and collects the problems.

    Where something is wrong it returns a harmless value, so that one pass finds every
    problem. ``where`` in its methods is the place in the document, for the message.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(
        self, item: Any, where: str, keys: dict[str, type], *, required: set[str]
    ) -> dict[str, Any]:
        """The values of a table that have the right type.

        ``keys``: the keys that the table may have, and the types of their values.
        """
        if not isinstance(item, dict):
            self.problems.append(f"{where}: must be a table (an object)")
            return {}
        self.problems += [f"{where}: unknown key {key!r}" for key in item if key not in keys]
        self.problems += [
            f"{where}: {key} is missing" for key in keys if key in required and key not in item
        ]
        values = {}
        for key, kind in keys.items():
            # isinstance would take True for an int.
            if key in item and type(item[key]) is not kind:
                self.problems.append(f"{where}: {key} must be {_TYPE_NAMES[kind]}")
            elif key in item:
                values[key] = item[key]
        return values

    def network(self, item: Any, where: str) -> Network:
        values = self.table(
            item, where, {"id": int, "asn": int, "name": str}, required={"id", "asn", "name"}
        )
        self.check_range(values, "id", 1, _MAX_ID, where)
        self.check_range(values, "asn", 1, MAX_ASN, where)
        missing: dict[str, Any] = {"id": 0, "asn": 0, "name": ""}
        return Network(**(missing | values))

    def right(self, item: Any, where: str) -> Right:
        values = self.table(
            item,
            where,
            {"asn": int, "perms": int, "manage_peering_sessions": int},
            required={"asn", "perms"},
        )
        self.check_range(values, "asn", 1, MAX_ASN, where)
        self.check_range(values, "perms", 0, ALL_RIGHTS, where)
        self.check_range(values, "manage_peering_sessions", 0, ALL_RIGHTS, where)
        perms = values.get("perms", 0)
        missing = {"asn": 0, "perms": perms, "manage_peering_sessions": perms}
        return Right(**(missing | values))

    def person(self, item: Any, where: str) -> Person:
        texts = dict.fromkeys(("login", "given_name", "family_name", "email", "about"), str)
        switches = dict.fromkeys(("verified_user", "verified_email", "mfa", "active"), bool)
        values = self.table(
            item,
            where,
            {**texts, "id": int, **switches, "networks": list},
            required={"login", "id", "given_name", "family_name", "email"},
        )
        self.check_range(values, "id", 1, _MAX_ID, where)
        if "login" in values and not _LOGIN.fullmatch(values["login"]):
            self.problems.append(f"{where}: login must be {_LOGIN_RULE}")
        if "email" in values and not EMAIL.fullmatch(values["email"]):
            self.problems.append(f"{where}: email must be an address with one '@'")
        rights = [
            self.right(right, f"{where}.networks[{i}]")
            for i, right in enumerate(values.pop("networks", []))
        ]
        missing: dict[str, Any] = {
            "login": where,
            "id": 0,
            "given_name": "",
            "family_name": "",
            "email": "",
        }
        return Person(**(missing | values), networks=tuple(rights))

    def check_range(
        self, values: dict[str, Any], key: str, low: int, high: int, where: str
    ) -> None:
        if key in values and not low <= values[key] <= high:
            self.problems.append(
                f"{where}: {key} must be between {low} and {high}, not {values[key]}"
            )

    def check_unique(self, where: str, key: str, values: list[Any]) -> None:
        for value in sorted({value for value in values if value and values.count(value) > 1}):
            self.problems.append(f"{where}: {key} {value} occurs more than once")


def _check_references(
    reader: _PeopleReader, networks: tuple[Network, ...], people: tuple[Person, ...]
) -> None:
    """Check that ids are unique, and that people belong to networks that exist."""
    reader.check_unique("networks", "id", [network.id for network in networks])
    reader.check_unique("networks", "asn", [network.asn for network in networks])
    reader.check_unique("people", "login", [person.login for person in people])
    reader.check_unique("people", "id", [person.id for person in people])
    known = {network.asn for network in networks}
    for person in people:
        asns = [right.asn for right in person.networks]
        reader.check_unique(f"the networks of {person.login}", "asn", asns)
        reader.problems += [
            f"{person.login}: AS{asn} is not among the networks"
            for asn in asns
            if asn and asn not in known
        ]


_TYPE_NAMES = {int: "a whole number", str: "text", bool: "true or false", list: "a list"}
