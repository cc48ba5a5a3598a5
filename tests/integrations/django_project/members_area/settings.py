"""The settings, except for the database and ``PEERINGDB_OAUTH``: tests set those."""

from pathlib import Path

SECRET_KEY = "members-area-0123456789abcdef0123456789abcdef"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "members.test", "testserver"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "rest_framework",
    "drf_spectacular",
    "peeringdb_oauth.integrations.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "peeringdb_oauth.integrations.django.middleware.PeeringDBMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "peeringdb_oauth.integrations.django.backends.PeeringDBBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "peeringdb_oauth.integrations.django.context_processors.peeringdb",
            ]
        },
    }
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "members_area.urls"
LOGIN_URL = "peeringdb:login"
LOGIN_REDIRECT_URL = "/"
STATIC_URL = "static/"
USE_TZ = True
REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema"}
SPECTACULAR_SETTINGS = {
    "POSTPROCESSING_HOOKS": ["peeringdb_oauth.integrations.django.spectacular.add_refusals"]
}
LOGGING_CONFIG = None
