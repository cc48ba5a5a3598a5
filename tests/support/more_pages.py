"""Pages for tests that the portals of the examples do not have.

``/staff/`` is for nobody. It sends people who are logged in to the login, as many
frameworks and sites do: Django's ``permission_required`` is one of them.
"""
# ruff: noqa: PLC0415 - one framework at a time

STAFF, LOGIN = "/staff/", "/login/peeringdb?next=/staff/"


def in_flask():
    """Add them to the blueprint of the portal, which is not in an application yet."""
    from flask import redirect
    from portal.app import pages

    pages.add_url_rule(STAFF, "staff", lambda: redirect(LOGIN))


def in_fastapi():
    """Add them to the application."""
    from portal_fastapi import app
    from starlette.responses import RedirectResponse

    app.add_route(STAFF, lambda _: RedirectResponse(LOGIN))


def in_django():
    """Add them to the URLs of the project."""
    from django.contrib.auth.decorators import permission_required
    from django.urls import path
    from portal_django import wsgi  # noqa: F401 - sets Django up
    from portal_django.urls import urlpatterns

    urlpatterns.append(path(STAFF[1:], permission_required("auth.add_user")(lambda _: None)))


add_pages = {"flask": in_flask, "fastapi": in_fastapi, "django": in_django}
