"""New tokens for a session, by one process at a time."""

import logging
from contextlib import suppress
from dataclasses import replace

from peeringdb_oauth import flows
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import ProviderError, RightsUnknown, TokenRejected
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.steps import Flow, later, pause
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens
from peeringdb_oauth.web.sessions.stored_login import StoredLogin

log = logging.getLogger("peeringdb_oauth")

_WITHIN = 15.0  # seconds that a refresh takes at most; a lease is longer
_STEP = 0.5  # seconds between two tries to store new tokens


class Refreshes:
    """Refreshes the tokens of sessions whose lease this process has.

    ``sessions``: where they are. A cookie would not do: somebody may have a copy with
    the tokens of before. ``endings``: revokes what somebody has logged out of
    meanwhile.
    """

    def __init__(
        self, provider: Provider, tokens: SealedTokens, sessions: StoreSessions, endings: Endings
    ) -> None:
        self._provider = provider
        self._tokens = tokens
        self._sessions = sessions
        self._endings = endings

    def are_possible(self, login: StoredLogin) -> bool:
        """Whether the session has a refresh token."""
        token = self._tokens.open(login)
        return token is not None and token.refresh_token is not None

    def refresh(self, login: StoredLogin) -> Flow[StoredLogin]:
        """The login with new tokens, which are stored.

        The lease is written just before, so that a store that is down is noticed while
        the old tokens still work.
        """
        mine = yield from self._sessions.renew(login)
        if mine is None:
            raise busy()
        token = self._tokens.open(mine)
        if token is None or mine.ending is not None:  # somebody has logged out meanwhile
            yield from self._endings.revoke_later(mine)
            raise has_ended(mine)
        payers = (Payer.of_rechecks(mine.user.id),)
        try:
            token = yield from flows.refresh(
                self._provider,
                token,
                cost=Cost(purpose=Purpose.RECHECK, payers=payers),
                within=_WITHIN,
            )
        except ProviderError as error:
            if error.error == "invalid_grant":
                raise TokenRejected("PeeringDB has ended this login: log in again") from None
            raise
        return (yield from self._keep_tokens(mine, token))

    def _keep_tokens(self, mine: StoredLogin, token: TokenResponse) -> Flow[StoredLogin]:
        """Store new tokens; if the store is down, go on behind the answer."""
        sealed = self._tokens.seal(token)
        try:
            return (yield from self._write_tokens(mine, token, sealed))
        except RecordsUnavailable:
            yield from later(f"store tokens {mine.key}", self._insist(mine, token, sealed))
            raise

    def _insist(self, mine: StoredLogin, token: TokenResponse, sealed: str) -> Flow[None]:
        """Write new tokens until the store takes them or the lease ends.

        After the lease they are written once more: the store may have taken them before
        without saying so, and then they must not be revoked.
        """
        until = self._provider.clock() + (mine.lease_until - mine.now)
        is_last = False
        while not is_last:
            yield from pause(_STEP)
            is_last = self._provider.clock() >= until
            with suppress(RecordsUnavailable):
                yield from self._write_tokens(mine, token, sealed)
                return
        log.error(
            "the store of the sessions did not take the new tokens of user %d: their session ends",
            mine.user.id,
        )
        yield from flows.give_back(self._provider, token)

    def _write_tokens(
        self, mine: StoredLogin, token: TokenResponse, sealed: str
    ) -> Flow[StoredLogin]:
        def keep(stored: StoredLogin) -> StoredLogin | None:
            if stored.tokens == sealed:  # an earlier try was written after all
                return stored
            if stored.lease != mine.lease:
                return None
            return replace(stored, tokens=sealed, expires_at=token.expires_at)

        kept = yield from self._sessions.change(mine, keep)
        if kept is None:  # the answer came after the lease, or the session is gone
            yield from flows.give_back(self._provider, token)
            raise busy()
        if kept.ending is not None:  # somebody has logged out meanwhile
            yield from self._endings.revoke(kept, purpose=Purpose.CLEAN_UP)
            raise has_ended(kept)
        return kept


def busy() -> RightsUnknown:
    """The error for somebody who would have to wait for another process."""
    return RightsUnknown("PeeringDB is being asked about you already: try again in a moment")


def has_ended(login: StoredLogin) -> TokenRejected:
    """The error for somebody whose session has just ended."""
    reasons = () if login.ending is None else login.ending.reasons
    return TokenRejected("; ".join(reasons) or "this session has ended: log in again")
