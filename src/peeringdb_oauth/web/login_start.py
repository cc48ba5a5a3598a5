"""The start of a login: it sends the browser to PeeringDB."""

import logging

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.web.csrf import is_own_without_login
from peeringdb_oauth.web.login_context import LoginContext
from peeringdb_oauth.web.pending import PendingLogin
from peeringdb_oauth.web.refusals import Refusals
from peeringdb_oauth.web.return_path import split_path
from peeringdb_oauth.web.visit import Answer, Visit

log = logging.getLogger("peeringdb_oauth")

# For so many seconds after a login, another one for the same page does not start by
# itself.
BRAKE = 60
# The same where a person may want another login: at another address of this site they
# are not logged in. A circle is faster than a person.
_SHORT_BRAKE = 10
_MAX_NOTED_ORIGINS = 20  # log lines about other addresses of this site


class LoginStart:
    """Starts the logins of one application."""

    def __init__(self, context: LoginContext, refusals: Refusals) -> None:
        self._context = context
        self._refusals = refusals
        self._noted_origins: set[str] = set()

    def start(self, visit: Visit) -> Answer:
        """See `LoginFlow.start`.

        Raises:
            ConfigurationError: the redirect URI leads to no page of the application.
        """
        builder = self._context.builder
        if builder.is_elsewhere(visit):
            may_follow = visit.method == "GET" and visit.is_navigation
            if may_follow and "moved" not in visit.query:
                return builder.redirect_to_origin(visit)
            self._note_origin(visit.origin)
        return self._start(visit)

    def connect(self, visit: Visit, account: str) -> Answer:
        """See `LoginFlow.connect`.

        Raises:
            ConfigurationError: the redirect URI leads to no page of the application.
        """
        builder = self._context.builder
        if not is_own_without_login(visit, self._context.visitors, builder):
            return self._refusals.forged(visit)
        if builder.is_elsewhere(visit):
            self._note_origin(visit.origin)
        page = builder.connection_url(visit)
        return self._send_to_peeringdb(
            visit,
            builder.return_path(visit, visit.query.get("next") or page),
            prompted=True,
            shorter=(page,),
            connects=account,
        )

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
            self._context.builder.origin,
        )

    def _start(self, visit: Visit) -> Answer:
        builder = self._context.builder
        if visit.method != "GET":
            return builder.wrong_method(visit)
        return_path = builder.return_path(visit, visit.query.get("next"))
        if not visit.is_navigation:
            return builder.ask_to_log_in(visit, return_path)
        if visit.query.get("prompt") == "select_account":
            return builder.other_account(visit, return_path, self._context.visitor_name(visit))
        shorter = (split_path(return_path)[0], builder.home(visit))
        prompted = visit.query.get("prompt") == "login"
        if not prompted and self._goes_round(visit, {return_path, *shorter[:1]}):
            return builder.brake(visit, return_path, self._context.visitor_name(visit))
        return self._send_to_peeringdb(visit, return_path, prompted=prompted, shorter=shorter)

    def _send_to_peeringdb(
        self,
        visit: Visit,
        return_path: str,
        *,
        prompted: bool,
        shorter: tuple[str, ...],
        connects: str = "",
    ) -> Answer:
        context = self._context
        context.builder.check_callback(visit)
        request = context.provider.authorization_request(
            scope=None, prompt="login" if prompted else None
        )
        login = PendingLogin(
            request=request, return_path=return_path, prompted=prompted, connects=connects
        )
        location, cookies = context.pending.start(login, context.cookies(visit), shorter=shorter)
        return context.builder.redirect(location, cookies=cookies, status=303 if connects else 302)

    def _goes_round(self, visit: Visit, return_paths: set[str]) -> bool:
        """Whether a login for this page has just ended well, without a logout since.

        The page may send its people here, although they are logged in, or their session
        got lost. Nothing would stop the circle: PeeringDB remembers the person.
        """
        now, brake = self._context.provider.clock(), _brake(visit)
        return any(
            login.has_ended_well
            and elapsed(login.answered_at or 0, now) < brake
            and login.return_path in return_paths
            for login in self._context.started(visit)
        )


def _brake(visit: Visit) -> int:
    """How many seconds after a login the next one for its page may start."""
    if visit.query.get("next") and "moved" not in visit.query:
        return BRAKE
    # Most pages that send people here name themselves in ``next``. Without it this
    # may be the link of a page, or a test that logs in two people.
    return _SHORT_BRAKE if visit.query.get("next") or visit.may_be_redirected else 0
