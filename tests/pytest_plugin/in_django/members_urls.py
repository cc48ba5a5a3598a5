"""The pages of that project, as in docs/django.md."""

from django.http import HttpResponse
from django.urls import include, path

from peeringdb_oauth import Permission
from peeringdb_oauth.integrations.django import require_asn


@require_asn("asn", perms=Permission.UPDATE)
def edit(request, asn):
    return HttpResponse(f"{request.peeringdb.name} may change AS{asn}")


urlpatterns = [
    path("", include("peeringdb_oauth.integrations.django.urls")),
    path("networks/<int:asn>", edit),
]
