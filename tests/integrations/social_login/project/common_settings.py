"""The settings of both projects, chosen so that a kept token can be found anywhere."""

import json
import os

from peeringdb_oauth import AccessRule

PROJECT = json.loads(os.environ["PROJECT"])

SECRET_KEY = "only-for-tests"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": PROJECT["database"]}}
MIGRATION_MODULES = dict.fromkeys(
    ("auth", "contenttypes", "sessions", "social_django", "account", "socialaccount")
)  # no migrations: the tables are made at once, which is quick
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
LOGIN_REDIRECT_URL = "/"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"everything": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["everything"], "level": "DEBUG"},
}


def access_rule():
    """The rule that the test asked for, if it did."""
    return {"ACCESS_RULE": AccessRule(**PROJECT["rule"])} if "rule" in PROJECT else {}
