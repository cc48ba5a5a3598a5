"""Django's system checks: what is missing or wrong in the settings, and the remedy.

As in Django's own checks, each message is a constant, and each check is a function that
returns nothing or its message.
"""

import os
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import (
    CheckMessage,
    Error,
    Tags,
    Warning,  # noqa: A004
    register,
)
from django.db import connections, router
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.module_loading import import_string

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.account_columns import unknown_mandatory_fields
from peeringdb_oauth.integrations.django.application import (
    Application,
    application,
    has_sessions_in_cookies,
)
from peeringdb_oauth.integrations.django.backends import PeeringDBBackend, peeringdb_backend
from peeringdb_oauth.integrations.django.middleware import PeeringDBMiddleware
from peeringdb_oauth.integrations.django.models import PeeringDBRecord
from peeringdb_oauth.integrations.django.settings import SETTING_NAME, is_configured
from peeringdb_oauth.web import NOTHING_SHARED

E002 = Error(
    "AUTHENTICATION_BACKENDS: nobody can log in with PeeringDB.",
    hint='Add "peeringdb_oauth.integrations.django.backends.PeeringDBBackend".',
    id="peeringdb_oauth.E002",
)
E003 = Error(
    "MIDDLEWARE: a login needs Django's sessions and authentication.",
    hint=(
        'Add "django.contrib.sessions.middleware.SessionMiddleware" and'
        ' "django.contrib.auth.middleware.AuthenticationMiddleware".'
    ),
    id="peeringdb_oauth.E003",
)
E004 = Error(
    "TEMPLATES: the pages of the login are not found.",
    hint=(
        'Set "APP_DIRS": True, or add the loader "django.template.loaders.app_directories.Loader".'
    ),
    id="peeringdb_oauth.E004",
)
# Browsers let no other host set a cookie whose name begins so.
_HOST_PREFIX = "__Host-"
_HOST_COOKIE_HINT = (
    'Set SESSION_COOKIE_NAME = "__Host-session" and SESSION_COOKIE_SECURE = True, and leave'
    " SESSION_COOKIE_PATH and SESSION_COOKIE_DOMAIN at Django's defaults."
)
E005 = Error(
    "SESSION_COOKIE_NAME: browsers refuse a cookie of this name, because it is not Secure, not for"
    " the path /, or has a domain. Nobody can log in.",
    hint=_HOST_COOKIE_HINT,
    id="peeringdb_oauth.E005",
)
W001 = Warning(
    "MIDDLEWARE: Django's login goes on when PeeringDB's has ended.",
    hint=(
        'Add "peeringdb_oauth.integrations.django.middleware.PeeringDBMiddleware" below'
        " AuthenticationMiddleware."
    ),
    id="peeringdb_oauth.W001",
)
W002 = Warning(
    "SESSION_COOKIE_SECURE: False, although the site is on https. Browsers send the session"
    " cookie over http, too, where others can read it.",
    hint="Set it to True.",
    id="peeringdb_oauth.W002",
)
W003 = Warning(
    "SESSION_COOKIE_HTTPONLY: False, so any script in a page can read the session cookie.",
    hint="Set it to True.",
    id="peeringdb_oauth.W003",
)
W004 = Warning(
    "SESSION_COOKIE_SAMESITE: not Lax. With Strict, people look logged out when they come back"
    " from PeeringDB. With None, other sites can use their login.",
    hint='Set it to "Lax".',
    id="peeringdb_oauth.W004",
)
W005 = Warning(
    "SESSION_SERIALIZER: sessions are pickled, so anybody who can write a session can run code"
    " here.",
    hint="Remove it: Django's default writes JSON.",
    id="peeringdb_oauth.W005",
)
W006 = Warning(
    "SESSION_ENGINE: sessions are in cookies. A stolen copy still works after a logout, until"
    " the login expires.",
    hint='Keep sessions on the server, or add "peeringdb_oauth.W006" to SILENCED_SYSTEM_CHECKS.',
    id="peeringdb_oauth.W006",
)
W007 = Warning(
    "ALLOW_HTTP is for development.", hint="Remove it, and use https.", id="peeringdb_oauth.W007"
)
W009 = Warning(
    "SESSION_COOKIE_NAME: another host of the domain can set a cookie of this name. People would"
    " then act as somebody else.",
    hint=_HOST_COOKIE_HINT,
    id="peeringdb_oauth.W009",
)
W010 = Warning(
    "CSRF_COOKIE_NAME: another host of the domain can set a cookie of this name, and then knows the"
    " token of the forms.",
    hint=(
        'Set CSRF_COOKIE_NAME = "__Host-csrftoken" and CSRF_COOKIE_SECURE = True, or'
        " CSRF_USE_SESSIONS = True."
    ),
    id="peeringdb_oauth.W010",
)
W011 = Warning(
    "PROCESSES: not set. Each process takes all of the requests that PeeringDB grants to the"
    " address.",
    hint=(
        'Set PEERINGDB_OAUTH["PROCESSES"] (or the variable WEB_CONCURRENCY) to the number of'
        " processes, also if it is 1."
    ),
    id="peeringdb_oauth.W011",
)
W012 = Warning(
    "A proxy stands before this project. If REMOTE_ADDR is the proxy's address, one visitor can"
    " use up the logins of all.",
    hint=(
        "Let a middleware or the server set REMOTE_ADDR to the visitor's address, then add"
        ' "peeringdb_oauth.W012" to SILENCED_SYSTEM_CHECKS.'
    ),
    id="peeringdb_oauth.W012",
)


W013 = Warning(
    f"SESSIONS: {NOTHING_SHARED}.",
    hint='Set PEERINGDB_OAUTH["SESSIONS"] to "django" or to the URL of a store.',
    id="peeringdb_oauth.W013",
)
W015 = Warning(
    "AUTH_USER_MODEL: has mandatory columns that PeeringDB does not give and nobody fills: {}.",
    hint=(
        "Subclass PeeringDBBackend, and set them in fill_account(self, account, user); or set"
        ' PEERINGDB_OAUTH["CREATE_USERS"] = False.'
    ),
    id="peeringdb_oauth.W015",
)
W014 = Warning(
    'SESSIONS: "django", but the database has no table for the sessions. Nobody can log in.',
    hint="Run manage.py migrate.",
    id="peeringdb_oauth.W014",
)


@register(Tags.security)
def check_settings(**_: Any) -> list[CheckMessage]:
    """E001 or W008 for each problem of ``PEERINGDB_OAUTH``, the URLs and the caches."""
    try:
        application()
    except ConfigurationError as error:
        if is_configured():
            return [Error(problem, id="peeringdb_oauth.E001") for problem in error.problems]
        # An error would stop every command, also a build or a test run without secrets.
        return [Warning(problem, id="peeringdb_oauth.W008") for problem in error.problems]
    return []


@register(Tags.security)
def check_backend(**_: Any) -> list[CheckMessage]:
    """``AUTHENTICATION_BACKENDS`` has `PeeringDBBackend` or a subclass of it."""
    passed = any(isinstance(backend, PeeringDBBackend) for backend in auth.get_backends())
    return [] if passed else [E002]


@register(Tags.security)
def check_account_model(**_: Any) -> list[CheckMessage]:
    """A new person can get an account of the project's model."""
    app, ours = _application(), peeringdb_backend()
    if app is None or ours is None or not app.settings.create_users:
        return []
    kind = type(ours[0])
    has_own = any(
        getattr(kind, name) is not getattr(PeeringDBBackend, name)
        for name in ("create_account", "fill_account")
    )
    missing = [] if has_own else unknown_mandatory_fields(auth.get_user_model())
    text = W015.msg.format(", ".join(missing))
    return [Warning(text, hint=W015.hint, id=W015.id)] if missing else []


@register(Tags.security)
def check_django_middleware(**_: Any) -> list[CheckMessage]:
    """``MIDDLEWARE`` has Django's sessions and authentication."""
    passed = _has_middleware(SessionMiddleware) and _has_middleware(AuthenticationMiddleware)
    return [] if passed else [E003]


@register(Tags.security)
def check_templates(**_: Any) -> list[CheckMessage]:
    """``TEMPLATES`` finds the templates of this package."""
    try:
        get_template("peeringdb_oauth/failure.html")
    except TemplateDoesNotExist:
        return [E004]
    return []


@register(Tags.security)
def check_middleware(**_: Any) -> list[CheckMessage]:
    """``MIDDLEWARE`` has `PeeringDBMiddleware`."""
    return [] if _has_middleware(PeeringDBMiddleware) else [W001]


@register(Tags.security)
def check_session_cookie_secure(**_: Any) -> list[CheckMessage]:
    """On https, the session cookie is ``Secure``."""
    return [W002] if _is_on_https() and not settings.SESSION_COOKIE_SECURE else []


@register(Tags.security)
def check_session_cookie_name(**_: Any) -> list[CheckMessage]:
    """On https, no other host of the domain can set the session cookie."""
    is_protected = settings.SESSION_COOKIE_NAME.startswith(_HOST_PREFIX)
    return [W009] if _is_on_https() and not is_protected else []


@register(Tags.security)
def check_host_cookie(**_: Any) -> list[CheckMessage]:
    """Browsers take a session cookie with the prefix ``__Host-``."""
    is_taken = (
        settings.SESSION_COOKIE_SECURE
        and settings.SESSION_COOKIE_PATH == "/"
        and not settings.SESSION_COOKIE_DOMAIN
    )
    return [E005] if settings.SESSION_COOKIE_NAME.startswith(_HOST_PREFIX) and not is_taken else []


@register(Tags.security, deploy=True)
def check_csrf_cookie_name(**_: Any) -> list[CheckMessage]:
    """On https, no other host of the domain can set the CSRF cookie."""
    is_protected = settings.CSRF_USE_SESSIONS or settings.CSRF_COOKIE_NAME.startswith(_HOST_PREFIX)
    return [W010] if _is_on_https() and not is_protected else []


@register(Tags.security)
def check_session_cookie_httponly(**_: Any) -> list[CheckMessage]:
    """The session cookie is ``HttpOnly``."""
    return [] if settings.SESSION_COOKIE_HTTPONLY else [W003]


@register(Tags.security)
def check_session_cookie_samesite(**_: Any) -> list[CheckMessage]:
    """The session cookie is ``SameSite=Lax``."""
    return [] if settings.SESSION_COOKIE_SAMESITE == "Lax" else [W004]


@register(Tags.security)
def check_session_serializer(**_: Any) -> list[CheckMessage]:
    """Sessions are not pickled."""
    return [W005] if "pickle" in settings.SESSION_SERIALIZER.lower() else []


@register(Tags.security)
def check_session_engine(**_: Any) -> list[CheckMessage]:
    """Sessions are not in cookies, or a store has what they need."""
    return [W006] if has_sessions_in_cookies() and not _has_store() else []


@register(Tags.security)
def check_sessions(**_: Any) -> list[CheckMessage]:
    """Several processes share the sessions."""
    config = _client_config()
    return [W013] if config is not None and config.processes > 1 and not _has_store() else []


@register(Tags.database)
def check_tables(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """The table of the records is there, if the sessions are in Django's database."""
    app, alias = _application(), router.db_for_write(PeeringDBRecord)
    if app is None or not app.uses_database or alias not in (databases or ()):
        return []
    tables = connections[alias].introspection.table_names()
    return [] if PeeringDBRecord._meta.db_table in tables else [W014]  # noqa: SLF001


@register(Tags.security, deploy=True)
def check_allow_http(**_: Any) -> list[CheckMessage]:
    """``ALLOW_HTTP`` is not set in production."""
    config = _client_config()
    return [W007] if config is not None and config.allow_http else []


@register(Tags.security, deploy=True)
def check_processes(**_: Any) -> list[CheckMessage]:
    """The number of processes is set, unless they share one budget in a store."""
    config = None if _has_store() else _client_config()
    names = ("WEB_CONCURRENCY", "PEERINGDB_OAUTH_PROCESSES")
    passed = "PROCESSES" in getattr(settings, SETTING_NAME, {}) or any(
        name in os.environ for name in names
    )
    return [] if passed or config is None or config.processes > 1 else [W011]


@register(Tags.security, deploy=True)
def check_proxy(**_: Any) -> list[CheckMessage]:
    """Django is not told about a proxy, so visitors come from their own addresses."""
    is_behind_proxy = settings.SECURE_PROXY_SSL_HEADER or settings.USE_X_FORWARDED_HOST
    return [W012] if is_behind_proxy else []


def _has_middleware(middleware: type) -> bool:
    """Whether ``MIDDLEWARE`` has this class or a subclass; it may have functions."""
    found = [import_string(path) for path in settings.MIDDLEWARE]
    return any(isinstance(item, type) and issubclass(item, middleware) for item in found)


def _is_on_https() -> bool:
    config = _client_config()
    return config is not None and config.redirect_uri.startswith("https:")


def _client_config() -> ClientConfig | None:
    """Return the client's configuration, None if `check_settings` has a message."""
    app = _application()
    return None if app is None else app.client.config


def _application() -> Application | None:
    """Return the application, None if `check_settings` has a message."""
    try:
        return application()
    except ConfigurationError:
        return None


def _has_store() -> bool:
    app = _application()
    return app is not None and app.store is not None
