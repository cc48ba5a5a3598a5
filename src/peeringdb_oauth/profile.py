"""A PeeringDB user and their networks, read from the profile or from an ID token.

Each field is checked while it is read. Who may do what is decided in ``access.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, NoReturn, Self, TypeGuard

from peeringdb_oauth.errors import InvalidResponse

MAX_ASN = 2**32 - 1  # RFC 6793; 0 is reserved (RFC 7607) and names no network
MAX_ID = 2**63 - 1  # fits every database's integer key
MAX_NETWORKS = 10_000  # PeeringDB sends the whole list, without pages and without a limit
MAX_AMR = 100
MAX_TEXT = 1_000  # characters

# Characters that could forge a line in a log, reverse the text of a page, or not be
# encoded in UTF-8: control characters, line and paragraph separators, directional
# overrides and isolates, lone surrogates. Joiners are allowed: Persian and Indic names
# need them.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\U000e0000-\U000e007f]"
)


class Permission(IntFlag):
    """What a user may do with a network: a set of flags.

    The values are those that PeeringDB 2.82.0 sends. PeeringDB's documentation has them
    in another order.

    >>> from peeringdb_oauth import Permission
    >>> perms = Permission.READ | Permission.UPDATE
    >>> Permission.UPDATE in perms
    True
    >>> Permission.DELETE in perms
    False
    """

    READ = 1
    UPDATE = 2
    CREATE = 4
    DELETE = 8


EVERY_PERMISSION = Permission.READ | Permission.UPDATE | Permission.CREATE | Permission.DELETE
# Every combination, by its value: looking one up is much faster than combining flags.
_PERMISSIONS = tuple(Permission(bits) for bits in range(int(EVERY_PERMISSION) + 1))


def is_asn(value: object) -> TypeGuard[int]:
    """Whether ``value`` is an AS number: an int from 1 to 4294967295, not a bool."""
    return type(value) is int and 1 <= value <= MAX_ASN


class _NeverFromRequest:
    """Keeps FastAPI from reading a `User` from the body of a request.

    FastAPI and pydantic would do so for an endpoint with a parameter ``user: User``
    whose ``Depends`` was forgotten. Every visitor could then claim to be any user.
    """

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> NoReturn:
        raise TypeError(
            f"a {cls.__name__} is never read from a request: write Annotated[User,"
            " Depends(pdb.require())], and answer with user.to_dict()"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Network(_NeverFromRequest):
    """A network that the user is affiliated with, and what the user may do with it.

    ``id``: PeeringDB's number of the network. ``asn``: its AS number. ``name``: its
    name. ``perms``: what the user may do with the network. ``manage_peering_sessions``:
    what the user may do with its peering sessions; None if the source cannot say, as
    with every ID token. Plain members have ``Permission.READ`` there, so look at the
    other flags, as `AccessRule` does with ``manage_sessions``.

    >>> from peeringdb_oauth import Network, Permission
    >>> network = Network(id=7, asn=64500, name="Example Net", perms=Permission.READ)
    >>> Permission.UPDATE in network.perms
    False
    """

    id: int
    asn: int
    name: str
    perms: Permission
    manage_peering_sessions: Permission | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class User(_NeverFromRequest):
    """A person at PeeringDB, as PeeringDB described them when it was asked.

    A field that PeeringDB did not send is empty, None or False.

    ``id``: PeeringDB's number of the person; store this one, since names and email
    addresses change. ``name``, ``given_name``, ``family_name``: the person's names.
    ``email``: the email address. ``verified_email``: whether PeeringDB has confirmed
    it. ``verified_user``: whether PeeringDB has verified the account. ``networks``: the
    networks that the person is affiliated with, in PeeringDB's order. ``amr``: how the
    person logged in (RFC 8176), such as ``("pwd", "otp", "mfa")``; None if unknown,
    which it is after every refresh.

    >>> from peeringdb_oauth import Network, Permission, User
    >>> network = Network(id=7, asn=64500, name="Example Net", perms=Permission.READ)
    >>> ada = User(id=1, name="Ada Admin", networks=(network,))
    >>> ada.asns
    (64500,)
    >>> ada.network(64500).name
    'Example Net'
    >>> User.from_dict(ada.to_dict()) == ada
    True
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
        """Read a user from the body of ``/profile/v1``, decoded from JSON.

        Unknown fields are ignored.

        Raises:
            InvalidResponse: a field is missing or wrong; ``check`` is its path, such as
                ``networks[2].asn``.
        """
        fields = _object(json, "profile")
        return cls._read(fields, user_id=_identifier(fields, "id"), verified_email="verified_email")

    @classmethod
    def from_id_token(cls, claims: Mapping[str, Any]) -> Self:
        """Read a user from the claims of a verified ID token.

        PeeringDB sends null for each claim whose scope was not granted.

        Raises:
            InvalidResponse: a claim is missing or wrong; ``check`` is its path, such as
                ``networks[2].asn``.
        """
        fields = _object(claims, "claims")
        user_id = _subject(fields)
        if fields.get("id") is not None and _identifier(fields, "id") != user_id:
            raise _invalid("id", "the number in sub")
        return cls._read(fields, user_id=user_id, verified_email="email_verified")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a user from what `to_dict` returned.

        Raises:
            InvalidResponse: this is not exactly what `to_dict` returns; ``check`` is
                the path of the wrong field.
        """
        user = cls.from_profile(data)
        written = user.to_dict()
        for key, value in written.items():
            if key not in data or data[key] != value:
                raise _invalid(key, "exactly what to_dict writes")
        if len(data) > len(written):
            raise _invalid("unknown field", "absent")
        return user

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON types, for a session store.

        The dict contains personal data: names and the email address.
        """
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
        """The AS numbers of ``networks``, in the same order."""
        return tuple(network.asn for network in self.networks)

    def network(self, asn: int) -> Network | None:
        """Return the user's network with this AS number, or None if there is none."""
        return next((network for network in self.networks if network.asn == asn), None)

    def __repr__(self) -> str:
        # Names and the email address are personal data and stay out of logs.
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
            # PeeringDB sends an empty list when it does not know: that becomes None.
            amr=tuple(
                _word(word, f"amr[{at}]") for at, word in enumerate(_list(fields, "amr", MAX_AMR))
            )
            or None,
        )


def _invalid(check: str, must_be: str) -> InvalidResponse:
    # The message leaves the value out: it may be personal data.
    return InvalidResponse(f"this is not a PeeringDB user: {check} must be {must_be}", check=check)


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, (dict, Mapping)):  # a dict, as usual, is found faster by itself
        raise _invalid(path.removesuffix("."), "a JSON object")
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
    """The user's id from ``sub``, where PeeringDB writes it in decimal digits.

    Other spellings of the same number, such as "01", are refused.
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


def _name(value: object, key: str, path: str = "") -> str:
    """A name, with its unprintable characters replaced by spaces.

    A user with an unprintable character in their name can still log in.
    """
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise _invalid(path + key, f"text of at most {MAX_TEXT} characters")
    if not value.isprintable():  # it is faster than the pattern, and finds all that it does
        value = _UNPRINTABLE.sub(" ", value)
    # PeeringDB's ``name`` ends in a space if there is no family name.
    return value.strip()


def _granted_name(fields: Mapping[str, object], key: str) -> str:
    value = fields.get(key)
    return "" if value is None else _name(value, key)


def _word(value: object, check: str) -> str:
    """Text that is compared or used as an address: accepted unchanged, or refused."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or _UNPRINTABLE.search(value):
        raise _invalid(check, f"printable text of at most {MAX_TEXT} characters")
    return value


def _email(fields: Mapping[str, object]) -> str | None:
    value = fields.get("email")
    return None if value is None else _word(value, "email") or None


def _networks(fields: Mapping[str, object]) -> tuple[Network, ...]:
    networks: dict[int, Network] = {}
    for at, item in enumerate(_list(fields, "networks", MAX_NETWORKS)):
        network = _network(item, f"networks[{at}].")
        if network.asn in networks:  # it would be unclear whose permissions count
            raise _invalid(f"networks[{at}].asn", "an ASN that is not in the list already")
        networks[network.asn] = network
    return tuple(networks.values())


def _network(item: object, path: str) -> Network:
    fields = _object(item, path)
    asn = fields.get("asn")
    if not is_asn(asn):
        raise _invalid(f"{path}asn", f"a whole number from 1 to {MAX_ASN}")
    sessions = fields.get("manage_peering_sessions")
    return Network(
        id=_identifier(fields, "id", path),
        asn=asn,
        name=_name(fields.get("name"), "name", path),
        perms=_permission(fields.get("perms"), "perms", path),
        manage_peering_sessions=(
            None if sessions is None else _permission(sessions, "manage_peering_sessions", path)
        ),
    )


def _permission(value: object, key: str, path: str) -> Permission:
    if type(value) is not int or value < 0:
        raise _invalid(path + key, "permission bits: a whole number, 0 or above")
    # Unknown bits are ignored: they grant nothing here, and must not keep anybody from
    # logging in.
    return _PERMISSIONS[value % len(_PERMISSIONS)]


def _network_to_dict(network: Network) -> dict[str, Any]:
    sessions = network.manage_peering_sessions
    return {
        "id": network.id,
        "asn": network.asn,
        "name": network.name,
        "perms": int(network.perms),
        "manage_peering_sessions": None if sessions is None else int(sessions),
    }
