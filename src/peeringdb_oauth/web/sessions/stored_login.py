"""`StoredLogin`: a login as a session stores it, and how it is written as JSON."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.id_token import MAX_DATE
from peeringdb_oauth.profile import MAX_ID, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.sessions.policy import SessionPolicy

EndReason = Literal[
    "logout",  # the person logged out
    "idle",  # nobody has used it for the policy's ``idle_timeout``
    "max_age",  # the login is as old as it may be
    "refused_by_peeringdb",  # PeeringDB no longer accepts its tokens
    "rule",  # the application's rule no longer lets the person in
    "operator",  # somebody ended it with `pdb.sessions` or the command line
    "replaced",  # somebody has logged in anew in the same browser
    "lost",  # its record or the key of its record is gone
]
_USER_FIELDS = (
    "id",
    "name",
    "given_name",
    "family_name",
    "email",
    "verified_email",
    "verified_user",
    "amr",
)
_COLUMNS = ("id", "asn", "name", "perms", "manage_peering_sessions")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why a session has ended, and what is left to do.

    ``reason``: why. ``reasons``: the sentences of the rule or of PeeringDB. ``at``:
    when, in Unix seconds. ``is_told``: whether the application got its event.
    """

    reason: EndReason
    reasons: tuple[Reason, ...] = ()
    at: float = 0.0
    is_told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """A login as a session stores it. All times are Unix seconds.

    ``application``: the ``base_url`` and ``client_id`` that the login is for. A login
    at another PeeringDB, such as a sandbox, does not count here. ``user``: as PeeringDB
    last described them. ``is_short``: whether some of their networks are missing, for
    want of room. ``digest``: of the whole user, if some are missing. ``logged_in_at``:
    when the login was completed. ``seen_at``: when the person last used it.
    ``checked_at``: when PeeringDB described the user. ``failed_at``: when PeeringDB was
    asked since then and gave no answer; None if it was not. ``expires_at``: when the
    access token expires. ``prompted``: PeeringDB was told to ask for the password.
    ``csrf_token``: proves that a form is the application's own. ``tokens``: the sealed
    access token and refresh token; empty when they are revoked. ``address``: of the
    browser that logged in, if it is known. ``handle``: what the application calls the
    session; None where no record is stored. ``lease_until``: until then one process
    asks PeeringDB about this session. ``lease``: counts the leases, so that a late
    answer of an older one is noticed. ``ending``: why it has ended; None while it
    lives. Three are not stored: ``key``, the name of the session in memory or in the
    store, ``now``, the time of the store when this was read, and ``due_at``, when the
    purge looks at the session.
    """

    application: list[str]
    user: User
    is_short: bool = False
    digest: str = ""
    logged_in_at: float
    seen_at: float
    checked_at: float
    failed_at: float | None = None
    expires_at: int
    prompted: bool = False
    csrf_token: str = field(repr=False)
    tokens: str = field(repr=False)
    address: str | None = None
    handle: str | None = None
    lease_until: float = 0.0
    lease: int = 0
    ending: Ending | None = None
    key: str = field(default="", repr=False)
    now: float = 0.0
    due_at: float = 0.0

    def over(self, policy: SessionPolicy) -> EndReason | None:
        """Why the session is over by its age; None while it is not."""
        if policy.max_age is not None and elapsed(self.logged_in_at, self.now) >= policy.max_age:
            return "max_age"
        if policy.idle_timeout is not None and elapsed(self.seen_at, self.now) >= (
            policy.idle_timeout
        ):
            return "idle"
        return None

    def ends_at(self, policy: SessionPolicy) -> float:
        """When it will be over if nobody uses it any more."""
        ends = [
            start + seconds
            for start, seconds in (
                (self.logged_in_at, policy.max_age),
                (self.seen_at, policy.idle_timeout),
            )
            if seconds is not None
        ]
        return min(ends, default=math.inf)


# A login of which nothing is known. PeeringDB's user ids are far below this one.
BLANK = StoredLogin(
    application=[],
    user=User(id=MAX_ID),
    logged_in_at=0.0,
    seen_at=0.0,
    checked_at=0.0,
    expires_at=0,
    csrf_token="",
    tokens="",
)


def remnant(login: StoredLogin) -> StoredLogin:
    """What is kept of a session whose end was told.

    Its tokens until they are revoked, who pays for that, and why it has ended.
    """
    return replace(
        BLANK,
        application=login.application,
        user=User(id=login.user.id),
        expires_at=login.expires_at,
        tokens=login.tokens,
        handle=login.handle,
        lease_until=login.lease_until,
        lease=login.lease,
        ending=login.ending,
    )


def is_leased(login: StoredLogin) -> bool:
    """Whether a process is asking PeeringDB about the session.

    If it has ended meanwhile, that process revokes what PeeringDB is just sending.
    """
    return login.lease_until > login.now


def release(login: StoredLogin) -> StoredLogin:
    """A login that no process has the lease of."""
    return replace(login, lease_until=0.0)


_TEXT, _FLAG, _TIME, _NONE = (str,), (bool,), (int, float), (type(None),)
_TYPES: dict[str, tuple[type, ...]] = {
    "application": (list,),
    **dict.fromkeys(("logged_in_at", "seen_at", "checked_at", "expires_at", "lease_until"), _TIME),
    "failed_at": _TIME + _NONE,
    "lease": (int,),
    **dict.fromkeys(("is_short", "prompted"), _FLAG),
    **dict.fromkeys(("digest", "csrf_token", "tokens"), _TEXT),
    **dict.fromkeys(("address", "handle"), _TEXT + _NONE),
}
_ENDING_TYPES: dict[str, tuple[type, ...]] = {"reason": _TEXT, "at": _TIME, "is_told": _FLAG}
_REASON_TYPES: dict[str, tuple[type, ...]] = {"code": _TEXT, "asn": (int, *_NONE)}

_NOT_STORED = ("key", "now", "due_at")
_STORED = [one for one in fields(StoredLogin) if one.name not in ("user", "ending", *_NOT_STORED)]


def to_json(login: StoredLogin) -> dict[str, Any]:
    """A login as JSON values. A field with its default is left out."""
    value = {
        one.name: found for one in _STORED if (found := getattr(login, one.name)) != one.default
    }
    value["user"] = compact(login.user)
    if login.ending is not None:
        reasons = [
            (reason.text.to_json(), reason.code, reason.asn) for reason in login.ending.reasons
        ]
        value["ending"] = asdict(login.ending) | {"reasons": reasons}
    return value


def from_json(value: Mapping[str, Any], *, key: str, now: float) -> StoredLogin:
    """The login that `to_json` wrote.

    Raises:
        ValueError: it is of another version of this library, or no login.
    """
    try:
        changes: dict[str, Any] = {"user": expand(value["user"]), "key": key, "now": now}
        if value.get("ending") is not None:
            changes["ending"] = _ending(value["ending"])
        login = StoredLogin(**{**value, **changes})
    except (AttributeError, InvalidResponse, LookupError, TypeError, ValueError):
        raise _another_version() from None
    if not _has_its_types(login, _TYPES):
        raise _another_version()
    return login


def _ending(stored: Mapping[str, Any]) -> Ending:
    reasons = tuple(
        Reason(Text.from_json(text), code=code, asn=asn) for text, code, asn in stored["reasons"]
    )
    ending = Ending(**{**stored, "reasons": reasons})
    is_whole = _has_its_types(ending, _ENDING_TYPES) and ending.reason in get_args(EndReason)
    if not is_whole or not all(_has_its_types(reason, _REASON_TYPES) for reason in reasons):
        raise _another_version()
    return ending


def _has_its_types(value: object, types: Mapping[str, tuple[type, ...]]) -> bool:
    """Whether each field has a type that it can have, and each time is possible."""
    for name, possible in types.items():
        found = getattr(value, name)
        # Exact types: for isinstance() true is a number.
        if type(found) not in possible or (float in possible and not _is_time(found)):
            return False
    return True


def _is_time(value: float | None) -> bool:
    return value is None or 0 <= value <= MAX_DATE  # neither infinite nor NaN


def _another_version() -> ValueError:
    return ValueError("this is no login of this version")


def compact(user: User) -> list[Any]:
    """A user as lists, which take half the room of `User.to_dict` with its names."""
    values = user.to_dict()
    return [
        *(values[name] for name in _USER_FIELDS),
        [[network[name] for name in _COLUMNS] for network in values["networks"]],
    ]


def expand(stored: Any) -> User:
    """The user that `compact` wrote."""
    *values, networks = stored
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in networks]
    return User.from_dict(dict(zip(_USER_FIELDS, values, strict=True)) | {"networks": rows})
