"""Who sent the current request, and how to end it with an answer."""

from dataclasses import replace
from typing import NamedTuple, NoReturn, cast

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.integrations.flask.extension import NAME, extension
from peeringdb_oauth.integrations.flask.visits import to_response, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Answer, PageContext, refuse_token


class _Caller(NamedTuple):
    """Who sent a request.

    ``environ``: the environment of that request, because tests and scripts can have
    several requests with one `flask.g`. ``user``: None for nobody. ``by_token``: the
    request has a bearer token.
    """

    environ: object
    user: User | None
    by_token: bool


def send(answer: Answer) -> NoReturn:
    """End the request with an answer.

    It goes around the application's error handlers, which must not change it.
    Flask-RESTX makes its own answer of every error, from its ``data``.
    """
    error = HTTPException(response=respond(answer))
    if answer.json is not None:
        vars(error)["data"] = dict(answer.json)
    raise error


def respond(answer: Answer) -> Response:
    """The response for an answer.

    The page of a failure does not ask PeeringDB or the store once more.
    """
    if answer.status >= 500 and _caller() is None:
        remember(None)
    return to_response(answer)


def fail(error: PeeringDBOAuthError) -> Response:
    """The response for an error of this library: a page or JSON."""
    caller = _caller()
    if caller is not None and caller.by_token:
        return respond(
            refuse_token(error, path=request.script_root + request.path, debug=current_app.debug)
        )
    return respond(
        extension().flow.refusals.fail(
            to_visit(), error, user=None if caller is None else caller.user
        )
    )


def remember(user: User | None, *, by_token: bool = False) -> None:
    """Remember who sent the current request."""
    setattr(g, NAME, _Caller(environ=request.environ, user=user, by_token=by_token))


def find_user() -> User | None:
    """Who sent the current request; None for nobody.

    Raises:
        PeeringDBOAuthError: an error of `LoginFlow.user`.
    """
    caller = _caller()
    if caller is not None:
        return caller.user
    pdb = extension()
    try:
        user = pdb.client.run(pdb.flow.user(to_visit()))
    except PeeringDBOAuthError:
        # The template of the failure page may ask who sent the request, too.
        remember(None)
        raise
    if user is not None:
        remember(user)
    return user


def page_context() -> PageContext:
    """What templates know as ``peeringdb``."""
    pdb, caller = extension(), _caller()
    if caller is None:
        return pdb.client.run(pdb.flow.load_page_context(to_visit()))
    context = pdb.flow.page_context(to_visit())
    if caller.by_token or caller.user is None:
        return context
    return replace(context, user=caller.user)


def _caller() -> _Caller | None:
    caller: _Caller | None = g.get(NAME)
    return caller if caller is not None and caller.environ is request.environ else None


def _current_user() -> User:
    try:
        user = find_user()
    except PeeringDBOAuthError as error:
        # Not the error itself: ``if current_user:`` takes a RuntimeError for "nobody".
        raise HTTPException(response=fail(error)) from None
    if user is None:
        raise RuntimeError(
            'nobody is logged in: protect this view with @pdb.require(), or ask "if current_user:"'
            " first"
        )
    return user


current_user = cast("User", LocalProxy(_current_user))
