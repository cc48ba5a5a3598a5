"""Keeps sessions true: re-checks rights, refreshes tokens, and ends what has ended."""

import logging
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import partial
from hashlib import sha256
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    RightsUnknown,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.steps import Flow, call, later, pause, shared
from peeringdb_oauth.tokens import TokenResponse, checked_token
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions.in_cookie import CookieSessions
from peeringdb_oauth.web.sessions.in_store import REMEMBERED, StoreSessions
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.stored_login import Ending, EndReason, StoredLogin, is_leased
from peeringdb_oauth.web.visit import Visit

log = logging.getLogger("peeringdb_oauth")

RETRY = 10.0  # seconds until PeeringDB is asked again after it gave no answer
_WAIT = 5.0  # seconds to wait for what another process is asking
_STEP = 0.1  # seconds between two looks at the store meanwhile
_SPREAD = 0.1  # of ``recheck_every``: by so much at most a re-check comes early
_REFRESH = 15.0  # seconds that a refresh takes at most; a lease is longer
_MARGIN = 60.0  # seconds before its expiry an access token is refreshed at the latest

Told = Callable[[Event], Any]


class Upkeep:
    """The upkeep of the sessions of one application.

    ``sessions``: where they are. ``tell``: called with each event that no request has
    caused; with `AsyncClient` it may be a coroutine function.
    """

    def __init__(
        self,
        provider: Provider,
        sealer: Sealer,
        sessions: CookieSessions | StoreSessions,
        *,
        rule: AccessRule,
        policy: SessionPolicy,
        tell: Told,
    ) -> None:
        self._provider = provider
        self._sealer = sealer
        self._purpose = f"tokens {provider.config.base_url} {provider.config.client_id}"
        self._sessions = sessions
        self._rule = rule
        self._policy = policy
        self._tell = tell
        self._postponed_until = 0.0

    def seal(self, token: TokenResponse) -> str:
        """The access token and the refresh token of a login, sealed."""
        return self._sealer.seal(self._purpose, [token.access_token, token.refresh_token])

    def current(
        self, visit: Visit, login: StoredLogin, *, max_age: float | None = None
    ) -> Flow[StoredLogin]:
        """The login with rights that are as young as they must be.

        ``max_age``: of PeeringDB's answer, in seconds; None for the policy's.

        Raises:
            TokenRejected: PeeringDB has ended the login, and so has this.
            AccessDenied: the rule no longer lets the person in; the login has ended.
            TransportError: PeeringDB gives no answer, and the rights are too old.
            InvalidResponse: PeeringDB's answer is not what it must be.
        """
        age, every = elapsed(login.checked_at, login.now), self._policy.recheck_every
        if max_age is not None and age >= max_age:
            login, problem = yield from self._recheck(login)
            if problem is not None:
                raise _without_answer(problem)
            return login
        if every is None or not self._is_due(login, age, every):
            return self._standing(login)
        if visit.method in ("GET", "HEAD") and age < 2 * every:
            yield from later(f"re-check {login.key}", self._recheck(login))
            return self._standing(login)
        login, _ = yield from self._recheck(login)
        return self._standing(login)

    def whole(self, login: StoredLogin) -> Flow[StoredLogin]:
        """The login with all networks of its user; PeeringDB is asked if need be.

        Raises:
            PeeringDBOAuthError: as `current`.
        """
        if not login.is_short:
            return login
        login, problem = yield from self._recheck(login)
        if problem is not None:
            raise _without_answer(problem)
        return login

    def end(
        self,
        login: StoredLogin,
        reason: EndReason,
        *,
        reasons: tuple[Reason, ...] = (),
        tell: Told | None = None,
    ) -> Flow[StoredLogin | None]:
        """End a session and have its tokens revoked behind the answer.

        ``tell``: called with the event; None for the application's own. The result is
        the ended login; None if it had ended already.
        """
        ended = yield from self.note_end(login, reason, reasons=reasons, tell=tell)
        if ended is not None and not is_leased(ended):
            yield from later(f"revoke {ended.key}", self.revoke(ended, purpose=Purpose.CLEAN_UP))
        return ended

    def note_end(
        self,
        login: StoredLogin,
        reason: EndReason,
        *,
        reasons: tuple[Reason, ...] = (),
        tell: Told | None = None,
    ) -> Flow[StoredLogin | None]:
        """As `end`, but the caller or the sweep must revoke the tokens."""
        ended = yield from self._sessions.end(login, Ending(reason=reason, reasons=reasons))
        if ended is not None:
            yield from self._tell_ending(ended, tell)
        return ended

    def revoke(self, login: StoredLogin, *, purpose: Purpose = Purpose.LOGIN) -> Flow[None]:
        """Revoke the tokens of a session that has ended.

        The account pays. Otherwise somebody could collect logins for hours, and use up
        everybody's requests by ending them within a minute.

        Raises:
            PeeringDBOAuthError: they could not be revoked. With a store it is tried
                again.
        """
        token = self._tokens(login)
        # A copy of a cookie may come again and again after a logout.
        is_copy = not self._sessions.refreshes and (
            token is not None and self._provider.dead_tokens.was_revoked(token.access_token)
        )
        if token is not None and not is_copy:
            payers = (Payer.of_logouts(login.user.id),)
            cost = Cost(purpose=purpose, payers=payers)
            yield from flows.revoke(self._provider, token, cost=cost)
        yield from self._sessions.note_revoked(login)

    def sweep(self, limit: int = 100) -> Flow[int]:
        """End the sessions that are over, and finish what others have left.

        One process at a time does it. The result is how many sessions were ended or
        deleted.
        """
        sessions = self._sessions
        if isinstance(sessions, CookieSessions):
            return 0
        if not (yield from sessions.take_turn("sweep", 30.0)):
            return 0
        count = 0
        for login in (yield from sessions.due(limit)):
            count += yield from self._finish(sessions, login)
        return count

    # --- re-check ---------------------------------------------------------------------

    def _is_due(self, login: StoredLogin, age: float, every: float) -> bool:
        """Whether PeeringDB is to be asked by the policy."""
        if login.now < self._postponed_until:
            return False
        if login.failed_at is not None:
            return elapsed(login.failed_at, login.now) >= RETRY
        # So the sessions of people who came at the same time are spread.
        fraction = int.from_bytes(sha256(login.csrf_token.encode()).digest()[:2]) / 65536
        return age >= every * (1 - _SPREAD * fraction)

    def _standing(self, login: StoredLogin) -> StoredLogin:
        """The login, if its rights still count."""
        every = self._policy.recheck_every or 0
        age = elapsed(login.checked_at, login.now)
        if login.failed_at is not None and age >= every + self._policy.stale_for:
            raise RightsUnknown(
                "PeeringDB gives no answer, and what it last said about you is too old to count"
            )
        return login

    def _recheck(self, login: StoredLogin) -> Flow[tuple[StoredLogin, PeeringDBOAuthError | None]]:
        """The login as PeeringDB describes it now, or as it was with the problem.

        Raises:
            TokenRejected: PeeringDB has ended the login, and so has this.
            AccessDenied: the rule no longer lets the person in; the login has ended.
        """
        try:
            return (yield from shared(f"re-check {login.key}", self._recheck_once(login)))
        except RecordsUnavailable:
            raise
        except TransportError as error:  # the one who asks waits for too long
            return login, error

    def _recheck_once(
        self, login: StoredLogin
    ) -> Flow[tuple[StoredLogin, PeeringDBOAuthError | None]]:
        mine = yield from self._sessions.claim(login)
        if mine is None:
            return (yield from self._await_other(login))
        return (yield from self._ask_and_store(mine))

    def _ask_and_store(
        self, mine: StoredLogin
    ) -> Flow[tuple[StoredLogin, PeeringDBOAuthError | None]]:
        """As `_recheck`, by who has the lease."""
        if mine.ending is not None:
            raise _has_ended(mine)
        try:
            user = yield from self._ask(mine)
        except TokenRejected as error:
            reason = Reason(
                "PeeringDB has ended your login", code="refused_by_peeringdb", cause=str(error)
            )
            yield from self._end_mine(mine, "refused_by_peeringdb", (reason,))
            raise
        except RecordsUnavailable:
            raise
        except (TransportError, ProviderError, InvalidResponse) as error:
            return (yield from self._note_failure(mine, error)), error
        reasons = self._rule.check(user).reasons
        if reasons:
            yield from self._end_mine(mine, "rule", reasons)
            raise AccessDenied(*reasons)
        return (yield from self._store(mine, user)), None

    def _ask(self, mine: StoredLogin) -> Flow[User]:
        """The user as PeeringDB describes them now, with fresh tokens if need be."""
        refreshes = self._sessions.refreshes and self._refresh_token(mine) is not None
        soon = min(self._policy.recheck_every or _MARGIN, 900)
        if refreshes and self._provider.clock() >= mine.expires_at - max(soon, _MARGIN):
            mine = yield from self._refresh(mine)
            refreshes = False
        try:
            return (yield from self._fetch_user(mine))
        except TokenRejected:
            if not refreshes:
                raise
        mine = yield from self._refresh(mine)
        return (yield from self._fetch_user(mine))

    def _fetch_user(self, login: StoredLogin) -> Flow[User]:
        token = self._tokens(login)
        access_token = checked_token(token and token.access_token)
        payers = (Payer.of_account(login.user.id),)
        cost = Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True)
        user = yield from flows.fetch_user(self._provider, access_token, cost=cost)
        if user.id != login.user.id:
            raise InvalidResponse("PeeringDB answered with somebody else's profile", check="id")
        return replace(user, amr=login.user.amr)  # what the login has proved

    def _refresh(self, login: StoredLogin) -> Flow[StoredLogin]:
        """The login with new tokens, which are stored.

        The lease is written just before, so that a store that is down is noticed while
        the old tokens still work.
        """
        mine = yield from self._sessions.renew(login)
        if mine is None:
            raise _busy()
        token = self._tokens(mine)
        if token is None:  # somebody has logged out meanwhile
            raise _has_ended(mine)
        payers = (Payer.of_account(mine.user.id),)
        try:
            token = yield from flows.refresh(
                self._provider,
                token,
                cost=Cost(purpose=Purpose.RECHECK, payers=payers),
                within=_REFRESH,
            )
        except ProviderError as error:
            if error.error == "invalid_grant":
                raise TokenRejected("PeeringDB has ended this login: log in again") from None
            raise
        return (yield from self._keep_tokens(mine, token))

    def _keep_tokens(self, mine: StoredLogin, token: TokenResponse) -> Flow[StoredLogin]:
        """Store new tokens; if the store is down, go on behind the answer."""
        try:
            return (yield from self._write_tokens(mine, token))
        except RecordsUnavailable:
            yield from later(f"store tokens {mine.key}", self._insist(mine, token))
            raise

    def _insist(self, mine: StoredLogin, token: TokenResponse) -> Flow[None]:
        """Write new tokens until the store takes them or the lease ends."""
        until = self._provider.clock() + (mine.lease_until - mine.now)
        while self._provider.clock() < until:
            yield from pause(0.5)
            with suppress(RecordsUnavailable):
                yield from self._write_tokens(mine, token)
                return
        log.error(
            "the store of the sessions did not take the new tokens of user %d: their session ends",
            mine.user.id,
        )
        yield from flows.give_back(self._provider, token)

    def _write_tokens(self, mine: StoredLogin, token: TokenResponse) -> Flow[StoredLogin]:
        tokens = self.seal(token)

        def keep(stored: StoredLogin) -> StoredLogin | None:
            if stored.lease != mine.lease:
                return None
            return replace(stored, tokens=tokens, expires_at=token.expires_at)

        kept = yield from self._sessions.change(mine, keep)
        if kept is None:  # the answer came after the lease, or the session is gone
            yield from flows.give_back(self._provider, token)
            raise _busy()
        if kept.ending is not None:  # somebody has logged out meanwhile
            yield from self.revoke(kept, purpose=Purpose.CLEAN_UP)
            raise _has_ended(kept)
        return kept

    def _store(self, mine: StoredLogin, user: User) -> Flow[StoredLogin]:
        previous = mine.user

        def take(stored: StoredLogin) -> StoredLogin | None:
            nonlocal previous
            if stored.ending is not None:
                return None
            previous = stored.user
            return replace(
                stored,
                user=user,
                is_short=False,
                checked_at=stored.now,
                failed_at=None,
                lease_until=0.0,
            )

        login = yield from self._sessions.change(mine, take)
        if login is None:
            raise _has_ended(mine)
        yield from self._tell_event(Event.of_change(previous, user))
        return login

    def _note_failure(self, mine: StoredLogin, error: PeeringDBOAuthError) -> Flow[StoredLogin]:
        """Note that PeeringDB was asked and gave no answer, if it was asked.

        What the budget has postponed is no failure of PeeringDB's.
        """
        is_postponed = isinstance(error, RateLimited) and error.status is None
        if isinstance(error, RateLimited) and is_postponed and not error.for_caller:
            self._postponed_until = mine.now + min(error.retry_after, RETRY / 2)

        def note(stored: StoredLogin) -> StoredLogin:
            failed_at = stored.failed_at if is_postponed else stored.now
            return replace(stored, failed_at=failed_at, lease_until=0.0)

        return (yield from self._sessions.change(mine, note)) or mine

    def _await_other(
        self, login: StoredLogin
    ) -> Flow[tuple[StoredLogin, PeeringDBOAuthError | None]]:
        """The answer that another process gets, or a problem after some seconds."""
        found: StoredLogin | None = login
        for _ in range(int(_WAIT / _STEP)):
            yield from pause(_STEP)
            found = yield from self._sessions.fresh(login)
            if found is None or found.ending is not None:
                raise _has_ended(found or login)
            if found.checked_at > login.checked_at:
                return found, None
            if found.failed_at is not None and found.failed_at != login.failed_at:
                break
        return found or login, _busy()

    # --- end --------------------------------------------------------------------------

    def _end_mine(
        self, mine: StoredLogin, reason: EndReason, reasons: tuple[Reason, ...]
    ) -> Flow[None]:
        """End a session about which this process has just asked PeeringDB."""
        ended = yield from self.note_end(mine, reason, reasons=reasons)
        if ended is not None:
            yield from later(f"revoke {ended.key}", self.revoke(ended, purpose=Purpose.CLEAN_UP))

    def _finish(self, sessions: StoreSessions, login: StoredLogin) -> Flow[int]:
        over = sessions.over(login)
        if login.ending is None:
            if over is not None:
                return int((yield from self.end(login, over)) is not None)
            yield from sessions.change(login, lambda stored: stored)  # with another due time
            return 0
        if not login.ending.is_told:
            yield from self._tell_untold(login)
        if login.tokens:
            mine = yield from sessions.claim(login)
            if mine is not None and mine.tokens:
                try:
                    yield from self.revoke(mine, purpose=Purpose.CLEAN_UP)
                except PeeringDBOAuthError as error:
                    log.info("revoke: %s: %s", type(error).__name__, error)
            return 0
        if login.now >= login.ending.at + REMEMBERED:
            yield from sessions.delete(login)
            return 1
        return 0

    def _tell_untold(self, login: StoredLogin) -> Flow[None]:
        """Tell the end of a session that another program has ended."""

        def note(stored: StoredLogin) -> StoredLogin | None:
            if stored.ending is None or stored.ending.is_told:
                return None
            return replace(stored, ending=replace(stored.ending, is_told=True))

        told = yield from self._sessions.change(login, note)
        if told is not None:
            yield from self._tell_ending(told, None)

    def _tell_ending(self, login: StoredLogin, tell: Told | None) -> Flow[None]:
        ending = login.ending or Ending(reason="lost")
        event = Event(
            kind="session_ended", user=login.user, reason=ending.reason, reasons=ending.reasons
        )
        yield from self._tell_event(event, tell)

    def _tell_event(self, event: Event | None, tell: Told | None = None) -> Flow[None]:
        if event is not None:
            event.record()
            yield from call(partial(tell or self._tell, event))

    # --- tokens -----------------------------------------------------------------------

    def _refresh_token(self, login: StoredLogin) -> str | None:
        token = self._tokens(login)
        return None if token is None else token.refresh_token

    def _tokens(self, login: StoredLogin) -> TokenResponse | None:
        """The tokens of a login; None if they cannot be unsealed, or are revoked."""
        tokens = self._sealer.open(self._purpose, login.tokens)
        if tokens is None:
            return None
        access_token, refresh_token = tokens
        return TokenResponse(
            access_token=access_token,
            token_type="Bearer",  # noqa: S106 - the name of a type
            expires_at=login.expires_at,
            refresh_token=refresh_token,
            scope=(),
            id_token=None,
        )


def _without_answer(problem: PeeringDBOAuthError) -> PeeringDBOAuthError:
    """The error for somebody whose rights PeeringDB was to tell and did not."""
    is_outage = isinstance(problem, TransportError) and not isinstance(
        problem, RateLimited | RightsUnknown
    )
    return RightsUnknown(str(problem)) if is_outage else copy(problem)


def _busy() -> RightsUnknown:
    return RightsUnknown("PeeringDB is being asked about you already: try again in a moment")


def _has_ended(login: StoredLogin) -> TokenRejected:
    reasons = () if login.ending is None else login.ending.reasons
    return TokenRejected("; ".join(reasons) or "this session has ended: log in again")
