"""The login with PeeringDB in a Django project, and access to views by ASN.

settings.py::

    PEERINGDB = "peeringdb_oauth.integrations.django"
    INSTALLED_APPS += [PEERINGDB]
    MIDDLEWARE += [f"{PEERINGDB}.middleware.PeeringDBMiddleware"]
    AUTHENTICATION_BACKENDS = [f"{PEERINGDB}.backends.PeeringDBBackend"]
    LOGIN_URL, LOGIN_REDIRECT_URL = "peeringdb:login", "/"

urls.py::

    from django.http import HttpRequest, HttpResponse
    from django.urls import include, path
    from peeringdb_oauth import Permission
    from peeringdb_oauth.integrations.django import require_asn


    @require_asn("asn", perms=Permission.UPDATE)
    def edit(request: HttpRequest, asn: int) -> HttpResponse:
        return HttpResponse(f"{request.peeringdb.name} may change AS{asn}")


    urlpatterns = [path("", include("peeringdb_oauth.integrations.django.urls"))]
    urlpatterns += [path("networks/<int:asn>", edit)]

Then run ``manage.py migrate``, and ``manage.py check``, which says what is missing. The
client id, the client secret and the redirect URI come from the environment or from the
setting ``PEERINGDB_OAUTH``. A site on https also sets ``SESSION_COOKIE_NAME =
"__Host-session"`` and ``SESSION_COOKIE_SECURE = True``. See docs/django.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peeringdb_oauth.extras import needs

with needs("django"):
    import django  # noqa: F401 - here it is known what to install

if TYPE_CHECKING:
    from peeringdb_oauth.integrations.django.access import peeringdb_login, peeringdb_user
    from peeringdb_oauth.integrations.django.guard import require_asn, require_peeringdb
    from peeringdb_oauth.integrations.django.mixins import RequireASNMixin
    from peeringdb_oauth.integrations.django.requests import PeeringDBRequest

# Imported when first used: Django imports this package before it can load models.
_MODULE_OF = {
    "PeeringDBRequest": "requests",
    "RequireASNMixin": "mixins",
    "peeringdb_login": "access",
    "peeringdb_user": "access",
    "require_asn": "guard",
    "require_peeringdb": "guard",
}

__all__ = [
    "PeeringDBRequest",
    "RequireASNMixin",
    "peeringdb_login",
    "peeringdb_user",
    "require_asn",
    "require_peeringdb",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    return value
