"""Bearer tokens at an API of one's own: an ID token or an access token in, the user
out, or the right refusal (RFC 6750).

Knows what PeeringDB said about which token and for how long that counts. Knows no web
framework.
"""

import copy
import inspect
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Generic, Protocol, TypeVar, cast

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidIDToken,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.flows import Flow, Locked, Provider
from peeringdb_oauth.look_ups import GRACE, MAX_AGE, LookUps
from peeringdb_oauth.profile import User
from peeringdb_oauth.tokens import Introspection, checked_token

LANES = 4  # tokens never seen before that are looked up at the same time
GENERATION = 1000  # tokens; two generations are remembered
REALM = "PeeringDB"
_UNQUOTABLE = re.compile(
    r"[^\x20\x21\x23-\x5b\x5d-\x7e]",
)  # RFC 6750 section 3: what an error_description must not have

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What became of a token. Times are Unix seconds."""

    outcome: User | TokenRejected | AccessDenied
    allowed: User | None = None  # whom the rule lets in where the call names no network
    sees_networks: bool = False  # the token was granted the scope
    since: float
    until: float
    expires_at: float = math.inf  # the token
    issued_at: float | None = None  # an ID token, which says what was true then

    @property
    def is_good(self) -> bool:
        """Whether the token is alive and ours; what it opens is another question."""
        return not isinstance(self.outcome, TokenRejected)

    def is_fresh(self, now: float, max_age: float | None = None) -> bool:
        # A clock that was set back must not make it last.
        if not self.since - MAX_AGE < now < self.until:
            return False
        is_too_old = max_age is not None and abs(now - self.since) >= max_age
        return not (is_too_old and self.is_good and self.issued_at is None)


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
        self._memory = _Memory()

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
        verdict = self._memory.young.get(key)
        if (
            verdict is not None
            and asn is None
            and rule is None
            and max_age is None
            and verdict.since - MAX_AGE < self._clock() < verdict.until
        ):
            user = verdict.allowed
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
        verdict = self._memory.recall(key)
        if verdict is None or not verdict.is_fresh(self._clock(), max_age):
            try:
                verdict = yield from self._check(token, key, max_age)
            except (TokenRejected, InvalidIDToken) as error:
                raise _rejected(str(error)) from None
        if (
            max_age is not None
            and verdict.issued_at is not None
            and abs(self._clock() - verdict.issued_at) >= max_age
        ):
            raise _rejected(
                "this ID token says what was true when it was issued, and that is too long ago"
                " here: send an access token",
            )
        return self._decide(verdict, asn, rule)

    def _decide(self, verdict: _Verdict, asn: int | None, rule: AccessRule | None) -> User:
        if not isinstance(verdict.outcome, User):
            raise copy.copy(
                verdict.outcome,
            )  # one that is raised collects frames, and there is a token in them
        names_network = asn is not None or (rule is not None and rule.asn is not None)
        if names_network and not verdict.sees_networks:
            raise _insufficient_scope("networks")
        if rule is not None:
            self._rule.require(verdict.outcome)
        (rule or self._rule).require(verdict.outcome, asn=asn)
        return verdict.outcome

    def _check(self, token: str, key: bytes, max_age: float | None) -> Flow[_Verdict]:
        if (
            key and token.startswith("ey") and token.count(".") == 2
        ):  # '{"' in base64url, three parts: RFC 7515
            return (yield from self._check_id_token(token, key))
        checked_token(token)
        if self._provider.config.client_secret is None:
            raise TokenRejected(
                "only ID tokens are accepted here: PeeringDB tells a public client nothing about an"
                " access token",
            )
        verdict: _Verdict = yield Locked(
            name=f"bearer token {key.hex()}",
            flow=self._check_access_token(token, key, max_age),
        )
        return verdict

    def _check_id_token(self, token: str, key: bytes) -> Flow[_Verdict]:
        """Refusals are not remembered: they cost nobody anything, and a flood of them
        would drive out what is worth remembering.
        """
        now = self._clock()
        claims = yield from flows.verify_id_token(self._provider, token)
        networks = claims.get("networks") is not None  # null: not granted
        verdict = self._good(
            User.from_id_token(claims),
            now=now,
            expires_at=claims.expires_at,
            sees_networks=networks,
        )
        verdict = replace(verdict, issued_at=claims.issued_at)
        self._memory.remember(key, verdict)
        return verdict

    def _check_access_token(
        self,
        token: str,
        key: bytes,
        max_age: float | None,
    ) -> Flow[_Verdict]:
        now = self._clock()
        known = self._memory.recall(key)
        if known is not None and known.is_fresh(now, max_age):
            return known  # found out by whom we waited for
        if known is None or not known.is_good:
            verdict: _Verdict = yield Locked(
                name=f"bearer lane {key[0] % LANES}",
                flow=self._look_up(token, key, known=None),
            )
            return verdict
        if now >= known.expires_at:
            raise TokenRejected("this access token has expired")
        try:
            return (yield from self._look_up(token, key, known=known))
        except TransportError:
            if now - known.since < GRACE and max_age is None:
                return known
            raise

    def _look_up(self, token: str, key: bytes, *, known: _Verdict | None) -> Flow[_Verdict]:
        now = self._clock()
        self._look_ups.start(now, age=None if known is None else now - known.since)
        try:
            verdict = yield from self._ask(token, now)
        except RateLimited:
            self._look_ups.cancel(now)
            raise
        except TransportError as error:
            if error.status is None:
                self._look_ups.pause(self._clock())
            raise
        if verdict.is_good:
            self._look_ups.acquit(now)
        self._memory.remember(key, verdict)
        return verdict

    def _ask(self, token: str, now: float) -> Flow[_Verdict]:
        try:
            introspection = yield from self._introspect(token, now)
            expires_at = introspection.expires_at or 0
            missing = [word for word in self._scope if word not in introspection.scope]
            if missing:
                return self._good(_insufficient_scope(*missing), now=now, expires_at=expires_at)
            user = yield from flows.fetch_user(self._provider, token)
        except TokenRejected as error:
            return _Verdict(outcome=_rejected(str(error)), since=now, until=now + MAX_AGE)
        return self._good(
            user,
            now=now,
            expires_at=expires_at,
            sees_networks="networks" in introspection.scope,
        )

    def _introspect(self, token: str, now: float) -> Flow[Introspection]:
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
    ) -> _Verdict:
        # User and rule are immutable, so the decision about them is.
        allowed = outcome if isinstance(outcome, User) and self._rule.check(outcome) else None
        until = min(now + MAX_AGE, expires_at)
        return _Verdict(
            outcome=outcome,
            allowed=allowed,
            sees_networks=sees_networks,
            since=now,
            until=until,
            expires_at=expires_at,
        )


class _Memory:
    """Verdicts by the SHA-256 of their tokens, and no more than two generations of
    them.

    What is asked for gets into the young generation; when that is full it becomes the
    old one, and what was still in that is forgotten. So reading takes no lock.
    """

    def __init__(self) -> None:
        self.young: dict[bytes, _Verdict] = {}
        self._old: dict[bytes, _Verdict] = {}
        self._lock = threading.Lock()

    def recall(self, key: bytes) -> _Verdict | None:
        with self._lock:
            verdict = self.young.get(key)
            if verdict is None and (verdict := self._old.get(key)) is not None:
                self._put(key, verdict)
            return verdict

    def remember(self, key: bytes, verdict: _Verdict) -> None:
        with self._lock:
            self._put(key, verdict)

    def _put(self, key: bytes, verdict: _Verdict) -> None:
        if len(self.young) >= GENERATION and key not in self.young:
            self._old, self.young = self.young, {}
        self.young[key] = verdict


def _scope_of(rule: AccessRule) -> tuple[str, ...]:
    """The scope without which PeeringDB does not say what the rule reads."""
    words = {
        "profile": True,
        "email": rule.verified_email,
        "networks": rule.asn is not None,
        "amr": rule.mfa,
    }
    return tuple(word for word, needed in words.items() if needed)


def _insufficient_scope(*missing: str) -> AccessDenied:
    """The token is good, but was not granted what the rule reads: 403, not 401 (RFC
    6750 section 3.1).
    """
    reason = (
        f"this token was not granted the scope {' '.join(missing)}: log in again, with an"
        " application that asks for it"
    )
    return AccessDenied(
        reason,
        www_authenticate=_challenge("insufficient_scope", reason, scope=" ".join(missing)),
    )


def _rejected(reason: str) -> TokenRejected:
    return TokenRejected(reason, www_authenticate=_challenge("invalid_token", reason))


def _challenge(error: str, description: str, **more: str) -> str:
    """The value of a WWW-Authenticate header (RFC 6750 section 3)."""
    parameters = {
        "realm": REALM,
        "error": error,
        "error_description": _UNQUOTABLE.sub("?", description),
    } | more
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


def _itself(user: User) -> User:
    return user


async def _awaitable(user: User) -> User:
    return user
