"""The check of a bearer token: an ID token here, an access token at PeeringDB.

This file knows which questions to ask PeeringDB, how long an answer counts, and which
error refuses a token. It knows no web framework.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar, cast

from peeringdb_oauth import flows, verification
from peeringdb_oauth.access import AccessRule, checked_rule, scope_of
from peeringdb_oauth.bearer.cache import GRACE, CachedResult, ResultCache
from peeringdb_oauth.bearer.challenge import (
    insufficient_scope,
    invalid_id_token,
    invalid_token,
    missing_token,
)
from peeringdb_oauth.bearer.shared_results import SharedResult, SharedResults
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.cost import STRANGERS, Cost, Payer, Purpose, payers_of
from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidIDToken,
    PeeringDBOAuthError,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.grammar import UNKNOWN_ACCESS_TOKEN, BearerToken
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, charge, shared
from peeringdb_oauth.tokens import Introspection, checked_token

_URGENT_AGE = 240  # seconds; a result as old as that soon counts no longer, see `GRACE`
# What ``run`` of the client returns: the user, or something to await that gives the
# user.
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Client(Protocol[R_co]):
    """What the verifier needs of a `Client` or an `AsyncClient`."""

    @property
    def provider(self) -> Provider: ...

    def run(self, flow: Flow[User], /) -> R_co: ...


class BearerVerifier(Generic[R]):
    """Verifies the bearer tokens that callers send to your API.

    ::

        from peeringdb_oauth import BearerVerifier, Client, ClientConfig

        client = Client(ClientConfig.load())
        verifier = BearerVerifier(client)
        user = verifier.verify(token, asn=64500)

    Make one for the whole process. It is thread-safe. With an `AsyncClient`, await
    `verify`.

    ``client``: a `Client` or an `AsyncClient`. ``rule``: what every caller must have;
    None for `AccessRule()`, which is an account and an email address that PeeringDB
    verified.

    An **ID token** is verified here and costs PeeringDB nothing. It says what was true
    when it was issued, up to ten hours ago.

    An **access token** is looked up at PeeringDB. It must have been issued to this
    application. Then the profile is read, which says what is true now. These are two
    requests, and PeeringDB grants few. So look-ups take at most 60 % of the client's
    ``requests_per_minute``, and one account or one address at most 10 %.

    An answer counts for 60 seconds, but never beyond the token's expiry. So a revoked
    token or a lost right can go unnoticed for 60 seconds.

    PeeringDB may be unreachable, or the requests may be used up. Then an access token
    that was good counts for 5 minutes after PeeringDB last said so. Any other access
    token is refused with `TransportError`.

    Where the client shares its budget, the answers for access tokens are shared as
    well, so only one process has to ask.

    Tokens that nobody knows yet take at most 30 %. So a flood of made-up tokens ends in
    `RateLimited`, and logins and known tokens go on working.
    """

    def __init__(self, client: _Client[R], *, rule: AccessRule | None = None) -> None:
        self._client = client
        self._provider = client.provider
        self._clock = self._provider.clock
        self._rule = checked_rule(rule)
        self._scope = scope_of(self._rule)
        is_async = inspect.iscoroutinefunction(client.run)
        self._answer = cast(
            "Callable[..., R]", self._decide_when_awaited if is_async else self._decide
        )
        self._cache = ResultCache()
        self._shared = SharedResults(self._provider)

    def verify(
        self,
        token: str,
        *,
        asn: int | None = None,
        rule: AccessRule | None = None,
        max_age: float | None = None,
        address: str | None = None,
    ) -> R:
        """The user who sent this token, if the rule lets them in.

        ``token``: the text after ``Bearer``; empty if the request has none. ``asn``:
        the network that this call is about, as for `AccessRule.check`. ``rule``: what
        this call needs in addition to the verifier's own rule; ``asn`` is then for this
        rule only. ``max_age``: how many seconds ago PeeringDB may have said it, if that
        must be less than usual. An older access token is looked up, an older ID token
        is refused. ``address``: of the caller, who then pays for the look-up of a bad
        token; without it all callers share the part that unknown tokens may take.

        Raises:
            TokenRejected: the token is missing, not PeeringDB's, not this
                application's, expired or revoked. Answer 401, with its
                ``www_authenticate``.
            AccessDenied: the rule refuses the user, or the token lacks a scope that the
                rule needs. Answer 403, with its ``reasons``.
            TransportError: PeeringDB cannot be asked now. Answer 503.
            RateLimited: the same, and it says when to try again.
            ProviderError: PeeringDB refused this application.
            InvalidResponse: PeeringDB's answer is not what it must be.
            ConfigurationError: ID tokens cannot be verified without ``cryptography``.
        """
        key = _key_of(token)
        result = self._cached(key, max_age)
        if result is not None:
            return self._answer(result, asn, rule, max_age)
        flow = self.verify_flow(token, asn=asn, rule=rule, max_age=max_age, address=address)
        return self._client.run(flow)

    def verify_flow(
        self,
        token: str,
        *,
        asn: int | None = None,
        rule: AccessRule | None = None,
        max_age: float | None = None,
        address: str | None = None,
    ) -> Flow[User]:
        """`verify` as a flow, for other flows to use."""
        key = _key_of(token)
        result = self._cached(key, max_age)
        if result is None:
            result = yield from self._find(token, key, max_age, address)
        return self._decide(result, asn, rule, max_age)

    def _cached(self, key: bytes, max_age: float | None) -> CachedResult | None:
        result = self._cache.get(key)
        return result if result is not None and result.is_fresh(self._clock(), max_age) else None

    def _find(
        self, token: str, key: bytes, max_age: float | None, address: str | None
    ) -> Flow[CachedResult]:
        if not token:
            raise missing_token()
        try:
            return (yield from self._check(token, key, max_age, address))
        except TokenRejected as error:
            raise invalid_token(str(error)) from None
        except InvalidIDToken as error:
            raise invalid_id_token(error) from None

    def _decide(
        self, result: CachedResult, asn: int | None, rule: AccessRule | None, max_age: float | None
    ) -> User:
        if max_age is not None and result.issued_at is not None:
            self._check_issued_at(result.issued_at, max_age)
        if asn is None and rule is None and result.allowed is not None:
            # the rule was checked before, and its answer is the same
            return result.allowed
        user = result.outcome
        if not isinstance(user, User):
            # A copy, because an error that is raised keeps the frames it passed, and
            # those have the token.
            raise copy.copy(user)
        needs_networks = asn is not None or (rule is not None and rule.asn is not None)
        if needs_networks and not result.sees_networks:
            raise insufficient_scope("networks")
        if rule is not None:
            self._rule.require(user)
        (rule or self._rule).require(user, asn=asn)
        return user

    async def _decide_when_awaited(self, *arguments: Any) -> User:
        return self._decide(*arguments)

    def _check_issued_at(self, issued_at: float, max_age: float) -> None:
        if elapsed(issued_at, self._clock()) >= max_age:
            raise invalid_token(
                "this ID token says what was true when it was issued, and that is too long ago"
                " here: send an access token"
            )

    def _check(
        self, token: str, key: bytes, max_age: float | None, address: str | None
    ) -> Flow[CachedResult]:
        # RFC 7515: an ID token has three parts, and "ey" is '{"' in base64url.
        if key and token.startswith("ey") and token.count(".") == 2:
            return (yield from self._check_id_token(token, key))
        access_token = checked_token(token, UNKNOWN_ACCESS_TOKEN)
        if self._provider.config.client_secret is None:
            raise TokenRejected(
                "only ID tokens are accepted here: PeeringDB tells a public client nothing about an"
                " access token"
            )
        flow = self._check_access_token(access_token, key, max_age, address)
        return (yield from shared(f"bearer token {key.hex()}", flow))

    def _check_id_token(self, token: str, key: bytes) -> Flow[CachedResult]:
        now = self._clock()
        claims = yield from verification.verify_id_token(self._provider, token)
        result = self._good(
            User.from_id_token(claims),
            now=now,
            expires_at=claims.expires_at,
            sees_networks=claims.get("networks") is not None,  # null: not granted
            issued_at=claims.issued_at,
        )
        # Only good ID tokens are stored. A refusal costs no request, and a flood of bad
        # ones would push out the others.
        self._cache.put(key, result)
        return result

    def _check_access_token(
        self, token: BearerToken, key: bytes, max_age: float | None, address: str | None
    ) -> Flow[CachedResult]:
        now = self._clock()
        known = self._cache.get(key)
        if known is not None and known.is_fresh(now, max_age):
            return known  # another caller looked it up in the meantime
        self._provider.dead_tokens.check(token, now)
        known = yield from self._newest(token, key, known)
        if known is not None and known.is_fresh(now, max_age):
            return known  # another process looked it up
        if known is None:
            return (yield from self._look_up(token, key, _cost_of_unknown(address)))
        if now >= known.expires_at:
            raise TokenRejected("this access token has expired")
        age = elapsed(known.checked_at, now)
        try:
            return (yield from self._look_up(token, key, _cost_of_known(known, age)))
        except TransportError:
            if age < GRACE and max_age is None:
                return known
            raise

    def _newest(
        self, token: BearerToken, key: bytes, known: CachedResult | None
    ) -> Flow[CachedResult | None]:
        """The result of this process or of another one, whichever is newer."""
        try:
            shared = yield from self._shared.read(key)
        except TokenRejected as error:
            self._provider.dead_tokens.add(token, str(error), self._clock())
            raise
        if shared is None or (known is not None and known.checked_at >= shared.checked_at):
            return known
        result = self._result_of(shared)
        self._cache.put(key, result)
        return result

    def _result_of(self, shared: SharedResult) -> CachedResult:
        """The result for a token with this scope and user."""
        missing = [word for word in self._scope if word not in shared.scope]
        return self._good(
            insufficient_scope(*missing) if missing else shared.user,
            now=shared.checked_at,
            expires_at=shared.expires_at,
            sees_networks="networks" in shared.scope,
        )

    def _look_up(self, token: BearerToken, key: bytes, cost: Cost) -> Flow[CachedResult]:
        now = self._clock()
        try:
            introspection = yield from self._introspect(token, key, cost, now)
        except PeeringDBOAuthError:
            yield from charge(cost, None, requests=1)
            raise
        expires_at = introspection.expires_at or 0
        if missing := [word for word in self._scope if word not in introspection.scope]:
            yield from charge(cost, None, requests=1)
            result = self._good(insufficient_scope(*missing), now=now, expires_at=expires_at)
        else:
            user = yield from self._fetch_user(token, cost)
            sees_networks = "networks" in introspection.scope
            result = self._good(user, now=now, expires_at=expires_at, sees_networks=sees_networks)
            result_for_all = SharedResult(
                user=user, scope=introspection.scope, checked_at=now, expires_at=expires_at
            )
            yield from self._shared.write(key, result_for_all)
        self._cache.put(key, result)
        return result

    def _fetch_user(self, token: BearerToken, cost: Cost) -> Flow[User]:
        """Whose token it is.

        The introspection with this cost has announced the request.
        """
        announced = replace(cost, requests=0)
        try:
            user = yield from flows.fetch_user(self._provider, token, cost=announced)
        except PeeringDBOAuthError:
            yield from charge(cost, None)
            raise
        yield from charge(cost, Payer.of_account(user.id))
        return user

    def _introspect(
        self, token: BearerToken, key: bytes, cost: Cost, now: float
    ) -> Flow[Introspection]:
        """What PeeringDB says about the token, if it is valid and ours.

        This comes before the profile. Introspection of a bad token counts against
        nobody, but at the profile it counts against everybody at this address.
        """
        introspection = yield from flows.introspect(self._provider, token, cost=cost)
        reason = None
        if not introspection.active or (introspection.expires_at or 0) <= now:
            reason = (
                "PeeringDB does not know this access token: it is expired, revoked, replaced by a"
                " refresh, or made up"
            )
        elif introspection.client_id != self._provider.config.client_id:
            reason = "this access token was issued to another application"
        if reason is not None:
            self._provider.dead_tokens.add(token, reason, now)
            yield from self._shared.write_dead(key, reason)
            raise TokenRejected(reason)
        return introspection

    def _good(
        self,
        outcome: User | AccessDenied,
        *,
        now: float,
        expires_at: float,
        sees_networks: bool = False,
        issued_at: float | None = None,
    ) -> CachedResult:
        """The result for a token that is valid and ours."""
        return CachedResult(
            outcome=outcome,
            allowed=outcome if isinstance(outcome, User) and self._rule.check(outcome) else None,
            sees_networks=sees_networks,
            checked_at=now,
            expires_at=expires_at,
            issued_at=issued_at,
        )


def _key_of(token: str) -> bytes:
    try:
        return sha256(token.encode("ascii")).digest()
    except (AttributeError, UnicodeEncodeError):
        return b""  # not a token: never in the cache


def _cost_of_unknown(address: str | None) -> Cost:
    """What the look-up of a token costs that nothing good is known about."""
    payers = (*payers_of(address), STRANGERS)
    return Cost(purpose=Purpose.LOOK_UP, payers=payers, requests=2)


def _cost_of_known(known: CachedResult, age: float) -> Cost:
    """What a second look-up costs: the older the result, the more important."""
    user = known.outcome
    payers = (Payer.of_account(user.id),) if isinstance(user, User) else (STRANGERS,)
    purpose = Purpose.RENEWAL if age < _URGENT_AGE else Purpose.LOOK_UP
    return Cost(purpose=purpose, payers=payers, requests=2)
