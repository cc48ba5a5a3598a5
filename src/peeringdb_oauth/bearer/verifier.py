"""Bearer tokens at an API of one's own: an ID token or an access token in, the user
out, or the right refusal (RFC 6750).

Knows what PeeringDB said about which token and for how long that counts. Knows no web
framework.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Generic, Protocol, TypeVar, cast

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.bearer.cache import CachedResult, ResultCache
from peeringdb_oauth.bearer.challenge import REALM, insufficient_scope, invalid_token
from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidIDToken,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.grammar import BearerToken
from peeringdb_oauth.look_ups import GRACE, MAX_AGE, LookUps
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, locked
from peeringdb_oauth.tokens import Introspection, checked_token

CONCURRENT_LOOK_UPS = 4  # tokens never seen before that are looked up at the same time

R = TypeVar("R")
R_co = TypeVar(
    "R_co",
    covariant=True,
)  # what ``run`` gives: the user, or something to await that gives the user


class _Client(Protocol[R_co]):
    """What is needed of a `Client` or an `AsyncClient`."""

    @property
    def provider(self) -> Provider: ...

    def run(self, flow: Flow[User], /) -> R_co: ...


class BearerVerifier(Generic[R]):
    """Verifies the bearer tokens of an API's callers. One for the whole process,
    thread-safe; with an `AsyncClient`, await `verify`.

    ``rule``: what every caller must have; None for `AccessRule()`, an account and email
    address that PeeringDB verified.

    An **ID token** is verified here and costs PeeringDB nothing. It says what was true
    when it was issued, up to ten hours ago. An **access token** counts when PeeringDB
    says that it was issued to this application; then the profile is read, which is the
    truth of the moment. That is two requests, and PeeringDB grants few: look-ups take
    at most half of the client's ``requests_per_minute``, logins have the rest.

    An answer counts for 60 seconds and never beyond the token's expiry: so long may a
    revoked token or a lost right go unnoticed. While PeeringDB cannot be asked (an
    outage, or the requests are used up) an access token that was good counts for 5
    minutes after PeeringDB last said so; any other gets `TransportError`. After 10 bad
    access tokens within a minute (fewer with a small budget) those never seen before
    get `RateLimited`: a flood of made-up tokens does not reach PeeringDB, and known
    ones go on working.
    """

    def __init__(self, client: _Client[R], *, rule: AccessRule | None = None) -> None:
        self._client = client
        self._provider = client.provider
        self._clock = self._provider.clock
        self._rule = rule or AccessRule()
        self._scope = _scope_of(self._rule)
        self._deliver = cast(
            "Callable[[User], R]",
            _awaitable if inspect.iscoroutinefunction(client.run) else _itself,
        )
        self._look_ups = LookUps(self._provider.config.requests_per_minute)
        self._cache = ResultCache()

    def verify(
        self,
        token: str,
        *,
        asn: int | None = None,
        rule: AccessRule | None = None,
        max_age: float | None = None,
    ) -> R:
        """Who sent this token, if the rule lets them. ``asn``: the network that this
        call is about, as for `AccessRule.check`.

        ``rule``: what this call needs beyond what every caller must have; the ``asn``
        is then for this rule. ``max_age``: for how many seconds PeeringDB's word counts
        here, if that is to be less: an access token is looked up again, an older ID
        token is refused.

        Raises: `TokenRejected` (answer 401, with its ``www_authenticate``) for a token
        that is missing (""), not PeeringDB's, not this application's, expired or
        revoked; `AccessDenied` (403, with its ``reasons``); `TransportError` (503; a
        `RateLimited` says when to try again); `ProviderError`, `InvalidResponse` or
        `ConfigurationError` when something is wrong on our side.
        """
        try:
            key = sha256(token.encode("ascii")).digest()
        except (AttributeError, UnicodeEncodeError):
            key = b""  # no text, or no ASCII: no token either
        # from here on as `_verify`, in a tenth of the time
        result = self._cache.recent.get(key)
        if (
            result is not None
            and asn is None
            and rule is None
            and max_age is None
            and result.since - MAX_AGE < self._clock() < result.until
        ):
            user = result.allowed
            if user is not None:
                return self._deliver(user)
        return self._client.run(self._verify(token, key, asn, rule, max_age))

    def _verify(
        self,
        token: str,
        key: bytes,
        asn: int | None,
        rule: AccessRule | None,
        max_age: float | None,
    ) -> Flow[User]:
        if not token:
            raise TokenRejected(
                "no token was sent",
                www_authenticate=f'Bearer realm="{REALM}"',
            )  # RFC 6750 section 3.1: no error code
        result = self._cache.get(key)
        if result is None or not result.is_fresh(self._clock(), max_age):
            try:
                result = yield from self._check(token, key, max_age)
            except (TokenRejected, InvalidIDToken) as error:
                raise invalid_token(str(error)) from None
        if (
            max_age is not None
            and result.issued_at is not None
            and abs(self._clock() - result.issued_at) >= max_age
        ):
            raise invalid_token(
                "this ID token says what was true when it was issued, and that is too long ago"
                " here: send an access token",
            )
        return self._decide(result, asn, rule)

    def _decide(self, result: CachedResult, asn: int | None, rule: AccessRule | None) -> User:
        if not isinstance(result.outcome, User):
            raise copy.copy(
                result.outcome,
            )  # one that is raised collects frames, and there is a token in them
        names_network = asn is not None or (rule is not None and rule.asn is not None)
        if names_network and not result.sees_networks:
            raise insufficient_scope("networks")
        if rule is not None:
            self._rule.require(result.outcome)
        (rule or self._rule).require(result.outcome, asn=asn)
        return result.outcome

    def _check(self, token: str, key: bytes, max_age: float | None) -> Flow[CachedResult]:
        if (
            key and token.startswith("ey") and token.count(".") == 2
        ):  # '{"' in base64url, three parts: RFC 7515
            return (yield from self._check_id_token(token, key))
        access_token = checked_token(token)
        if self._provider.config.client_secret is None:
            raise TokenRejected(
                "only ID tokens are accepted here: PeeringDB tells a public client nothing about an"
                " access token",
            )
        flow = self._check_access_token(access_token, key, max_age)
        return (yield from locked(f"bearer token {key.hex()}", flow))

    def _check_id_token(self, token: str, key: bytes) -> Flow[CachedResult]:
        """Refusals are not remembered: they cost nobody anything, and a flood of them
        would drive out what is worth remembering.
        """
        now = self._clock()
        claims = yield from flows.verify_id_token(self._provider, token)
        networks = claims.get("networks") is not None  # null: not granted
        result = self._good(
            User.from_id_token(claims),
            now=now,
            expires_at=claims.expires_at,
            sees_networks=networks,
        )
        result = replace(result, issued_at=claims.issued_at)
        self._cache.put(key, result)
        return result

    def _check_access_token(
        self,
        token: BearerToken,
        key: bytes,
        max_age: float | None,
    ) -> Flow[CachedResult]:
        now = self._clock()
        known = self._cache.get(key)
        if known is not None and known.is_fresh(now, max_age):
            return known  # found out by whom we waited for
        if known is None or not known.is_good:
            lock = f"bearer look-up {key[0] % CONCURRENT_LOOK_UPS}"
            return (yield from locked(lock, self._look_up(token, key, known=None)))
        if now >= known.expires_at:
            raise TokenRejected("this access token has expired")
        try:
            return (yield from self._look_up(token, key, known=known))
        except TransportError:
            if now - known.since < GRACE and max_age is None:
                return known
            raise

    def _look_up(
        self, token: BearerToken, key: bytes, *, known: CachedResult | None
    ) -> Flow[CachedResult]:
        now = self._clock()
        self._look_ups.start(now, age=None if known is None else now - known.since)
        try:
            result = yield from self._ask(token, now)
        except RateLimited:
            self._look_ups.cancel(now)
            raise
        except TransportError as error:
            if error.status is None:
                self._look_ups.pause(self._clock())
            raise
        if result.is_good:
            self._look_ups.mark_good(now)
        self._cache.put(key, result)
        return result

    def _ask(self, token: BearerToken, now: float) -> Flow[CachedResult]:
        try:
            introspection = yield from self._introspect(token, now)
            expires_at = introspection.expires_at or 0
            missing = [word for word in self._scope if word not in introspection.scope]
            if missing:
                return self._good(insufficient_scope(*missing), now=now, expires_at=expires_at)
            user = yield from flows.fetch_user(self._provider, token)
        except TokenRejected as error:
            return CachedResult(outcome=invalid_token(str(error)), since=now, until=now + MAX_AGE)
        return self._good(
            user,
            now=now,
            expires_at=expires_at,
            sees_networks="networks" in introspection.scope,
        )

    def _introspect(self, token: BearerToken, now: float) -> Flow[Introspection]:
        """Always before the profile: a bad token counts against nobody here, and there
        against everybody at this address.
        """
        introspection = yield from flows.introspect(self._provider, token)
        if not introspection.active or (introspection.expires_at or 0) <= now:
            raise TokenRejected(
                "PeeringDB does not know this access token: it is expired, revoked, replaced by a"
                " refresh, or made up",
            )
        if introspection.client_id != self._provider.config.client_id:
            raise TokenRejected("this access token was issued to another application")
        return introspection

    def _good(
        self,
        outcome: User | AccessDenied,
        *,
        now: float,
        expires_at: float,
        sees_networks: bool = False,
    ) -> CachedResult:
        # User and rule are immutable, so the decision about them is.
        allowed = outcome if isinstance(outcome, User) and self._rule.check(outcome) else None
        until = min(now + MAX_AGE, expires_at)
        return CachedResult(
            outcome=outcome,
            allowed=allowed,
            sees_networks=sees_networks,
            since=now,
            until=until,
            expires_at=expires_at,
        )


def _scope_of(rule: AccessRule) -> tuple[str, ...]:
    """The scope without which PeeringDB does not say what the rule reads."""
    words = {
        "profile": True,
        "email": rule.verified_email,
        "networks": rule.asn is not None,
        "amr": rule.mfa,
    }
    return tuple(word for word, needed in words.items() if needed)


def _itself(user: User) -> User:
    return user


async def _awaitable(user: User) -> User:
    return user
