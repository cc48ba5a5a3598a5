"""Middleware of the project's own."""

from django.contrib.sessions.middleware import SessionMiddleware as Djangos


class SessionMiddleware(Djangos):
    pass


def function(get_response):
    return get_response
