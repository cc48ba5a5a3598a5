"""What people see when something does not work: for every error a status, a page they understand, and a way on."""

from collections.abc import Iterable
from typing import NamedTuple

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request, session
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
from werkzeug.exceptions import HTTPException


class Failure(NamedTuple):
    """The status of the answer, the heading of the page, and what to do now."""

    status: int
    title: str
    advice: str


FAILURES = {
    LoginDenied: Failure(403, "You cancelled the login", "Nothing was passed on to us. Log in whenever you like."),
    StateMismatch: Failure(400, "This login was not started here", "It may belong to another window or browser. Start it again from here."),
    AccessDenied: Failure(403, "You cannot use this portal yet", "When this has changed at PeeringDB, log in again."),
    TokenRejected: Failure(403, "Your login has ended", "PeeringDB no longer accepts it. Log in again to go on."),
    RateLimited: Failure(503, "PeeringDB asks us to wait", "Too much was asked of it from here. Your click was not wrong: repeat it a little later."),
    TransportError: Failure(502, "PeeringDB does not answer", "The fault is not yours. Try again in a few minutes."),
    ProviderError: Failure(502, "PeeringDB refused this portal", "The people who run this portal must look into it. They have been told."),
    InvalidResponse: Failure(502, "PeeringDB's answer makes no sense", "We use nothing of it. Try again; if it goes on, tell the people here."),
    PeeringDBOAuthError: Failure(502, "The login did not work", "Try again; if it goes on, tell the people who run this portal."),
}
CALLBACK = ("authorization_request", "callback", "code", "created_at", "error", "iss")  # what is wrong with the address, not with PeeringDB
UNFINISHED = Failure(400, "This login cannot be completed", "It took more than ten minutes, was used before, or your browser refuses our cookie. Start it again.")


def register_failures(app: Flask) -> None:
    """Give every failure its page."""
    app.register_error_handler(PeeringDBOAuthError, peeringdb_failure)
    app.register_error_handler(HTTPException, http_failure)


def peeringdb_failure(error: PeeringDBOAuthError) -> Response:
    """The page for an error of the library, whose messages are written for people and hold no secrets."""
    if isinstance(error, TokenRejected):
        session.clear()
    failure = next(FAILURES[kind] for kind in type(error).__mro__ if kind in FAILURES)
    if isinstance(error, InvalidResponse) and error.check in CALLBACK:
        failure = UNFINISHED
    if failure.status >= 500:
        current_app.logger.warning("%s: %s", type(error).__name__, error)
    response = failure_page(failure, error.reasons if isinstance(error, AccessDenied) else [str(error)])
    if isinstance(error, RateLimited):
        response.headers["Retry-After"] = str(int(error.retry_after) + 1)
    return response


def http_failure(error: HTTPException) -> Response:
    """The page for a wrong address, a forged form, or a bug."""
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
