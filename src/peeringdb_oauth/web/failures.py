"""Each failure: its code, its status, its heading, and advice for the person.

A person reads only what is written here and the reasons of a refusal. The message of an
error is for the operator: `cause_of` gives it to the log.
"""

import logging
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    RecordsUnavailable,
    RightsUnknown,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web.remedies import OPERATOR, remedy_for
from peeringdb_oauth.web.sessions.stored_login import Ending, EndReason

log = logging.getLogger("peeringdb_oauth")


class Failure(NamedTuple):
    """What a failure page says.

    ``code``: a word for programs, which stays the same in later versions. ``status``:
    the HTTP status. ``title``: the heading. ``advice``: what the person can do.
    ``offers_login``: whether another login can help somebody who is logged in.
    ``prompts``: whether PeeringDB must ask for the password and the second factor in
    that login.
    """

    code: str
    status: int
    title: str
    advice: str
    offers_login: bool = True
    prompts: bool = False


_LATER = "The fault is not yours. Try again in a few minutes."
CANCELLED = Failure(
    "cancelled",
    403,
    "You cancelled the login",
    "Nothing was passed on to us. Log in whenever you like.",
)
UNKNOWN_LOGIN = Failure(
    "unknown_login",
    400,
    "This login was not started here",
    "Perhaps it was used already, took longer than ten minutes, or was started in another browser"
    " or at another address of this site. Or your browser keeps no cookies. Start it again from"
    " here.",
)
USED = Failure(
    "login_used",
    400,
    "This login was used already",
    "PeeringDB takes each answer once, and within a minute. Perhaps you went back or reloaded the"
    " page. Log in again to go on.",
)
INCOMPLETE = Failure(
    "login_incomplete",
    400,
    "This login cannot be completed",
    "Start it again from here, and leave the addresses of the pages as they are.",
)
LATE = Failure(
    "login_expired",
    400,
    "This login took too long",
    "A login has to end within ten minutes. Start it again from here.",
)
PLANTED = Failure(
    "untrusted_cookie",
    400,
    "A cookie of this browser cannot be trusted",
    "Another site has set a cookie with a name of ours. Delete the cookies of this site and of its"
    " whole domain in your browser. Then go on.",
)
NO_COOKIE = Failure(
    "no_cookie",
    400,
    "Your browser keeps no cookie of this site",
    "You have just logged in, but your browser did not send the cookie of that login. Allow cookies"
    " for this site, then log in again.",
)
LOGGED_OUT = Failure("logged_out", 401, "You are not logged in", "Log in with PeeringDB to go on.")
LOGIN_ENDED = Failure(
    "login_ended",
    401,
    "Your login has ended",
    "PeeringDB no longer accepts it. Log in again to go on.",
)
FORGED = Failure(
    "form_refused",
    403,
    "This form cannot be accepted",
    "Perhaps you logged out in another window. Go back, reload the page, and try again.",
    offers_login=False,
)
FOREIGN_ORIGIN = Failure(
    "foreign_origin",
    403,
    "A page of another site sent this request",
    "Open this site, and do it there.",
    offers_login=False,
)
WRONG_ACCOUNT = Failure(
    "wrong_account",
    403,
    "You are logged in and may not see this page",
    "Log in with another account that may see it, or log out.",
    offers_login=False,
)
SESSION_ENDED = Failure(
    "session_ended",
    401,
    "Your session has ended",
    "Nothing was saved. Log in again, then send the form once more.",
)
NO_STORE = Failure(
    "store_unavailable", 503, "This site cannot read its sessions", _LATER, offers_login=False
)
UNKNOWN_RIGHTS = Failure(
    "rights_unknown",
    503,
    "PeeringDB is not available",
    "This site cannot ask what you may do. The fault is not yours. Try again in a few minutes.",
    offers_login=False,
)
CONNECTED_ELSEWHERE = Failure(
    "connected_elsewhere",
    409,
    "This PeeringDB account belongs to another account here",
    "Nothing was changed. Log out and log in with PeeringDB to use that other account. To connect"
    " this one, disconnect that one first.",
    offers_login=False,
)
CONNECTED_ALREADY = Failure(
    "connected_already",
    409,
    "Your account is connected to another PeeringDB account",
    "Nothing was changed. Disconnect that one first, then connect the other one.",
    offers_login=False,
)
CONNECT_ENDED = Failure(
    "connect_ended",
    409,
    "The account that you wanted to connect is not logged in any more",
    "Nothing was changed. Log in to that account, then connect it once more.",
    offers_login=False,
)
NO_OTHER_LOGIN = Failure(
    "no_other_login",
    409,
    "Your account has no password",
    "Nothing was changed. Without PeeringDB you could not log in to it any more. Set a password"
    " first, or ask the people who run this site.",
    offers_login=False,
)
FORBIDDEN = Failure("forbidden", 403, *remedy_for(()))
WRONG_METHOD = Failure(
    "wrong_method", 405, "This page is opened with GET only", "Follow a link to it."
)
RATE_LIMITED = Failure(
    "rate_limited",
    429,
    "Too many logins or checks within a minute",
    "PeeringDB was asked very often for you or from your address. Try again in {seconds} seconds.",
    offers_login=False,
)
BUSY = Failure(
    "peeringdb_busy",
    503,
    "PeeringDB asks us to wait",
    "It takes no requests from this site at the moment. The fault is not yours. Try again in"
    " {seconds} seconds.",
    offers_login=False,
)
UNAVAILABLE = Failure(
    "peeringdb_unavailable", 502, "PeeringDB is not available", _LATER, offers_login=False
)
REFUSED_SITE = Failure(
    "peeringdb_refused", 502, "PeeringDB refused this site", OPERATOR, offers_login=False
)
INVALID_ID_TOKEN = Failure(
    "invalid_id_token", 502, "PeeringDB's answer cannot be trusted", _LATER, offers_login=False
)
INVALID_ANSWER = Failure(
    "invalid_answer", 502, "PeeringDB's answer cannot be used", _LATER, offers_login=False
)
TRY_AGAIN = Failure(
    "try_again",
    503,
    "Please try once more",
    "A moment ago this site could not say whether you may do this. Now it can. Nothing was saved.",
    offers_login=False,
)
MISCONFIGURED = Failure(
    "misconfigured", 500, "The login is not set up right", OPERATOR, offers_login=False
)
TOKEN_MISSING = Failure(
    "token_missing",
    401,
    "No token was sent",
    "Send an ID token or an access token of PeeringDB that was issued to this application, in the"
    " header Authorization.",
)
INVALID_TOKEN = Failure(
    "invalid_token", 401, "This token is not accepted", "Get another token from a new login."
)

FAILURES = (
    LOGGED_OUT,
    LOGIN_ENDED,
    SESSION_ENDED,
    FORBIDDEN,
    WRONG_ACCOUNT,
    CONNECTED_ELSEWHERE,
    CONNECTED_ALREADY,
    CONNECT_ENDED,
    NO_OTHER_LOGIN,
    FORGED,
    FOREIGN_ORIGIN,
    CANCELLED,
    UNKNOWN_LOGIN,
    USED,
    INCOMPLETE,
    LATE,
    PLANTED,
    NO_COOKIE,
    WRONG_METHOD,
    TOKEN_MISSING,
    INVALID_TOKEN,
    RATE_LIMITED,
    BUSY,
    UNAVAILABLE,
    UNKNOWN_RIGHTS,
    NO_STORE,
    REFUSED_SITE,
    INVALID_ID_TOKEN,
    INVALID_ANSWER,
    TRY_AGAIN,
    MISCONFIGURED,
)
# These refusals have a page of their own. They raise `AccessDenied` with one reason,
# which has the code of the failure.
_FAILURE_OF_CODE = {
    failure.code: failure
    for failure in (CONNECTED_ELSEWHERE, CONNECTED_ALREADY, CONNECT_ENDED, NO_OTHER_LOGIN)
}
_FAILURE_OF = {
    LoginDenied: CANCELLED,
    StateMismatch: UNKNOWN_LOGIN,
    TokenRejected: LOGIN_ENDED,
    RecordsUnavailable: NO_STORE,
    RightsUnknown: UNKNOWN_RIGHTS,
    TransportError: UNAVAILABLE,
    ProviderError: REFUSED_SITE,
    InvalidIDToken: INVALID_ID_TOKEN,
    ConfigurationError: MISCONFIGURED,
    PeeringDBOAuthError: INVALID_ANSWER,
}
# These checks fail if the address of the callback is wrong. PeeringDB is not the cause.
_CALLBACK = dict.fromkeys(
    ("authorization_request", "callback", "code", "error", "iss", "scope"), INCOMPLETE
) | {"created_at": LATE}
# Visitors cause these, and the audit has them. Their messages are details.
_QUIET = (
    *(CANCELLED, UNKNOWN_LOGIN, USED, LATE, LOGIN_ENDED),
    *(RATE_LIMITED, TOKEN_MISSING, INVALID_TOKEN),
)
_QUIET_CODES = {failure.code for failure in _QUIET}


_ENDINGS: dict[EndReason, Reason] = {
    "logout": Reason("You logged out in another window", code="logout"),
    "idle": Reason("You did not use this site for a while", code="idle"),
    "max_age": Reason("You logged in a long time ago", code="max_age"),
    "refused_by_peeringdb": Reason("PeeringDB has ended your login", code="refused_by_peeringdb"),
    "rule": Reason("This site no longer lets you in", code="rule"),
    "operator": Reason("The people who run this site ended it", code="operator"),
    "replaced": Reason("Somebody logged in anew in this browser", code="replaced"),
    "lost": Reason("This site has lost it", code="lost"),
}


def not_for(name: str) -> Failure:
    """The failure page for a person whom the application refuses.

    ``name``: who is logged in.
    """
    title = Text("You are logged in as {name} and may not see this page", name=name)
    return WRONG_ACCOUNT._replace(title=title)


def session_ended(ending: Ending) -> tuple[Failure, tuple[Reason, ...]]:
    """The failure page for a form that came in a session that has ended.

    With the reasons.
    """
    return SESSION_ENDED, ending.reasons or (_ENDINGS[ending.reason],)


def failure_of(error: PeeringDBOAuthError) -> Failure:
    """The failure page for an error."""
    if isinstance(error, AccessDenied):
        own = {_FAILURE_OF_CODE.get(reason.code) for reason in error.reasons}
        failure = own.pop() if len(own) == 1 else None
        return failure or FORBIDDEN._replace(**remedy_for(error.reasons)._asdict())
    if isinstance(error, RateLimited):
        failure = RATE_LIMITED if error.for_caller else BUSY
        seconds = math.ceil(error.retry_after)
        return failure._replace(advice=Text(failure.advice, seconds=seconds))
    if is_used(error):
        return USED
    if type(error) is InvalidResponse and error.check in _CALLBACK:
        return _CALLBACK[error.check]
    return next(_FAILURE_OF[kind] for kind in type(error).__mro__ if kind in _FAILURE_OF)


def is_used(error: PeeringDBOAuthError) -> bool:
    """Whether the callback came before: this library or PeeringDB remembers its code.

    PeeringDB says the same of a code that is older than a minute, or not its own.
    """
    if isinstance(error, ProviderError):
        return error.error == "invalid_grant"
    return isinstance(error, StateMismatch) and error.check == "used"


def reasons_of(error: PeeringDBOAuthError) -> tuple[Reason, ...]:
    """The reasons of a refusal as sentences; none for any other error.

    The message of another error is for the operator.
    """
    reasons = error.reasons if isinstance(error, AccessDenied) else ()
    return tuple(reason.sentence for reason in reasons)


def cause_of(error: PeeringDBOAuthError) -> str:
    """What the operator must know of an error; empty for nothing."""
    if isinstance(error, AccessDenied):
        return "; ".join(reason.cause for reason in error.reasons if reason.cause)
    return f"{type(error).__name__}: {error}"


def log_cause(error: PeeringDBOAuthError, failure: Failure) -> str:
    """Write the cause of a failure to the log, and return it."""
    cause = cause_of(error)
    if cause:
        level = logging.INFO if failure.code in _QUIET_CODES else logging.WARNING
        log.log(level, "%s", cause)
    return cause


def to_json(
    failure: Failure, reasons: Iterable[Reason] = (), *, login_url: str | None, cause: str = ""
) -> dict[str, Any]:
    """What a program gets instead of a page.

    ``login_url``: where a login starts; None if that does not help. ``cause``: for
    developers, in debug mode only.
    """
    return {
        "code": failure.code,
        "title": failure.title,
        "reasons": [
            {"code": reason.code, "asn": reason.asn, "text": str(reason)} for reason in reasons
        ],
        "advice": failure.advice,
        "login_url": login_url,
    } | ({"cause": cause} if cause else {})
