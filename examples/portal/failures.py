"""What people see when something does not work: for every error a status, a page they understand, and a way on."""

from collections.abc import Iterable
from typing import NamedTuple

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request, session
from werkzeug.exceptions import HTTPException

from peeringdb_oauth import (
    AccessDenied,
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
    """The status of the answer, the heading of the page, and what to do now."""

    status: int
    title: str
    advice: str


LATER = "The fault is not yours. Try again in a few minutes."
FAILURES = {
    LoginDenied: Failure(403, "You cancelled the login", "Nothing was passed on to us. Log in whenever you like."),
    StateMismatch: Failure(400, "This login was not started here", "It may belong to another window or browser. Start it again from here."),
    AccessDenied: Failure(403, "You cannot use this portal yet", "When this has changed at PeeringDB, log in again."),
    TokenRejected: Failure(403, "Your login has ended", "PeeringDB no longer accepts it. Log in again to go on."),
    RateLimited: Failure(503, "PeeringDB asks us to wait", "Too much was asked of it from here. The fault is not yours: try again later."),
    TransportError: Failure(502, "PeeringDB is not available", LATER),
    ProviderError: Failure(502, "PeeringDB refused this portal", "The people who run it have to look into it. Their log says why."),
    PeeringDBOAuthError: Failure(502, "PeeringDB's answer cannot be used", LATER),
}
CALLBACK = ("authorization_request", "callback", "code", "created_at", "error", "iss")  # the address is wrong, not PeeringDB
UNFINISHED = Failure(400, "This login cannot be completed", "It is too old or was used, or your browser keeps no cookies. Start again.")
STALE_FORM = Failure(400, "This form is not valid any more", "Perhaps you logged out in another window. Go back and try again.")


def register(app: Flask) -> None:
    """Give every failure its page."""
    app.register_error_handler(PeeringDBOAuthError, peeringdb_failure)
    app.register_error_handler(HTTPException, http_failure)


def peeringdb_failure(error: PeeringDBOAuthError) -> Response:
    """The page for an error of the library, whose messages are written for people and hold no secrets."""
    if isinstance(error, TokenRejected):
        session.clear()
    failure = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    if type(error) is InvalidResponse and error.check in CALLBACK:
        failure = UNFINISHED
    if failure.status in (502, 503):
        current_app.logger.warning("%s: %s", type(error).__name__, error)
    response = failure_page(failure, error.reasons if isinstance(error, AccessDenied) else [str(error)])
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(int(error.retry_after) + 1)
    return response


def http_failure(error: HTTPException) -> Response:
    """The page for a wrong address, or a bug."""
    return failure_page(Failure(error.code or 500, error.name, error.description or ""), [])


def failure_page(failure: Failure, reasons: Iterable[str]) -> Response:
    """One failure as a page, or as JSON for a program that asks for it."""
    reasons = [reason[:1].upper() + reason[1:] for reason in reasons]
    if request.accept_mimetypes.best == "application/json":
        response = jsonify(title=failure.title, reasons=reasons, advice=failure.advice)
    else:
        response = make_response(render_template("failure.html", failure=failure, reasons=reasons))
    response.status_code = failure.status
    return response
