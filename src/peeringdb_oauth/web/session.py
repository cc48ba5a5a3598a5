"""What a login stores in the framework's session: the user, and the sealed tokens.

The session may be a cookie, which people can read and which holds 4 KB. So a user takes
less than 2 KB of it. A longer list of networks goes into the store. What the store has
lost is asked of PeeringDB.
"""

import json
import math
import secrets
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.tokens import TokenResponse, checked_token
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.stores import MemoryStore, Store

SESSION_KEY = "peeringdb"  # of the login in the framework's session
NOT_STRICT = (
    'must not be "Strict": the browser would not send the session when it comes back from'
    ' PeeringDB; use "Lax"'
)
MAX_SIZE = 2000  # bytes of a user, as JSON
_FIELDS = (
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
_STORED_AS_THEY_ARE = (
    "application",
    "checked_at",
    "expires_at",
    "prompted",
    "csrf_token",
    "tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """A login as the session stores it.

    ``application``: the ``base_url`` and ``client_id`` that the login is for. A login
    at another PeeringDB, such as a sandbox, does not count here. ``user``: as PeeringDB
    last described them, but without some networks if there is a ``store_key``.
    ``store_key``: where the store has the whole user. ``checked_at``: when PeeringDB
    described the user, in Unix seconds. ``expires_at``: when the login ends, in Unix
    seconds. ``prompted``: PeeringDB was told to ask for the password. ``csrf_token``:
    proves that a form is the application's own. ``tokens``: the sealed access token and
    refresh token.
    """

    application: list[str]
    user: User
    store_key: str | None = field(repr=False)
    checked_at: float
    expires_at: int
    prompted: bool
    csrf_token: str = field(repr=False)
    tokens: str = field(repr=False)


def checked_keep(keep: Iterable[str]) -> tuple[str, ...]:
    """The names of what stays in a session when somebody logs in.

    Raises:
        ConfigurationError: it is one text and not several.
    """
    if isinstance(keep, str):
        raise ConfigurationError(f"keep: must be several names, such as ({keep!r},)")
    return tuple(keep)


class Sessions:
    """Reads and writes the logins in the sessions of one application.

    ``store``: for what is too long for a session. ``ended``: remembers the logins that
    have ended until they would have expired. If the store is not the memory of this
    process it remembers them too, so that other processes know. ``asns``: the networks
    that the application's rule names. They are always stored in the session itself, if
    there is room.
    """

    def __init__(
        self,
        provider: Provider,
        sealer: Sealer,
        store: Store,
        ended: MemoryStore,
        *,
        asns: tuple[int, ...] = (),
    ) -> None:
        self._provider = provider
        self._application = [provider.config.base_url, provider.config.client_id]
        self._purpose = " ".join(["tokens", *self._application])
        self._sealer = sealer
        self._store = store
        self._ended = ended
        self._ended_elsewhere = None if isinstance(store, MemoryStore) else store
        self._asns = asns

    def begin(
        self, session: MutableMapping[str, Any], login: Login, *, prompted: bool
    ) -> Flow[None]:
        """Store a new login in the session."""
        stored_login = StoredLogin(
            application=self._application,
            user=login.user,
            store_key=None,
            checked_at=self._provider.clock(),
            expires_at=login.token.expires_at,
            prompted=prompted,
            csrf_token=secrets.token_urlsafe(32),
            tokens=self._sealer.seal(
                self._purpose, [login.token.access_token, login.token.refresh_token]
            ),
        )
        yield from self._write(session, stored_login)

    def read(self, session: MutableMapping[str, Any]) -> StoredLogin | None:
        """The login in a session.

        None if there is none, if it has ended in this process, or if another
        application or another version of the library stored it.
        """
        stored = session.get(SESSION_KEY)
        if stored is None:
            return None
        try:
            stored_login = StoredLogin(**stored | {"user": _expand(stored["user"])})
        except (InvalidResponse, LookupError, TypeError, ValueError):
            return None
        is_over = self._ended.get(_ended_key(stored_login)) is not None
        return None if is_over or stored_login.application != self._application else stored_login

    def has_ended(self, stored_login: StoredLogin) -> Flow[bool]:
        """Whether a login has ended in another process that has the same store.

        The session may be a cookie, and somebody may have kept a copy of it.
        """
        if self._ended_elsewhere is None:
            return False
        key = _ended_key(stored_login)
        return (yield from call(partial(self._ended_elsewhere.get, key))) is not None

    def update(
        self, session: MutableMapping[str, Any], stored_login: StoredLogin, user: User
    ) -> Flow[None]:
        """Store how PeeringDB has just described the user of a login."""
        changed = replace(stored_login, user=user, checked_at=self._provider.clock())
        yield from self._write(session, changed)

    def remembered_user(self, stored_login: StoredLogin) -> Flow[User | None]:
        """The user with all their networks, as they were stored.

        None if the store does not have them: it may have lost them, or it may be the
        memory of another process.
        """
        if stored_login.store_key is None:
            return stored_login.user
        stored = yield from call(partial(self._store.get, stored_login.store_key))
        try:
            user = User.from_dict(json.loads(stored))
        except (InvalidResponse, TypeError, ValueError):
            return None
        return user if user.id == stored_login.user.id else None

    def fetch_user(self, stored_login: StoredLogin) -> Flow[User]:
        """The user as PeeringDB describes them now.

        Only ``amr`` stays as it was: it is what the login has proved.

        Raises:
            TokenRejected: PeeringDB has ended the login.
            TransportError: PeeringDB cannot be asked now.
            InvalidResponse: the answer is not a profile, or not this user's.
        """
        token = self._tokens(stored_login)
        access_token = checked_token(token and token.access_token)
        payers = (Payer.of_account(stored_login.user.id),)
        cost = Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True)
        user = yield from flows.fetch_user(self._provider, access_token, cost=cost)
        if user.id != stored_login.user.id:
            raise InvalidResponse("PeeringDB answered with somebody else's profile", check="id")
        return replace(user, amr=stored_login.user.amr)

    def end(self, session: MutableMapping[str, Any], stored_login: StoredLogin) -> Flow[None]:
        """Delete a login from the session and the store, then revoke its tokens.

        Raises:
            PeeringDBOAuthError: the login is deleted, but the tokens could not be
                revoked.
        """
        session.pop(SESSION_KEY, None)
        yield from self._remember_end(stored_login)
        if stored_login.store_key is not None:
            yield from call(partial(self._store.delete, stored_login.store_key))
        token = self._tokens(stored_login)
        # A copy of the cookie may come again and again after a logout.
        if token is None or self._provider.dead_tokens.was_revoked(token.access_token):
            return
        # The account pays. Otherwise somebody could collect logins for hours, and use
        # up everybody's requests by ending them within a minute.
        payers = (Payer.of_logouts(stored_login.user.id),)
        yield from flows.revoke(self._provider, token, cost=Cost(payers=payers))

    def _tokens(self, stored_login: StoredLogin) -> TokenResponse | None:
        """The tokens of a login; None if they cannot be unsealed."""
        tokens = self._sealer.open(self._purpose, stored_login.tokens)
        if tokens is None:
            return None
        access_token, refresh_token = tokens
        return TokenResponse(
            access_token=access_token,
            token_type="Bearer",  # noqa: S106 - the name of a type
            expires_at=stored_login.expires_at,
            refresh_token=refresh_token,
            scope=(),
            id_token=None,
        )

    def _remember_end(self, stored_login: StoredLogin) -> Flow[None]:
        key, lifetime = _ended_key(stored_login), self._lifetime(stored_login)
        self._ended.set(key, "ended", timeout=lifetime)
        if self._ended_elsewhere is not None:
            yield from call(partial(self._ended_elsewhere.set, key, "ended", timeout=lifetime))

    def _lifetime(self, stored_login: StoredLogin) -> int:
        """For how many seconds a login counts from now on; at least one."""
        return max(1, math.ceil(stored_login.expires_at - self._provider.clock()))

    def _write(self, session: MutableMapping[str, Any], stored_login: StoredLogin) -> Flow[None]:
        """Store a login, with a new key in the store each time.

        The store may be the memory of each process. Under the old key another process
        could find the old user.
        """
        if stored_login.store_key is not None:
            yield from call(partial(self._store.delete, stored_login.store_key))
        short = self._shorten(stored_login.user)
        store_key = None
        if short is not stored_login.user:
            store_key = f"peeringdb-{secrets.token_urlsafe(32)}"
            lifetime = self._lifetime(stored_login)
            whole = json.dumps(stored_login.user.to_dict())
            yield from call(partial(self._store.set, store_key, whole, timeout=lifetime))
        fields = {name: getattr(stored_login, name) for name in _STORED_AS_THEY_ARE}
        session[SESSION_KEY] = fields | {"user": _compact(short), "store_key": store_key}

    def _shorten(self, user: User) -> User:
        """As much of the user as the session has room for.

        If not everything fits, only the networks that the rule names stay. If that is
        still too long, names and addresses go, and at last all networks.
        """
        named = tuple(network for network in user.networks if network.asn in self._asns)
        bare = User(
            id=user.id, verified_user=user.verified_user, verified_email=user.verified_email
        )
        amr = tuple(word for word in user.amr or () if word == "mfa") or None
        for short in (user, replace(user, networks=named), replace(bare, networks=named, amr=amr)):
            if len(json.dumps(_compact(short))) <= MAX_SIZE:
                return short
        return replace(bare, amr=amr)


def _ended_key(stored_login: StoredLogin) -> str:
    """Where to remember that a login has ended.

    The CSRF token is different for each login, and stays the same as long as it lives.
    """
    return f"peeringdb-ended-{sha256(stored_login.csrf_token.encode()).hexdigest()}"


def _compact(user: User) -> list[Any]:
    """A user as lists, which take half the room of `User.to_dict` with its names."""
    fields = user.to_dict()
    return [
        *(fields[name] for name in _FIELDS),
        [[network[name] for name in _COLUMNS] for network in fields["networks"]],
    ]


def _expand(stored: Any) -> User:
    *fields, networks = stored
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in networks]
    return User.from_dict(dict(zip(_FIELDS, fields, strict=True)) | {"networks": rows})
