"""`PeeringDB`: sets up applications, and decorates their views."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from typing import Any, Never, ParamSpec, TypeVar
from weakref import WeakSet

from flask import Blueprint, Flask, Response, abort, current_app
from flask.blueprints import BlueprintSetupState
from werkzeug.local import LocalProxy

from peeringdb_oauth.access import AccessRule, checked_rule, missing_scope, scope_of
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError, collected, renamed
from peeringdb_oauth.integrations.flask.current import fail, find_user, page_context, respond
from peeringdb_oauth.integrations.flask.extension import NAME, Extension, extension
from peeringdb_oauth.integrations.flask.guard import (
    ASN,
    BLUEPRINT,
    check_login,
    check_order,
    check_token,
    protect,
)
from peeringdb_oauth.integrations.flask.settings import (
    check_same_site,
    host_of_pages,
    name_settings,
    read_config,
    read_secrets,
    read_sessions,
    set_cookie_flags,
)
from peeringdb_oauth.integrations.flask.signals import tell_outside
from peeringdb_oauth.integrations.flask.visits import to_visit
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.steps import call
from peeringdb_oauth.web import (
    STYLE_SHEET,
    STYLE_SHEET_HEADERS,
    TEMPLATES,
    ActingVerifier,
    ActingVisitors,
    Connections,
    Guard,
    LocalAccount,
    LoginFlow,
    Paths,
    SessionInfo,
    SessionList,
    SessionPolicy,
    SessionSettings,
    SessionStore,
    Visitors,
    checked_keep,
    configured_paths,
    refuse_positional,
    share,
)

P = ParamSpec("P")
R = TypeVar("R")
Hook = TypeVar("Hook", bound=Callable[[User], Any])
AccountHook = TypeVar("AccountHook", bound=Callable[[], Any])
ConnectHook = TypeVar("ConnectHook", bound=Callable[[LocalAccount, User], Any])
DisconnectHook = TypeVar("DisconnectHook", bound=Callable[[LocalAccount], Any])
ChangeHook = TypeVar("ChangeHook", bound=Callable[[User, User], Any])


class PeeringDB:
    """The login with PeeringDB for one Flask application or several.

    ::

        import os
        from flask import Flask
        from peeringdb_oauth.integrations.flask import PeeringDB

        app = Flask(__name__)
        app.secret_key = os.environ["SECRET_KEY"]
        pdb = PeeringDB(app)

    ``app``: the application to set up; for several, or one that is made later, call
    `init_app`. ``config``: the settings. ``client``: a client that you share with
    others; it has its own settings. Without both, ``app.config`` has the settings, as
    ``PEERINGDB_OAUTH_`` with the names of `ClientConfig`'s arguments in capital
    letters; if it has none, `ClientConfig.load` reads them. ``rule``: who may log in;
    None for `AccessRule()`. ``sessions``: the URL of a store for the sessions, such as
    ``sqlite:///sessions.db``, or what `open_session_store` returned; None: the setting
    ``PEERINGDB_OAUTH_SESSIONS``, or sessions in the browsers. ``session_policy``: how
    long they last; None: the setting ``PEERINGDB_OAUTH_SESSION_POLICY``, or
    `SessionPolicy()`. ``keep``: the names of what stays in the session when somebody
    logs in, such as ``("lang",)``; everything else goes, because another person may
    have put it there. ``url_prefix``: stands before the paths of the login.
    ``language``: of the library's pages, such as "en" or "de"; None for the language of
    the visitor. ``callback_path``: of the callback, below ``url_prefix``; None: it
    follows from the redirect URI. ``login_redirect_url``: where a login leads if
    nothing else is asked for; None for "/", or for a page of ours if the application
    has none there. ``logout_redirect_url``: where a logout leads; None: the same.

    Raises:
        ConfigurationError: settings are missing or wrong, all of them at once;
            `init_app` raises it too.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        config: ClientConfig | None = None,
        rule: AccessRule | None = None,
        client: Client | None = None,
        sessions: str | SessionStore | None = None,
        session_policy: SessionPolicy | Mapping[str, Any] | str | None = None,
        keep: Iterable[str] = (),
        url_prefix: str = "",
        language: str | None = None,
        callback_path: str | None = None,
        login_redirect_url: str | None = None,
        logout_redirect_url: str | None = None,
    ) -> None:
        if config is not None and client is not None:
            raise ConfigurationError(
                "config: the client has its own settings, so give only one of the two"
            )
        self.rule = checked_rule(rule)
        self._config, self._client = config, client
        self._sessions, self._policy = sessions, session_policy
        # Flask stores there how long the session lives.
        self._keep = ("_permanent", *checked_keep(keep))
        self._language = language
        self._login_hooks: list[Callable[[User], Any]] = []
        self._change_hooks: list[Callable[[User, User], Any]] = []
        self._apps: WeakSet[Flask] = WeakSet()
        self._account_hook: Callable[[], Any] | None = None
        self._connect_hook: Callable[[LocalAccount, User], Any] | None = None
        self._disconnect_hook: Callable[[LocalAccount], Any] | None = None
        self._read_paths = partial(
            configured_paths,
            callback_path=callback_path,
            login_redirect_url=login_redirect_url,
            logout_redirect_url=logout_redirect_url,
            prefix=f"/{url_prefix.strip('/')}" if url_prefix else "",
        )
        self.blueprint = Blueprint(BLUEPRINT, __name__, template_folder=str(TEMPLATES))
        self.blueprint.record(self._add_pages)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up one application. Its ``config`` must have the secret key and settings.

        Raises:
            ConfigurationError: settings are missing or wrong, all of them at once; or
                the application was set up before.
        """
        if NAME in app.extensions:
            raise ConfigurationError(
                "this application has a PeeringDB already: write either PeeringDB(app) or"
                " pdb.init_app(app), and only once"
            )
        is_given = self._config is not None or self._client is not None
        with renamed(str if is_given else name_settings(app.config)):
            client, settings, paths = self._parts(app)
            flow = self._flow(app, client, settings, paths)
        share(client, settings.store)
        set_cookie_flags(app, is_secure=client.config.redirect_uri.startswith("https:"))
        app.extensions[NAME] = Extension(
            app=app,
            client=client,
            flow=flow,
            verifier=BearerVerifier(client, rule=self.rule),
            on_rights_changed=partial(_call, self._change_hooks),
        )
        self._apps.add(app)
        app.register_blueprint(
            self.blueprint, paths=paths, where=host_of_pages(app, client.config.redirect_uri)
        )
        app.before_request(check_order)
        app.register_error_handler(PeeringDBOAuthError, fail)
        app.context_processor(lambda: {"peeringdb": LocalProxy(cache(page_context))})

    def require(
        self,
        *positional: Never,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorator of a view for people who are logged in and meet the conditions.

        ::

            @app.get("/as<int:asn>")
            @pdb.require(asn="asn", perms=Permission.UPDATE)
            def peering(asn: int) -> str:
                return f"{current_user.name} may change the peering of AS{asn}"

        The function may also be one that Flask calls before requests. Then the login's
        own pages stay open.

        ``asn``: the name of the view's argument with the AS number, one AS number,
        several of which one suffices, or a function without arguments that finds it.
        ``perms``, ``manage_sessions``, ``mfa``: as for `AccessRule`. ``max_age``:
        PeeringDB is asked if its last answer is older, in seconds; None: it is asked
        when the session policy says so.

        Raises:
            ConfigurationError: nobody can meet the conditions.
            TypeError: the parentheses or the name of an argument are missing.
        """
        refuse_positional(positional, "@pdb.require({})")
        guard = Guard.of(
            asn, perms=perms, manage_sessions=manage_sessions, mfa=mfa, max_age=max_age
        )
        return partial(protect, guard.under(self.rule), check_login)

    def bearer(
        self,
        *positional: Never,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorator of an API's view for tokens of users who meet the conditions.

        ::

            @app.get("/api/as<int:asn>")
            @pdb.bearer(asn="asn")
            def api(asn: int) -> dict[str, object]:
                return {"asn": asn, "user": current_user.name}

        The arguments are those of `require`. An ID token says what was true when it was
        issued, up to ten hours ago. With ``max_age`` an older one is refused.

        Raises:
            ConfigurationError: nobody can meet the conditions.
            TypeError: the parentheses or the name of an argument are missing.
        """
        refuse_positional(positional, "@pdb.bearer({})")
        guard = Guard.of(
            asn, perms=perms, manage_sessions=manage_sessions, mfa=mfa, max_age=max_age
        )
        return partial(protect, guard.under(self.rule), check_token)

    def on_login(self, hook: Hook) -> Hook:
        """Decorator of a function that is called with each `User` who logs in.

        The rule has let them in already. The function raises `AccessDenied`, with
        reasons, to refuse them.
        """
        self._login_hooks.append(hook)
        return hook

    def on_rights_changed(self, hook: ChangeHook) -> ChangeHook:
        """Decorator of a function that is called when PeeringDB has changed rights.

        ::

            @pdb.on_rights_changed
            def follow(previous: User, user: User) -> None:
                plan = plan_memberships(user, tenants, members_of(user.id), pdb.rule)

        It gets the `User` as they were and as they are. It is called at a login that
        replaces an earlier one in the same browser, and at each re-check, where there
        is an application context, but perhaps no request.
        """
        self._change_hooks.append(hook)
        return hook

    def local_account(self, hook: AccountHook) -> AccountHook:
        """Decorator of the function that finds the application's own account.

        ::

            @pdb.local_account
            def my_account() -> LocalAccount | None:
                if not me.is_authenticated:  # of Flask-Login
                    return None
                return LocalAccount(me.get_id(), me.email, me.peeringdb_id)

        It returns the account that is logged in; None for nobody. With `on_connect` it
        opens the page ``/connect/peeringdb``, where people connect their accounts.
        """
        self._account_hook = hook
        return hook

    def on_connect(self, hook: ConnectHook) -> ConnectHook:
        """Decorator of the function that stores the connection of an account.

        ::

            @pdb.on_connect
            def connect(account: LocalAccount, user: User) -> None:
                if find_account_of(user.id):
                    raise AccessDenied(OTHER_ACCOUNT)
                store(account.key, user.id)

        The login rule has let the `User` in, and so have the functions of `on_login`.
        """
        self._connect_hook = hook
        return hook

    def on_disconnect(self, hook: DisconnectHook) -> DisconnectHook:
        """Decorator of the function that deletes the connection of an account.

        It raises `AccessDenied` to refuse it, for example if nobody could log in to the
        account any more.
        """
        self._disconnect_hook = hook
        return hook

    @contextmanager
    def logged_in_as(self, user: User) -> Iterator[None]:
        """For tests: every request is one of ``user``, without PeeringDB and a login.

        ::

            with pdb.logged_in_as(User(id=1, verified_user=True, verified_email=True)):
                assert app.test_client().get("/me").status_code == 200

        The login rule and those of the views decide as ever, also for bearer tokens.
        Every form counts as one of this site.
        """
        before = [(app, app.extensions[NAME], app.extensions[NAME].flow) for app in self._apps]
        real = [flow.visitors for _, _, flow in before]
        try:
            for app, found, flow in before:
                flow.visitors = ActingVisitors(flow.visitors, user)
                app.extensions[NAME] = replace(found, verifier=ActingVerifier(user))
            yield
        finally:
            for (app, found, flow), visitors in zip(before, real, strict=True):
                flow.visitors, app.extensions[NAME] = visitors, found

    def user(self) -> User | None:
        """Who is logged in, or sent the bearer token; None for nobody.

        Raises:
            TokenRejected: PeeringDB has ended the login.
            AccessDenied: the application's rule no longer lets the user in.
            TransportError: the networks are not stored here any more, and PeeringDB
                cannot be asked now.
            InvalidResponse: the same, and PeeringDB's answer is not what it must be.
        """
        return find_user()

    @property
    def sessions(self) -> SessionList:
        """The sessions in the store, to list and to end them.

        Raises:
            ConfigurationError: no store is set.
        """
        pdb = extension()
        return SessionList(pdb.flow.visitors.sessions, pdb.client.run)

    def current_login(self) -> SessionInfo | None:
        """The session of the caller; None for nobody.

        Raises:
            PeeringDBOAuthError: as `user`.
        """
        pdb = extension()
        return pdb.client.run(pdb.flow.session(to_visit()))

    def _parts(self, app: Flask) -> tuple[Client, SessionSettings, Paths]:
        problems: list[str] = []
        with collected(problems):
            client = self._client or Client(self._config or read_config(app.config))
            paths = self._read_paths(client.config.redirect_uri)
            problems += missing_scope(scope_of(self.rule), client.config.scope, where="the rule")
        with collected(problems):
            settings = read_sessions(app, sessions=self._sessions, policy=self._policy)
        with collected(problems):
            check_same_site(app)
        if problems:
            raise ConfigurationError(*problems)
        return client, settings, paths

    def _add_pages(self, state: BlueprintSetupState) -> None:
        """Add the pages of the login to an application."""
        paths: Paths = state.options["paths"]
        for path, name, view, method in (
            (paths.login, "login", _start, "GET"),
            (paths.callback, "callback", self._callback, "GET"),
            (paths.status, "status", _tell_status, "GET"),
            (paths.style, "style", _send_style, "GET"),
            (paths.connect, "connection", self._show_connection, "GET"),
            (paths.connect, "connect", self._connect, "POST"),
            (paths.disconnect, "disconnect", self._disconnect, "POST"),
            (paths.logout, "logout", _log_out, "POST"),
        ):
            state.app.add_url_rule(
                path, f"{BLUEPRINT}.{name}", view, methods=[method], **state.options["where"]
            )

    def _flow(
        self, app: Flask, client: Client, settings: SessionSettings, paths: Paths
    ) -> LoginFlow:
        visitors = Visitors(
            client.provider, rule=self.rule, tell=partial(tell_outside, app), **settings._asdict()
        )
        return LoginFlow(
            client.provider,
            rule=self.rule,
            secrets=read_secrets(app),
            visitors=visitors,
            paths=paths,
            keep=self._keep,
            language=self._language,
        )

    def _callback(self) -> Response:
        pdb = extension()
        account = self._account() if self._account_hook else None
        flow = self._connections.callback(to_visit(), self._admit, account)
        return respond(pdb.client.run(flow))

    def _admit(self, user: User) -> object:
        return _results(self._login_hooks, user)

    @property
    def _connections(self) -> Connections:
        return Connections(
            extension().flow, on_connect=self._store_connection, on_disconnect=self._drop_connection
        )

    def _account(self) -> LocalAccount | None:
        """The application's own account that is logged in.

        Without hooks there is no such page.
        """
        if self._account_hook is None or self._connect_hook is None:
            abort(404)
        account: LocalAccount | None = current_app.ensure_sync(self._account_hook)()
        return account

    def _store_connection(self, account: LocalAccount, user: User) -> object:
        given = _results(self._login_hooks, user)
        return given or _results(filter(None, [self._connect_hook]), account, user)

    def _drop_connection(self, account: LocalAccount) -> object:
        return _results(filter(None, [self._disconnect_hook]), account)

    def _show_connection(self) -> Response:
        return respond(self._connections.page(to_visit(), self._account()))

    def _connect(self) -> Response:
        return respond(self._connections.start(to_visit(), self._account()))

    def _disconnect(self) -> Response:
        flow = self._connections.end(to_visit(), self._account())
        return respond(extension().client.run(flow))


def _call(hooks: Iterable[Callable[..., Any]], *arguments: User) -> None:
    """Call hooks.

    Raises:
        ConfigurationError: one of them is to be awaited, and Flask cannot know it.
    """
    extension().client.run(call(partial(_results, hooks, *arguments)))


def _results(hooks: Iterable[Callable[..., Any]], *arguments: object) -> object:
    """Call hooks.

    A decorator may hide from Flask that a hook is a coroutine function. Then the result
    is something to await, and the client refuses it.
    """
    results = (current_app.ensure_sync(hook)(*arguments) for hook in hooks)
    return next(filter(inspect.isawaitable, results), None)


def _start() -> Response:
    return respond(extension().flow.start(to_visit()))


def _send_style() -> Response:
    return Response(STYLE_SHEET, headers=STYLE_SHEET_HEADERS)


def _tell_status() -> Response:
    pdb = extension()
    return respond(pdb.client.run(pdb.flow.status(to_visit())))


def _log_out() -> Response:
    pdb = extension()
    return respond(pdb.client.run(pdb.flow.log_out(to_visit())))
