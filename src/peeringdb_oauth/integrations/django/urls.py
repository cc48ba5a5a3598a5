"""The URLs of the login and of the connection, in the namespace ``peeringdb``.

Include them with ``path("", include("peeringdb_oauth.integrations.django.urls"))``.
"""

from django.urls import path

from peeringdb_oauth.integrations.django import views

app_name = "peeringdb"

urlpatterns = [
    path("login/peeringdb", views.login, name="login"),
    path("login/peeringdb/callback", views.callback, name="callback"),
    path("login/peeringdb/style.css", views.style, name="style"),
    path("logout", views.logout, name="logout"),
    path("connect/peeringdb", views.connect, name="connect"),
    path("disconnect/peeringdb", views.disconnect, name="disconnect"),
]
