"""Starlette's requests as the login knows them, and its answers as Starlette's
responses.
"""

from collections.abc import Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.templating import Jinja2Templates
from starlette.types import Message

from peeringdb_oauth.web import CSRF_FIELD, Answer, Event, LoginFlow, Visit

FAILURE = "peeringdb_oauth/failure.html"  # the template of all our pages
MAX_FORM = 1024 * 1024  # bytes in which a CSRF token is looked for


def to_visit(request: Request, emit: Callable[[Event], object] = lambda _: None) -> Visit:
    """The request, but for the form in it. Without a session it gets an empty one,
    which nobody keeps.
    """
    scope = request.scope
    root = scope.get("app_root_path", scope.get("root_path", "")).rstrip(
        "/",
    )  # of the application, whatever is mounted below
    path = scope["path"]
    query = request.query_params
    return Visit(
        method=request.method,
        origin=f"{request.url.scheme}://{request.url.netloc}",
        root=root,
        path=path.removeprefix(root)
        if f"{path}/".startswith(f"{root}/")
        else path,  # not all servers put the one before the other
        query_string=request.url.query,
        query={
            name: values[0] if len(values) == 1 else values
            for name in query
            if (values := query.getlist(name))
        },
        headers=request.headers,
        cookie_header="; ".join(request.headers.getlist("cookie")),
        cookies=request.cookies,
        session=request.session if "session" in scope else {},
        rotate=getattr(
            scope.get("session_handler"),
            "regenerate_id",
            lambda: None,
        ),  # starsessions' name for it; a cookie needs none
        emit=emit,
    )


async def read_form(request: Request, flow: LoginFlow, visit: Visit) -> Visit:
    """The visit with the CSRF token of its form, if nothing else says that it is our
    own. The body can be read again.
    """
    length = request.headers.get("Content-Length", "")
    if visit.is_safe or flow.is_own(visit) or not length.isdecimal() or int(length) > MAX_FORM:
        return visit
    token = await _read_token(request)
    return replace(visit, csrf_token=lambda: token) if isinstance(token, str) else visit


async def _read_token(request: Request) -> object:
    try:
        body = await request.body()
    except RuntimeError:  # FastAPI has read the form already, and keeps it
        return (await request.form()).get(CSRF_FIELD)

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async with Request(
        request.scope,
        receive,
    ).form() as form:  # of its own: the endpoint's may have other limits, and must stay open
        return form.get(CSRF_FIELD)


def to_response(request: Request, answer: Answer, templates: Jinja2Templates) -> Response:
    """The answer, its pages made with ``templates``."""
    response: Response
    if answer.location is not None:
        response = Response(status_code=answer.status, headers={"Location": answer.location})
    elif answer.page is not None:
        response = templates.TemplateResponse(
            request,
            FAILURE,
            {"page": answer.page},
            answer.status,
        )
    else:
        response = JSONResponse(answer.json, answer.status)
    response.headers.update(answer.headers)
    for cookie in answer.cookies:
        response.set_cookie(
            cookie.name,
            cookie.value,
            max_age=cookie.max_age,
            path="/",
            secure=cookie.secure,
            httponly=True,
            samesite="lax",
        )
    return response
