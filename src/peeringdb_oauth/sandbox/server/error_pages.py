"""The answers to requests that fail, as PeeringDB sends them.

Bad requests and errors get Django's own pages. Django's own views for them need a
session, which the request may not have yet.
"""

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseServerError,
    JsonResponse,
)

from peeringdb_oauth.sandbox.server.faults import ERROR_500

_ERROR_400 = ERROR_500.replace(b"Server Error (500)", b"Bad Request (400)")


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Status 400, for example if the Host header is wrong."""
    return HttpResponseBadRequest(_ERROR_400)


def server_error(_request: HttpRequest) -> HttpResponse:
    """Status 500."""
    return HttpResponseServerError(ERROR_500)


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Status 403 for a form without the right CSRF token; PeeringDB answers in JSON."""
    return JsonResponse({"non_field_errors": [reason]}, status=403)
