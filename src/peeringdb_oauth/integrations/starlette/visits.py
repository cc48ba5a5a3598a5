"""Translates Starlette's request into a `Visit`, and an `Answer` into its response."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.templating import Jinja2Templates
from starlette.types import Message, Scope

from peeringdb_oauth.integrations.starlette.sessions import note_cookies, rotate, set_cookies
from peeringdb_oauth.integrations.starlette.websockets import headers_of, origin_of
from peeringdb_oauth.web import CSRF_FIELD, Answer, Event, LoginFlow, Visit

MAX_FORM = 1024 * 1024  # bytes; no CSRF token is looked for in a longer form


def client_address(request: HTTPConnection) -> str | None:
    """The visitor's address as the server reports it; None if it does not."""
    return None if request.client is None else request.client.host


def to_visit(
    request: HTTPConnection, session_cookie: str, emit: Callable[[Event], object] = lambda _: None
) -> Visit:
    """The request, without its form.

    Where the application has no session, the visit has an empty one that is not stored.
    ``session_cookie``: the name of the session's cookie. ``emit``: called with each
    event.
    """
    scope = request.scope
    # ``app_root_path`` is the root of the whole application. ``root_path`` also has the
    # path of an application that is mounted in it.
    root = scope.get("app_root_path", scope.get("root_path", "")).rstrip("/")
    path = scope["path"]
    # Not all servers put the root before the path.
    below_root = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else path
    query = request.query_params
    return Visit(
        method=scope.get("method", "GET"),  # a WebSocket has none
        origin=origin_of(request),
        root=root,
        path=below_root,
        query_string=scope["query_string"].decode("latin-1"),
        query={
            name: values[0] if len(values) == 1 else values
            for name in query
            if (values := query.getlist(name))
        },
        headers=headers_of(request),
        cookie_header="; ".join(request.headers.getlist("cookie")),
        cookies=request.cookies,
        session=request.session if "session" in scope else {},
        remote_address=client_address(request),
        session_cookie=session_cookie,
        rotate=partial(rotate, request),
        emit=emit,
        set_cookies=partial(note_cookies, request),
        view=lambda: getattr(scope.get("endpoint"), "__qualname__", None),
        debug=partial(is_debug, request),
        has_page=partial(_has_page, scope, root),
    )


def is_debug(request: HTTPConnection) -> bool:
    """Whether the application is in debug mode."""
    return bool(getattr(request.scope.get("app"), "debug", False))


def _has_page(scope: Scope, root: str, path: str) -> bool:
    """Whether the application at ``root`` has a page at a path below it."""
    router = scope.get("router")
    here = {**scope, "type": "http", "method": "GET", "path": root + path, "root_path": root}
    return router is None or _is_in(router.routes, here)


def _is_in(routes: Iterable[BaseRoute], scope: Scope) -> bool:
    for route in routes:
        match, found = route.matches(scope)
        if match is Match.FULL:
            # What is mounted may be no router. Then only a request would tell.
            mounted = getattr(route, "routes", None)
            return not mounted or _is_in(mounted, {**scope, **found})
    return False


async def read_form(request: HTTPConnection, flow: LoginFlow, visit: Visit) -> Visit:
    """The visit with the CSRF token of its form, if it is needed.

    It is not if the visit already proves that this site sent the form. The application
    can still read the form.
    """
    length = request.headers.get("Content-Length", "")
    if visit.is_safe or flow.is_own(visit) or not length.isdecimal() or int(length) > MAX_FORM:
        return visit
    token = await _read_token(cast("Request", request))  # no WebSocket: it is no GET
    return replace(visit, csrf_token=lambda: token) if isinstance(token, str) else visit


async def _read_token(request: Request) -> object:
    try:
        body = await request.body()
    except RuntimeError:  # FastAPI has read the form already, and the request has it
        return (await request.form()).get(CSRF_FIELD)

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    # With a request of its own: the endpoint may read the form with other limits, and
    # its form must stay open.
    async with Request(request.scope, receive).form() as form:
        return form.get(CSRF_FIELD)


def to_response(request: Request, answer: Answer, templates: Jinja2Templates) -> Response:
    """The response. ``templates`` make its page."""
    response: Response
    if answer.location is not None:
        response = Response(status_code=answer.status, headers={"Location": answer.location})
    elif answer.page is not None:
        response = templates.TemplateResponse(
            request, answer.page.template, {"page": answer.page}, answer.status
        )
    else:
        response = JSONResponse(answer.json, answer.status)
    response.headers.update(answer.headers)
    return set_cookies(response, answer.cookies)
