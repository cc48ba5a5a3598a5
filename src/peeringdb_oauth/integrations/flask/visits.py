"""Translates Flask's request into a `Visit`, and an `Answer` into Flask's response."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from flask import (
    Response,
    after_this_request,
    current_app,
    g,
    make_response,
    render_template,
    request,
    session,
)
from flask.sessions import SecureCookieSession

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.flask import signals
from peeringdb_oauth.integrations.flask.extension import NAME
from peeringdb_oauth.web import CSRF_FIELD, Answer, Cookie, Event, Visit


def to_visit() -> Visit:
    """The current request."""
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
        remote_address=request.remote_addr,
        session_cookie=current_app.session_interface.get_cookie_name(current_app),
        csrf_token=lambda: request.form.get(CSRF_FIELD, ""),
        rotate=_rotation(),
        emit=_emit,
        set_cookies=lambda cookies: after_this_request(partial(_with_cookies, cookies)),
        view=lambda: request.endpoint,
        debug=lambda: current_app.debug,
        has_page=_has_page,
    )


def to_response(answer: Answer) -> Response:
    """The response for an answer."""
    response = _body(answer)
    response.status_code = answer.status
    response.headers.update(answer.headers)
    return _with_cookies(answer.cookies, response)


def _with_cookies(cookies: tuple[Cookie, ...], response: Response) -> Response:
    for cookie in cookies:
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


def _has_page(path: str) -> bool:
    """Whether the application has a page at a path, under the host of the request."""
    adapter = current_app.create_url_adapter(request)
    return adapter is not None and adapter.test(path, "GET")


def _body(answer: Answer) -> Response:
    if answer.location is not None:
        return Response(headers={"Location": answer.location})
    if answer.page is not None:
        return make_response(render_template(answer.page.template, page=answer.page))
    return make_response(current_app.json.response(answer.json))


def _rotation() -> Callable[[], object]:
    """The function that gives the session another id.

    Somebody may know the id from before the login, and would share the session after
    it. Flask's own sessions are cookies, which have no id.

    Raises:
        ConfigurationError: the session may have an id, and nothing can change it.
    """
    interface = current_app.session_interface
    regenerate = getattr(interface, "regenerate", None)
    if regenerate is not None:
        return partial(_regenerate, regenerate)
    if not isinstance(session, SecureCookieSession):
        raise ConfigurationError(
            f"session_interface: {type(interface).__name__} cannot give a session another id at"
            " login; use Flask's own sessions, Flask-Session 0.7 or later, or give the interface a"
            " method regenerate(session)"
        )
    return lambda: None


def _regenerate(regenerate: Callable[[object], object]) -> None:
    # Flask-Session gives an empty session no other id, so this one is not empty.
    session[NAME] = True
    regenerate(session)
    del session[NAME]


def _emit(event: Event) -> None:
    g.pop(NAME, None)  # forget who sent the request: a login or a logout changes it
    signals.send(event)
