"""The end of a login: PeeringDB has sent the browser back."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth import flows
from peeringdb_oauth.config import is_loopback
from peeringdb_oauth.cost import Payer, payers_of
from peeringdb_oauth.errors import AccessDenied, PeeringDBOAuthError, TransportError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import CONNECT_ENDED, is_used
from peeringdb_oauth.web.login_context import Admit, LoginContext
from peeringdb_oauth.web.pending import PendingLogin
from peeringdb_oauth.web.refusals import Refusals
from peeringdb_oauth.web.second_factor import SecondFactor, lacks_second_factor
from peeringdb_oauth.web.sessions import SESSION_KEY
from peeringdb_oauth.web.visit import Answer, Visit, shown_address

log = logging.getLogger("peeringdb_oauth")

ACCOUNT_ENDED = Reason("another account is logged in here now, or none", code=CONNECT_ENDED.code)


class LoginCallback:
    """Finishes the logins of one application.

    ``keep``: the names of what stays in the session when somebody logs in; None if the
    framework decides.
    """

    def __init__(
        self,
        context: LoginContext,
        refusals: Refusals,
        second_factor: SecondFactor,
        *,
        keep: tuple[str, ...] | None,
    ) -> None:
        self._context = context
        self._refusals = refusals
        self._second_factor = second_factor
        self._keep = None if keep is None else frozenset(keep)
        # Logins on this machine come from a loopback address and not from a proxy.
        host = urlsplit(context.provider.config.redirect_uri).hostname
        self._knows_proxy = is_loopback(host or "")

    def callback(
        self, visit: Visit, admit: Admit | None, *, account: str | None, connect: Admit | None
    ) -> Flow[Answer]:
        """See `LoginFlow.callback`."""
        pending_logins = self._context.pending
        if visit.method != "GET":  # HEAD, for example, must not use up the code
            return self._context.builder.wrong_method(visit)
        try:
            pending = pending_logins.find(visit.query.get("state"), visit.cookies)
        except PeeringDBOAuthError as error:
            return self._refusals.fail(visit, error)
        if pending is None:
            return self._refusals.unknown(visit)
        name = pending_logins.name(pending.request.state)
        if not (visit.is_trusted and visit.has_genuine_cookie(name)):
            return self._refusals.planted(visit)
        before = dict(visit.session)
        if (yield from self._is_settled(visit, pending)):
            return self._context.builder.redirect(pending.return_path)
        admit = connect if pending.connects else admit
        answer = yield from self._finish(visit, pending, admit, account)
        if pending.connects and self._keep is not None:
            restore_session(visit, before)
        return answer

    def _is_settled(self, visit: Visit, pending: PendingLogin) -> Flow[bool]:
        """Whether somebody has been logged in since this login was started.

        Then its callback only leads to its page: it came a second time, or another tab
        was faster. But a second code of the same login logs in, and so does a login for
        which PeeringDB was to ask for the password.
        """
        login = yield from self._context.visitors.load(visit)
        if login is None or login.ending is not None:
            return False
        if pending.has_ended_with(visit.query.get("code")):
            return True
        if pending.prompted or pending.has_ended_well:
            return False
        return any(
            other.has_ended_well and (other.answered_at or 0) > pending.request.created_at
            for other in self._context.started(visit)
        )

    def _finish(
        self, visit: Visit, pending: PendingLogin, admit: Admit | None, account: str | None
    ) -> Flow[Answer]:
        context, fail = self._context, self._refusals.fail
        login, code, refusal, user = None, None, pending.refusal, None
        has_account = bool(pending.connects) and account is not None
        try:
            if pending.connects and (admit is None or pending.connects != account):
                raise AccessDenied(ACCOUNT_ENDED)
            yield from context.visitors.ready()  # before the code is spent
            login = yield from flows.log_in(
                context.provider, pending.request, visit.query, payers=self._payers(visit)
            )
            if self._is_to_ask_for_second_factor(visit, pending, login):
                answer = yield from self._ask_for_second_factor(visit, pending, login)
            else:
                yield from self._begin(visit, pending, login, admit)
                answer = context.builder.redirect(pending.return_path)
                code = visit.query["code"]
        except TransportError as error:
            # The same callback may come again, so the login is still on its way.
            return fail(visit, error, return_path=pending.return_path, has_account=has_account)
        except PeeringDBOAuthError as error:
            if is_used(error) and not pending.prompted and context.visitors.peek(visit) is not None:
                return context.builder.redirect(pending.return_path)
            user = login.user if login else None
            if is_used(error) and refusal:  # the page of the refusal was reloaded
                error, user = AccessDenied(*refusal), pending.refused
            if isinstance(error, AccessDenied):
                refusal = error.reasons
            answer = fail(
                visit, error, user=user, return_path=pending.return_path, has_account=has_account
            )
        cookie = context.pending.answer(pending, code, () if code else refusal, user)
        return replace(answer, cookies=(*answer.cookies, cookie))

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

    def _is_to_ask_for_second_factor(
        self, visit: Visit, pending: PendingLogin, login: Login
    ) -> bool:
        return lacks_second_factor(self._context.rule, login.user) and not (
            pending.prompted or self._second_factor.was_asked(visit, pending.return_path)
        )

    def _ask_for_second_factor(
        self, visit: Visit, pending: PendingLogin, login: Login
    ) -> Flow[Answer]:
        yield from self._context.visitors.end_previous(visit, login.user)
        yield from flows.give_back(self._context.provider, login.token)
        return self._second_factor.ask(visit, pending.return_path)

    def _begin(
        self, visit: Visit, pending: PendingLogin, login: Login, admit: Admit | None
    ) -> Flow[None]:
        visitors = self._context.visitors
        is_same, previous = yield from visitors.end_previous(visit, login.user)
        yield from self._admit(login, admit)
        if not (is_same or pending.connects):
            self._drop_foreign(visit)
        # Somebody may know the id of the session before the login. They must not share
        # the session after it.
        visit.rotate()
        yield from visitors.begin(visit, login, prompted=pending.prompted)
        if pending.connects:
            visit.tell(Event(kind="connected", user=login.user))
        yield from self._tell_login(visit, login.user, previous)

    def _admit(self, login: Login, admit: Admit | None) -> Flow[None]:
        try:
            self._context.rule.require(login.user)
            if admit is not None:
                yield from call(partial(admit, login.user))
        except PeeringDBOAuthError:
            yield from flows.give_back(self._context.provider, login.token)
            raise

    def _drop_foreign(self, visit: Visit) -> None:
        """Drop what was in the session before the login: it may be somebody else's."""
        if self._keep is not None:
            for name in set(visit.session) - self._keep:
                del visit.session[name]

    def _tell_login(self, visit: Visit, user: User, previous: User | None) -> Flow[None]:
        try:
            visit.tell(Event(kind="login", user=user))
            visit.tell(Event.of_change(previous, user))
        except Exception:
            # A listener failed, so the browser gets an error page. Nobody must be
            # logged in behind it.
            yield from self._context.visitors.end(visit, "operator")
            raise


def restore_session(visit: Visit, before: Mapping[str, Any]) -> None:
    """Restore what was in a session, except a login with PeeringDB.

    The application's own account may be logged in there.
    """
    for name, value in before.items():
        if name != SESSION_KEY:
            visit.session.setdefault(name, value)
