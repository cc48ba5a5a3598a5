"""The login of a browser: start, callback, logout, and who may see a page.

Knows no framework and no network. An integration turns its framework's request into a
`Visit`, has its client ``run`` a flow, and sends the `Answer`.
"""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule, missing_scope, scope_of
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.cost import Payer, payers_of
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    PeeringDBOAuthError,
    RateLimited,
    RecordsUnavailable,
    RightsUnknown,
    StateMismatch,
    TokenRejected,
    TransportError,
    collected,
)
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User, is_asn
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.web.answer_builder import AnswerBuilder, Paths
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import (
    CONNECT_ENDED,
    FOREIGN_ORIGIN,
    FORGED,
    PLANTED,
    Failure,
    failure_of,
    is_used,
    log_cause,
    reasons_of,
    session_ended,
)
from peeringdb_oauth.web.guard import find_asn
from peeringdb_oauth.web.pending import PendingLogin, PendingLogins
from peeringdb_oauth.web.return_path import MAX_LENGTH, split_path
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions import SESSION_KEY, Ending, SessionInfo, StoredLogin, Visitors
from peeringdb_oauth.web.visit import Answer, Cookie, Refused, Visit, shown_address

log = logging.getLogger("peeringdb_oauth")

# For so many seconds after a login, another one for the same page does not start by
# itself.
BRAKE = 60
# The same where a person may want another login: at another address of this site they
# are not logged in. A circle is faster than a person.
_SHORT_BRAKE = 10
_MAX_NOTED_ORIGINS = 20  # log lines about other addresses of this site
_CONNECT_ENDED = Reason("another account is logged in here now, or none", code=CONNECT_ENDED.code)
CSRF_FIELD = "peeringdb_csrf"  # of a form
CSRF_HEADER = "X-PeeringDB-CSRF"

# The application's own check of a user. It raises `AccessDenied` to refuse them.
Admit = Callable[[User], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What templates know as ``peeringdb``.

    The templates ``login_button.html`` and ``logout_button.html`` need it too.
    ``user``: who is logged in; None for nobody. ``login_url``: where a login starts.
    ``logout_url``: where the logout form is posted. ``csrf_field`` and ``csrf_token``:
    name and value of the hidden field in a form. ``labels``: what the buttons say.
    ``style_url``: the style sheet.
    """

    user: User | None
    login_url: str
    logout_url: str
    csrf_field: str
    csrf_token: str = field(repr=False)
    labels: Mapping[str, str] = field(repr=False)
    style_url: str


class LoginFlow:
    """The login of one application.

    ``rule``: who may log in. ``secrets``: cookies are sealed with the first, and opened
    with any of them. ``visitors``: the sessions; None for some of its own, without a
    store. ``paths``: the paths of the login's pages. ``keep``: the names of what stays
    in the session when somebody logs in; None if the framework decides. ``language``:
    of all texts; None for that of the visitor. ``longest_path``: characters of a page
    to return to; a longer one loses its query.

    Raises:
        ConfigurationError: the redirect URI does not lead to the callback, there is no
            such language, the scope lacks what the rule reads, or a secret is missing
            or too short; all problems are reported at once.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        rule: AccessRule,
        secrets: tuple[str, ...],
        visitors: Visitors | None = None,
        paths: Paths | None = None,
        keep: tuple[str, ...] | None = (),
        language: str | None = None,
        longest_path: int = MAX_LENGTH,
    ) -> None:
        self.rule = rule
        self._keep = None if keep is None else frozenset(keep)
        self._provider = provider
        config = provider.config
        # Logins on this machine come from a loopback address and not from a proxy.
        self._knows_proxy = is_loopback(urlsplit(config.redirect_uri).hostname or "")
        problems = missing_scope(scope_of(rule), config.scope, where="the rule")
        with collected(problems):
            self._builder = AnswerBuilder(
                redirect_uri=config.redirect_uri,
                base_url=config.base_url,
                paths=paths or Paths(),
                language=language,
                longest_path=longest_path,
            )
        with collected(problems):
            sealer = Sealer(*secrets)
        if problems:
            raise ConfigurationError(*problems)
        self._pending = PendingLogins(provider, sealer, longest_path=longest_path)
        self._noted_origins: set[str] = set()
        self.visitors = visitors or Visitors(provider, rule=rule, sealer=sealer)

    def start(self, visit: Visit) -> Answer:
        """Send the browser to PeeringDB.

        The parameter ``next`` of the visit is the page to return to. With
        ``prompt=login`` PeeringDB asks for the password even if the person is logged in
        there. With ``prompt=select_account`` the answer is a page of ours: how to log
        in with another account. A browser at another origin than the redirect URI's is
        sent there first, because its cookies belong to one host.

        Raises:
            ConfigurationError: the redirect URI leads to no page of the application.
        """
        if self._builder.is_elsewhere(visit):
            may_follow = visit.method == "GET" and visit.is_navigation
            if may_follow and "moved" not in visit.query:
                return self._builder.redirect_to_origin(visit)
            self._note_origin(visit.origin)
        return self._start(visit)

    def _note_origin(self, origin: str) -> None:
        """Log once that logins start at another origin than the redirect URI's."""
        if origin in self._noted_origins or len(self._noted_origins) >= _MAX_NOTED_ORIGINS:
            return
        self._noted_origins.add(origin)
        log.warning(
            "a login was asked for at %.200r, but the redirect URI leads to %s: a browser that is"
            " at the first cannot finish it. Let people use the address of the redirect URI, or"
            " set PEERINGDB_OAUTH_REDIRECT_URI to theirs and register it at PeeringDB; a proxy in"
            " between must pass on Host and X-Forwarded-Proto",
            origin,
            self._builder.origin,
        )

    def _start(self, visit: Visit) -> Answer:
        if visit.method != "GET":
            return self._builder.wrong_method(visit)
        return_path = self._builder.return_path(visit, visit.query.get("next"))
        if not visit.is_navigation:
            return self._builder.ask_to_log_in(visit, return_path)
        if visit.query.get("prompt") == "select_account":
            return self._builder.other_account(visit, return_path, self._living_name(visit))
        shorter = (split_path(return_path)[0], self._builder.home(visit))
        prompted = visit.query.get("prompt") == "login"
        if not prompted and self._goes_round(visit, {return_path, *shorter[:1]}):
            return self._builder.brake(visit, return_path, self._living_name(visit))
        return self._send_to_peeringdb(visit, return_path, prompted=prompted, shorter=shorter)

    def connect(self, visit: Visit, account: str) -> Answer:
        """Send the browser to PeeringDB, to connect a person to an account of ours.

        The visit is a form of this site. Its parameter ``next`` is the page to return
        to, by default the page about the connection. ``account``: the key of the
        application's own account that is logged in. PeeringDB asks for the password:
        somebody else may have logged this browser in there.
        """
        if not (visit.is_trusted and self._is_own_form(visit)):
            return self._forged(visit)
        if self._builder.is_elsewhere(visit):
            self._note_origin(visit.origin)
        page = self._builder.connection_url(visit)
        return self._send_to_peeringdb(
            visit,
            self.return_path(visit, default=page),
            prompted=True,
            shorter=(page,),
            connects=account,
        )

    def disconnect(
        self, visit: Visit, disconnect: Callable[[], Any], *, user: User | None
    ) -> Flow[Answer]:
        """Disconnect the application's own account that is logged in.

        The login with PeeringDB ends in this browser; the account stays logged in. The
        visit is as for `connect`. ``disconnect``: the application's function, which
        raises `AccessDenied` to refuse it. ``user``: who the account is connected to;
        None for nobody.
        """
        if not (visit.is_trusted and self._is_own_form(visit)):
            return self._forged(visit)
        before = dict(visit.session)
        try:
            yield from call(disconnect)
            cookies = yield from self.end(visit)
        except PeeringDBOAuthError as error:
            return self.fail(visit, error, has_account=True)
        _restore(visit, before)
        visit.tell(Event(kind="disconnected", user=user))
        location = self.return_path(visit, default=self._builder.connection_url(visit))
        return self._builder.redirect(location, cookies=cookies, status=303)

    def connect_ended(self, visit: Visit) -> Answer:
        """The page for somebody whose own account is not logged in any more."""
        return self.fail(visit, AccessDenied(_CONNECT_ENDED))

    def return_path(self, visit: Visit, *, default: str) -> str:
        """The page of this site that the parameter ``next`` names."""
        return self._builder.return_path(visit, visit.query.get("next") or default)

    def connection(self, visit: Visit, *, account: str, user: User | None) -> Answer:
        """The page about the connection of an account. The arguments are its."""
        return self._builder.connection(visit, account=account, user=user)

    def _send_to_peeringdb(
        self,
        visit: Visit,
        return_path: str,
        *,
        prompted: bool,
        shorter: tuple[str, ...],
        connects: str = "",
    ) -> Answer:
        self._builder.check_callback(visit)
        request = self._provider.authorization_request(
            scope=None, prompt="login" if prompted else None
        )
        login = PendingLogin(
            request=request, return_path=return_path, prompted=prompted, connects=connects
        )
        location, cookies = self._pending.start(login, self._cookies(visit), shorter=shorter)
        return self._builder.redirect(location, cookies=cookies, status=303 if connects else 302)

    def _goes_round(self, visit: Visit, return_paths: set[str]) -> bool:
        """Whether a login for this page has just ended well, without a logout since.

        The page may send its people here, although they are logged in, or their session
        got lost. Nothing would stop the circle: PeeringDB remembers the person.
        """
        now, brake = self._provider.clock(), self._brake(visit)
        return any(
            login.has_ended_well
            and elapsed(login.answered_at or 0, now) < brake
            and login.return_path in return_paths
            for login in self._pending.find_all(self._cookies(visit))
        )

    def _brake(self, visit: Visit) -> int:
        """How many seconds after a login the next one for its page may start."""
        if visit.query.get("next") and "moved" not in visit.query:
            return BRAKE
        # Most pages that send people here name themselves in ``next``. Without it this
        # may be the link of a page, or a test that logs in two people.
        return _SHORT_BRAKE if visit.query.get("next") or visit.may_be_redirected else 0

    def callback(
        self,
        visit: Visit,
        admit: Admit | None = None,
        *,
        account: str | None = None,
        connect: Admit | None = None,
    ) -> Flow[Answer]:
        """Finish a login when PeeringDB has sent the browser back.

        The answer leads to the page to return to, or says why the login failed.
        ``admit``: the application's own check of a user whom the rule lets in. It
        raises `AccessDenied` to refuse them. ``account``: the key of the application's
        account that is logged in; None for none. ``connect``: takes the place of
        ``admit`` for a login that `connect` started. It connects the account to the
        user. It is called only for the account that started it.
        """
        if visit.method != "GET":  # HEAD, for example, must not use up the code
            return self._builder.wrong_method(visit)
        try:
            pending = self._pending.find(visit.query.get("state"), visit.cookies)
        except PeeringDBOAuthError as error:
            return self.fail(visit, error)
        if pending is None:
            return self._unknown(visit)
        name = self._pending.name(pending.request.state)
        if not (visit.is_trusted and visit.has_genuine_cookie(name)):
            return self._planted(visit)
        before = dict(visit.session)
        if (yield from self._is_settled(visit, pending)):
            return self._builder.redirect(pending.return_path)
        admit = connect if pending.connects else admit
        answer = yield from self._finish(visit, pending, admit, account)
        if pending.connects and self._keep is not None:
            _restore(visit, before)
        return answer

    def log_out(self, visit: Visit) -> Flow[Answer]:
        """End the login here and revoke its tokens at PeeringDB.

        If the tokens could not be revoked, the logout's event has the reason.
        """
        if not visit.is_trusted:
            return self._planted(visit)
        if not self.is_own(visit):
            return self._forged(visit)
        try:
            cookies = yield from self.end(visit)
        except RecordsUnavailable as error:
            return self.fail(visit, error)
        location = self._builder.after_logout(visit)
        return self._builder.redirect(location, cookies=cookies, status=303)

    def end(self, visit: Visit) -> Flow[tuple[Cookie, ...]]:
        """As `log_out`, for a request that the framework has let pass.

        The result is the cookies to set.

        Raises:
            RecordsUnavailable: the store of the sessions does not answer. The login has
                not ended.
        """
        ended = yield from self.visitors.end(visit, "logout")
        if ended is not None:
            user, problems = ended
            visit.tell(Event(kind="logout", user=user, reasons=problems))
        visit.rotate()
        return self._pending.forget_answered(self._cookies(visit))

    def user(self, visit: Visit, *, max_age: float | None = None) -> Flow[User | None]:
        """Who is logged in; None for nobody.

        ``max_age``: PeeringDB is asked if its last answer is older, in seconds; None:
        it is asked when the policy says so.

        Raises:
            TokenRejected: PeeringDB has ended the login, so it has ended here too.
            AccessDenied: the application's rule no longer lets the user in, so the
                login has ended.
            TransportError: PeeringDB cannot be asked now.
            InvalidResponse: PeeringDB's answer is not what it must be.
        """
        login = yield from self.visitors.current(visit, max_age=max_age)
        living = self._living(visit, login)
        return None if living is None else living.user

    def session(self, visit: Visit) -> Flow[SessionInfo | None]:
        """The session of a visit; None if nobody is logged in.

        Raises:
            PeeringDBOAuthError: as `user`.
        """
        living = self._living(visit, (yield from self.visitors.current(visit)))
        return None if living is None else self.visitors.info(living)

    def status(self, visit: Visit) -> Flow[Answer]:
        """The page that says whether one is logged in.

        It stands in for the start page of an application that has none.
        """
        try:
            user = yield from self.user(visit)
        except PeeringDBOAuthError as error:
            return self.fail(visit, error)
        return self._builder.status(visit, None if user is None else _name_of(user))

    def require(
        self, visit: Visit, rule: AccessRule, *, asn: object = None, max_age: float | None = None
    ) -> Flow[User]:
        """Who is logged in, if ``rule`` lets them in.

        ``asn``: the network that the visit is about, as for `find_asn`. A function is
        called only if somebody is logged in. ``max_age``: as for `user`.

        Raises:
            Refused: with the answer to send. It leads to the login, asks for a second
                factor, or says why the user may not see the page.
        """
        if not (visit.is_safe or self.is_own(visit)):
            raise Refused(self._forged(visit))
        user = yield from self.require_login(visit, max_age=max_age, rule=rule)
        number = None
        try:
            number = yield from find_asn(asn)
            rule.require(user, asn=number)
        except AccessDenied as error:
            raise Refused(self.refuse(visit, error, user=user, asn=number, rule=rule)) from None
        except PeeringDBOAuthError as error:
            raise Refused(self.fail(visit, error)) from None
        return user

    def require_login(
        self, visit: Visit, *, max_age: float | None = None, rule: AccessRule | None = None
    ) -> Flow[User]:
        """Who is logged in, wherever the request comes from.

        What changes anything needs more than that: see `is_own`. ``max_age``: as for
        `user`. ``rule``: what the view asks of people, for the event of a refusal.

        Raises:
            Refused: with the answer to send. It leads to the login, or says why nobody
                is logged in.
        """
        try:
            login = yield from self.visitors.current(visit, max_age=max_age)
        except AccessDenied as error:
            raise Refused(self.fail(visit, error, rule=rule)) from None
        except PeeringDBOAuthError as error:
            raise Refused(self.fail(visit, error)) from None
        if login is None or login.ending is not None:
            ending = None if login is None else login.ending
            raise Refused(self.ask_to_log_in(visit, ending))
        return login.user

    def refuse(
        self, visit: Visit, error: AccessDenied, *, user: User, asn: Any, rule: AccessRule
    ) -> Answer:
        """The answer for a person whom ``rule`` refuses.

        If only a second factor is missing, it asks for that, once. ``asn``: the network
        that the visit is about.
        """
        if _lacks_second_factor(rule, user, asn) and self._may_step_up(visit):
            return self._step_up(visit, visit.address)
        return self.fail(visit, error, user=user, asn=asn, rule=rule)

    def check_origin(self, visit: Visit, allowed: tuple[str, ...] | None = None) -> None:
        """Do nothing if a page of this site, or a program, has opened a WebSocket.

        Browsers send the cookies of this site also if a page of another one opens it.
        They name the page's origin. ``allowed``: the origins that count; None for that
        of the visit and that of the redirect URI.

        Raises:
            Refused: with the answer to send.
        """
        if "Origin" in visit.headers and self._builder.is_foreign(visit, allowed):
            raise Refused(self.foreign_origin(visit))

    def foreign_origin(self, visit: Visit) -> Answer:
        """The answer to a request that a page of another site sends."""
        _tell_refusal(visit, FOREIGN_ORIGIN)
        return self._builder.failure(visit, FOREIGN_ORIGIN, logged_in=False)

    def is_own(self, visit: Visit) -> bool:
        """Whether a page of this site sent the form.

        Either the browser says so (Fetch Metadata), or the form has the token of the
        session.
        """
        if visit.headers.get("Sec-Fetch-Site") == "same-origin" or self.visitors.takes_all_forms:
            return True
        csrf_token = self.visitors.csrf_token(visit)
        if csrf_token is None:
            return False
        given = visit.headers.get(CSRF_HEADER) or visit.csrf_token()
        expected = csrf_token.encode()
        return compare_digest(expected, given.encode("utf-8", "surrogatepass"))

    def _is_own_form(self, visit: Visit) -> bool:
        """Whether a page of this site sent the form, also where nobody has a token.

        Somebody who is not logged in with PeeringDB has none. Browsers send the header
        Origin with every form.
        """
        return self.is_own(visit) or not self._builder.is_foreign(visit)

    def ask_to_log_in(self, visit: Visit, ending: Ending | None) -> Answer:
        """The answer for somebody who is not logged in: it leads to the login.

        ``ending``: why their session has just ended; None if they had none. A form that
        came in that session is told so, because nothing was saved.
        """
        if ending is None:
            return self._builder.ask_to_log_in(visit)
        if visit.is_safe:
            answer = self._builder.ask_to_log_in(visit)
        else:
            answer = self._builder.failure(visit, *session_ended(ending), logged_in=False)
        # A store that loses sessions would lead the browser round in circles.
        return answer if ending.reason == "lost" else self._let_log_in(visit, answer)

    def page_context(self, visit: Visit) -> PageContext:
        """What templates need, as far as is known without asking anybody.

        The user may lack networks that are too long for the session. `user` has all of
        them.
        """
        return self._page_context(visit, self.visitors.peek(visit))

    def load_page_context(self, visit: Visit) -> Flow[PageContext]:
        """As `page_context`, with what the store says of the session.

        If the store does not answer, what the browser's session says counts.
        """
        try:
            login = yield from self.visitors.load(visit)
        except RecordsUnavailable:
            return self.page_context(visit)
        return self._page_context(visit, self._living(visit, login))

    def _page_context(self, visit: Visit, stored_login: StoredLogin | None) -> PageContext:
        return PageContext(
            user=None if stored_login is None else stored_login.user,
            login_url=self._builder.login_url(visit, self._builder.here(visit)),
            logout_url=visit.root + self._builder.paths.logout,
            csrf_field=CSRF_FIELD,
            csrf_token="" if stored_login is None else stored_login.csrf_token,
            labels=self._builder.labels(visit),
            style_url=self._builder.style_url(visit),
        )

    def fail(
        self,
        visit: Visit,
        error: PeeringDBOAuthError,
        *,
        user: User | None = None,
        asn: object = None,
        rule: AccessRule | None = None,
        return_path: str | None = None,
        has_account: bool = False,
    ) -> Answer:
        """The page, or the JSON, for an error of this library.

        A refusal is an event with ``user``, ``asn`` and ``rule``. What only the
        operator can act on is logged. ``return_path``: where the next login leads; None
        for the page of this visit. ``has_account``: somebody is logged in, though
        perhaps not with PeeringDB. Then the page offers no login.
        """
        failure, reasons = failure_of(error), reasons_of(error)
        cause = log_cause(error, failure)
        if failure.status < 500:
            number = asn if is_asn(asn) else None
            _tell_refusal(visit, failure, reasons, user=user, asn=number, rule=rule)
        headers = {}
        if isinstance(error, RateLimited | RecordsUnavailable | RightsUnknown):
            headers["Retry-After"] = str(math.ceil(error.retry_after))
        stored_login = self.visitors.peek(visit)
        logged_in = stored_login is not None or has_account
        if stored_login is not None:
            user = stored_login.user
        elif has_account:
            user, failure = None, failure._replace(offers_login=False)
        answer = self._builder.failure(
            visit,
            failure,
            reasons,
            logged_in=logged_in,
            name=_name_of(user),
            return_path=return_path,
            headers=headers,
            cause=cause,
        )
        if logged_in or not isinstance(error, TokenRejected | AccessDenied):
            return answer
        return self._let_log_in(visit, answer)

    def let_log_in(self, visit: Visit, ending: Ending) -> None:
        """Let the person log in again at once, because their login has just ended.

        Not if the store has lost it: that would lead the browser round in circles.
        """
        if ending.reason != "lost":
            visit.set_cookies(self._pending.forget_answered(self._cookies(visit)))

    def _living(self, visit: Visit, login: StoredLogin | None) -> StoredLogin | None:
        """A login if it lives; see also `let_log_in`."""
        if login is None or login.ending is None:
            return login
        self.let_log_in(visit, login.ending)
        return None

    def _let_log_in(self, visit: Visit, answer: Answer) -> Answer:
        """As `let_log_in`, with an answer of ours."""
        return replace(answer, cookies=self._pending.forget_answered(self._cookies(visit)))

    def _unknown(self, visit: Visit) -> Answer:
        """The answer to a callback that no login of this browser waits for."""
        error = StateMismatch(self._builder.why_unknown(visit))
        if not self._builder.is_callback(visit):
            log.warning("%s", error)
        return self.fail(visit, error)

    def show(
        self, visit: Visit, failure: Failure, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A failure as a page, or as JSON.

        ``headers``: in addition to the usual ones.
        """
        login = self.visitors.peek(visit)
        name = "" if login is None else _name_of(login.user)
        return self._builder.failure(
            visit, failure, logged_in=login is not None, name=name, headers=headers
        )

    def page(
        self,
        visit: Visit,
        template: str,
        title: str,
        advice: str,
        *,
        return_path: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Answer:
        """A page of the application's own in the style of ours.

        The arguments are those of `AnswerBuilder.page`.
        """
        name = self._living_name(visit) or ""
        return self._builder.page(
            visit, template, title, advice, name=name, return_path=return_path, labels=labels
        )

    def _forged(self, visit: Visit) -> Answer:
        return self.show(visit, FORGED)

    def _planted(self, visit: Visit) -> Answer:
        """The answer if another host of the domain may have set one of our cookies."""
        _tell_refusal(visit, PLANTED)
        return self._builder.failure(visit, PLANTED, logged_in=False)

    def _is_settled(self, visit: Visit, pending: PendingLogin) -> Flow[bool]:
        """Whether somebody has been logged in since this login was started.

        Then its callback only leads to its page: it came a second time, or another tab
        was faster. But a second code of the same login logs in, and so does a login for
        which PeeringDB was to ask for the password.
        """
        login = yield from self.visitors.load(visit)
        if login is None or login.ending is not None:
            return False
        if pending.has_ended_with(visit.query.get("code")):
            return True
        if pending.prompted or pending.has_ended_well:
            return False
        return any(
            other.has_ended_well and (other.answered_at or 0) > pending.request.created_at
            for other in self._pending.find_all(self._cookies(visit))
        )

    def _finish(
        self, visit: Visit, pending: PendingLogin, admit: Admit | None, account: str | None
    ) -> Flow[Answer]:
        login, code, refusal, user = None, None, pending.refusal, None
        has_account = bool(pending.connects) and account is not None
        try:
            if pending.connects and (admit is None or pending.connects != account):
                raise AccessDenied(_CONNECT_ENDED)
            yield from self.visitors.ready()  # before the code is spent
            login = yield from flows.log_in(
                self._provider, pending.request, visit.query, payers=self._payers(visit)
            )
            if _lacks_second_factor(self.rule, login.user) and not (
                pending.prompted or self._was_prompted(visit, pending.return_path)
            ):
                answer = yield from self._ask_for_second_factor(visit, pending, login)
            else:
                yield from self._begin(visit, pending, login, admit)
                answer = self._builder.redirect(pending.return_path)
                code = visit.query["code"]
        except TransportError as error:
            # The same callback may come again, so the login is still on its way.
            return self.fail(visit, error, return_path=pending.return_path, has_account=has_account)
        except PeeringDBOAuthError as error:
            if is_used(error) and not pending.prompted and self.visitors.peek(visit) is not None:
                return self._builder.redirect(pending.return_path)
            user = login.user if login else None
            if is_used(error) and refusal:  # the page of the refusal was reloaded
                error, user = AccessDenied(*refusal), pending.refused
            if isinstance(error, AccessDenied):
                refusal = error.reasons
            answer = self.fail(
                visit, error, user=user, return_path=pending.return_path, has_account=has_account
            )
        cookie = self._pending.answer(pending, code, () if code else refusal, user)
        return replace(answer, cookies=(*answer.cookies, cookie))

    def _ask_for_second_factor(
        self, visit: Visit, pending: PendingLogin, login: Login
    ) -> Flow[Answer]:
        yield from self.visitors.end_previous(visit, login.user)
        yield from flows.give_back(self._provider, login.token)
        return self._step_up(visit, pending.return_path)

    def _begin(
        self, visit: Visit, pending: PendingLogin, login: Login, admit: Admit | None
    ) -> Flow[None]:
        is_same, previous = yield from self.visitors.end_previous(visit, login.user)
        yield from self._admit(login, admit)
        if not (is_same or pending.connects):
            self._drop_foreign(visit)
        # Somebody may know the id of the session before the login. They must not share
        # the session after it.
        visit.rotate()
        yield from self.visitors.begin(visit, login, prompted=pending.prompted)
        if pending.connects:
            visit.tell(Event(kind="connected", user=login.user))
        yield from self._tell_login(visit, login.user, previous)

    def _payers(self, visit: Visit) -> tuple[Payer, ...]:
        """Who pays for a login that fails: the visitor's address."""
        payers = payers_of(visit.remote_address)
        if not self._knows_proxy and any(payer.kind == "proxy" for payer in payers):
            self._knows_proxy = True
            log.warning(
                "a login came from %s, which is no public address: if a proxy stands before this"
                " application, let the framework take the visitor's address from it; otherwise"
                " one visitor can use up the logins of all",
                shown_address(visit.remote_address) or "an unknown address",
            )
        return payers

    def _tell_login(self, visit: Visit, user: User, previous: User | None) -> Flow[None]:
        try:
            visit.tell(Event(kind="login", user=user))
            visit.tell(Event.of_change(previous, user))
        except Exception:
            # A listener failed, so the browser gets an error page. Nobody must be
            # logged in behind it.
            yield from self.visitors.end(visit, "operator")
            raise

    def _admit(self, login: Login, admit: Admit | None) -> Flow[None]:
        try:
            self.rule.require(login.user)
            if admit is not None:
                yield from call(partial(admit, login.user))
        except PeeringDBOAuthError:
            yield from flows.give_back(self._provider, login.token)
            raise

    def _drop_foreign(self, visit: Visit) -> None:
        """Drop what was in the session before the login: it may be somebody else's."""
        if self._keep is not None:
            for name in set(visit.session) - self._keep:
                del visit.session[name]

    def _step_up(self, visit: Visit, return_path: str) -> Answer:
        return self._builder.redirect(self._builder.login_url(visit, return_path, prompted=True))

    def _may_step_up(self, visit: Visit) -> bool:
        """Whether to ask for a second factor: only once for each login and page.

        Somebody who was asked and gave none must see the reason. Otherwise they would
        be redirected in circles.
        """
        stored_login = self.visitors.peek(visit)
        return (
            visit.is_safe
            and visit.is_navigation
            and stored_login is not None
            and not stored_login.prompted
            and not self._was_prompted(visit, visit.address)
        )

    def _was_prompted(self, visit: Visit, return_path: str) -> bool:
        """Whether PeeringDB was to ask for the password, and sent nobody back.

        It may have shown its error page: it does if a colleague logs in at a browser in
        which somebody else is logged in there.
        """
        return any(
            login.prompted and login.answered_at is None and login.return_path == return_path
            for login in self._pending.find_all(self._cookies(visit))
        )

    def _living_name(self, visit: Visit) -> str | None:
        """Who is logged in; None for nobody."""
        login = self.visitors.peek(visit)
        return None if login is None else _name_of(login.user)

    def _cookies(self, visit: Visit) -> Mapping[str, str]:
        """The cookies of started logins, if no other host can have set them."""
        names = filter(visit.has_genuine_cookie, self._pending.names(visit.cookies))
        return {name: visit.cookies[name] for name in names}


def _restore(visit: Visit, before: Mapping[str, Any]) -> None:
    """Restore what was in a session, except a login with PeeringDB.

    The application's own account may be logged in there.
    """
    for name, value in before.items():
        if name != SESSION_KEY:
            visit.session.setdefault(name, value)


def _tell_refusal(
    visit: Visit, failure: Failure, reasons: tuple[Reason, ...] = (), **fields: Any
) -> None:
    """Tell the event of a refusal. Without reasons, its title is the reason."""
    reasons = reasons or (Reason(failure.title, code=failure.code),)
    visit.tell(Event(kind="refused", code=failure.code, reasons=reasons, **fields))


def _name_of(user: User | None) -> str:
    """What to call a person; empty for nobody."""
    return "" if user is None else user.name or f"user {user.id}"


def _lacks_second_factor(rule: AccessRule, user: User, asn: Any = None) -> bool:
    """Whether nothing but the second factor is missing."""
    return (
        rule.mfa
        and not rule.check(user, asn=asn)
        and bool(replace(rule, mfa=False).check(user, asn=asn))
    )
