"""Middleware of the project: a subclass of Django's, and a function."""

from django.contrib.sessions.middleware import SessionMiddleware as DjangoSessionMiddleware


class SessionMiddleware(DjangoSessionMiddleware):
    pass


def function(get_response):
    return get_response


def asks_for_the_account(get_response):
    """Load the account before the login's own middleware."""

    def answer(request):
        assert request.user.is_authenticated in (True, False)
        return get_response(request)

    return answer
