"""The page of `pages` in a Django project with django-allauth, in this process.

As a project with allauth does it: Django's session and the user come from the database,
and what the provider said at the login is in the `SocialAccount`.
"""

from typing import Any

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.urls import path

from peeringdb_oauth import User

NAME = "Django + django-allauth"
APPS = ("auth", "contenttypes", "sessions")


def page(request: HttpRequest, asn: int) -> HttpResponse:
    """For people who may change the network."""
    from allauth.socialaccount.models import SocialAccount  # noqa: PLC0415 - needs settings

    if not request.user.is_authenticated:
        return HttpResponseForbidden()
    account = SocialAccount.objects.get(user=request.user, provider="peeringdb")
    networks = account.extra_data["networks"]
    if not any(one["asn"] == asn and one["perms"] & 2 for one in networks):
        return HttpResponseForbidden()
    return HttpResponse(f"{account.extra_data['name']} {asn}")


urlpatterns = [path("as<int:asn>", page)]


def application(directory: str) -> Any:
    """The project as a WSGI application, with an empty database in the directory."""
    settings.configure(
        SECRET_KEY="a secret of this benchmark only",
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": f"{directory}/allauth.sqlite3",
            }
        },
        INSTALLED_APPS=[
            *(f"django.contrib.{name}" for name in APPS),
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
        ],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "allauth.account.middleware.AccountMiddleware",
        ],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    return get_wsgi_application()


def cookie_of(user: User) -> str:
    """The cookie of somebody who has logged in."""
    from allauth.socialaccount.models import SocialAccount  # noqa: PLC0415
    from django.contrib.auth import get_user_model  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    name = f"member-{len(user.networks)}"
    account = get_user_model().objects.create_user(name)
    SocialAccount.objects.create(
        user=account, provider="peeringdb", uid=name, extra_data=user.to_dict()
    )
    browser = Client()
    browser.force_login(account)
    return f"sessionid={browser.cookies['sessionid'].value}"
