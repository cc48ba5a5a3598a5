"""Django's system checks: what is missing or wrong in the settings, and what to do
about it.
"""

from collections.abc import Callable
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
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.module_loading import import_string

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.backends import PeeringDBBackend
from peeringdb_oauth.integrations.django.middleware import PeeringDBMiddleware
from peeringdb_oauth.integrations.django.settings import is_configured

_HERE = "peeringdb_oauth.integrations.django"


@register(Tags.security)
def check_settings(**_: Any) -> list[CheckMessage]:
    """``PEERINGDB_OAUTH``, the URLs, and whether PeeringDB leads back to them."""
    try:
        application()
    except ConfigurationError as error:
        # Where nothing is set at all (a build, a test run without secrets) other
        # commands must go on.
        kind, number = (Error, "E001") if is_configured() else (Warning, "W008")
        return [kind(problem, id=f"peeringdb_oauth.{number}") for problem in error.problems]
    return []


@register(Tags.security)
def check_installation(**_: Any) -> list[CheckMessage]:
    """What must stand in settings.py beside it."""
    has_backend = any(isinstance(backend, PeeringDBBackend) for backend in auth.get_backends())
    return [
        *_unless(
            has_backend,
            Error,
            "E002",
            "AUTHENTICATION_BACKENDS: nobody is let in with PeeringDB.",
            f'Add "{_HERE}.backends.PeeringDBBackend".',
        ),
        *_unless(
            _has(SessionMiddleware) and _has(AuthenticationMiddleware),
            Error,
            "E003",
            "MIDDLEWARE: a login needs Django's sessions and authentication.",
            'Add "django.contrib.sessions.middleware.SessionMiddleware" and'
            ' "django.contrib.auth.middleware.AuthenticationMiddleware".',
        ),
        *_unless(
            _finds_templates(),
            Error,
            "E004",
            "TEMPLATES: the pages of the login are not found.",
            'Set "APP_DIRS": True, or add the loader'
            ' "django.template.loaders.app_directories.Loader".',
        ),
        *_unless(
            _has(PeeringDBMiddleware),
            Warning,
            "W001",
            "MIDDLEWARE: Django's login goes on when PeeringDB's has ended.",
            f'Add "{_HERE}.middleware.PeeringDBMiddleware" below AuthenticationMiddleware.',
        ),
    ]


@register(Tags.security)
def check_sessions(**_: Any) -> list[CheckMessage]:
    """Whether the session is kept as well as what it opens."""
    config = _config()
    on_https = config is not None and config.redirect_uri.startswith("https:")
    return [
        *_unless(
            settings.SESSION_COOKIE_SECURE or not on_https,
            Warning,
            "W002",
            "SESSION_COOKIE_SECURE: False, although the site is on https: whoever listens on http"
            " gets the login.",
            "Set it to True.",
        ),
        *_unless(
            settings.SESSION_COOKIE_HTTPONLY,
            Warning,
            "W003",
            "SESSION_COOKIE_HTTPONLY: False, so any script in a page gets the login.",
            "Set it to True.",
        ),
        *_unless(
            settings.SESSION_COOKIE_SAMESITE == "Lax",
            Warning,
            "W004",
            "SESSION_COOKIE_SAMESITE: not Lax. With Strict people look logged out when they come"
            " back, with None other sites may use it.",
            'Set it to "Lax".',
        ),
        *_unless(
            "pickle" not in settings.SESSION_SERIALIZER.lower(),
            Warning,
            "W005",
            "SESSION_SERIALIZER: whoever can write a session can run code here.",
            "Remove it: Django's own writes JSON.",
        ),
        *_unless(
            not settings.SESSION_ENGINE.endswith(".signed_cookies"),
            Warning,
            "W006",
            "SESSION_ENGINE: sessions are in cookies, and a stolen copy of one goes on after a"
            " logout, until the login expires.",
            "Keep sessions on the server, or silence this.",
        ),
    ]


@register(Tags.security, deploy=True)
def check_deployment(**_: Any) -> list[CheckMessage]:
    """What is for development only."""
    config = _config()
    allows_http = config is not None and config.allow_http
    return _unless(
        not allows_http,
        Warning,
        "W007",
        "ALLOW_HTTP is for development.",
        "Remove it, and use https.",
    )


def _unless(
    fine: bool,  # noqa: FBT001
    kind: Callable[..., CheckMessage],
    number: str,
    message: str,
    hint: str,
) -> list[CheckMessage]:
    return [] if fine else [kind(message, hint=hint, id=f"peeringdb_oauth.{number}")]


def _has(middleware: type) -> bool:
    classes = [import_string(path) for path in settings.MIDDLEWARE]
    return any(isinstance(one, type) and issubclass(one, middleware) for one in classes)


def _finds_templates() -> bool:
    try:
        get_template("peeringdb_oauth/failure.html")
    except TemplateDoesNotExist:
        return False
    return True


def _config() -> ClientConfig | None:
    """The client's; None if it is wrong, which `check_settings` tells."""
    try:
        return application().client.config
    except ConfigurationError:
        return None
