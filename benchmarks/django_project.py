"""A Django project with django-allauth and python-social-auth, in this process.

Their provider is the generic one that their documentation gives for a provider which
they do not know.
"""

import django
from django.conf import settings
from provider import CLIENT_ID, CLIENT_SECRET

PROVIDER_ID = "peeringdb"
APPS = ("auth", "contenttypes", "sessions")


def set_up(directory: str, base_url: str) -> None:
    """Make the project, with an empty database in ``directory``.

    ``base_url``: of the provider.
    """
    app = {
        "provider_id": PROVIDER_ID,
        "name": "PeeringDB",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": f"{base_url}/oauth2"},
    }
    settings.configure(
        SECRET_KEY="a secret of this benchmark only",
        ROOT_URLCONF="django_urls",
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/site.sqlite3"}
        },
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in APPS),
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.openid_connect",
            "social_django",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        SOCIALACCOUNT_PROVIDERS={"openid_connect": {"APPS": [app]}},
        SOCIAL_AUTH_PEERINGDB_KEY=CLIENT_ID,
        SOCIAL_AUTH_PEERINGDB_SECRET=CLIENT_SECRET,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs the settings

    call_command("migrate", verbosity=0)
