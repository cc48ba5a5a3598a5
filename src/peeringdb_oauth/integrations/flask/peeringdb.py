"""`PeeringDB`: sets up applications, and decorates their views."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any, ParamSpec, TypeVar

from flask import Blueprint, Flask, Response, current_app
from werkzeug.local import LocalProxy

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.integrations.flask.current import (
    fail,
    find_user,
    page_context,
)
from peeringdb_oauth.integrations.flask.extension import NAME, Extension, extension
from peeringdb_oauth.integrations.flask.guard import (
    ASN,
    BLUEPRINT,
    check_login,
    check_order,
    check_token,
    protect,
)
from peeringdb_oauth.integrations.flask.settings import collected, read_config, read_secrets
from peeringdb_oauth.integrations.flask.visits import to_response, to_visit
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.web import TEMPLATES, Guard, LoginFlow, Paths, Sealer, Store

P = ParamSpec("P")
R = TypeVar("R")
Hook = TypeVar("Hook", bound=Callable[[User], Any])


class PeeringDB:
    """Logs people in with PeeringDB, in one application or several.

    Settings: ``config``, else those of ``client`` (one that is shared with others),
    else ``app.config["PEERINGDB_OAUTH_..."]`` (the names of `ClientConfig`'s arguments
    in capitals), else `ClientConfig.load`. ``rule``: who may log in at all; None for
    `AccessRule()`. ``store``: for what is too long for a session, such as a cache of
    ``cachelib``; without one, this process remembers it. ``url_prefix``: stands before
    the paths of the login.

    Raises: `ConfigurationError` with every problem at once, from here or from
    `init_app`.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        config: ClientConfig | None = None,
        rule: AccessRule | None = None,
        client: Client | None = None,
        store: Store | None = None,
        url_prefix: str = "",
    ) -> None:
        if config is not None and client is not None:
            raise ConfigurationError("config: a client brings its own, so give one of the two")
        self.rule = rule or AccessRule()
        self._config, self._client, self._store = config, client, store
        self._hooks: list[Callable[[User], Any]] = []
        prefix = f"/{url_prefix.strip('/')}" if url_prefix else ""
        paths = Paths()
        self.blueprint = Blueprint(
            BLUEPRINT,
            __name__,
            url_prefix=prefix,
            template_folder=str(TEMPLATES),
        )
        self.blueprint.add_url_rule(paths.login, "login", _start)
        self.blueprint.add_url_rule(paths.callback, "callback", self._callback)
        self.blueprint.add_url_rule(paths.logout, "logout", _log_out, methods=["POST"])
        self._paths = Paths(
            login=prefix + paths.login,
            callback=prefix + paths.callback,
            logout=prefix + paths.logout,
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Set up one application, whose ``config`` has its secret key and its settings
        by now.
        """
        client, secrets = self._parts(app)
        flow = LoginFlow(
            client.provider,
            rule=self.rule,
            secrets=secrets,
            store=self._store,
            paths=self._paths,
        )
        app.extensions[NAME] = Extension(
            app=app,
            client=client,
            flow=flow,
            verifier=BearerVerifier(client, rule=self.rule),
        )
        app.config["SESSION_COOKIE_SAMESITE"] = app.config["SESSION_COOKIE_SAMESITE"] or "Lax"
        app.config["SESSION_COOKIE_SECURE"] = app.config[
            "SESSION_COOKIE_SECURE"
        ] or client.config.redirect_uri.startswith("https:")
        app.register_blueprint(self.blueprint)
        app.before_request(check_order)
        app.register_error_handler(PeeringDBOAuthError, fail)
        app.context_processor(lambda: {"peeringdb": LocalProxy(page_context)})

    def require(
        self,
        *,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorator: a view, or a function before requests, for those only who are
        logged in and may.

        ``asn``: the name of the argument that has it, a constant (or several of which
        one suffices), or a function without arguments. The other conditions are those
        of `AccessRule`. ``max_age``: for how many seconds PeeringDB's word counts;
        None: for as long as the login. Before every request of an application, the
        pages of the login themselves are left out.

        Raises: `ConfigurationError`, at once, for conditions that nobody can meet.
        """
        guard = Guard.of(
            asn,
            perms=perms,
            manage_sessions=manage_sessions,
            mfa=mfa,
            max_age=max_age,
        )
        return partial(protect, guard.under(self.rule), check_login)

    def bearer(
        self,
        *,
        asn: ASN = None,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Decorator: a view of an API, for those only whose bearer token says that they
        may. The conditions are those of `require`.

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
        return partial(protect, guard.under(self.rule), check_token)

    def on_login(self, hook: Hook) -> Hook:
        """Decorator: the application's own word about a `User` whom the rule lets in,
        before the login counts.

        It raises `AccessDenied`, with reasons, to refuse them.
        """
        self._hooks.append(hook)
        return hook

    def user(self) -> User | None:
        """Who is logged in, None for nobody; in a view of an API, who sent the token.

        Raises: an error of this library when the login has just ended, or when their
        networks had to be asked for and PeeringDB gave none.
        """
        return find_user()

    def _parts(self, app: Flask) -> tuple[Client, tuple[str, ...]]:
        problems: list[str] = []
        with collected(problems):
            client = self._client or Client(self._config or read_config(app.config))
        secrets = read_secrets(app)
        with collected(problems, "SECRET_KEY: "):
            Sealer(*secrets)
        if problems:
            raise ConfigurationError(*problems)
        return client, secrets

    def _callback(self) -> Response:
        its = extension()
        return to_response(its.client.run(its.flow.callback(to_visit(), self._admit)))

    def _admit(self, user: User) -> object:
        """Asks the hooks. One that a decorator hides from Flask may give something to
        await: that is the client's to refuse.
        """
        results = (current_app.ensure_sync(hook)(user) for hook in self._hooks)
        return next(filter(inspect.isawaitable, results), None)


def _start() -> Response:
    return to_response(extension().flow.start(to_visit()))


def _log_out() -> Response:
    its = extension()
    return to_response(its.client.run(its.flow.log_out(to_visit())))
