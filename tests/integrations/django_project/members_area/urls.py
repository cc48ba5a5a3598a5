"""The URLs of all views."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from members_area import api, views

urlpatterns = [
    path("", include("peeringdb_oauth.integrations.django.urls")),
    path("", views.home),
    path("plain", views.plain),
    path("form", views.form),
    path("permitted", views.permitted),
    path("me", views.me),
    path("account", views.account),
    path("fresh", views.fresh),
    path("forgotten", views.forgotten),
    path("forgotten-async", views.forgotten_async),
    path("mfa", views.mfa),
    path("named/<int:asn>", views.named),
    path("text/<str:asn>", views.text),
    path("edit/<int:asn>", views.edit),
    path("exempt/<int:asn>", views.exempt),
    path("constant", views.constant),
    path("found/<int:pk>", views.found),
    path("async/<int:asn>", views.asynchronous),
    path("missing", views.text_by_kwargs),
    path("class/<int:asn>", views.ByAttribute.as_view()),
    path("class-async/<int:asn>", views.Asynchronous.as_view()),
    path("class-constant", views.ByConstant.as_view()),
    path("class-found/<int:pk>", views.ByMethod.as_view()),
    path("class-mfa/<int:asn>", views.ByAttribute.as_view(mfa=True)),
    path("checks-itself/<int:asn>", views.checks_itself),
    path("crash", views.crash),
    path("django-logout", LogoutView.as_view(next_page="/")),
    path("leave", views.leave),
    path("become/<str:username>", views.become),
    path("admin/", admin.site.urls),
    path("api/me", api.Me.as_view()),
    path("api/networks/<int:asn>", api.Network.as_view()),
    path("api/constant", api.Constant.as_view()),
    path("api/fresh", api.Fresh.as_view()),
    path("api/found/<int:pk>", api.Found.as_view()),
    path("api/found-ours/<int:pk>", api.FoundOurs.as_view()),
    path("api/now", api.Now.as_view()),
    path("api/look-alike", api.LookAlike.as_view()),
    path("api/missing", api.Missing.as_view()),
    path("api/exempt", api.Exempt.as_view()),
    path("api/foreign", api.Foreign.as_view()),
]
