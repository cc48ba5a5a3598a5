"""The login of a browser: start, callback, logout, and who may see a page.

Knows no framework and no network. An integration turns its framework's request into a
`Visit`, has its client ``run`` a flow, and sends the `Answer`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from peeringdb_oauth.access import AccessRule, missing_scope, scope_of
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    PeeringDBOAuthError,
    RecordsUnavailable,
    collected,
)
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.web.answer_builder import AnswerBuilder, Paths
from peeringdb_oauth.web.csrf import CSRF_FIELD, is_own, is_own_without_login
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.guard import find_asn
from peeringdb_oauth.web.login_callback import ACCOUNT_ENDED, LoginCallback, restore_session
from peeringdb_oauth.web.login_context import Admit, LoginContext, display_name
from peeringdb_oauth.web.login_start import LoginStart
from peeringdb_oauth.web.page_context import PageContext
from peeringdb_oauth.web.pending import PendingLogins
from peeringdb_oauth.web.refusals import Refusals
from peeringdb_oauth.web.return_path import MAX_LENGTH
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.second_factor import SecondFactor, lacks_second_factor
from peeringdb_oauth.web.sessions import SessionInfo, StoredLogin, Visitors
from peeringdb_oauth.web.visit import Answer, Cookie, Refused, Visit


class LoginFlow:
    """The login of one application.

    Its attribute ``refusals`` has the answers to those who are not let in.

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
        config = provider.config
        problems = missing_scope(scope_of(rule), config.scope, where="the rule")
        with collected(problems):
            builder = AnswerBuilder(
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
        self._builder = builder
        self._context = LoginContext(
            provider=provider,
            rule=rule,
            builder=builder,
            pending=PendingLogins(provider, sealer, longest_path=longest_path),
            visitors=visitors or Visitors(provider, rule=rule, sealer=sealer),
        )
        self.refusals = Refusals(self._context)
        self._second_factor = SecondFactor(self._context)
        self._login_start = LoginStart(self._context, self.refusals)
        self._login_callback = LoginCallback(
            self._context, self.refusals, self._second_factor, keep=keep
        )

    @property
    def visitors(self) -> Visitors:
        """The sessions. Tests put others in their place."""
        return self._context.visitors

    @visitors.setter
    def visitors(self, visitors: Visitors) -> None:
        self._context.visitors = visitors

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
        return self._login_start.start(visit)

    def connect(self, visit: Visit, account: str) -> Answer:
        """Send the browser to PeeringDB, to connect a person to an account of ours.

        The visit is a form of this site. Its parameter ``next`` is the page to return
        to, by default the page about the connection. ``account``: the key of the
        application's own account that is logged in. PeeringDB asks for the password:
        somebody else may have logged this browser in there.
        """
        return self._login_start.connect(visit, account)

    def disconnect(
        self, visit: Visit, disconnect: Callable[[], Any], *, user: User | None
    ) -> Flow[Answer]:
        """Disconnect the application's own account that is logged in.

        The login with PeeringDB ends in this browser; the account stays logged in. The
        visit is as for `connect`. ``disconnect``: the application's function, which
        raises `AccessDenied` to refuse it. ``user``: who the account is connected to;
        None for nobody.
        """
        if not is_own_without_login(visit, self.visitors, self._builder):
            return self.refusals.forged(visit)
        before = dict(visit.session)
        try:
            yield from call(disconnect)
            cookies = yield from self.end(visit)
        except PeeringDBOAuthError as error:
            return self.refusals.fail(visit, error, has_account=True)
        restore_session(visit, before)
        visit.tell(Event(kind="disconnected", user=user))
        location = self.return_path(visit, default=self._builder.connection_url(visit))
        return self._builder.redirect(location, cookies=cookies, status=303)

    def connect_ended(self, visit: Visit) -> Answer:
        """The page for somebody whose own account is not logged in any more."""
        return self.refusals.fail(visit, AccessDenied(ACCOUNT_ENDED))

    def return_path(self, visit: Visit, *, default: str) -> str:
        """The page of this site that the parameter ``next`` names."""
        return self._builder.return_path(visit, visit.query.get("next") or default)

    def connection(self, visit: Visit, *, account: str, user: User | None) -> Answer:
        """The page about the connection of an account. The arguments are its."""
        return self._builder.connection(visit, account=account, user=user)

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
        return self._login_callback.callback(visit, admit, account=account, connect=connect)

    def log_out(self, visit: Visit) -> Flow[Answer]:
        """End the login here and revoke its tokens at PeeringDB.

        If the tokens could not be revoked, the logout's event has the reason.
        """
        if not visit.is_trusted:
            return self.refusals.planted(visit)
        if not self.is_own(visit):
            return self.refusals.forged(visit)
        try:
            cookies = yield from self.end(visit)
        except RecordsUnavailable as error:
            return self.refusals.fail(visit, error)
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
        return self._context.pending.forget_answered(self._context.cookies(visit))

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
            return self.refusals.fail(visit, error)
        return self._builder.status(visit, None if user is None else display_name(user))

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
            raise Refused(self.refusals.forged(visit))
        user = yield from self.require_login(visit, max_age=max_age, rule=rule)
        try:
            number = yield from find_asn(asn)
        except PeeringDBOAuthError as error:
            raise Refused(self.refusals.fail(visit, error, user=user, rule=rule)) from None
        try:
            rule.require(user, asn=number)
        except AccessDenied as error:
            raise Refused(self.refuse(visit, error, user=user, asn=number, rule=rule)) from None
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
            raise Refused(self.refusals.fail(visit, error, rule=rule)) from None
        except PeeringDBOAuthError as error:
            raise Refused(self.refusals.fail(visit, error)) from None
        if login is None or login.ending is not None:
            ending = None if login is None else login.ending
            raise Refused(self.refusals.ask_to_log_in(visit, ending))
        return login.user

    def refuse(
        self, visit: Visit, error: AccessDenied, *, user: User, asn: Any, rule: AccessRule
    ) -> Answer:
        """The answer for a person whom ``rule`` refuses.

        If only a second factor is missing, it asks for that, once. ``asn``: the network
        that the visit is about.
        """
        if lacks_second_factor(rule, user, asn) and self._second_factor.may_ask(visit):
            return self._second_factor.ask(visit, visit.address)
        return self.refusals.fail(visit, error, user=user, asn=asn, rule=rule)

    def check_origin(self, visit: Visit, allowed: tuple[str, ...] | None = None) -> None:
        """Do nothing if a page of this site, or a program, has opened a WebSocket.

        Browsers send the cookies of this site also if a page of another one opens it.
        They name the page's origin. ``allowed``: the origins that count; None for that
        of the visit and that of the redirect URI.

        Raises:
            Refused: with the answer to send.
        """
        if "Origin" in visit.headers and self._builder.is_foreign(visit, allowed):
            raise Refused(self.refusals.foreign_origin(visit))

    def is_own(self, visit: Visit) -> bool:
        """Whether a page of this site sent the form.

        Either the browser says so (Fetch Metadata), or the form has the token of the
        session.
        """
        return is_own(visit, self.visitors)

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

    def _living(self, visit: Visit, login: StoredLogin | None) -> StoredLogin | None:
        """A login if it lives; see also `Refusals.let_log_in`."""
        if login is None or login.ending is None:
            return login
        self.refusals.let_log_in(visit, login.ending)
        return None

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
        name = self._context.visitor_name(visit) or ""
        return self._builder.page(
            visit, template, title, advice, name=name, return_path=return_path, labels=labels
        )
