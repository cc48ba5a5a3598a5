"""The page for each error: its status, its heading, and advice for the person."""

from typing import NamedTuple

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    StateMismatch,
    TokenRejected,
    TransportError,
)


class Failure(NamedTuple):
    """What a failure page says.

    ``status``: the HTTP status. ``title``: the heading. ``advice``: what the person can
    do.
    """

    status: int
    title: str
    advice: str


_LATER = "The fault is not yours. Try again in a few minutes."
_OPERATOR = "The people who run this site have to look into it. Their log says why."
_FAILURES = {
    LoginDenied: Failure(
        403, "You cancelled the login", "Nothing was passed on to us. Log in whenever you like."
    ),
    StateMismatch: Failure(
        400,
        "This login was not started here",
        "It may belong to another window or browser. Start it again from here.",
    ),
    AccessDenied: Failure(403, "You have no access here", "When that has changed, log in again."),
    TokenRejected: Failure(
        403, "Your login has ended", "PeeringDB no longer accepts it. Log in again to go on."
    ),
    RateLimited: Failure(
        503,
        "PeeringDB asks us to wait",
        "It takes no requests from this site at the moment. The fault is not yours: try again"
        " later.",
    ),
    TransportError: Failure(502, "PeeringDB is not available", _LATER),
    ProviderError: Failure(502, "PeeringDB refused this site", _OPERATOR),
    InvalidIDToken: Failure(502, "PeeringDB's answer cannot be trusted", _LATER),
    ConfigurationError: Failure(500, "The login is not set up right", _OPERATOR),
    PeeringDBOAuthError: Failure(502, "PeeringDB's answer cannot be used", _LATER),
}
# These checks fail if the address of the callback is wrong. PeeringDB is not the cause.
_CALLBACK = ("authorization_request", "callback", "code", "created_at", "error", "iss", "scope")

TOO_OFTEN = Failure(
    429,
    "Too many logins or checks within a minute",
    "PeeringDB was asked very often for you or from your address. Wait a minute, then go on.",
)
UNFINISHED = Failure(
    400,
    "This login cannot be completed",
    "Start it again from here, and finish it within ten minutes.",
)
PLANTED = Failure(
    400,
    "A cookie of this browser cannot be trusted",
    "Another site has set a cookie with a name of ours. Delete the cookies of this site and of its"
    " whole domain in your browser. Then go on.",
)
USED = Failure(
    400,
    "This login was used already",
    "Perhaps you went back or reloaded the page. Log in again to go on.",
)
NO_COOKIE = Failure(
    400,
    "Your browser keeps no cookie of this site",
    "You have just logged in, but your browser did not send the cookie of that login. Allow cookies"
    " for this site, then log in again.",
)
LOGGED_OUT = Failure(401, "You are not logged in", "Log in with PeeringDB to go on.")
FORGED = Failure(
    403,
    "This form cannot be accepted",
    "Perhaps you logged out in another window. Go back, reload the page, and try again.",
)


def not_for(name: str) -> Failure:
    """The failure page for a person whom the application refuses.

    ``name``: who is logged in.
    """
    return Failure(
        403,
        f"You are logged in as {name} and may not see this page",
        "Log in with another account that may see it, or log out.",
    )


def failure_of(error: PeeringDBOAuthError) -> Failure:
    """The failure page for an error."""
    if is_used(error):
        return USED
    if isinstance(error, RateLimited) and error.for_caller:
        return TOO_OFTEN
    if type(error) is InvalidResponse and error.check in _CALLBACK:
        return UNFINISHED
    return next(_FAILURES[kind] for kind in type(error).__mro__ if kind in _FAILURES)


def is_used(error: PeeringDBOAuthError) -> bool:
    """Whether the callback came before: this library or PeeringDB remembers its code.

    PeeringDB says the same of a code that is older than a minute, or not its own.
    """
    if isinstance(error, ProviderError):
        return error.error == "invalid_grant"
    return isinstance(error, StateMismatch) and error.check == "used"


def reasons_of(error: PeeringDBOAuthError) -> tuple[str, ...]:
    """The reasons of an error as sentences that people may read.

    Messages of this library hold no secrets. But a problem with the settings is for the
    operator only: it has no reasons here.
    """
    is_about_settings = isinstance(error, ConfigurationError) or (
        isinstance(error, ProviderError) and error.status == 401
    )
    if is_about_settings:
        return ()
    if is_used(error):
        return ("PeeringDB takes each answer once, and within a minute",)
    reasons = error.reasons if isinstance(error, AccessDenied) else (str(error),)
    return tuple(reason[:1].upper() + reason[1:] for reason in reasons)
