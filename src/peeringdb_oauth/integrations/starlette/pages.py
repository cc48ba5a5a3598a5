"""`Pages`: answers the requests of an application, from the login to a refusal."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import unquote, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.integrations.starlette.clients import Clients
from peeringdb_oauth.integrations.starlette.guard import invoke
from peeringdb_oauth.integrations.starlette.sessions import check_session, session_cookie
from peeringdb_oauth.integrations.starlette.visits import (
    client_address,
    is_debug,
    read_form,
    to_response,
    to_visit,
)
from peeringdb_oauth.integrations.starlette.websockets import note_connection, refuse
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import (
    STYLE_SHEET,
    STYLE_SHEET_HEADERS,
    ActingVerifier,
    ActingVisitors,
    Answer,
    Connections,
    Event,
    Guard,
    LocalAccount,
    LoginFlow,
    PageContext,
    Paths,
    Refused,
    SessionInfo,
    SessionSettings,
    Visit,
    Visitors,
    bearer_token,
    refuse_token,
    require_token,
)

U = TypeVar("U", User, User | None)

# Marks the scope of a request with a bearer token. Its errors are always JSON.
_API = "peeringdb_oauth.api"
_USER = "peeringdb_oauth.user"  # in the scope: who is logged in, once it was asked


class AccountHooks(NamedTuple):
    """The application's functions about its own accounts.

    ``account``: called with the request; returns the account that is logged in, or
    None. ``on_connect`` and ``on_disconnect``: as for `Connections`. All three may be
    coroutine functions.
    """

    account: Callable[[Request], object]
    on_connect: Callable[[LocalAccount, User], object]
    on_disconnect: Callable[[LocalAccount], object]


async def _nobody(*_: object) -> None:
    """The hooks of an application without accounts of its own."""


class Pages:
    """The login's pages, the checks of the guards, and the pages for errors.

    The arguments are those of `PeeringDB`.

    Raises:
        ConfigurationError: the redirect URI does not lead to the callback, or the
            secret key is missing or too short.
    """

    def __init__(
        self,
        client: AsyncClient | Clients,
        *,
        rule: AccessRule,
        secret_keys: tuple[str, ...],
        session_cookie: str,
        settings: SessionSettings,
        keep: tuple[str, ...],
        on_login: Callable[[User], object] | None,
        on_event: Callable[[Any, Event], object] | None,
        on_rights_changed: Callable[[User, User], object] | None,
        hooks: AccountHooks | None,
        templates: Jinja2Templates,
        paths: Paths,
        language: str | None,
        websocket_origins: tuple[str, ...] | None,
    ) -> None:
        self._client = client
        self._rule = rule
        self._secret_keys = secret_keys
        self._session_cookie = session_cookie
        self.visitors = Visitors(
            client.provider, rule=rule, tell=partial(self._tell_one, None), **settings._asdict()
        )
        self._keep = keep
        self._on_login, self._on_event = on_login, on_event
        self._on_rights_changed = on_rights_changed
        self._hooks = hooks or AccountHooks(_nobody, _nobody, _nobody)
        self._templates = templates
        self._paths = paths
        self._language = language
        self._websocket_origins = websocket_origins
        self._verifier: BearerVerifier[Awaitable[User]] = BearerVerifier(client, rule=rule)
        self._flows: dict[str, LoginFlow] = {}
        self.flow("")  # raises now, and not at the first request
        self.routes = [
            Route(paths.login, self._start, name="peeringdb_login"),
            Route(paths.callback, self._callback, name="peeringdb_callback"),
            Route(paths.logout, self._log_out, name="peeringdb_logout", methods=["POST"]),
            Route(paths.status, self._tell_status, name="peeringdb_status"),
            Route(paths.style, _send_style, name="peeringdb_style"),
        ]
        if hooks is not None:
            self.routes += [
                Route(paths.connect, self._show_connection, name="peeringdb_connection"),
                Route(paths.connect, self._connect, name="peeringdb_connect", methods=["POST"]),
                Route(
                    paths.disconnect,
                    self._disconnect,
                    name="peeringdb_disconnect",
                    methods=["POST"],
                ),
            ]

    @contextmanager
    def acting_as(self, user: User) -> Iterator[None]:
        """As `PeeringDB.logged_in_as`."""
        visitors, verifier = self.visitors, self._verifier
        try:
            self._use(ActingVisitors(visitors, user), ActingVerifier(user))
            yield
        finally:
            self._use(visitors, verifier)

    def _use(self, visitors: Visitors, verifier: BearerVerifier[Awaitable[User]]) -> None:
        self.visitors, self._verifier = visitors, verifier
        for flow in self._flows.values():
            flow.visitors = visitors

    async def user(self, request: HTTPConnection) -> User | None:
        """Who is logged in; None for nobody.

        Raises:
            PeeringDBOAuthError: an error of `LoginFlow.user`.
            ConfigurationError: the application has no session.
        """
        async with self._visit(request) as (flow, visit):
            return _note_user(request, await self._client.run(flow.user(visit)))

    async def session(self, request: HTTPConnection) -> SessionInfo | None:
        """The session of the caller; None for nobody.

        Raises:
            PeeringDBOAuthError: an error of `LoginFlow.user`.
            ConfigurationError: the application has no session.
        """
        async with self._visit(request) as (flow, visit):
            return await self._client.run(flow.session(visit))

    async def check_login(self, request: HTTPConnection, guard: Guard, asn: object) -> User:
        """Who is logged in, if the guard lets them in.

        Raises:
            Refused: with the answer to send.
            ConfigurationError: the application has no session.
        """
        async with self._visit(request) as (flow, visit):
            user = await self._client.run(
                flow.require(visit, guard.rule, asn=asn, max_age=guard.max_age)
            )
        return _note_user(request, user)

    async def check_token(self, request: HTTPConnection, guard: Guard, asn: object) -> User:
        """Who sent the bearer token, if the guard lets them in.

        Raises:
            Refused: with the answer to send.
        """
        self._answer_errors(request)
        request.scope[_API] = True
        token = bearer_token(request.headers.get("Authorization"))
        flow = require_token(
            self._verifier,
            token,
            guard,
            asn=asn,
            address=client_address(request),
            path=request.url.path,
            debug=is_debug(request),
        )
        return await self._client.run(flow)

    def page_context(self, request: HTTPConnection) -> PageContext:
        """What templates know as ``peeringdb``.

        It cannot ask the store, so the user is the one that this request has asked for,
        or else what the browser's session says of them.
        """
        visit = self._to_visit(request)
        context = self.flow(visit.root).page_context(visit)
        user = request.scope.get(_USER)
        return context if context.user is None or user is None else replace(context, user=user)

    def flow(self, root: str) -> LoginFlow:
        """The login of the application that is mounted at ``root``.

        The redirect URI says where our routes are mounted in that application.
        """
        callback = unquote(urlsplit(self._client.provider.config.redirect_uri).path)
        mount = callback.removesuffix(self._paths.callback).removeprefix(root)
        if mount not in self._flows:
            self._flows[mount] = LoginFlow(
                self._client.provider,
                rule=self._rule,
                secrets=self._secret_keys,
                visitors=self.visitors,
                keep=self._keep,
                language=self._language,
                paths=self._paths.below(mount),
            )
        return self._flows[mount]

    @asynccontextmanager
    async def _visit(self, request: HTTPConnection) -> AsyncIterator[tuple[LoginFlow, Visit]]:
        """The login and the visit of a request.

        ``on_event`` is called at the end, because a flow cannot await it.
        """
        self._answer_errors(request)
        check_session(request)
        events: list[Event] = []
        visit = self._to_visit(request, events.append)
        flow = self.flow(visit.root)
        try:
            if isinstance(request, WebSocket):
                flow.check_origin(visit, self._websocket_origins)
            yield flow, await read_form(request, flow, visit)
        finally:
            await self._tell(request, visit, events)

    def _to_visit(
        self, request: HTTPConnection, emit: Callable[[Event], object] = lambda _: None
    ) -> Visit:
        return to_visit(request, session_cookie(request, default=self._session_cookie), emit)

    async def _tell(self, request: HTTPConnection, visit: Visit, events: list[Event]) -> None:
        try:
            for event in tuple(events):
                await self._tell_one(request, event)
        except Exception:
            # The browser gets an error page. Nobody must be logged in behind it.
            if any(event.kind == "login" for event in events):
                with suppress(PeeringDBOAuthError):
                    await self._client.run(self.visitors.end(visit, "operator"))
                visit.session.clear()
            raise

    async def _tell_one(self, request: HTTPConnection | None, event: Event) -> None:
        """Tell an event; ``request`` is None if no request has caused it."""
        if event.previous is not None and self._on_rights_changed is not None:
            await invoke(self._on_rights_changed, event.previous, event.user)
        if self._on_event is not None:
            await invoke(self._on_event, request, event)

    def _answer_errors(self, request: HTTPConnection) -> None:
        """Have the application answer our errors in this request.

        So it needs no exception handlers. If it has some, they come first.
        """
        note_connection(request)
        handlers, _ = request.scope.get("starlette.exception_handlers", ({}, {}))
        handlers.setdefault(Refused, self._refuse)
        handlers.setdefault(PeeringDBOAuthError, self._fail)

    async def _start(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            return to_response(request, flow.start(visit), self._templates)

    async def _callback(self, request: Request) -> Response:
        account = await self._account(request)
        async with self._visit(request) as (flow, visit):
            callback = self._connections(flow).callback(visit, self._admit, account)
            answer = await self._client.run(callback)
        return to_response(request, answer, self._templates)

    def _connections(self, flow: LoginFlow) -> Connections:
        return Connections(
            flow, on_connect=self._store_connection, on_disconnect=self._drop_connection
        )

    async def _account(self, request: Request) -> LocalAccount | None:
        account: LocalAccount | None = await invoke(self._hooks.account, request)
        return account

    async def _store_connection(self, account: LocalAccount, user: User) -> None:
        await self._admit(user)
        await invoke(self._hooks.on_connect, account, user)

    async def _drop_connection(self, account: LocalAccount) -> None:
        await invoke(self._hooks.on_disconnect, account)

    async def _show_connection(self, request: Request) -> Response:
        account = await self._account(request)
        async with self._visit(request) as (flow, visit):
            answer = self._connections(flow).page(visit, account)
        return to_response(request, answer, self._templates)

    async def _connect(self, request: Request) -> Response:
        account = await self._account(request)
        async with self._visit(request) as (flow, visit):
            answer = self._connections(flow).start(visit, account)
        return to_response(request, answer, self._templates)

    async def _disconnect(self, request: Request) -> Response:
        account = await self._account(request)
        async with self._visit(request) as (flow, visit):
            answer = await self._client.run(self._connections(flow).end(visit, account))
        return to_response(request, answer, self._templates)

    async def _tell_status(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            answer = await self._client.run(flow.status(visit))
        return to_response(request, answer, self._templates)

    async def _log_out(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            answer = await self._client.run(flow.log_out(visit))
        return to_response(request, answer, self._templates)

    async def _admit(self, user: User) -> None:
        if self._on_login is not None:
            await invoke(self._on_login, user)

    async def _refuse(self, request: HTTPConnection, refused: Refused) -> Response | None:
        return await self._respond(request, refused.answer)

    async def _fail(self, request: HTTPConnection, error: PeeringDBOAuthError) -> Response | None:
        if isinstance(error, ConfigurationError):
            raise error  # a mistake in the application, for its developers to see
        if _API in request.scope:
            answer = refuse_token(error, path=request.url.path, debug=is_debug(request))
            return await self._respond(request, answer)
        events: list[Event] = []
        visit = self._to_visit(request, events.append)
        flow = self.flow(visit.root)
        answer = flow.refusals.fail(visit, error, user=self.page_context(request).user)
        await self._tell(request, visit, events)
        return await self._respond(request, answer)

    async def _respond(self, request: HTTPConnection, answer: Answer) -> Response | None:
        """The response; None for a WebSocket, which is closed."""
        if isinstance(request, WebSocket):
            await refuse(request, answer)
            return None
        return to_response(cast("Request", request), answer, self._templates)


async def _send_style(_: Request) -> Response:
    return Response(STYLE_SHEET, headers=STYLE_SHEET_HEADERS)


def _note_user(request: HTTPConnection, user: U) -> U:
    """Note for the templates who is logged in."""
    request.scope[_USER] = user
    return user
