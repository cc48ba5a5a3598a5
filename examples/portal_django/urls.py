"""The URLs of the portal."""

from django.urls import include, path
from django.views.static import serve
from exchange import STATIC

from portal_django import views

urlpatterns = [
    path("", include("peeringdb_oauth.integrations.django.urls")),
    path("", views.welcome),
    path("networks/", views.networks, name="networks"),
    path("networks/<int:asn>/", views.network),
    path("networks/<int:asn>/peering/", views.request_peering),
    path("act-as/", views.choose),
    path("port/", views.port, name="port"),
    path("me", views.me),
    # Two small files; with more, let a web server do it.
    path("static/<path:path>", serve, {"document_root": STATIC}),
]
