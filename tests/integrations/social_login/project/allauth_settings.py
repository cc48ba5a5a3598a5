"""A project on django-allauth."""

from common_settings import *  # noqa: F403
from common_settings import INSTALLED_APPS, MIDDLEWARE, PROJECT, access_rule

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "peeringdb_oauth.integrations.allauth",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
SOCIALACCOUNT_PROVIDERS = {
    "peeringdb": {
        "APP": {"client_id": PROJECT["client_id"], "secret": PROJECT["client_secret"]},
        "OAUTH_PKCE_ENABLED": False,  # must make no difference
        **{name.upper(): value for name, value in PROJECT["options"].items()},
        **access_rule(),
    }
}
SOCIALACCOUNT_STORE_TOKENS = True  # there must be none to store
globals().update(PROJECT.get("settings", {}))
