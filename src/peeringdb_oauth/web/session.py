"""What a login leaves in the framework's session: who it is, compactly, and its tokens,
sealed.

The session may be a cookie that can be read and holds 4 KB. So a user takes less than 2
KB of it; a longer list of networks goes into the store, and what the store has lost is
asked of PeeringDB again. Nothing is left out without a word.
"""

import json
import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.tokens import checked_token
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.stores import Store

SESSION_KEY = "peeringdb"  # of everything that is ours in the framework's session
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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """A login as its session remembers it. Times are Unix seconds.

    ``user`` is as PeeringDB last said it, at ``checked_at``; not all of it, if there is
    a ``store_key``, the key of the whole in the store. ``prompted``: they were asked
    for their password at this login. The login counts until ``expires_at``.
    ``application``: at which PeeringDB, and for whom: where anybody can be anybody,
    such as at a sandbox, nobody logs in for elsewhere.
    """

    application: list[str]
    user: User
    store_key: str | None = field(repr=False)
    checked_at: float
    expires_at: int
    prompted: bool
    csrf_token: str = field(repr=False)
    tokens: str = field(repr=False)  # sealed


class Sessions:
    """Reads and writes the sessions of one application. ``asns``: the networks that its
    rule names; they never leave the session.
    """

    def __init__(
        self,
        provider: Provider,
        sealer: Sealer,
        store: Store,
        *,
        asns: tuple[int, ...] = (),
    ) -> None:
        self._provider = provider
        self._application = [provider.config.base_url, provider.config.client_id]
        self._purpose = " ".join(["tokens", *self._application])
        self._sealer = sealer
        self._store = store
        self._asns = asns

    def begin(
        self,
        session: MutableMapping[str, Any],
        login: Login,
        *,
        prompted: bool,
    ) -> Flow[None]:
        """Remember a login."""
        stored_login = StoredLogin(
            application=self._application,
            user=login.user,
            store_key=None,
            checked_at=self._provider.clock(),
            expires_at=login.token.expires_at,
            prompted=prompted,
            csrf_token=secrets.token_urlsafe(32),
            tokens=self._sealer.seal(
                self._purpose,
                [login.token.access_token, login.token.refresh_token],
            ),
        )
        yield from self._write(session, stored_login)

    def read(self, session: MutableMapping[str, Any]) -> StoredLogin | None:
        """The login of this session; None if there is none, or none of this application
        and this version of the library.
        """
        stored = session.get(SESSION_KEY)
        try:
            stored_login = (
                None
                if stored is None
                else StoredLogin(**stored | {"user": _expand(stored["user"])})
            )
        except (InvalidResponse, LookupError, TypeError, ValueError):
            return None
        return (
            stored_login if stored_login and stored_login.application == self._application else None
        )

    def update(
        self, session: MutableMapping[str, Any], stored_login: StoredLogin, user: User
    ) -> Flow[None]:
        """Remember what PeeringDB has just said about the user of a login."""
        yield from self._write(
            session, replace(stored_login, user=user, checked_at=self._provider.clock())
        )

    def remembered_user(self, stored_login: StoredLogin) -> Flow[User | None]:
        """The user with all their networks as they were; None if the store has lost
        them, or is another process's.
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
        """The user as PeeringDB sees them now. How they logged in is what the login
        proved, whatever PeeringDB remembers of it.

        Raises: `TokenRejected` when PeeringDB has ended the login.
        """
        access_token, _ = self._tokens(stored_login)
        user = yield from flows.fetch_user(self._provider, checked_token(access_token))
        if user.id != stored_login.user.id:
            raise InvalidResponse("PeeringDB answered with somebody else's profile", check="id")
        return replace(user, amr=stored_login.user.amr)

    def end(self, session: MutableMapping[str, Any], stored_login: StoredLogin) -> Flow[None]:
        """Forget a login, and have PeeringDB end its tokens. Raises: what
        `flows.revoke` raises, when it is forgotten.
        """
        session.pop(SESSION_KEY, None)
        if stored_login.store_key is not None:
            yield from call(partial(self._store.delete, stored_login.store_key))
        access_token, refresh_token = self._tokens(stored_login)
        if (
            token := refresh_token or access_token
        ):  # the refresh token takes the access token with it, not the other way round
            yield from flows.revoke(self._provider, token)

    def _tokens(self, stored_login: StoredLogin) -> tuple[str | None, str | None]:
        access_token, refresh_token = self._sealer.open(self._purpose, stored_login.tokens) or (
            None,
            None,
        )
        return access_token, refresh_token

    def _write(self, session: MutableMapping[str, Any], stored_login: StoredLogin) -> Flow[None]:
        """With a new key in the store each time: under the old one another process may
        have what was true before, and believe it.
        """
        if stored_login.store_key is not None:
            yield from call(partial(self._store.delete, stored_login.store_key))
        short = self._shorten(stored_login.user)
        store_key = None
        if short is not stored_login.user:
            store_key = f"peeringdb-{secrets.token_urlsafe(32)}"
            lifetime = max(1, int(stored_login.expires_at - self._provider.clock()))
            whole = json.dumps(stored_login.user.to_dict())
            yield from call(partial(self._store.set, store_key, whole, timeout=lifetime))
        fields = {
            name: getattr(stored_login, name)
            for name in (
                "application",
                "checked_at",
                "expires_at",
                "prompted",
                "csrf_token",
                "tokens",
            )
        }
        session[SESSION_KEY] = fields | {"user": _compact(short), "store_key": store_key}

    def _shorten(self, user: User) -> User:
        """As much of the user as the session has room for: all, else the networks that
        the rule names, else no more than who it is.
        """
        named = tuple(network for network in user.networks if network.asn in self._asns)
        bare = User(
            id=user.id,
            verified_user=user.verified_user,
            verified_email=user.verified_email,
        )
        amr = tuple(word for word in user.amr or () if word == "mfa") or None
        for short in (user, replace(user, networks=named), replace(bare, networks=named, amr=amr)):
            if len(json.dumps(_compact(short))) <= MAX_SIZE:
                return short
        return replace(bare, amr=amr)


def _compact(user: User) -> list[Any]:
    """A user as lists: half of what `User.to_dict` takes is names of fields."""
    fields = user.to_dict()
    return [
        *(fields[name] for name in _FIELDS),
        [[network[name] for name in _COLUMNS] for network in fields["networks"]],
    ]


def _expand(stored: Any) -> User:
    *fields, networks = stored
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in networks]
    return User.from_dict(dict(zip(_FIELDS, fields, strict=True)) | {"networks": rows})
