"""How sessions end: told once, and their tokens revoked until it is done."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow, call, later
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.sessions.in_cookie import CookieSessions
from peeringdb_oauth.web.sessions.in_store import REMEMBERED, StoreSessions
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens
from peeringdb_oauth.web.sessions.stored_login import Ending, EndReason, StoredLogin, is_leased

log = logging.getLogger("peeringdb_oauth")

_TURN = 30.0  # seconds for which one process purges
_MOST_UNSTORED = 1000  # tokens that a process keeps for the store

Told = Callable[[Event], Any]


class Endings:
    """Ends the sessions of one application.

    ``sessions``: where they are. ``tell``: called with each event that no request has
    caused; with `AsyncClient` it may be a coroutine function.
    """

    def __init__(
        self,
        provider: Provider,
        tokens: SealedTokens,
        sessions: CookieSessions | StoreSessions,
        *,
        tell: Told,
    ) -> None:
        self._provider = provider
        self._tokens = tokens
        self._sessions = sessions
        self._tell = tell
        self._unstored: deque[TokenResponse] = deque(maxlen=_MOST_UNSTORED)

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
        ended = yield from self.note(login, reason, reasons=reasons, tell=tell)
        if ended is not None and not is_leased(ended):
            yield from self.revoke_later(ended)
        return ended

    def note(
        self,
        login: StoredLogin,
        reason: EndReason,
        *,
        reasons: tuple[Reason, ...] = (),
        tell: Told | None = None,
    ) -> Flow[StoredLogin | None]:
        """As `end`, but the caller or the purge must revoke the tokens."""
        ending = Ending(reason=reason, reasons=reasons)
        ended = yield from self._sessions.end(login, ending)
        if ended is not None:
            yield from self._tell_ending(ended.user, ending, tell)
        return ended

    def end_leased(
        self, mine: StoredLogin, reason: EndReason, reasons: tuple[Reason, ...]
    ) -> Flow[None]:
        """As `end`, for a session whose lease this process has."""
        ended = yield from self.note(mine, reason, reasons=reasons)
        if ended is not None:
            yield from self.revoke_later(ended)

    def revoke_later(self, login: StoredLogin) -> Flow[None]:
        """Revoke the tokens of a session that has ended behind the answer."""
        yield from later(f"revoke {login.key}", self.revoke(login, purpose=Purpose.CLEAN_UP))

    def revoke(self, login: StoredLogin, *, purpose: Purpose = Purpose.LOGIN) -> Flow[None]:
        """Revoke the tokens of a session that has ended.

        The account pays. Otherwise somebody could collect logins for hours, and use up
        everybody's requests by ending them within a minute.

        Raises:
            PeeringDBOAuthError: they could not be revoked. With a store it is tried
                again.
        """
        token = self._tokens.open(login)
        # A copy of a cookie may come again and again after a logout.
        if token is not None and not self._is_copy(token):
            payers = (Payer.of_logouts(login.user.id),)
            cost = Cost(purpose=purpose, payers=payers)
            yield from flows.revoke(self._provider, token, cost=cost)
        yield from self._sessions.note_revoked(login)

    def revoke_at_purge(self, sessions: StoreSessions, token: TokenResponse) -> Flow[None]:
        """Have tokens revoked that no session has.

        If the store does not answer, this process keeps them until a purge finds that
        it does. So they are lost only if the process ends before.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        self._unstored.append(token)
        yield from self._store_tokens(sessions)

    def _store_tokens(self, sessions: StoreSessions) -> Flow[None]:
        while True:
            try:
                token = self._unstored.popleft()
            except IndexError:  # another thread may have taken the last one
                return
            try:
                yield from sessions.keep_tokens(self._tokens.seal(token), token.expires_at)
            except BaseException:
                self._unstored.append(token)
                raise

    def _is_copy(self, token: TokenResponse) -> bool:
        is_cookie = isinstance(self._sessions, CookieSessions)
        return is_cookie and self._provider.dead_tokens.was_revoked(token.access_token)

    def purge(self, limit: int = 1000) -> Flow[int]:
        """End the sessions that are over, and finish what others have left.

        One process at a time does it. The result is how many sessions were ended or
        deleted.
        """
        sessions = self._sessions
        if isinstance(sessions, CookieSessions):
            return 0
        yield from self._store_tokens(sessions)
        if not (yield from sessions.take_turn(_TURN)):
            return 0
        count = 0
        for login in (yield from sessions.due(limit)):
            count += yield from self._finish(sessions, login)
        return count

    def tell(self, event: Event, tell: Told | None = None) -> Flow[None]:
        """Record an event and tell the application."""
        event.record()
        yield from call(partial(tell or self._tell, event))

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
        if told is not None and told.ending is not None:
            yield from self._tell_ending(told.user, told.ending, None)

    def _tell_ending(self, user: User, ending: Ending, tell: Told | None) -> Flow[None]:
        event = Event(kind="session_ended", user=user, reason=ending.reason, reasons=ending.reasons)
        yield from self.tell(event, tell)
