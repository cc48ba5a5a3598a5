"""The addresses of `django_project`."""

from allauth_page import page
from django.urls import include, path

urlpatterns = [path("as<int:asn>", page), path("accounts/", include("allauth.urls"))]
