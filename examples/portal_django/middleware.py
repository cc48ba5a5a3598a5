"""Security headers on everything."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from exchange import headers_of


def harden(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Create the middleware."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        for name, value in headers_of(request.path, https=request.is_secure()).items():
            response[name] = value
        return response

    return middleware
