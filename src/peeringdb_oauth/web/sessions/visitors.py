"""`Visitors`: who is logged in, from the first request of a session to its last."""

import secrets
from functools import partial

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import AccessDenied, PeeringDBOAuthError, TokenRejected
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.steps import Flow, later
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions.endings import Endings, Told
from peeringdb_oauth.web.sessions.in_cookie import SESSION_KEY, CookieSessions
from peeringdb_oauth.web.sessions.in_store import StoreSessions
from peeringdb_oauth.web.sessions.listing import SessionFlows, SessionInfo
from peeringdb_oauth.web.sessions.policy import SessionPolicy
from peeringdb_oauth.web.sessions.recent_logins import RecentLogin
from peeringdb_oauth.web.sessions.rechecks import Rechecks
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens
from peeringdb_oauth.web.sessions.session_store import SessionStore
from peeringdb_oauth.web.sessions.stored_login import EndReason, StoredLogin, is_leased
from peeringdb_oauth.web.visit import Visit, shown_address

_PURGE_EVERY = 60.0  # seconds


class Visitors:
    """The sessions of one application, as its visits see them.

    ``store``: None: the sessions lie in the framework's session.
    ``is_on_server``: as for `CookieSessions`.
    ``policy``: None for `SessionPolicy()`. ``tell``: called with each `Event` that no
    request has caused. ``site``: the part of the application that the sessions are for,
    where it has several; a session of one is none of another.

    Raises:
        ConfigurationError: a secret is missing or too short.
    """

    takes_all_forms = False  # in tests: each form is one of this site's pages

    def __init__(
        self,
        provider: Provider,
        *,
        rule: AccessRule,
        sealer: Sealer,
        store: SessionStore | None = None,
        is_on_server: bool = False,
        policy: SessionPolicy | None = None,
        tell: Told = lambda _: None,
        site: str | None = None,
    ) -> None:
        policy = policy or SessionPolicy()
        self._provider = provider
        self._application = [provider.config.base_url, provider.config.client_id]
        self._application += [] if site is None else [site]
        self._rule = rule
        self._sessions: CookieSessions | StoreSessions
        if store is None:
            asns = rule.asn if isinstance(rule.asn, tuple) else ()
            self._sessions = CookieSessions(provider, policy, asns=asns, is_on_server=is_on_server)
        else:
            self._sessions = StoreSessions(
                self._application, policy, store.vault, monotonic=provider.monotonic
            )
        self._tokens = SealedTokens(provider, sealer)
        self._endings = Endings(provider, self._tokens, self._sessions, tell=tell)
        if isinstance(self._sessions, StoreSessions):
            provider.revoke_later = partial(self._endings.revoke_at_purge, self._sessions)
        self._rechecks = Rechecks(
            provider, self._tokens, self._sessions, self._endings, rule=rule, policy=policy
        )
        self._purged_at = provider.monotonic()

    @property
    def sessions(self) -> SessionFlows:
        """The sessions in the store.

        Raises:
            ConfigurationError: there is no store.
        """
        return SessionFlows(self._sessions, self._endings)

    def info(self, login: StoredLogin) -> SessionInfo:
        """What an application may know of a login."""
        return SessionInfo.of(login, self._sessions)

    def peek(self, visit: Visit) -> StoredLogin | None:
        """The living login of a visit, as far as is known without asking anybody.

        None if somebody else may have set the cookie of the session.
        """
        return self._sessions.peek(visit) if visit.is_trusted else None

    def csrf_token(self, visit: Visit) -> str | None:
        """The token in the forms of a visit's login, which may have ended."""
        return self._sessions.csrf_token(visit) if visit.is_trusted else None

    def current(self, visit: Visit, *, max_age: float | None = None) -> Flow[StoredLogin | None]:
        """The login of a visit, with rights that are as young as they must be.

        None if there is none. One that has just been found to have ended says why; it
        is told, and taken out of the visit's session. ``max_age``: as for
        `Rechecks.current`.

        Raises:
            PeeringDBOAuthError: as `Rechecks.current`.
        """
        yield from self._purge_at_times()
        login = yield from self.load(visit)
        if login is None or login.ending is not None:
            return login
        try:
            fresh = yield from self._rechecks.current(visit, login, max_age=max_age)
            yield from self._check_rule(fresh)
            fresh = yield from self._rechecks.whole(fresh)
        except (TokenRejected, AccessDenied):
            visit.session.clear()
            raise
        if fresh is not login:
            self._sessions.show(visit, fresh)
        return fresh

    def at_once(self, visit: Visit) -> Flow[StoredLogin | None]:
        """As `current`, but PeeringDB is asked behind the answer, if it has to be.

        None also if the rights are too old to count before that.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        yield from self._purge_at_times()
        login = yield from self.load(visit)
        if login is None or login.ending is not None or not self._rule.check(login.user):
            return None
        return (yield from self._rechecks.at_once(login))

    def read_anew(self, visit: Visit) -> None:
        """Forget what is remembered of the login of a visit, not of its session."""
        self._sessions.read_anew(visit)

    def remembered(self, login: StoredLogin) -> RecentLogin | None:
        """What is known of a login without asking the store; None: nothing."""
        return self._sessions.remembered(login)

    def load(self, visit: Visit) -> Flow[StoredLogin | None]:
        """The login of a visit as it is stored.

        None if there is none. One that has ended is taken out of the visit's session.
        """
        if not visit.is_trusted:
            return None
        login = yield from self._sessions.load(visit)
        if login is None:
            return None
        reason = None if login.ending else self._sessions.over(login)
        if reason is not None:
            yield from self._endings.end(login, reason, tell=visit.emit)
            login = yield from self._sessions.load(visit)
        if login is not None and login.ending is not None:
            # Where the browser's session stays, it would be told for each request.
            if login.ending.reason == "lost" and visit.may_set_cookies:
                visit.tell(Event(kind="session_ended", reason="lost"))
            visit.session.clear()
        return login

    def begin(self, visit: Visit, login: Login, *, prompted: bool) -> Flow[None]:
        """Store a new login in a new session.

        Raises:
            RecordsUnavailable: the store does not answer. The tokens are given back.
        """
        now = self._provider.clock()
        stored_login = StoredLogin(
            application=self._application,
            user=login.user,
            logged_in_at=now,
            seen_at=now,
            checked_at=now,
            expires_at=login.token.expires_at,
            prompted=prompted,
            csrf_token=secrets.token_urlsafe(32),
            tokens=self._tokens.seal(login.token),
            address=shown_address(visit.remote_address),
        )
        try:
            yield from self._sessions.begin(visit, stored_login)
        except RecordsUnavailable:
            yield from flows.give_back(self._provider, login.token)
            raise

    def ready(self) -> Flow[None]:
        """Do nothing if a login can be stored.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        yield from self._sessions.ready()

    def end_previous(self, visit: Visit, user: User) -> Flow[tuple[bool, User | None]]:
        """End the login that this browser had before ``user`` came.

        The result is whether it was theirs, and the user as they were. If it was
        another person's, or cannot be read any more, the session is cleared.
        """
        had_one = SESSION_KEY in visit.session
        previous = yield from self.load(visit)
        if previous is None or previous.ending is not None:
            if had_one:
                visit.session.clear()
            return False, None
        yield from self._endings.end(previous, "replaced", tell=visit.emit)
        self._sessions.forget(visit)
        if previous.user.id != user.id:
            visit.session.clear()
            return False, None
        return True, None if previous.is_short else previous.user

    def end(self, visit: Visit, reason: EndReason) -> Flow[tuple[User, tuple[Reason, ...]] | None]:
        """End the login of a visit, and revoke its tokens before the answer.

        The result is who was logged in, and why their tokens could not be revoked, if
        so; None if nobody was.
        """
        login = yield from self.load(visit)
        if login is None or login.ending is not None:
            return None
        problems: tuple[Reason, ...] = ()
        try:
            ended = yield from self._endings.note(login, reason, tell=visit.emit)
            if ended is not None and not is_leased(ended):
                yield from self._endings.revoke(ended)
        except RecordsUnavailable:
            raise
        except PeeringDBOAuthError as error:
            # The tokens stay valid. With a store they are revoked later, else nobody
            # has them any more.
            problems = (Reason(f"PeeringDB could not be told: {error}", code="not_revoked"),)
        visit.session.clear()
        return login.user, problems

    def drop(self, visit: Visit, reason: EndReason) -> Flow[None]:
        """As `end`, and revoke the tokens behind the answer."""
        login = yield from self.load(visit)
        if login is not None and login.ending is None:
            yield from self._endings.end(login, reason, tell=visit.emit)

    def _check_rule(self, login: StoredLogin) -> Flow[None]:
        """Do nothing if the rule lets the user in: it may be stricter than at login."""
        reasons = self._rule.check(login.user).reasons
        if reasons:
            yield from self._endings.end(login, "rule", reasons=reasons)
            raise AccessDenied(*reasons)

    def _purge_at_times(self) -> Flow[None]:
        now = self._provider.monotonic()
        if now - self._purged_at >= _PURGE_EVERY:
            self._purged_at = now
            yield from later("purge", self._endings.purge())
