"""The answers to requests that fail, as PeeringDB gives them."""

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseServerError,
    JsonResponse,
)

from peeringdb_oauth.sandbox.server.faults import ERROR_500


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - called by that name
    """Django's own page. Its view needs a session, which a request with a wrong Host
    has not come to.
    """
    return HttpResponseBadRequest(ERROR_500.replace(b"Server Error (500)", b"Bad Request (400)"))


def server_error(_request: HttpRequest) -> HttpResponse:
    """Django's own page, for the same reason."""
    return HttpResponseServerError(ERROR_500)


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """PeeringDB says it in JSON."""
    return JsonResponse({"non_field_errors": [reason]}, status=403)
