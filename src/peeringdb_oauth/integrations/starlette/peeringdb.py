"""`PeeringDB`: the login of an application, its routes and its requirements."""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.templating import Jinja2Templates

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.integrations.starlette.clients import Clients
from peeringdb_oauth.integrations.starlette.guard import ASN, Check, Requirement, invoke
from peeringdb_oauth.integrations.starlette.templates import with_our_templates
from peeringdb_oauth.integrations.starlette.visits import read_form, to_response, to_visit
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.web import (
    Event,
    Guard,
    LoginFlow,
    MemoryStore,
    PageContext,
    Paths,
    Refused,
    Store,
    Visit,
    bearer_token,
    refuse_token,
    require_token,
)

if TYPE_CHECKING:
    from fastapi import APIRouter

_PATHS = Paths()
# Marks the scope of a request with a bearer token. Its errors are always JSON.
_API = "peeringdb_oauth.api"


class PeeringDB:
    """The login with PeeringDB for one application.

    ::

        from fastapi import FastAPI
        from peeringdb_oauth.integrations.starlette import PeeringDB

        pdb = PeeringDB()
        app = FastAPI(middleware=[pdb.session_middleware])
        app.include_router(pdb.router)

    ``config``: the settings; None for `ClientConfig.load`. ``rule``: who may log in;
    None for `AccessRule()`. ``client``: a client that you share with others, instead of
    ``config``. It belongs to one event loop, and you close it. ``store``: for what is
    too long for a session; None for the memory of this process. Several processes need
    one in common. Its methods may be coroutine functions. ``secret_key``: cookies are
    sealed and signed with it; None for the client secret. ``on_login``: called with
    each `User` who logs in; raises `AccessDenied` to refuse them. ``on_event``: called
    with the request and the `Event`. Both may be coroutine functions. ``templates``: a
    directory with templates that replace ours, or your `Jinja2Templates`, to which
    ours and the variable ``peeringdb`` are added. ``home``: the start page, where a
    logout leads.

    Raises:
        ConfigurationError: settings are missing or wrong.
    """

    def __init__(
        self,
        *,
        config: ClientConfig | None = None,
        rule: AccessRule | None = None,
        client: AsyncClient | None = None,
        store: Store | None = None,
        secret_key: str | Secret | None = None,
        on_login: Callable[[User], object] | None = None,
        on_event: Callable[[Request, Event], object] | None = None,
        templates: Jinja2Templates | str | PathLike[str] | None = None,
        home: str = _PATHS.home,
    ) -> None:
        if config is not None and client is not None:
            raise ConfigurationError(
                "config: the client has its own settings, so give only one of the two"
            )
        self.rule = rule or AccessRule()
        self._client = client or Clients(config or ClientConfig.load())
        self._config = self._client.provider.config
        self._secret_key = str(secret_key or self._config.client_secret or "")
        self._on_login, self._on_event = on_login, on_event
        self._store = MemoryStore() if store is None else store
        self._verifier: BearerVerifier[Awaitable[User]] = BearerVerifier(
            self._client,
            rule=self.rule,
        )
        self._home = home
        self._flows: dict[str, LoginFlow] = {}
        self._flow("")  # raises now, and not at the first request
        self.templates = with_our_templates(templates)
        self.templates.context_processors.append(self.template_context)
        self.routes = [
            Route(_PATHS.login, self._start, name="peeringdb_login"),
            Route(_PATHS.callback, self._callback, name="peeringdb_callback"),
            Route(_PATHS.logout, self._log_out, name="peeringdb_logout", methods=["POST"]),
        ]

    @property
    def router(self) -> "APIRouter":
        """The routes, for FastAPI's ``include_router`` or to be mounted.

        Mounted at "/" it takes every path, so it must be the last route.
        """
        if "fastapi" not in sys.modules:
            return cast("APIRouter", Router(self.routes))
        from fastapi import APIRouter  # noqa: PLC0415 - an optional dependency

        return APIRouter(routes=[*self.routes])

    @property
    def session_cookie(self) -> str:
        """The name of the cookie that `session_middleware` sets.

        With HTTPS it has a prefix. So no other host of the domain can set it.
        """
        return "__Host-session" if self._is_secure else "session"

    @property
    def session_middleware(self) -> Middleware:
        """Starlette's own session middleware, with the flags that a login needs.

        People can read the cookie, but they cannot change it. Nothing secret is in it.
        """
        return Middleware(
            SessionMiddleware,
            secret_key=self._secret_key,
            session_cookie=self.session_cookie,
            same_site="lax",
            https_only=self._is_secure,
        )

    def require(
        self,
        *,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Requirement:
        """The requirement that people are logged in and meet the conditions.

        ::

            @app.get("/networks/{asn}")
            async def peering(
                asn: int,
                user: Annotated[User, Depends(pdb.require(asn="asn"))],
            ) -> str:
                return f"{user.name} may see AS{asn}"

        ``asn``: the name of the path parameter with the AS number, one AS number,
        several of which one suffices, or a function of the request that finds it, which
        may be a coroutine function. ``perms``, ``manage_sessions``, ``mfa``: as for
        `AccessRule`. ``max_age``: PeeringDB is asked if its last answer is older, in
        seconds; None: an answer counts for as long as the login.

        Raises:
            ConfigurationError: nobody can meet the conditions.
        """
        guard = Guard.of(
            asn,
            perms=perms,
            manage_sessions=manage_sessions,
            mfa=mfa,
            max_age=max_age,
        )
        return _make_requirement(
            guard.under(self.rule),
            self._check_login,
            cookie=self.session_cookie,
        )

    def bearer(
        self,
        *,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Requirement:
        """The requirement that a request has a bearer token of a user who may.

        ::

            @app.get("/api/networks/{asn}")
            async def api(
                asn: int,
                user: Annotated[User, Depends(pdb.bearer(asn="asn"))],
            ) -> dict[str, object]:
                return {"asn": asn, "user": user.name}

        The arguments are those of `require`. No session is needed. An ID token says
        what was true when it was issued, up to ten hours ago. With ``max_age`` an older
        one is refused.

        Raises:
            ConfigurationError: nobody can meet the conditions.
        """
        guard = Guard.of(
            asn,
            perms=perms,
            manage_sessions=manage_sessions,
            mfa=mfa,
            max_age=max_age,
        )
        return _make_requirement(guard.under(self.rule), self._check_token)

    async def current_user(self, request: Request) -> User | None:
        """Who is logged in; None for nobody. It can also stand in ``Depends``.

        Raises:
            TokenRejected: PeeringDB has ended the login.
            AccessDenied: the application's rule no longer lets the user in.
            TransportError: the networks are not stored here any more, and PeeringDB
                cannot be asked now.
            InvalidResponse: the same, and PeeringDB's answer is not what it must be.
            ConfigurationError: the application has no session.
        """
        async with self._visit(request) as (flow, visit):
            return await self._client.run(flow.user(visit))

    def template_context(self, request: Request) -> dict[str, PageContext]:
        """A context processor that gives templates the variable ``peeringdb``.

        The templates of the login and logout buttons need it.
        """
        visit = to_visit(request)
        return {"peeringdb": self._flow(visit.root).page_context(visit)}

    async def close(self) -> None:
        """Close the connections of this event loop before it ends.

        A ``client`` that you gave stays open.
        """
        if isinstance(self._client, Clients):
            await self._client.close()

    @property
    def _is_secure(self) -> bool:
        return self._config.redirect_uri.startswith("https:")

    def _flow(self, root: str) -> LoginFlow:
        """The login of the application that is mounted at ``root``.

        The redirect URI says where our routes are mounted in that application.
        """
        callback = urlsplit(self._config.redirect_uri).path
        mount = callback.rpartition(_PATHS.callback)[0].removeprefix(root)
        if mount not in self._flows:
            self._flows[mount] = LoginFlow(
                self._client.provider,
                rule=self.rule,
                secrets=(self._secret_key,),
                store=self._store,
                paths=Paths(
                    login=mount + _PATHS.login,
                    callback=mount + _PATHS.callback,
                    logout=mount + _PATHS.logout,
                    home=self._home,
                ),
            )
        return self._flows[mount]

    @asynccontextmanager
    async def _visit(self, request: Request) -> AsyncIterator[tuple[LoginFlow, Visit]]:
        """The login and the visit of a request.

        ``on_event`` is called at the end, because a flow cannot await it.
        """
        self._answer_errors(request)
        if "session" not in request.scope:
            raise ConfigurationError(
                "there is no session: give the application middleware=[pdb.session_middleware]",
            )
        events: list[Event] = []
        visit = to_visit(request, events.append)
        flow = self._flow(visit.root)
        try:
            yield flow, await read_form(request, flow, visit)
        finally:
            await self._tell(request, events)

    async def _tell(self, request: Request, events: list[Event]) -> None:
        try:
            for event in events:
                if self._on_event is not None:
                    await invoke(self._on_event, request, event)
        except BaseException:
            if any(event.kind == "login" for event in events):
                # The browser gets an error page. Nobody must be logged in behind it.
                request.session.clear()
            raise

    async def _check_login(self, request: Request, guard: Guard, asn: object) -> User:
        async with self._visit(request) as (flow, visit):
            return await self._client.run(
                flow.require(visit, guard.rule, asn=asn, max_age=guard.max_age),
            )

    async def _check_token(self, request: Request, guard: Guard, asn: object) -> User:
        self._answer_errors(request)
        request.scope[_API] = True
        token = bearer_token(request.headers.get("Authorization"))
        return await self._client.run(require_token(self._verifier, token, guard, asn=asn))

    def _answer_errors(self, request: Request) -> None:
        """Have the application answer our errors in this request.

        So it needs no exception handlers. If it has some, they come first.
        """
        handlers, _ = request.scope.get("starlette.exception_handlers", ({}, {}))
        handlers.setdefault(Refused, self._refuse)
        handlers.setdefault(PeeringDBOAuthError, self._fail)

    async def _start(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            return to_response(request, flow.start(visit), self.templates)

    async def _callback(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            answer = await self._client.run(flow.callback(visit, self._admit))
        return to_response(request, answer, self.templates)

    async def _log_out(self, request: Request) -> Response:
        async with self._visit(request) as (flow, visit):
            answer = await self._client.run(flow.log_out(visit))
        return to_response(request, answer, self.templates)

    async def _admit(self, user: User) -> None:
        if self._on_login is not None:
            await invoke(self._on_login, user)

    async def _refuse(self, request: Request, refused: Refused) -> Response:
        return to_response(request, refused.answer, self.templates)

    async def _fail(self, request: Request, error: PeeringDBOAuthError) -> Response:
        if isinstance(error, ConfigurationError):
            raise error  # a mistake in the application, for its developers to see
        if _API in request.scope:
            return to_response(request, refuse_token(error), self.templates)
        events: list[Event] = []
        visit = to_visit(request, events.append)
        flow = self._flow(visit.root)
        answer = flow.fail(visit, error, user=flow.page_context(visit).user)
        await self._tell(request, events)
        return to_response(request, answer, self.templates)


def _make_requirement(guard: Guard, check: Check, *, cookie: str | None = None) -> Requirement:
    """A requirement, which FastAPI also shows in its OpenAPI document.

    ``cookie``: the name of the session's cookie; None if a bearer token is required.
    """
    if "fastapi" not in sys.modules:
        return Requirement(guard, check)
    from peeringdb_oauth.integrations.starlette.openapi import (  # noqa: PLC0415
        DocumentedRequirement,
    )

    return DocumentedRequirement(guard, check, cookie=cookie)
