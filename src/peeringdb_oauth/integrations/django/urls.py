"""The URLs of login, callback and logout, in the namespace ``peeringdb``.

Include them with ``path("", include("peeringdb_oauth.integrations.django.urls"))``.
"""

from django.urls import path

from peeringdb_oauth.integrations.django import views

app_name = "peeringdb"

urlpatterns = [
    path("login/peeringdb", views.login, name="login"),
    path("login/peeringdb/callback", views.callback, name="callback"),
    path("logout", views.logout, name="logout"),
]
