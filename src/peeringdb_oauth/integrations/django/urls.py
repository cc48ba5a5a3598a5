"""``path("", include("peeringdb_oauth.integrations.django.urls"))``: the login's pages,
under the namespace ``peeringdb``.
"""

from django.urls import path

from peeringdb_oauth.integrations.django import views

app_name = "peeringdb"

urlpatterns = [
    path("login/peeringdb", views.login, name="login"),
    path("login/peeringdb/callback", views.callback, name="callback"),
    path("logout", views.logout, name="logout"),
]
