"""The settings of the portal. `ClientConfig.load` reads those of the login."""

import os
import secrets

import exchange

from peeringdb_oauth import ClientConfig

# With a random key, logins end with the process.
SECRET_KEY = os.environ.get("SECRET_KEY") or secrets.token_hex()
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "portal.example.net"]
ROOT_URLCONF = "portal_django.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("PORTAL_DATABASE", "portal.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "peeringdb_oauth.integrations.django",
]
MIDDLEWARE = [
    "portal_django.middleware.harden",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "peeringdb_oauth.integrations.django.middleware.PeeringDBMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # They are found before those of the applications, so the library's failure
        # page has our layout.
        "DIRS": [exchange.TEMPLATES],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "peeringdb_oauth.integrations.django.context_processors.peeringdb",
                "portal_django.views.every_page",
            ]
        },
    }
]

AUTHENTICATION_BACKENDS = ["peeringdb_oauth.integrations.django.backends.PeeringDBBackend"]
PEERINGDB_OAUTH = {
    "ON_LOGIN": "portal_django.views.admit",
    "ON_RIGHTS_CHANGED": "portal_django.views.follow",
}
LOGIN_URL, LOGIN_REDIRECT_URL = "peeringdb:login", "/"

HTTPS = ClientConfig.load().redirect_uri.startswith("https:")
SESSION_COOKIE_SECURE = HTTPS
# Other hosts of the domain cannot set a cookie with the prefix.
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_USE_SESSIONS = True  # instead of a cookie that scripts can read
