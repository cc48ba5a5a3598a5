"""The answers to those who are not let in, or whose request failed."""

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import (
    AccessDenied,
    PeeringDBOAuthError,
    RateLimited,
    RecordsUnavailable,
    RightsUnknown,
    StateMismatch,
    TokenRejected,
)
from peeringdb_oauth.profile import User, is_asn
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import (
    FOREIGN_ORIGIN,
    FORGED,
    PLANTED,
    Failure,
    failure_of,
    log_cause,
    reasons_of,
    session_ended,
)
from peeringdb_oauth.web.login_context import LoginContext, display_name
from peeringdb_oauth.web.sessions import Ending
from peeringdb_oauth.web.visit import Answer, Visit

log = logging.getLogger("peeringdb_oauth")


class Refusals:
    """The answers of one application to those who are not let in.

    Each is a page, or JSON for a program. A refusal is an event, too.
    """

    def __init__(self, context: LoginContext) -> None:
        self._context = context

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
        """The answer for an error of this library.

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
        stored_login = self._context.visitors.peek(visit)
        logged_in = stored_login is not None or has_account
        if stored_login is not None:
            user = stored_login.user
        elif has_account:
            user, failure = None, failure._replace(offers_login=False)
        answer = self._context.builder.failure(
            visit,
            failure,
            reasons,
            logged_in=logged_in,
            name=display_name(user),
            return_path=return_path,
            headers=headers,
            cause=cause,
        )
        if logged_in or not isinstance(error, TokenRejected | AccessDenied):
            return answer
        return self._letting_log_in(visit, answer)

    def show(
        self, visit: Visit, failure: Failure, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """The answer for a failure that is no error.

        ``headers``: in addition to the usual ones.
        """
        name = self._context.visitor_name(visit)
        return self._context.builder.failure(
            visit, failure, logged_in=name is not None, name=name or "", headers=headers
        )

    def forged(self, visit: Visit) -> Answer:
        """The answer to a form that no page of this site has sent."""
        return self.show(visit, FORGED)

    def planted(self, visit: Visit) -> Answer:
        """The answer if another host of the domain may have set one of our cookies."""
        _tell_refusal(visit, PLANTED)
        return self._context.builder.failure(visit, PLANTED, logged_in=False)

    def foreign_origin(self, visit: Visit) -> Answer:
        """The answer to a request that a page of another site sends."""
        _tell_refusal(visit, FOREIGN_ORIGIN)
        return self._context.builder.failure(visit, FOREIGN_ORIGIN, logged_in=False)

    def unknown(self, visit: Visit) -> Answer:
        """The answer to a callback that no login of this browser waits for."""
        builder = self._context.builder
        error = StateMismatch(builder.why_unknown(visit))
        if not builder.is_callback(visit):
            log.warning("%s", error)
        return self.fail(visit, error)

    def ask_to_log_in(self, visit: Visit, ending: Ending | None) -> Answer:
        """The answer for somebody who is not logged in: it leads to the login.

        ``ending``: why their session has just ended; None if they had none. A form that
        came in that session is told so, because nothing was saved.
        """
        builder = self._context.builder
        if ending is None or visit.is_safe:
            answer = builder.ask_to_log_in(visit)
        else:
            answer = builder.failure(visit, *session_ended(ending), logged_in=False)
        # A store that loses sessions would lead the browser round in circles.
        if ending is None or ending.reason == "lost":
            return answer
        return self._letting_log_in(visit, answer)

    def let_log_in(self, visit: Visit, ending: Ending) -> None:
        """Let the person log in again at once, because their login has just ended.

        Not if the store has lost it: that would lead the browser round in circles.
        """
        if ending.reason != "lost":
            visit.set_cookies(self._context.pending.forget_answered(self._context.cookies(visit)))

    def _letting_log_in(self, visit: Visit, answer: Answer) -> Answer:
        """As `let_log_in`, with an answer of ours."""
        cookies = self._context.pending.forget_answered(self._context.cookies(visit))
        return replace(answer, cookies=cookies)


def _tell_refusal(
    visit: Visit, failure: Failure, reasons: tuple[Reason, ...] = (), **fields: Any
) -> None:
    """Tell the event of a refusal. Without reasons, its title is the reason."""
    reasons = reasons or (Reason(failure.title, code=failure.code),)
    visit.tell(Event(kind="refused", code=failure.code, reasons=reasons, **fields))
