"""Who logged in, and for which networks: PeeringDB's shapes of a user, checked field by
field and read into values.

Which of it is enough to be let in is not known here: that is `access`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, NoReturn, Self, TypeGuard

from peeringdb_oauth.errors import InvalidResponse

MAX_ASN = 2**32 - 1  # RFC 6793; 0 is reserved (RFC 7607) and names no network
MAX_ID = 2**63 - 1  # fits every database's integer key
MAX_NETWORKS = 10_000  # PeeringDB does not page the list, so something else must end it
MAX_AMR = 100
MAX_TEXT = 1_000  # characters

# What could forge a line in a log, turn a page's text around, or not be written as
# UTF-8 at all: control characters, line and paragraph separators, directional overrides
# and isolates, lone surrogates. Joiners stay: Persian and Indic names need them.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]",
)


class Permission(IntFlag):
    """What somebody may do with a network, as measured on PeeringDB 2.82.0; its
    documentation has the bits in another order.
    """

    READ = 1
    UPDATE = 2
    CREATE = 4
    DELETE = 8


EVERY_PERMISSION = Permission.READ | Permission.UPDATE | Permission.CREATE | Permission.DELETE
_PERMISSIONS = tuple(
    Permission(bits) for bits in range(int(EVERY_PERMISSION) + 1)
)  # by their bits: combining flags takes long


def is_asn(value: object) -> TypeGuard[int]:
    """Whether this is the number of an autonomous system: an int from 1 to 4294967295,
    not a bool, not text.
    """
    return type(value) is int and 1 <= value <= MAX_ASN


class _NotOfRequest:
    """Stops pydantic, and so FastAPI: where an endpoint forgets to depend on a login,
    it would make a `User` of what a visitor sends.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> NoReturn:
        raise TypeError(
            f"a {cls.__name__} is never read from a request: write Annotated[User,"
            " Depends(pdb.require())], and answer with user.to_dict()",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(_NotOfRequest):
    """A network that the user is affiliated with at PeeringDB, and what they may do
    there.

    ``manage_peering_sessions`` is None where the source cannot say (ID tokens never
    do). A plain member has ``Permission.READ`` in it: ask for the other bits, never for
    its truth.
    """

    id: int
    asn: int
    name: str
    perms: Permission
    manage_peering_sessions: Permission | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class User(_NotOfRequest):
    """A person at PeeringDB, as of the moment PeeringDB was asked.

    ``id`` is the key to store: name and email change. ``networks`` are in PeeringDB's
    order. ``amr`` (RFC 8176) is how they logged in, None if unknown, which it is after
    every refresh. What PeeringDB did not say is empty, None or False.
    """

    id: int
    name: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str | None = None
    verified_email: bool = False
    verified_user: bool = False
    networks: tuple[Network, ...] = ()
    amr: tuple[str, ...] | None = None

    @classmethod
    def from_profile(cls, json: object) -> Self:
        """The user in the body of ``/profile/v1``, decoded from JSON. Unknown fields
        are ignored.

        Raises:
            InvalidResponse: ``check`` is the path of the offending field, such as
                ``networks[2].asn``.

        """
        fields = _object(json, "profile")
        return cls._read(fields, user_id=_identifier(fields, "id"), verified_email="verified_email")

    @classmethod
    def from_id_token(cls, claims: Mapping[str, Any]) -> Self:
        """The user in the claims of a verified ID token, where null means "not
        granted".

        Raises:
            InvalidResponse: ``check`` is the path of the offending claim, such as
                ``networks[2].asn``.

        """
        fields = _object(claims, "claims")
        user_id = _subject(fields)
        if fields.get("id") is not None and _identifier(fields, "id") != user_id:
            raise _invalid("id", "the number in sub")
        return cls._read(fields, user_id=user_id, verified_email="email_verified")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The user that `to_dict` wrote.

        Raises:
            InvalidResponse: it is not exactly what `to_dict` writes; ``check`` is the
                path of the offending field.

        """
        user = cls.from_profile(data)
        written = user.to_dict()
        if written != data:
            wrong = next(
                (key for key in written if key not in data or data[key] != written[key]),
                "unknown field",
            )
            raise _invalid(wrong, "as it was written")
        return user

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON types, for a session store. Holds personal data."""
        return {
            "id": self.id,
            "name": self.name,
            "given_name": self.given_name,
            "family_name": self.family_name,
            "email": self.email,
            "verified_email": self.verified_email,
            "verified_user": self.verified_user,
            "networks": [_network_to_dict(network) for network in self.networks],
            "amr": None if self.amr is None else list(self.amr),
        }

    @property
    def asns(self) -> tuple[int, ...]:
        """The ASNs of ``networks``, in the same order."""
        return tuple(network.asn for network in self.networks)

    def network(self, asn: int) -> Network | None:
        """The user's network with this ASN, None if they are not affiliated with it."""
        return next((network for network in self.networks if network.asn == asn), None)

    def __repr__(self) -> str:
        # Names and email are personal data: a log that says which user, and which
        # networks, does not need them.
        shown = [str(asn) for asn in self.asns[:5]]
        if len(self.networks) > len(shown):
            shown.append(f"{len(self.networks) - len(shown)} more")
        return f"User(id={self.id}, asns=[{', '.join(shown)}])"

    @classmethod
    def _read(cls, fields: Mapping[str, object], *, user_id: int, verified_email: str) -> Self:
        return cls(
            id=user_id,
            name=_granted_name(fields, "name"),
            given_name=_granted_name(fields, "given_name"),
            family_name=_granted_name(fields, "family_name"),
            email=_email(fields),
            verified_email=_flag(fields, verified_email),
            verified_user=_flag(fields, "verified_user"),
            networks=_networks(fields),
            # PeeringDB sends an empty list where it no longer knows, so that is
            # "unknown" and not "by no method".
            amr=tuple(
                _word(word, f"amr[{at}]") for at, word in enumerate(_list(fields, "amr", MAX_AMR))
            )
            or None,
        )


def _invalid(check: str, must_be: str) -> InvalidResponse:
    return InvalidResponse(
        f"this is not a PeeringDB user: {check} must be {must_be}",
        check=check,
    )  # never the value: it is personal


def _object(value: object, check: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _invalid(check, "a JSON object")
    return value


def _list(fields: Mapping[str, object], key: str, most: int) -> list[object]:
    value = fields.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise _invalid(key, f"a list of at most {most}")
    return value


def _identifier(fields: Mapping[str, object], key: str, path: str = "") -> int:
    value = fields.get(key)
    if type(value) is not int or not 1 <= value <= MAX_ID:
        raise _invalid(path + key, "a whole number above 0")
    return value


def _subject(fields: Mapping[str, object]) -> int:
    """``sub`` is the id in decimal digits (measured); any other spelling of the number
    is somebody else's.
    """
    value = fields.get("sub")
    if (
        not isinstance(value, str)
        or not re.fullmatch("[1-9][0-9]{0,18}", value)
        or int(value) > MAX_ID
    ):
        raise _invalid("sub", "the user's id in decimal digits")
    return int(value)


def _flag(fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _invalid(key, "true or false")
    return value


def _name(value: object, check: str) -> str:
    """A name as people may see it: unprintable characters become spaces, since an odd
    name is no reason to refuse its owner.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _invalid(check, f"text of at most {MAX_TEXT} characters")
    return _UNPRINTABLE.sub(
        " ",
        value,
    ).strip()  # "given family" ends in a space where there is no family name


def _granted_name(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return "" if value is None else _name(value, key)


def _word(value: object, check: str) -> str:
    """Text that something is decided or sent by (an address, a login method): exactly
    as it came, or not at all.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT or _UNPRINTABLE.search(value):
        raise _invalid(check, f"printable text of at most {MAX_TEXT} characters")
    return value


def _email(fields: Mapping[str, object]) -> str | None:
    value = fields.get("email")
    return None if value is None else _word(value, "email") or None


def _networks(fields: Mapping[str, object]) -> tuple[Network, ...]:
    networks: dict[int, Network] = {}
    for at, item in enumerate(_list(fields, "networks", MAX_NETWORKS)):
        network = _network(_object(item, f"networks[{at}]"), f"networks[{at}].")
        if network.asn in networks:  # which of the two permissions would count?
            raise _invalid(f"networks[{at}].asn", "an ASN that is not in the list already")
        networks[network.asn] = network
    return tuple(networks.values())


def _network(fields: Mapping[str, object], path: str) -> Network:
    asn = fields.get("asn")
    if not is_asn(asn):
        raise _invalid(f"{path}asn", f"a whole number from 1 to {MAX_ASN}")
    sessions = fields.get("manage_peering_sessions")
    return Network(
        id=_identifier(fields, "id", path),
        asn=asn,
        name=_name(fields.get("name"), f"{path}name"),
        perms=_permission(fields.get("perms"), f"{path}perms"),
        manage_peering_sessions=(
            None if sessions is None else _permission(sessions, f"{path}manage_peering_sessions")
        ),
    )


def _permission(value: object, check: str) -> Permission:
    if type(value) is not int or value < 0:
        raise _invalid(check, "permission bits: a whole number, 0 or above")
    return _PERMISSIONS[
        value % len(_PERMISSIONS)
    ]  # a bit that is new to us grants nothing we know, and must not lock people out


def _network_to_dict(network: Network) -> dict[str, Any]:
    sessions = network.manage_peering_sessions
    return {
        "id": network.id,
        "asn": network.asn,
        "name": network.name,
        "perms": int(network.perms),
        "manage_peering_sessions": None if sessions is None else int(sessions),
    }
