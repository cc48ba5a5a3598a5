"""The page of `pages` in the Django project of `django_project`.

As a project with allauth does it: Django's session and the user come from the database,
and what the provider said at the login is in the `SocialAccount`.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from peeringdb_oauth import User

NAME = "Django + django-allauth"


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


def application() -> Any:
    """The project as a WSGI application."""
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415 - needs settings

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
