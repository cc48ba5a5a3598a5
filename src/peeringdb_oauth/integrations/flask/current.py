"""The request that is being answered, as the login sees it: who is there, what was
asked, how to answer. Knows nothing of setting up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn, cast

from blinker import Namespace
from flask import Flask, Response, current_app, g, make_response, render_template, request, session
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import CSRF_FIELD, Answer, Event, LoginFlow, PageContext, Visit
from peeringdb_oauth.web.token_refusal import refuse_token

NAME = "peeringdb_oauth"  # of all that is ours in an application and in `flask.g`

_signals = Namespace()
# Each is sent by the application, with ``event=``, an `Event` of `peeringdb_oauth.web`.
logged_in = _signals.signal("logged-in")
login_refused = _signals.signal("login-refused")
logged_out = _signals.signal("logged-out")
rights_changed = _signals.signal("rights-changed")
_SIGNALS = {
    "login": logged_in,
    "refused": login_refused,
    "logout": logged_out,
    "rights_changed": rights_changed,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """What there is for one application: ``app.extensions["peeringdb_oauth"]``."""

    app: Flask
    client: Client
    flow: LoginFlow
    verifier: BearerVerifier[User]


class _Caller(NamedTuple):
    """Who is there, if anybody. ``environ`` is of the request that this is about: tests
    and scripts have several under one `flask.g`.
    """

    environ: object
    user: User | None
    by_token: bool


def extension() -> Extension:
    """What there is for the current application. Raises: `ConfigurationError` when it
    was not set up.
    """
    its: Extension | None = current_app.extensions.get(NAME)
    if its is None:
        raise ConfigurationError(
            f"the application {current_app.name!r} does not know this login: call init_app(app)"
            " when you set it up",
        )
    return its


def visit() -> Visit:
    """What was asked."""
    return Visit(
        method=request.method,
        origin=f"{request.scheme}://{request.host}",
        root=request.root_path,
        path=request.path,
        query_string=request.query_string.decode("latin-1"),
        query={
            name: values[0] if len(values) == 1 else values for name, values in request.args.lists()
        },
        headers=cast("Mapping[str, str]", request.headers),
        cookie_header=request.headers.get("Cookie", ""),
        cookies=request.cookies,
        session=session,
        csrf_token=lambda: request.form.get(CSRF_FIELD, ""),
        rotate=_rotate,
        emit=_emit,
    )


def respond(answer: Answer) -> Response:
    """The response for an answer."""
    response = _body(answer)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    for cookie in answer.cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            path="/",
            secure=cookie.secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def send(answer: Answer) -> NoReturn:
    """End the request with an answer, which no error handler of the application's is to
    change.
    """
    raise HTTPException(response=respond(answer))


def fail(error: PeeringDBOAuthError) -> Response:
    """The response for an error of this library: a page, or the JSON of an API."""
    caller = _caller()
    if caller is not None and caller.by_token:
        return respond(refuse_token(error))
    return respond(
        extension().flow.fail(visit(), error, user=None if caller is None else caller.user),
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
        user = its.client.run(its.flow.user(visit()))
    except PeeringDBOAuthError:
        remember(None)  # the page that says why may want to know, too
        raise
    if user is not None:
        remember(user)
    return user


def page_context() -> PageContext:
    """What templates know as ``peeringdb``."""
    return extension().flow.page_context(visit())


def _body(answer: Answer) -> Response:
    if answer.location is not None:
        return Response(headers={"Location": answer.location})
    if answer.page is not None:
        return make_response(render_template("peeringdb_oauth/failure.html", page=answer.page))
    return make_response(current_app.json.response(answer.json))


def _rotate() -> None:
    regenerate = getattr(current_app.session_interface, "regenerate", None)
    if regenerate is None:
        # whoever knew it before the login would share what comes after
        if hasattr(session, "sid"):
            raise ConfigurationError(
                "sessions on the server need an interface that has regenerate(), as"
                " Flask-Session's",
            )
        return  # the session is a cookie, and has no id
    session[NAME] = (
        # Flask-Session leaves an empty session its id, and somebody else may know that
        True
    )
    regenerate(session)
    del session[NAME]


def _emit(event: Event) -> None:
    g.pop(NAME, None)  # it may be somebody else who is there now
    app = extension().app
    _SIGNALS[event.kind].send(app, _async_wrapper=app.ensure_sync, event=event)


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
