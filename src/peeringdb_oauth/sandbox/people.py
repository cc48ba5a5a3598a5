"""The people of a sandbox: who they are, what they may do for which network; read from
a JSON or TOML file.

Knows the file's format (described in the package's docstring) and nothing of Django.
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
_LOGIN = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_LOGIN_RULE = "1 to 64 small letters, digits, '_', '.' or '-'"
PASSWORD_ONLY = ("pwd",)
SECOND_FACTORS = {
    "otp": ("Code of an authenticator app", ("pwd", "otp", "mfa")),
    "backup": ("Backup code", PASSWORD_ONLY),  # measured: PeeringDB does not count it
    "security-key": ("Security key", ("pwd", "swk", "mfa")),
}
"""Each with the `amr` that PeeringDB sends after a login with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network; PeeringDB's own `id` differs from its `asn`."""

    id: int
    asn: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What one person may do for one network: two sums of READ 1, UPDATE 2, CREATE 4,
    DELETE 8.
    """

    asn: int
    perms: int
    manage_peering_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone to log in as."""

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
    """Everyone in a sandbox, and every network."""

    networks: tuple[Network, ...]
    people: tuple[Person, ...]


def load_people(path: str) -> People:
    """The people of a JSON (``.json``) or TOML (any other ending) file.
    `ConfigurationError` names every problem at once.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        document = json.loads(text) if path.endswith(".json") else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"the people file {path} cannot be read: {error.strerror}",
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"the people file {path} cannot be read: {error}") from error
    return parse_people(document)


def parse_people(document: Any) -> People:
    """The people described by a JSON or TOML document. `ConfigurationError` names every
    problem at once.
    """
    reader = _PeopleReader()
    top = reader.table(
        document,
        "the document",
        {"networks": list, "people": list},
        required={"people"},
    )
    networks = tuple(
        reader.network(item, f"networks[{i}]") for i, item in enumerate(top.get("networks", []))
    )
    people = tuple(
        reader.person(item, f"people[{i}]") for i, item in enumerate(top.get("people", []))
    )
    if isinstance(document, dict) and document.get("people") == []:
        reader.problems.append("people: at least one person is needed to log in as")
    reader.check_unique("networks", "id", [n.id for n in networks])
    reader.check_unique("networks", "asn", [n.asn for n in networks])
    reader.check_unique("people", "login", [p.login for p in people])
    reader.check_unique("people", "id", [p.id for p in people])
    known = {network.asn for network in networks}
    for person in people:
        reader.check_unique(
            f"the networks of {person.login}",
            "asn",
            [right.asn for right in person.networks],
        )
        reader.problems += [
            f"{person.login}: AS{r.asn} is not among the networks"
            for r in person.networks
            if r.asn and r.asn not in known
        ]
    if reader.problems:
        raise ConfigurationError(*reader.problems)
    return People(networks=networks, people=people)


class _PeopleReader:
    """Collects problems and hands out harmless values in their place, so that all are
    found in one pass.
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(
        self,
        item: Any,
        where: str,
        keys: dict[str, type],
        *,
        required: set[str],
    ) -> dict[str, Any]:
        if not isinstance(item, dict):
            self.problems.append(f"{where}: a table (object) is expected")
            return {}
        self.problems += [f"{where}: unknown key {key!r}" for key in item if key not in keys]
        self.problems += [
            f"{where}: {key} is missing" for key in keys if key in required and key not in item
        ]
        good = {}
        for key, kind in keys.items():
            # bool is an int, but not here
            if key in item and type(item[key]) is not kind:
                self.problems.append(f"{where}: {key} must be {_TYPE_NAMES[kind]}")
            elif key in item:
                good[key] = item[key]
        return good

    def network(self, item: Any, where: str) -> Network:
        values = self.table(
            item,
            where,
            {"id": int, "asn": int, "name": str},
            required={"id", "asn", "name"},
        )
        self.check_range(values, "id", 1, 2**31 - 1, where)
        self.check_range(values, "asn", 1, MAX_ASN, where)
        return Network(
            id=values.get("id", 0),
            asn=values.get("asn", 0),
            name=values.get("name", ""),
        )

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
        return Right(
            asn=values.get("asn", 0),
            perms=perms,
            manage_peering_sessions=values.get("manage_peering_sessions", perms),
        )

    def person(self, item: Any, where: str) -> Person:
        texts = dict.fromkeys(("login", "given_name", "family_name", "email", "about"), str)
        switches = dict.fromkeys(("verified_user", "verified_email", "mfa", "active"), bool)
        required = {"login", "id", "given_name", "family_name", "email"}
        values = self.table(
            item,
            where,
            {**texts, "id": int, **switches, "networks": list},
            required=required,
        )
        self.check_range(values, "id", 1, 2**31 - 1, where)
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
                f"{where}: {key} must be between {low} and {high}, not {values[key]}",
            )

    def check_unique(self, where: str, key: str, values: list[Any]) -> None:
        for value in sorted({value for value in values if value and values.count(value) > 1}):
            self.problems.append(f"{where}: {key} {value} occurs more than once")


_TYPE_NAMES = {int: "a whole number", str: "text", bool: "true or false", list: "a list"}
