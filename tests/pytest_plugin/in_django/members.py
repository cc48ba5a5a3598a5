"""The settings of the Django project that the examples of docs/testing.md test."""

SECRET_KEY = "only-for-tests-0123456789-0123456789"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "peeringdb_oauth.integrations.django",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "peeringdb_oauth.integrations.django.middleware.PeeringDBMiddleware",
]
AUTHENTICATION_BACKENDS = ["peeringdb_oauth.integrations.django.backends.PeeringDBBackend"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
ALLOWED_HOSTS = ["testserver"]
ROOT_URLCONF = "members_urls"
LOGIN_URL, LOGIN_REDIRECT_URL = "peeringdb:login", "/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SESSION_COOKIE_SECURE = True
