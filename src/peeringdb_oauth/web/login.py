"""The login as a browser goes through it: start, callback, who is logged in, may they,
logout. Knows no framework, and asks nobody itself.

An integration turns its framework's request into a `Visit`, has its client ``run`` one
of these flows, and sends the `Answer`.
"""

import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hmac import compare_digest
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import (
    AccessDenied,
    PeeringDBOAuthError,
    RateLimited,
    StateMismatch,
    TokenRejected,
)
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User, is_asn
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.web.answer_builder import AnswerBuilder, Paths
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import FORGED, failure_of, reasons_of
from peeringdb_oauth.web.guard import find_asn
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.session import Sessions, StoredLogin
from peeringdb_oauth.web.stores import MemoryStore, Store
from peeringdb_oauth.web.visit import Answer, Refused, Visit

log = logging.getLogger("peeringdb_oauth")

CSRF_FIELD = "peeringdb_csrf"  # of a form
CSRF_HEADER = "X-PeeringDB-CSRF"

Admit = Callable[[User], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What templates need, under the name ``peeringdb``; also ``login_button.html`` and
    ``logout_button.html``.
    """

    user: User | None
    login_url: str
    logout_url: str
    csrf_field: str
    csrf_token: str = field(repr=False)


class LoginFlow:
    """One application's login.

    ``rule``: who may log in at all. ``secrets``: what cookies are sealed with, the
    first one for new ones. ``store``: for what is too long for a session; without one,
    this process remembers it.

    Raises: `ConfigurationError` when the redirect URI does not lead to the callback, or
    a secret is missing.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        rule: AccessRule,
        secrets: tuple[str, ...],
        store: Store | None = None,
        paths: Paths | None = None,
    ) -> None:
        self.rule = rule
        self._provider = provider
        self._builder = AnswerBuilder(
            redirect_uri=provider.config.redirect_uri, paths=paths or Paths()
        )
        sealer = Sealer(*secrets)
        asns = rule.asn if isinstance(rule.asn, tuple) else ()
        self._pending = PendingLogins(provider.config, sealer)
        self._sessions = Sessions(
            provider,
            sealer,
            MemoryStore() if store is None else store,
            asns=asns,
        )

    def start(self, visit: Visit) -> Answer:
        """Send the browser to PeeringDB. ``?next=`` is the page to come back to,
        ``?prompt=login`` asks for the password in any case.
        """
        prompted = visit.query.get("prompt") == "login"
        request = self._provider.authorization_request(
            scope=None,
            prompt="login" if prompted else None,
        )
        return_path = self._builder.return_path(visit, visit.query.get("next"))
        cookies = self._pending.start(
            PendingLogin(request=request, return_path=return_path, prompted=prompted),
            visit.cookies,
        )
        return self._builder.redirect(request.url, cookies=cookies)

    def callback(self, visit: Visit, admit: Admit | None = None) -> Flow[Answer]:
        """PeeringDB sends the browser back: to the page that it wanted, or to one that
        says why not.

        ``admit``: the application's own word about somebody whom the rule lets in; it
        raises `AccessDenied` to refuse them.
        """
        try:
            found = (
                None
                if visit.has_disguised_cookie
                else self._pending.find(visit.query.get("state"), visit.cookies)
            )
        except PeeringDBOAuthError as error:
            return self.fail(visit, error)
        if found is None:  # forged, or finished: and then there is nothing to end
            return self.fail(visit, StateMismatch(self._builder.why_unknown(visit)))
        name, pending = found
        answer = yield from self._finish(visit, pending, admit)
        return replace(answer, cookies=(self._pending.end(name),))

    def log_out(self, visit: Visit) -> Flow[Answer]:
        """End the login here and at PeeringDB. If PeeringDB could not be told, the
        event says so.
        """
        if not self.is_own(visit):
            return self._builder.failure(visit, FORGED, logged_in=self._is_logged_in(visit))
        stored_login = self._stored_login(visit)
        if stored_login is not None:
            told = yield from self._end(visit, stored_login)
            _tell(
                visit,
                Event(
                    kind="logout",
                    user=stored_login.user,
                    reasons=() if told is None else (f"PeeringDB could not be told: {told}",),
                ),
            )
        visit.rotate()
        return self._builder.redirect(self._builder.home(visit), status=303)

    def user(self, visit: Visit, *, max_age: float | None = None) -> Flow[User | None]:
        """Who is logged in, None for nobody. ``max_age``: for how many seconds
        PeeringDB's word counts; None: for as long as the login.

        Raises: `TokenRejected` when PeeringDB has ended the login, `AccessDenied` when
        they are not let in any more: both end it here.
        """
        stored_login = self._stored_login(visit)
        if stored_login is None:
            return None
        now = self._provider.clock()
        if now >= stored_login.expires_at:
            yield from self._end(visit, stored_login)
            return None
        if max_age is not None and elapsed(stored_login.checked_at, now) >= max_age:
            return (yield from self._recheck(visit, stored_login))
        # the rule was made stricter since
        if reasons := self.rule.check(stored_login.user).reasons:
            yield from self._end(visit, stored_login)
            raise AccessDenied(*reasons)
        user = yield from self._sessions.remembered_user(stored_login)
        return user if user is not None else (yield from self._recheck(visit, stored_login))

    def require(
        self,
        visit: Visit,
        rule: AccessRule,
        *,
        asn: object = None,
        max_age: float | None = None,
    ) -> Flow[User]:
        """Who is logged in, if ``rule`` lets them do this.

        ``asn`` as for `AccessRule.check`; text is read as `parse_asn` does. Or a
        function that finds it, which may be a coroutine function: it is called for
        nobody who is not logged in, and None from it is no AS number.

        Raises: `Refused` with the answer to send: the way to log in, once more with a
        second factor, or a page that says why not.
        """
        if not (visit.is_safe or self.is_own(visit)):
            raise Refused(self._builder.failure(visit, FORGED, logged_in=self._is_logged_in(visit)))
        user, number = None, None
        try:
            user = yield from self.user(visit, max_age=max_age)
            if user is None:
                raise Refused(self._builder.ask_to_log_in(visit))
            number = yield from find_asn(asn)
            rule.require(user, asn=number)
        except AccessDenied as error:
            if (
                user is not None
                and _lacks_second_factor(rule, user, number)
                and self._may_step_up(visit)
            ):
                raise Refused(self._step_up(visit, visit.address)) from None
            raise Refused(self.fail(visit, error, user=user, asn=number)) from None
        except PeeringDBOAuthError as error:
            raise Refused(self.fail(visit, error)) from None
        return user

    def is_own(self, visit: Visit) -> bool:
        """Whether a form was sent by a page of this very site: the browser says so
        (Fetch Metadata), or it has the session's token.
        """
        if visit.headers.get("Sec-Fetch-Site") == "same-origin":
            return True
        stored_login = self._stored_login(visit)
        if stored_login is None:
            return False
        given = visit.headers.get(CSRF_HEADER) or visit.csrf_token()
        return compare_digest(
            stored_login.csrf_token.encode(), given.encode("utf-8", "surrogatepass")
        )

    def page_context(self, visit: Visit) -> PageContext:
        """For templates. The user may lack networks that the session has no room for:
        `user` has them all.
        """
        stored_login = self._stored_login(visit)
        if stored_login is not None and self._provider.clock() >= stored_login.expires_at:
            stored_login = None
        return PageContext(
            user=None if stored_login is None else stored_login.user,
            login_url=self._builder.login_url(visit, self._builder.here(visit)),
            logout_url=visit.root + self._builder.paths.logout,
            csrf_field=CSRF_FIELD,
            csrf_token="" if stored_login is None else stored_login.csrf_token,
        )

    def fail(
        self,
        visit: Visit,
        error: PeeringDBOAuthError,
        *,
        user: User | None = None,
        asn: object = None,
        return_path: str | None = None,
    ) -> Answer:
        """The page, or the JSON, for an error of this library. A refusal is an event,
        what the operator must see goes to the log.
        """
        failure, reasons = failure_of(error), reasons_of(error)
        if failure.status < 500:
            _tell(
                visit,
                Event(kind="refused", user=user, reasons=reasons, asn=asn if is_asn(asn) else None),
            )
        else:
            log.warning("%s: %s", type(error).__name__, error)
        headers = (
            {"Retry-After": str(math.ceil(error.retry_after))}
            if isinstance(error, RateLimited)
            else {}
        )
        logged_in = self._is_logged_in(visit)
        return self._builder.failure(
            visit,
            failure,
            reasons,
            logged_in=logged_in,
            return_path=return_path,
            headers=headers,
        )

    def _finish(self, visit: Visit, pending: PendingLogin, admit: Admit | None) -> Flow[Answer]:
        login = None
        try:
            login = yield from flows.log_in(self._provider, pending.request, visit.query)
            previous = yield from self._leave(visit, login.user)
            if _lacks_second_factor(self.rule, login.user) and not pending.prompted:
                yield from self._give_back(login)
                return self._step_up(visit, pending.return_path)
            yield from self._admit(login, admit)
            # nobody who knew the session before the login shares the one after it
            visit.rotate()
            yield from self._sessions.begin(visit.session, login, prompted=pending.prompted)
            yield from self._tell_login(visit, login.user, previous)
        except PeeringDBOAuthError as error:
            return self.fail(
                visit,
                error,
                user=login.user if login else None,
                return_path=pending.return_path,
            )
        return self._builder.redirect(pending.return_path)

    def _tell_login(self, visit: Visit, user: User, previous: User | None) -> Flow[None]:
        try:
            _tell(visit, Event(kind="login", user=user))
            _tell_change(visit, previous, user)
        except (
            Exception
        ):  # of whoever listens: behind a page that says "no", nobody stays logged in
            stored_login = self._stored_login(visit)
            if stored_login is not None:
                yield from self._end(visit, stored_login)
            raise

    def _admit(self, login: Login, admit: Admit | None) -> Flow[None]:
        try:
            self.rule.require(login.user)
            if admit is not None:
                yield from call(partial(admit, login.user))
        except PeeringDBOAuthError:
            yield from self._give_back(login)
            raise

    def _recheck(self, visit: Visit, stored_login: StoredLogin) -> Flow[User]:
        previous = yield from self._sessions.remembered_user(stored_login)
        try:
            user = yield from self._sessions.fetch_user(stored_login)
            self.rule.require(user)
        except (TokenRejected, AccessDenied):
            yield from self._end(visit, stored_login)
            raise
        yield from self._sessions.update(visit.session, stored_login, user)
        _tell_change(visit, previous, user)
        return user

    def _leave(self, visit: Visit, successor: User) -> Flow[User | None]:
        """End the login there was before. Returns its user, if they are the one who
        comes now; of anybody else nothing stays.
        """
        stored_login = self._stored_login(visit)
        if stored_login is None:
            return None
        previous = yield from self._sessions.remembered_user(stored_login)
        is_same = stored_login.user.id == successor.id
        yield from self._end(visit, stored_login, stays=is_same)
        return previous if is_same else None

    def _end(
        self,
        visit: Visit,
        stored_login: StoredLogin,
        *,
        stays: bool = False,
    ) -> Flow[PeeringDBOAuthError | None]:
        """End a login, and with it all of the session, unless its person ``stays``.
        Returns why PeeringDB could not be told, if so.
        """
        problem = None
        try:
            yield from self._sessions.end(visit.session, stored_login)
        except PeeringDBOAuthError as error:
            problem = error  # then its tokens go on living, but nobody has them
        if not stays:
            visit.session.clear()
        return problem

    def _give_back(self, login: Login) -> Flow[None]:
        with suppress(PeeringDBOAuthError):
            yield from flows.revoke(self._provider, login.token)

    def _step_up(self, visit: Visit, return_path: str) -> Answer:
        return self._builder.redirect(self._builder.login_url(visit, return_path, prompted=True))

    def _may_step_up(self, visit: Visit) -> bool:
        """Once in a login: who was asked for a second factor and gave none must be
        told, not sent around in circles.
        """
        stored_login = self._stored_login(visit)
        return (
            visit.is_safe
            and visit.wants_page
            and stored_login is not None
            and not stored_login.prompted
        )

    def _stored_login(self, visit: Visit) -> StoredLogin | None:
        """The login of this browser. A session's cookie that somebody else may have
        planted is none.
        """
        return None if visit.has_disguised_cookie else self._sessions.read(visit.session)

    def _is_logged_in(self, visit: Visit) -> bool:
        return self._stored_login(visit) is not None


def _lacks_second_factor(rule: AccessRule, user: User, asn: Any = None) -> bool:
    """Whether the second factor is all that is missing."""
    return (
        rule.mfa
        and not rule.check(user, asn=asn)
        and bool(replace(rule, mfa=False).check(user, asn=asn))
    )


def _tell(visit: Visit, event: Event) -> None:
    event.record()
    visit.emit(event)


def _tell_change(visit: Visit, previous: User | None, user: User) -> None:
    if previous is not None and _rights(previous) != _rights(user):
        _tell(visit, Event(kind="rights_changed", user=user, previous=previous))


def _rights(user: User) -> tuple[object, ...]:
    networks = {
        network.asn: (network.perms, network.manage_peering_sessions) for network in user.networks
    }
    return user.verified_user, user.verified_email, networks
