"""`PeeringDB`: the login of one application, its routes, and what its endpoints may ask
for.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from jinja2 import ChoiceLoader, FileSystemLoader
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
from peeringdb_oauth.integrations.starlette.guard import (
    ASN,
    Check,
    Requirement,
    call,
)
from peeringdb_oauth.integrations.starlette.visits import (
    FAILURE,
    read_form,
    to_response,
    to_visit,
)
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.web import (
    TEMPLATES,
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
# in the scope of requests with a bearer token: they get JSON whatever they accept
_API = "peeringdb_oauth.api"


class PeeringDB:
    """Logs people in with PeeringDB.

    Settings: ``config``, else ``client`` (shared with others; it belongs to one event
    loop, and its owner closes it) and what it was made with, else `ClientConfig.load`.
    ``rule``: who may log in at all; None for `AccessRule()`. ``store``: for what is too
    long for a session; its methods may be coroutines; needed with several processes.
    ``secret_key``: what cookies are sealed and signed with; None for the client secret.
    ``on_login``, called with the `User` before they are logged in, raises
    `AccessDenied` to refuse them. ``on_event`` is called with the request and an
    `Event`; both may be coroutine functions. ``templates``: a directory that is looked
    at before our own templates, or `Jinja2Templates`, which get ours and ``peeringdb``.
    ``home``: where to go after a logout.

    Raises: `ConfigurationError`.
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
            raise ConfigurationError("config: the client brings its own; give one of the two")
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
        self._flow("")  # so that what is wrong shows at once
        self.templates = _with_ours(templates)
        self.templates.context_processors.append(self.template_context)
        self.routes = [
            Route(_PATHS.login, self._start, name="peeringdb_login"),
            Route(_PATHS.callback, self._callback, name="peeringdb_callback"),
            Route(_PATHS.logout, self._log_out, name="peeringdb_logout", methods=["POST"]),
        ]

    @property
    def router(self) -> "APIRouter":
        """`routes`, for ``include_router`` of FastAPI or to be mounted. Mounted at "/"
        it takes every path, so it must come last.
        """
        if "fastapi" not in sys.modules:
            return cast("APIRouter", Router(self.routes))
        from fastapi import APIRouter  # noqa: PLC0415 - Starlette does without

        return APIRouter(routes=[*self.routes])

    @property
    def session_cookie(self) -> str:
        """The name of `session_middleware`'s cookie: where this application has https,
        browsers let no other host of the domain set it.
        """
        return "__Host-session" if self._is_secure else "session"

    @property
    def session_middleware(self) -> Middleware:
        """Starlette's own sessions, with the flags that a login needs. The cookie can
        be read, not written: nothing secret is in it.
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
        """Only who is logged in and may: for ``Depends``, as the decorator ``.guard``,
        or to be awaited with a request.

        ``asn``: the name of the path parameter that has it, a constant (or several of
        which one suffices), or a function of the request, which may be a coroutine. The
        other conditions are those of `AccessRule`. ``max_age``: for how many seconds
        what PeeringDB said about them counts.

        Raises: `ConfigurationError`, at once, for conditions that nobody can meet.
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
        """Only who sends a bearer token of somebody who may: as `require`, for APIs.
        Needs no session.

        An ID token says what was true when it was issued, up to ten hours ago: with
        ``max_age`` an older one is refused.
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
        """Who is logged in, None for nobody. Also for ``Depends``."""
        async with self._visit(request) as (flow, visit):
            return await self._client.run(flow.user(visit))

    def template_context(self, request: Request) -> dict[str, PageContext]:
        """A context processor for templates: ``peeringdb``, which the login and logout
        buttons need as well.
        """
        visit = to_visit(request)
        return {"peeringdb": self._flow(visit.root).page_context(visit)}

    async def close(self) -> None:
        """Close the connections of this event loop now rather than when it ends. A
        ``client`` that was given stays open.
        """
        if isinstance(self._client, Clients):
            await self._client.close()

    @property
    def _is_secure(self) -> bool:
        return self._config.redirect_uri.startswith("https:")

    def _flow(self, root: str) -> LoginFlow:
        """The login of the application at ``root``. What the redirect URI has beyond
        that is where our routes are mounted in it.
        """
        at = (
            urlsplit(self._config.redirect_uri)
            .path.rpartition(_PATHS.callback)[0]
            .removeprefix(root)
        )
        if at not in self._flows:
            paths = Paths(
                login=at + _PATHS.login,
                callback=at + _PATHS.callback,
                logout=at + _PATHS.logout,
                home=self._home,
            )
            secrets = (self._secret_key,)
            self._flows[at] = LoginFlow(
                self._client.provider,
                rule=self.rule,
                secrets=secrets,
                store=self._store,
                paths=paths,
            )
        return self._flows[at]

    @asynccontextmanager
    async def _visit(self, request: Request) -> AsyncIterator[tuple[LoginFlow, Visit]]:
        """A request, as the login knows it. What happened in it is told at the end: the
        flows themselves await nobody.
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
                    await call(self._on_event, request, event)
        except BaseException:
            if any(event.kind == "login" for event in events):
                request.session.clear()  # behind an error page nobody stays logged in
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
        """Have the application answer our errors in this request, without being told to
        when it was set up; its own handlers go first.
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
            await call(self._on_login, user)

    async def _refuse(self, request: Request, refused: Refused) -> Response:
        return to_response(request, refused.answer, self.templates)

    async def _fail(self, request: Request, error: PeeringDBOAuthError) -> Response:
        if isinstance(error, ConfigurationError):
            raise error  # a mistake in the application: its developers must see it
        if _API in request.scope:
            return to_response(request, refuse_token(error), self.templates)
        events: list[Event] = []
        visit = to_visit(request, events.append)
        flow = self._flow(visit.root)
        answer = flow.fail(visit, error, user=flow.page_context(visit).user)
        await self._tell(request, events)
        return to_response(request, answer, self.templates)


def _make_requirement(guard: Guard, check: Check, *, cookie: str | None = None) -> Requirement:
    """A requirement; in an application of FastAPI one for its OpenAPI document.
    ``cookie``: the session's, if it is about who logged in.
    """
    if "fastapi" not in sys.modules:
        return Requirement(guard, check)
    from peeringdb_oauth.integrations.starlette.openapi import (  # noqa: PLC0415
        DocumentedRequirement,
    )

    return DocumentedRequirement(guard, check, cookie=cookie)


def _with_ours(templates: Jinja2Templates | str | PathLike[str] | None) -> Jinja2Templates:
    """Templates that have ours, too. Raises: `ConfigurationError` if they would let
    what people wrote pass as HTML.
    """
    if not isinstance(templates, Jinja2Templates):
        return Jinja2Templates([TEMPLATES] if templates is None else [templates, TEMPLATES])
    env: Any = templates.env
    if not (env.autoescape(FAILURE) if callable(env.autoescape) else env.autoescape):
        raise ConfigurationError("templates: their environment must have autoescape on")
    env.loader = ChoiceLoader([*filter(None, [env.loader]), FileSystemLoader(TEMPLATES)])
    return templates
