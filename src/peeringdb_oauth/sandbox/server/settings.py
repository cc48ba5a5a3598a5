"""Django's settings for a sandbox.

Where clients can see a setting, it is the one that PeeringDB has.
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
    # PeeringDB's settings. For everything else PeeringDB has the defaults of
    # django-oauth-toolkit, too: a code lives for 60 seconds, an access token for 36000.
    # A refresh token never expires; it is replaced when it is used, and its reuse
    # revokes nothing.
    "OIDC_ENABLED": True,
    "PKCE_REQUIRED": False,
    "SCOPES": SCOPES,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
    "REQUEST_APPROVAL_PROMPT": "auto",
    "OAUTH2_VALIDATOR_CLASS": "peeringdb_oauth.sandbox.server.oauth_validator.PeeringDBValidator",
}
_MIDDLEWARE = (
    # The outermost is the first. The order is PeeringDB's: clients can see it from the
    # headers that each answer has.
    "peeringdb_oauth.sandbox.server.middleware.protect_pages",
    "django.middleware.security.SecurityMiddleware",
    "peeringdb_oauth.sandbox.server.middleware.answer_preflights",
    "peeringdb_oauth.sandbox.server.middleware.repeat_refusals",
    "peeringdb_oauth.sandbox.server.middleware.RedirectToSlash",
    "peeringdb_oauth.sandbox.server.middleware.SandboxSession",
    "peeringdb_oauth.sandbox.server.middleware.add_common_headers",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "peeringdb_oauth.sandbox.server.middleware.answer_unknown_paths",
    "peeringdb_oauth.sandbox.server.middleware.refuse_in_maintenance",
    "peeringdb_oauth.sandbox.server.middleware.limit_rate",
    "django.middleware.csrf.CsrfViewMiddleware",
    "peeringdb_oauth.sandbox.server.caller.identify_caller",
    "oauth2_provider.middleware.OAuth2TokenMiddleware",
)
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
CSP = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"

_TEMPLATES = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [str(Path(__file__).parent / "templates")],
    "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
}


def settings_for(options: Options) -> dict[str, Any]:
    """The settings for these options.

    The secret key is missing. It is in the database, so it is set later.
    """
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
        # Browsers send a cookie to every port of a host. "sessionid" would also be the
        # cookie of a Django application that is tested on this machine.
        "SESSION_COOKIE_NAME": "sandbox_session",
        "SESSION_COOKIE_SECURE": options.tls,
        "TEMPLATES": [_TEMPLATES],
        "USE_I18N": False,
        "USE_TZ": True,
    }


def _database(path: str | None) -> dict[str, Any]:
    # Every transaction begins as a writer. So two of them wait for each other, instead
    # of one of them failing.
    options: dict[str, Any] = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    if path is None:
        # One database in memory, for all connections of this process.
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
