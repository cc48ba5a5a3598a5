"""The gateway's own pages at each host, and the answers to visitors of applications."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.gateway.answers import SIGN_IN, Judge
from peeringdb_oauth.gateway.forwarded import NotForwarded, RequestHeaders
from peeringdb_oauth.gateway.gateway import ANSWER, FORWARD_AUTH, RELOADABLE
from peeringdb_oauth.gateway.host import BELOW, LONGEST_PATH, PATHS, HostLogin
from peeringdb_oauth.gateway.login_starts import LoginStarts
from peeringdb_oauth.gateway.logout import END_ALL, Logout
from peeringdb_oauth.gateway.question import Asked
from peeringdb_oauth.gateway.responses import CSS, LOGO, STYLE, Responses, plain
from peeringdb_oauth.gateway.rules import roles_of
from peeringdb_oauth.gateway.whoami import describe
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web import CSRF_FIELD, LOGGED_OUT, Answer, Visit

WHOAMI = f"{BELOW}/whoami"
_MAX_BODY = 1024 * 1024  # bytes of a body that are read and dropped
_MAX_FORM = 16_384  # bytes of a form of ours
_PATIENCE = 5.0  # seconds in which the body must be here
_HEADERS_TOO_LARGE = 431  # RFC 6585 section 5
_NO_STORE = {"Cache-Control": "no-store"}
_ACCEPT_JSON = {"Accept": "application/json"}
_NOT_FOUND = "There is no such page."
_NOT_UNDERSTOOD = "This request cannot be answered. The log of the gateway says why."
_QUERY_IS_LOST = (
    f"its address has more than {LONGEST_PATH} characters, so after the login the person comes back"
    " to it without its query"
)
_TOO_LARGE = "This browser sends too much. Delete the cookies of this site, then try again."

# An answer, and what its template knows besides.
Result = tuple[Answer, dict[str, Any]]
Endpoint = Callable[[Request, HostLogin, Visit], Awaitable[Result]]


class Pages:
    """The pages of all hosts, as an application of Starlette's in ``app``.

    ``asked``: reads what proxies ask. ``judge``: answers visitors of applications.
    ``starts``: counts the logins that start.
    """

    def __init__(
        self,
        client: AsyncClient,
        asked: Asked,
        judge: Judge,
        logout: Logout,
        *,
        responses: Responses,
        starts: LoginStarts,
    ) -> None:
        self._client = client
        self._asked = asked
        self._judge = judge
        self._logout = logout
        self._responses = responses
        self._starts = starts
        get, both = ["GET"], ["GET", "POST"]
        self.app = Starlette(
            routes=[
                Route(ANSWER, _AnyMethod(self._answer)),
                Route(FORWARD_AUTH, _AnyMethod(self._answer)),
                Route(PATHS.login, self._page(self._start), methods=get),
                Route(SIGN_IN, self._page(self._sign_in), methods=get),
                Route(PATHS.callback, self._page(self._call_back), methods=get),
                Route(PATHS.logout, self._page(self._log_out), methods=both),
                Route(WHOAMI, self._page(self._who_am_i, is_json=True), methods=get),
                *(Route(path, self._file, methods=get) for path in (STYLE, CSS, LOGO)),
            ],
            exception_handlers={NotForwarded: self._refuse, HTTPException: _refuse_http},
        )
        self.app.router.redirect_slashes = False  # it would lead where the header Host says

    async def _answer(self, request: Request) -> Response:
        """Answer a visitor of an application whom a check has not let pass."""
        await _read_body(request, keep=False)
        rules = request.scope[RELOADABLE].rules
        question = self._asked.question(
            request.scope, RequestHeaders(request.scope["headers"]), rules
        )
        visit = question.visit()
        answer = await self._judge.answer(question, visit)
        if len(visit.address) > LONGEST_PATH and (answer.location or "").startswith(BELOW):
            self._asked.note(_QUERY_IS_LOST)
        if request.scope["path"] == FORWARD_AUTH and (answer.location or "").startswith("/"):
            # Traefik takes a path for one at the gateway's own address.
            answer = replace(answer, location=f"{question.host.origin}{answer.location}")
        return self._respond(answer, question.host, visit)

    def _page(
        self, endpoint: Endpoint, *, is_json: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for a page of ours. It gets the host and the visit.

        ``is_json``: whether the answer is for programs, whoever asks.
        """

        async def respond(request: Request) -> Response:
            host, visit = self._read(request)
            if is_json:
                visit = replace(visit, headers=_ACCEPT_JSON)
            before = dict(visit.session)
            try:
                answer, context = await endpoint(request, host, visit)
            except PeeringDBOAuthError as error:
                answer, context = host.flow.refusals.fail(visit, error), {}
            return self._respond(host.with_session(answer, visit, before), host, visit, **context)

        return respond

    def _read(self, request: Request) -> tuple[HostLogin, Visit]:
        scope = request.scope
        headers = RequestHeaders(scope["headers"])
        host, address = self._asked.page(scope, headers)
        query = scope["query_string"].decode("latin-1")
        visit = host.to_visit(
            headers,
            method=scope["method"],
            uri=f"{scope['path']}?{query}" if query else scope["path"],
            address=address,
        )
        return host, visit

    def _respond(self, answer: Answer, host: HostLogin, visit: Visit, **context: Any) -> Response:
        return self._responses.of(answer, peeringdb=host.flow.page_context(visit), **context)

    async def _start(self, _: Request, host: HostLogin, visit: Visit) -> Result:
        # Who tries it out is on this machine, and then no address is a visitor's.
        if visit.remote_address is None and visit.origin.startswith("https:"):
            self._asked.note("X-Forwarded-For has no address of a visitor, so nobody limits logins")
        # Images in a page of another site start no login. They must not use up those of
        # all people at the address.
        if visit.is_navigation and visit.query.get("prompt") != "select_account":
            self._starts.count(visit.remote_address)
        return host.flow.start(visit), {}

    async def _sign_in(self, _: Request, host: HostLogin, visit: Visit) -> Result:
        answer = host.flow.page(
            visit,
            "gateway/sign_in.html",
            Text("Log in to {site}", site=self._responses.title or host.name),
            Text("This site wants to know which networks you are affiliated with at PeeringDB."),
            return_path=visit.query.get("next"),
        )
        return answer, {}

    async def _call_back(self, _: Request, host: HostLogin, visit: Visit) -> Result:
        return await self._client.run(host.flow.callback(visit)), {}

    async def _log_out(self, request: Request, host: HostLogin, visit: Visit) -> Result:
        if visit.is_safe:
            return self._logout.ask(host, visit), {}
        form = await _read_form(request)
        if END_ALL in form:
            return await self._logout.end_all(host, visit, form[END_ALL]), {}
        visit = replace(visit, csrf_token=lambda: form.get(CSRF_FIELD, ""))
        answer, end_all = await self._logout.end(host, visit)
        return answer, {"end_all": end_all}

    async def _who_am_i(self, request: Request, host: HostLogin, visit: Visit) -> Result:
        session = await self._client.run(host.flow.session(visit))
        if session is None:
            return host.flow.refusals.show(visit, LOGGED_OUT), {}
        roles = roles_of(session.user, request.scope[RELOADABLE].roles)
        return Answer(status=200, json=describe(session, roles), headers=_NO_STORE), {}

    async def _file(self, request: Request) -> Response:
        return self._responses.file(request.scope["path"]) or plain(404, _NOT_FOUND)

    async def _refuse(self, _: Request, problem: Any) -> Response:
        self._asked.note(problem.problem)
        is_too_large = problem.status == _HEADERS_TOO_LARGE
        return plain(problem.status, _TOO_LARGE if is_too_large else _NOT_UNDERSTOOD)


class _AnyMethod:
    """An endpoint that answers requests with any method."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _refuse_http(_: Request, error: Any) -> Response:
    """There is no such page, or it has no such method."""
    response = plain(error.status_code, f"{error.detail}.")
    response.headers.update(error.headers or {})  # Allow: RFC 9110 section 15.5.6
    return response


async def _read_body(request: Request, *, keep: bool) -> bytes:
    """What a visitor sends, if it is short and soon here; empty otherwise.

    ``keep``: whether it is of any use. The proxy wants to get rid of it anyway.
    """
    body, size = b"", 0
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size > (_MAX_FORM if keep else _MAX_BODY):
                    return b""
                body += chunk if keep else b""
            return body
    return b""


async def _read_form(request: Request) -> dict[str, str]:
    """The fields of a form of ours. One that is too long has none."""
    text = (await _read_body(request, keep=True)).decode("latin-1")
    with suppress(ValueError):  # too many fields
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=10))
    return {}
