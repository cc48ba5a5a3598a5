"""The login as a browser goes through it: start, callback, who is logged in, may they,
logout. Knows no framework, and asks nobody itself.

An integration turns its framework's request into a `Visit`, has its client ``run`` one
of these flows, and sends the `Answer`.
"""

import logging
import math
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hmac import compare_digest
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
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
from peeringdb_oauth.steps import ApplicationCall, Flow
from peeringdb_oauth.web.answers import Answers, Paths
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import FORGED, failure_of, reasons_of
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.session import Kept, Sessions
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
        self._answers = Answers(redirect_uri=provider.config.redirect_uri, paths=paths or Paths())
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
        again = visit.query.get("prompt") == "login"
        request = self._provider.authorization_request(
            scope=None,
            prompt="login" if again else None,
        )
        return_path = self._answers.return_path(visit, visit.query.get("next"))
        cookies = self._pending.start(
            PendingLogin(request=request, return_path=return_path, again=again),
            visit.cookies,
        )
        return self._answers.redirect(request.url, cookies=cookies)

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
            return self.fail(visit, StateMismatch(self._answers.why_unknown(visit)))
        name, pending = found
        answer = yield from self._finish(visit, pending, admit)
        return replace(answer, cookies=(self._pending.end(name),))

    def log_out(self, visit: Visit) -> Flow[Answer]:
        """End the login here and at PeeringDB. If PeeringDB could not be told, the
        event says so.
        """
        if not self.is_own(visit):
            return self._answers.failure(visit, FORGED, logged_in=self._is_logged_in(visit))
        kept = self._kept(visit)
        if kept is not None:
            told = yield from self._end(visit, kept)
            _tell(
                visit,
                Event(
                    kind="logout",
                    user=kept.user,
                    reasons=() if told is None else (f"PeeringDB could not be told: {told}",),
                ),
            )
        visit.rotate()
        return self._answers.redirect(self._answers.home(visit), status=303)

    def user(self, visit: Visit, *, max_age: float | None = None) -> Flow[User | None]:
        """Who is logged in, None for nobody. ``max_age``: for how many seconds
        PeeringDB's word counts; None: for as long as the login.

        Raises: `TokenRejected` when PeeringDB has ended the login, `AccessDenied` when
        they are not let in any more: both end it here.
        """
        kept = self._kept(visit)
        if kept is None:
            return None
        now = self._provider.clock()
        if now >= kept.expires_at:
            yield from self._end(visit, kept)
            return None
        if (
            max_age is not None and abs(now - kept.checked_at) >= max_age
        ):  # abs(): a clock that was set back
            return (yield from self._check_again(visit, kept))
        # the rule was made stricter since
        if reasons := self.rule.check(kept.user).reasons:
            yield from self._end(visit, kept)
            raise AccessDenied(*reasons)
        user = yield from self._sessions.remembered_user(kept)
        return user if user is not None else (yield from self._check_again(visit, kept))

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
            raise Refused(self._answers.failure(visit, FORGED, logged_in=self._is_logged_in(visit)))
        user, number = None, None
        try:
            user = yield from self.user(visit, max_age=max_age)
            if user is None:
                raise Refused(self._answers.ask_to_log_in(visit))
            number = parse_asn(
                (yield ApplicationCall(function=asn)) or "" if callable(asn) else asn
            )
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
        kept = self._kept(visit)
        if kept is None:
            return False
        given = visit.headers.get(CSRF_HEADER) or visit.csrf_token()
        return compare_digest(kept.csrf_token.encode(), given.encode("utf-8", "surrogatepass"))

    def page_context(self, visit: Visit) -> PageContext:
        """For templates. The user may lack networks that the session has no room for:
        `user` has them all.
        """
        kept = self._kept(visit)
        if kept is not None and self._provider.clock() >= kept.expires_at:
            kept = None
        return PageContext(
            user=None if kept is None else kept.user,
            login_url=self._answers.login_url(visit, self._answers.here(visit)),
            logout_url=visit.root + self._answers.paths.logout,
            csrf_field=CSRF_FIELD,
            csrf_token="" if kept is None else kept.csrf_token,
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
        return self._answers.failure(
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
            if _lacks_second_factor(self.rule, login.user) and not pending.again:
                yield from self._give_back(login)
                return self._step_up(visit, pending.return_path)
            yield from self._admit(login, admit)
            # nobody who knew the session before the login shares the one after it
            visit.rotate()
            yield from self._sessions.begin(visit.session, login, again=pending.again)
            yield from self._tell_login(visit, login.user, previous)
        except PeeringDBOAuthError as error:
            return self.fail(
                visit,
                error,
                user=login.user if login else None,
                return_path=pending.return_path,
            )
        return self._answers.redirect(pending.return_path)

    def _tell_login(self, visit: Visit, user: User, previous: User | None) -> Flow[None]:
        try:
            _tell(visit, Event(kind="login", user=user))
            _tell_change(visit, previous, user)
        except (
            Exception
        ):  # of whoever listens: behind a page that says "no", nobody stays logged in
            kept = self._kept(visit)
            if kept is not None:
                yield from self._end(visit, kept)
            raise

    def _admit(self, login: Login, admit: Admit | None) -> Flow[None]:
        try:
            self.rule.require(login.user)
            if admit is not None:
                yield ApplicationCall(function=partial(admit, login.user))
        except PeeringDBOAuthError:
            yield from self._give_back(login)
            raise

    def _check_again(self, visit: Visit, kept: Kept) -> Flow[User]:
        previous = yield from self._sessions.remembered_user(kept)
        try:
            user = yield from self._sessions.fetch_user(kept)
            self.rule.require(user)
        except (TokenRejected, AccessDenied):
            yield from self._end(visit, kept)
            raise
        yield from self._sessions.update(visit.session, kept, user)
        _tell_change(visit, previous, user)
        return user

    def _leave(self, visit: Visit, successor: User) -> Flow[User | None]:
        """End the login there was before. Returns its user, if they are the one who
        comes now; of anybody else nothing stays.
        """
        kept = self._kept(visit)
        if kept is None:
            return None
        previous = yield from self._sessions.remembered_user(kept)
        is_same = kept.user.id == successor.id
        yield from self._end(visit, kept, stays=is_same)
        return previous if is_same else None

    def _end(
        self,
        visit: Visit,
        kept: Kept,
        *,
        stays: bool = False,
    ) -> Flow[PeeringDBOAuthError | None]:
        """End a login, and with it all of the session, unless its person ``stays``.
        Returns why PeeringDB could not be told, if so.
        """
        problem = None
        try:
            yield from self._sessions.end(visit.session, kept)
        except PeeringDBOAuthError as error:
            problem = error  # then its tokens go on living, but nobody has them
        if not stays:
            visit.session.clear()
        return problem

    def _give_back(self, login: Login) -> Flow[None]:
        with suppress(PeeringDBOAuthError):
            yield from flows.revoke(self._provider, login.token)

    def _step_up(self, visit: Visit, return_path: str) -> Answer:
        return self._answers.redirect(self._answers.login_url(visit, return_path, again=True))

    def _may_step_up(self, visit: Visit) -> bool:
        """Once in a login: who was asked for a second factor and gave none must be
        told, not sent around in circles.
        """
        kept = self._kept(visit)
        return visit.is_safe and visit.wants_page and kept is not None and not kept.again

    def _kept(self, visit: Visit) -> Kept | None:
        """The login of this browser. A session's cookie that somebody else may have
        planted is none.
        """
        return None if visit.has_disguised_cookie else self._sessions.read(visit.session)

    def _is_logged_in(self, visit: Visit) -> bool:
        return self._kept(visit) is not None


def parse_asn(asn: object) -> Any:
    """An AS number from a view's argument: text of digits as an int. Anything else
    stays as it is, and no rule takes it for one.
    """
    if isinstance(asn, str) and re.fullmatch("[1-9][0-9]{0,9}", asn):
        return int(asn)
    return asn


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
