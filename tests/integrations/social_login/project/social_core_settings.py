"""A project on social-auth-app-django."""

from common_settings import *  # noqa: F403
from common_settings import INSTALLED_APPS, MIDDLEWARE, PROJECT, access_rule

INSTALLED_APPS = [*INSTALLED_APPS, "social_django"]
MIDDLEWARE = [*MIDDLEWARE, "social_django.middleware.SocialAuthExceptionMiddleware"]
AUTHENTICATION_BACKENDS = [
    "peeringdb_oauth.integrations.social_core.PeeringDBOAuth2",
    "django.contrib.auth.backends.ModelBackend",
]
SOCIAL_AUTH_PEERINGDB_KEY = PROJECT["client_id"]
SOCIAL_AUTH_PEERINGDB_SECRET = PROJECT["client_secret"]

# Settings for something else, which must make no difference here.
BASE_URL = "https://portal.example.net"
TIMEOUT = "never"
SOCIAL_AUTH_USE_PKCE = False
SOCIAL_AUTH_PEERINGDB_USE_PKCE = False
SOCIAL_AUTH_PEERINGDB_ID_KEY = "email"
SOCIAL_AUTH_REVOKE_TOKENS_ON_DISCONNECT = True

globals().update(
    {
        f"SOCIAL_AUTH_PEERINGDB_{name.upper()}": value
        for name, value in (PROJECT["options"] | access_rule()).items()
    }
)
