"""The request that is being answered, as the login sees it: who is there, what was
asked, how to answer. Knows nothing of setting up.
"""

from typing import NamedTuple, NoReturn, cast

from flask import Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.integrations.flask.extension import NAME, extension
from peeringdb_oauth.integrations.flask.visits import to_response, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import Answer, PageContext, refuse_token


class _Caller(NamedTuple):
    """Who is there, if anybody. ``environ`` is of the request that this is about: tests
    and scripts have several under one `flask.g`.
    """

    environ: object
    user: User | None
    by_token: bool


def send(answer: Answer) -> NoReturn:
    """End the request with an answer, which no error handler of the application's is to
    change.
    """
    raise HTTPException(response=to_response(answer))


def fail(error: PeeringDBOAuthError) -> Response:
    """The response for an error of this library: a page, or the JSON of an API."""
    caller = _caller()
    if caller is not None and caller.by_token:
        return to_response(refuse_token(error))
    return to_response(
        extension().flow.fail(to_visit(), error, user=None if caller is None else caller.user),
    )


def remember(user: User | None, *, by_token: bool = False) -> None:
    """For the rest of this request, this is who is there."""
    setattr(g, NAME, _Caller(environ=request.environ, user=user, by_token=by_token))


def find_user() -> User | None:
    """Who is there, None for nobody."""
    caller = _caller()
    if caller is not None:
        return caller.user
    its = extension()
    try:
        user = its.client.run(its.flow.user(to_visit()))
    except PeeringDBOAuthError:
        remember(None)  # the page that says why may want to know, too
        raise
    if user is not None:
        remember(user)
    return user


def page_context() -> PageContext:
    """What templates know as ``peeringdb``."""
    return extension().flow.page_context(to_visit())


def _caller() -> _Caller | None:
    caller: _Caller | None = g.get(NAME)
    return caller if caller is not None and caller.environ is request.environ else None


def _current_user() -> User:
    try:
        user = find_user()
    except PeeringDBOAuthError as error:
        raise HTTPException(
            response=fail(error),
        ) from None  # as it is, ``if current_user:`` would take it for "nobody"
    if user is None:
        raise RuntimeError(
            'nobody is logged in: protect this view with @pdb.require(), or ask "if current_user:"'
            " first",
        )
    return user


current_user = cast("User", LocalProxy(_current_user))
