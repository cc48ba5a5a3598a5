"""A project on social-auth-app-django."""

from common_settings import *  # noqa: F403
from common_settings import INSTALLED_APPS, MIDDLEWARE, PROJECT, access_rule
from social_core.pipeline import DEFAULT_AUTH_PIPELINE, DEFAULT_DISCONNECT_PIPELINE

from peeringdb_oauth import AccessRule, Permission

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


def rule(perms=1, **conditions):
    return AccessRule(perms=Permission(perms), **conditions)


if "rights" in PROJECT:
    for name, given in PROJECT["rights"].items():
        if name != "GROUPS":
            value = rule(**given)
        elif isinstance(given, dict):
            value = {group: rule(**conditions) for group, conditions in given.items()}
        else:
            value = given
        globals()[f"SOCIAL_AUTH_PEERINGDB_{name}"] = value
    OURS = "peeringdb_oauth.integrations.social_core"
    SOCIAL_AUTH_PIPELINE = (*DEFAULT_AUTH_PIPELINE, f"{OURS}.give_rights")
    SOCIAL_AUTH_DISCONNECT_PIPELINE = (
        *DEFAULT_DISCONNECT_PIPELINE[:2],
        f"{OURS}.take_rights",
        *DEFAULT_DISCONNECT_PIPELINE[2:],
    )
if PROJECT.get("too_early"):
    SOCIAL_AUTH_PIPELINE = (
        *DEFAULT_AUTH_PIPELINE[:4],
        f"{OURS}.give_rights",
        *DEFAULT_AUTH_PIPELINE[4:],
    )
