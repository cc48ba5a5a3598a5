"""Rights that are read again while somebody uses the site."""

import logging
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TypeGuard

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
from peeringdb_oauth.observers import tell_recheck
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.steps import Flow, call, later, pause, shared
from peeringdb_oauth.tokens import checked_token
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.in_cookie import CookieSessions
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.pace import Pace, refresh_ahead
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.refreshes import Refreshes, busy, has_ended
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens
from peeringdb_oauth.web.sessions.stored_login import StoredLogin, release
from peeringdb_oauth.web.visit import Visit

log = logging.getLogger("peeringdb_oauth")

_WAIT = 5.0  # seconds to wait for what another process is asking
_STEP = 0.1  # seconds between two looks at the store meanwhile

# The login as it is known now, and why PeeringDB could not be asked, if so.
Result = tuple[StoredLogin, PeeringDBOAuthError | None]


class Rechecks:
    """Asks PeeringDB again for the rights in the sessions of one application.

    ``sessions``: where they are. ``rule``: who may log in.
    """

    def __init__(
        self,
        provider: Provider,
        tokens: SealedTokens,
        sessions: CookieSessions | StoreSessions,
        endings: Endings,
        *,
        rule: AccessRule,
        policy: SessionPolicy,
    ) -> None:
        self._provider = provider
        self._tokens = tokens
        self._sessions = sessions
        self._endings = endings
        self._refreshes = (
            Refreshes(provider, tokens, sessions, endings)
            if isinstance(sessions, StoreSessions)
            else None
        )
        self._rule = rule
        self._policy = policy
        self._pace = Pace(policy)

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
            return (yield from self._recheck_at_once(login))
        if every is None or not self._pace.is_due(login):
            return self._standing(login)
        if visit.method in ("GET", "HEAD") and age < 2 * every:
            yield from later(f"re-check {login.key}", self._recheck_in_turn(login))
            return self._standing(login)
        login = yield from self._recheck_in_turn(login)
        return self._standing(login)

    def _recheck_at_once(self, login: StoredLogin) -> Flow[StoredLogin]:
        """As `_recheck`, for a view that asks for it.

        Whether the account has used its part of the budget is looked at first.
        Otherwise each further request would write the session twice: to take the lease
        and to give it back.
        """
        if not self._pace.is_due(login):  # else others pay, see `_cost`
            yield from call(partial(self._provider.check_payers, self._cost(login)))
        login, problem = yield from self._recheck(login)
        if problem is None:
            return login
        raise _without_answer(problem)

    def at_once(self, login: StoredLogin) -> Flow[StoredLogin | None]:
        """The login, if its rights count before PeeringDB has answered.

        If they are due, PeeringDB is asked behind the answer.
        """
        every = self._policy.recheck_every
        if every is not None and self._pace.is_due(login):
            yield from later(f"re-check {login.key}", self._recheck_in_turn(login))
            if login.failed_at is None and elapsed(login.checked_at, login.now) >= 2 * every:
                return None
        try:
            return self._standing(login)
        except RightsUnknown:
            return None

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

    def _standing(self, login: StoredLogin) -> StoredLogin:
        """The login, if its rights still count."""
        every, age = self._policy.recheck_every, elapsed(login.checked_at, login.now)
        if login.failed_at is None or every is None:
            return login
        if age >= every + self._policy.stale_for:
            raise RightsUnknown(
                "PeeringDB gives no answer, and what it last said about you is too old to count"
            )
        return login

    def _recheck_in_turn(self, login: StoredLogin) -> Flow[StoredLogin]:
        """As `_recheck`, for a re-check that is due by the policy.

        If the budget refuses it, the next ones come later. A refusal of what a view
        asks for with ``max_age`` does not count: somebody could ask all the time, and
        the re-checks of all sessions would come later and later.
        """
        login, problem = yield from self._recheck(login)
        if _is_postponed(problem) and not problem.for_caller:
            self._pace.postpone(login, problem)
        return login

    def _recheck(self, login: StoredLogin) -> Flow[Result]:
        """The login as PeeringDB describes it now, or as it was with the problem.

        Raises:
            TokenRejected: PeeringDB has ended the login, and so has this.
            AccessDenied: the rule no longer lets the person in; the login has ended.
        """
        try:
            return (
                # A browser that hangs up must not end a refresh: the tokens are spent.
                yield from shared(
                    f"re-check {login.key}", self._recheck_once(login), to_its_end=True
                )
            )
        except RecordsUnavailable:
            raise
        except TransportError as error:  # the one who asks waits for too long
            return login, error

    def _recheck_once(self, login: StoredLogin) -> Flow[Result]:
        mine = yield from self._sessions.claim(login)
        if mine is None:
            return (yield from self._await_other(login))
        return (yield from self.ask_and_store(mine))

    def ask_and_store(self, mine: StoredLogin) -> Flow[Result]:
        """As `_recheck`, by who has the lease."""
        if mine.ending is not None:
            raise has_ended(mine)
        age = elapsed(mine.checked_at, mine.now)
        try:
            login, problem = yield from self._ask_and_store(mine)
        except (TokenRejected, AccessDenied):
            tell_recheck("ended", age)
            raise
        outcome = "ok" if problem is None else "failed"
        tell_recheck("postponed" if _is_postponed(problem) else outcome, age)
        return login, problem

    def _ask_and_store(self, mine: StoredLogin) -> Flow[Result]:
        try:
            user = yield from self._ask(mine)
        except TokenRejected as error:
            reason = Reason(
                "PeeringDB has ended your login", code="refused_by_peeringdb", cause=str(error)
            )
            yield from self._endings.end_leased(mine, "refused_by_peeringdb", (reason,))
            raise
        except RecordsUnavailable:
            raise
        except (TransportError, ProviderError, InvalidResponse) as error:
            return (yield from self._note_failure(mine, error)), error
        reasons = self._rule.check(user).reasons
        if reasons:
            yield from self._endings.end_leased(mine, "rule", reasons)
            raise AccessDenied(*reasons)
        return (yield from self._store(mine, user))

    def _ask(self, mine: StoredLogin) -> Flow[User]:
        """The user as PeeringDB describes them now, with fresh tokens if need be."""
        refreshes = self._refreshes
        if refreshes is None or not refreshes.are_possible(mine):
            return (yield from self._fetch_user(mine))
        if self._provider.clock() < mine.expires_at - refresh_ahead(self._policy):
            try:
                return (yield from self._fetch_user(mine))
            except TokenRejected:
                log.info("PeeringDB refused an access token before its time: refreshing it")
        mine = yield from refreshes.refresh(mine)
        return (yield from self._fetch_user(mine))

    def _fetch_user(self, login: StoredLogin) -> Flow[User]:
        token = self._tokens.open(login)
        access_token = checked_token(token and token.access_token)
        cost = self._cost(login)
        user = yield from flows.fetch_user(self._provider, access_token, cost=cost)
        if user.id != login.user.id:
            raise InvalidResponse("PeeringDB answered with somebody else's profile", check="id")
        return replace(user, amr=login.user.amr)  # what the login has proved

    def _cost(self, login: StoredLogin) -> Cost:
        """What it costs to read the rights."""
        payer_of = Payer.of_rechecks if self._pace.is_due(login) else Payer.of_account
        payers = (payer_of(login.user.id),)
        return Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True)

    def _store(self, mine: StoredLogin, user: User) -> Flow[Result]:
        event = Event.of_change(None if mine.is_short else mine.user, user)
        if event is not None:
            # An answer that came after the lease must not be told after a newer one.
            if (yield from self._sessions.renew(mine)) is None:
                return (yield from self._await_other(mine))
            # Before it is stored, so that it is told once more if the application's
            # function has failed.
            yield from self._endings.tell(event)
        before = mine

        def take(stored: StoredLogin) -> StoredLogin | None:
            nonlocal before
            before = stored
            if stored.ending is not None or stored.lease != mine.lease:
                return None
            changed = replace(
                stored, user=user, is_short=False, checked_at=stored.now, failed_at=None
            )
            return release(changed)

        login = yield from self._sessions.change(mine, take)
        if login is not None:
            return login, None
        if before.ending is not None:  # somebody has logged out meanwhile
            yield from self._endings.revoke_later(before)
        elif before.lease != mine.lease:
            # The answer came after the lease. That of the process that has it is newer.
            return (yield from self._await_other(mine))
        raise has_ended(before)

    def _note_failure(self, mine: StoredLogin, error: PeeringDBOAuthError) -> Flow[StoredLogin]:
        """Note that PeeringDB was asked and gave no answer, if it was asked.

        What the budget has postponed is no failure of PeeringDB's.
        """
        was_tried = not (_is_postponed(error) or isinstance(error, RightsUnknown))

        def note(stored: StoredLogin) -> StoredLogin | None:
            if stored.lease != mine.lease:  # another process may have an answer
                return None
            failed_at = stored.now if was_tried else stored.failed_at
            return release(replace(stored, failed_at=failed_at))

        return (yield from self._sessions.change(mine, note)) or mine

    def _await_other(self, login: StoredLogin) -> Flow[Result]:
        """The answer that another process gets, or a problem after some seconds."""
        for _ in range(int(_WAIT / _STEP)):
            yield from pause(_STEP)
            found = yield from self._sessions.fresh(login)
            if found is None or found.ending is not None:
                raise has_ended(found or login)
            if found.checked_at > login.checked_at:
                return found, None
            if found.failed_at not in (None, login.failed_at):
                return found, busy()
        return login, busy()


def _is_postponed(problem: PeeringDBOAuthError | None) -> TypeGuard[RateLimited]:
    """Whether the budget has admitted no request."""
    return isinstance(problem, RateLimited) and problem.status is None


def _without_answer(problem: PeeringDBOAuthError) -> PeeringDBOAuthError:
    """The error for somebody whose rights PeeringDB was to tell and did not."""
    is_outage = isinstance(problem, TransportError) and not isinstance(
        problem, RateLimited | RightsUnknown
    )
    return RightsUnknown(str(problem)) if is_outage else copy(problem)
