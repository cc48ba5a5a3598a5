"""Settings that tell mypy the models and settings of the Django code in ``src``.

The mypy plugin of django-stubs sets Django up with them. Nothing else uses them.
"""

from typing import cast

from peeringdb_oauth.sandbox.server.in_memory import InMemory

SECRET_KEY = "only-for-types"
USE_TZ = True
AUTH_USER_MODEL = "sandbox.Person"  # the sandbox's; to the integration an account is Any
SANDBOX = cast("InMemory", None)
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "oauth2_provider",
    "peeringdb_oauth.integrations.django",
    "peeringdb_oauth.sandbox.server",
]
