"""`PeeringDB`: the login of an application, its routes and its requirements."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn, cast

from starlette.datastructures import Secret
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.routing import Router
from starlette.templating import Jinja2Templates

from peeringdb_oauth.access import AccessRule, checked_rule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.background import AT_EXIT
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, collected, renamed
from peeringdb_oauth.integrations.starlette.clients import Clients
from peeringdb_oauth.integrations.starlette.guard import (
    ASN,
    Check,
    NotOfRequest,
    Positional,
    Requirement,
    not_of_request,
)
from peeringdb_oauth.integrations.starlette.pages import AccountHooks, Pages
from peeringdb_oauth.integrations.starlette.refusals import describe
from peeringdb_oauth.integrations.starlette.secret_key import read_secret_keys
from peeringdb_oauth.integrations.starlette.sessions import GuardedSessionMiddleware
from peeringdb_oauth.integrations.starlette.templates import with_our_templates
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.setting_sources import name_setting
from peeringdb_oauth.web import (
    AsyncSessionList,
    Event,
    Guard,
    LocalAccount,
    PageContext,
    SessionInfo,
    SessionPolicy,
    SessionStore,
    checked_keep,
    checked_origins,
    configured_paths,
    read_session_settings,
    refuse_positional,
    share,
)

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI


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
    ``config``. It belongs to one event loop, and you close it. ``sessions``: the URL of
    a store for the sessions, such as ``sqlite:///sessions.db``, or what
    `open_session_store` returned; None for the variable ``PEERINGDB_OAUTH_SESSIONS`` of
    the environment, or sessions in the browsers. ``session_policy``: how long they
    last; None for the variable ``PEERINGDB_OAUTH_SESSION_POLICY``, or
    `SessionPolicy()`. ``secret_key``: cookies are sealed and signed with
    it; of several the first one seals and signs, and all of them open; None for the
    variable ``PEERINGDB_OAUTH_SECRET_KEY`` of the environment, or the file that
    ``PEERINGDB_OAUTH_SECRET_KEY_FILE`` names. ``keep``: the names of what stays in the
    session when somebody logs in, such as ``("lang",)``; everything else goes, because
    another person may have put it there. ``on_login``: called with each `User` who logs
    in; raises `AccessDenied` to refuse them. ``on_event``: called with the request and
    the `Event`; the request is None if none has caused it. ``on_rights_changed``:
    called with the `User` as they were and as they are. ``local_account``: called with
    the request; returns the `LocalAccount` of your own that is logged in, or None.
    ``on_connect``: called with it and the `User` to store that they belong together;
    raises `AccessDenied` to refuse it. ``on_disconnect``: called with it to delete
    that. All of these may be coroutine functions. ``templates``: a directory with
    templates that replace ours, or your `Jinja2Templates`, to which ours and the
    variable ``peeringdb`` are added. ``language``: of the library's pages, such as "en"
    or "de"; None for the language of the visitor. ``callback_path``: of the callback,
    below the prefix of the router; None: it follows from the redirect URI.
    ``login_redirect_url``: where a login leads if nothing else is asked for; None for
    "/", or for a page of ours if the application has none there.
    ``logout_redirect_url``: where a logout leads; None: the same. ``home``: the earlier
    name of ``login_redirect_url``. ``websocket_origins``: the origins of the pages that
    may open WebSockets, such as ``https://app.example.net``; None for this site.
    ``session_cookie``: the name of the cookie of `session_middleware`, one of its own
    for each application at a host; None for the usual one.

    Raises:
        ConfigurationError: settings are missing or wrong, all of them at once.
    """

    def __init__(
        self,
        *,
        config: ClientConfig | None = None,
        rule: AccessRule | None = None,
        client: AsyncClient | None = None,
        sessions: str | SessionStore | None = None,
        session_policy: SessionPolicy | Mapping[str, Any] | str | None = None,
        secret_key: str | Secret | Iterable[str | Secret] | None = None,
        keep: Iterable[str] = (),
        on_login: Callable[[User], object] | None = None,
        on_event: Callable[[Any, Event], object] | None = None,
        on_rights_changed: Callable[[User, User], object] | None = None,
        local_account: Callable[[Request], object] | None = None,
        on_connect: Callable[[LocalAccount, User], object] | None = None,
        on_disconnect: Callable[[LocalAccount], object] = lambda _: None,
        templates: Jinja2Templates | str | PathLike[str] | None = None,
        home: str | None = None,
        language: str | None = None,
        callback_path: str | None = None,
        login_redirect_url: str | None = None,
        logout_redirect_url: str | None = None,
        websocket_origins: Iterable[str] | None = None,
        session_cookie: str | None = None,
    ) -> None:
        if config is not None and client is not None:
            raise ConfigurationError(
                "config: the client has its own settings, so give only one of the two"
            )
        self.rule = checked_rule(rule)
        self._session_cookie = session_cookie
        problems: list[str] = []
        # How a setting is called depends on where it was written.
        rename = str if config is not None or client is not None else name_setting
        with collected(problems), renamed(rename):
            self._client = client or Clients(config or ClientConfig.load())
            paths = configured_paths(
                self._client.provider.config.redirect_uri,
                callback_path=callback_path,
                login_redirect_url=login_redirect_url or home,
                logout_redirect_url=logout_redirect_url,
            )
        with collected(problems):
            self._secret_keys = read_secret_keys(secret_key)
            settings = read_session_settings(
                sessions=sessions,
                policy=session_policy,
                secrets=self._secret_keys,
                secret_name="secret_key: ",  # noqa: S106 - the name of a setting
            )
        with collected(problems):
            origins = checked_origins(websocket_origins)
        if (local_account is None) != (on_connect is None):
            problems.append("local_account and on_connect: give both or neither")
        if problems:
            raise ConfigurationError(*problems)
        share(self._client, settings.store)
        self._config = self._client.provider.config
        self.templates = with_our_templates(templates)
        with renamed(rename):
            self._pages = Pages(
                self._client,
                rule=self.rule,
                secret_keys=self._secret_keys,
                session_cookie=self.session_cookie,
                keep=checked_keep(keep),
                settings=settings,
                on_login=on_login,
                on_event=on_event,
                on_rights_changed=on_rights_changed,
                hooks=AccountHooks(local_account, on_connect, on_disconnect)
                if local_account and on_connect
                else None,
                templates=self.templates,
                paths=paths,
                language=language,
                websocket_origins=origins,
            )
        self.templates.context_processors.append(self.template_context)
        self.routes = self._pages.routes

    @property
    def router(self) -> "APIRouter":
        """The routes, for FastAPI's ``include_router`` or to be mounted.

        Mounted at "/" it takes every path, so it must be the last route.
        """
        if "fastapi" not in sys.modules:
            return cast("APIRouter", Router(self.routes))
        from fastapi import APIRouter  # noqa: PLC0415 - an optional dependency

        return APIRouter(routes=[*self.routes])

    @staticmethod
    def document(app: "FastAPI") -> None:
        """Describe refusals in the OpenAPI document of an application.

        ::

            pdb.document(app)

        Every operation behind `require` or `bearer` then has the answers 401, 403, 429
        and 503 with their schema. What you describe yourself stays.
        """
        original = app.openapi
        vars(app)["openapi"] = lambda: describe(original())

    @property
    def session_cookie(self) -> str:
        """The name of the cookie that `session_middleware` sets.

        With HTTPS it has a prefix. So no other host of the domain can set it.
        """
        return self._session_cookie or ("__Host-session" if self._is_secure else "session")

    @property
    def session_middleware(self) -> Middleware:
        """Starlette's own session middleware, with the flags that a login needs.

        People can read the cookie, but they cannot change it. Nothing secret is in it.
        The answers of guarded endpoints get ``Cache-Control: private``. When the server
        ends, it waits some seconds for what runs behind the answers, such as
        revocations.
        """
        return Middleware(
            GuardedSessionMiddleware,
            secret_keys=self._secret_keys,
            session_cookie=self.session_cookie,
            same_site="lax",
            https_only=self._is_secure,
            at_shutdown=partial(self._client.finish_background, AT_EXIT),
        )

    @not_of_request
    def require(
        self,
        *positional: Positional,
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
        seconds; None: it is asked when the session policy says so.

        Raises:
            ConfigurationError: nobody can meet the conditions, or the scope lacks what
                they read.
            TypeError: the parentheses or the name of an argument are missing.
        """
        refuse_positional(positional, "Depends(pdb.require({}))")
        guard = Guard.of(
            asn, perms=perms, manage_sessions=manage_sessions, mfa=mfa, max_age=max_age
        ).under(self.rule)
        guard.check_scope(self._config.scope, where="pdb.require()")
        return _make_requirement(guard, self._pages.check_login, cookie=self.session_cookie)

    @not_of_request
    def bearer(
        self,
        *positional: Positional,
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
            TypeError: the parentheses or the name of an argument are missing.
        """
        refuse_positional(positional, "Depends(pdb.bearer({}))")
        guard = Guard.of(
            asn, perms=perms, manage_sessions=manage_sessions, mfa=mfa, max_age=max_age
        )
        return _make_requirement(guard.under(self.rule), self._pages.check_token)

    @contextmanager
    def logged_in_as(self, user: User) -> Iterator[None]:
        """For tests: every request is one of ``user``, without PeeringDB and a login.

        ::

            with pdb.logged_in_as(User(id=1, verified_user=True, verified_email=True)):
                assert TestClient(app).get("/me").status_code == 200

        The login rule and the requirements decide as ever, also for bearer tokens.
        Every form counts as one of this site.
        """
        with self._pages.acting_as(user):
            yield

    @property
    def sessions(self) -> AsyncSessionList:
        """The sessions in the store, to list and to end them.

        Raises:
            ConfigurationError: no store is set.
        """
        return AsyncSessionList(self._pages.visitors.sessions, self._client.run)

    async def current_login(self, request: HTTPConnection) -> SessionInfo | None:
        """The session of the caller; None for nobody.

        Raises:
            PeeringDBOAuthError: as `current_user`.
        """
        return await self._pages.session(request)

    async def current_user(self, request: HTTPConnection) -> User | None:
        """Who is logged in; None for nobody. It can also stand in ``Depends``.

        ``request``: may be a WebSocket.

        Raises:
            TokenRejected: PeeringDB has ended the login.
            AccessDenied: the application's rule no longer lets the user in.
            TransportError: the networks are not stored here any more, and PeeringDB
                cannot be asked now.
            InvalidResponse: the same, and PeeringDB's answer is not what it must be.
            ConfigurationError: the application has no session.
        """
        return await self._pages.user(request)

    def template_context(self, request: Request) -> dict[str, PageContext]:
        """A context processor that gives templates the variable ``peeringdb``.

        The templates of the login and logout buttons need it.
        """
        return {"peeringdb": self._pages.page_context(request)}

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        # FastAPI copies the default of a query parameter. This is in one if somebody
        # writes ``user=pdb.require``. Then everybody would be let in.
        NotOfRequest.refuse()

    async def close(self) -> None:
        """Close the connections of this event loop before it ends.

        A ``client`` that you gave stays open.
        """
        if isinstance(self._client, Clients):
            await self._client.close()

    @property
    def _is_secure(self) -> bool:
        return self._config.redirect_uri.startswith("https:")


def _make_requirement(guard: Guard, check: Check, *, cookie: str | None = None) -> Requirement:
    """A requirement, which FastAPI also shows in its OpenAPI document.

    ``cookie``: the name of the session's cookie; None if a bearer token is required.
    """
    if "fastapi" not in sys.modules:
        return Requirement(guard, check)
    from peeringdb_oauth.integrations.starlette.openapi import DocumentedRequirement  # noqa: PLC0415

    return DocumentedRequirement(guard, check, cookie=cookie)
