"""Django's settings for a sandbox: PeeringDB's where clients can see them, small where
they cannot.
"""

from pathlib import Path
from typing import Any

from peeringdb_oauth.sandbox.options import Options

SCOPES = {
    "openid": "Confirm who you are",
    "profile": "Your name, your PeeringDB id, and whether PeeringDB has verified you",
    "email": "Your email address, and whether it is confirmed",
    "networks": "Your networks, and what you may do for each of them",
    "amr": "How you logged in (password, second factor)",
}
OAUTH2_PROVIDER: dict[str, Any] = {
    # As PeeringDB configures it; what is not named here is django-oauth-toolkit's
    # default there and here: codes live 60 s, tokens 36000 s, refresh tokens rotate
    # without grace and never expire, reuse revokes nothing.
    "OIDC_ENABLED": True,
    "PKCE_REQUIRED": False,
    "SCOPES": SCOPES,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REQUEST_APPROVAL_PROMPT": "auto",
    "OAUTH2_VALIDATOR_CLASS": "peeringdb_oauth.sandbox.server.oauth_validator.PeeringDBValidator",
}
_MIDDLEWARE = (
    # Outermost first. Clients can tell the order by which answers carry which headers.
    "peeringdb_oauth.sandbox.server.middleware.protect_pages",
    "django.middleware.security.SecurityMiddleware",
    "peeringdb_oauth.sandbox.server.middleware.answer_preflights",
    "peeringdb_oauth.sandbox.server.middleware.RedirectToSlash",
    "peeringdb_oauth.sandbox.server.middleware.repeat_refusals",
    "peeringdb_oauth.sandbox.server.middleware.add_common_headers",
    "peeringdb_oauth.sandbox.server.middleware.limit_rate",
    "peeringdb_oauth.sandbox.server.middleware.SandboxSession",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "peeringdb_oauth.sandbox.server.middleware.identify_caller",
    "oauth2_provider.middleware.OAuth2TokenMiddleware",
)
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
CSP = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


def settings_for(options: Options) -> dict[str, Any]:
    """The settings. The secret key is set later: it is kept in the database."""
    return {
        "ALLOWED_HOSTS": [*LOOPBACK_NAMES, *options.hosts],
        "AUTHENTICATION_BACKENDS": [
            "oauth2_provider.backends.OAuth2Backend",
            "django.contrib.auth.backends.ModelBackend",
        ],
        "AUTH_USER_MODEL": "sandbox.Person",
        "CSRF_FAILURE_VIEW": "peeringdb_oauth.sandbox.server.error_pages.csrf_failure",
        "CSRF_USE_SESSIONS": True,
        "DATABASES": {"default": _database(options.database)},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "oauth2_provider",
            "peeringdb_oauth.sandbox.server.apps.SandboxConfig",
        ],
        "LANGUAGE_CODE": "en",
        "LOGGING_CONFIG": None,
        "LOGIN_URL": "/account/login/",
        "MIDDLEWARE": list(_MIDDLEWARE),
        "OAUTH2_PROVIDER": OAUTH2_PROVIDER,
        "PASSWORD_HASHERS": ["peeringdb_oauth.sandbox.server.client_secret_hasher.LooksLikeArgon2"],
        "ROOT_URLCONF": "peeringdb_oauth.sandbox.server.urls",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": True,
        "SECURE_HSTS_SECONDS": 47304000,
        "SECURE_REFERRER_POLICY": "strict-origin-when-cross-origin",
        # Cookies know no ports: "sessionid" would be the cookie of the Django
        # application under test as well.
        "SESSION_COOKIE_NAME": "sandbox_session",
        "SESSION_COOKIE_SECURE": options.tls,
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [str(Path(__file__).parent / "templates")],
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            },
        ],
        "USE_I18N": False,
        "USE_TZ": True,
    }


def _database(path: str | None) -> dict[str, Any]:
    """SQLite, shared by threads. Transactions begin as writers, so that two of them
    wait for each other instead of failing.
    """
    options: dict[str, Any] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    if path is None:
        # in memory, one for all connections of the process
        name = "file:/sandbox?vfs=memdb"
    else:
        name = path
        options["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "OPTIONS": options,
        "CONN_MAX_AGE": None,
    }
