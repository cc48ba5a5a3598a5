"""Middleware of the project: a subclass of Django's, and a function."""

from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware


class SessionMiddleware(DjangoSessionMiddleware):
    pass


def function(get_response):
    return get_response
