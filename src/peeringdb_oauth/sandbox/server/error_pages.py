"""The answers to requests that fail, as PeeringDB sends them.

Bad requests and errors get Django's own pages. Django's own views for them need a
session, which the request may not have yet.
"""

import sys

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseServerError,
    JsonResponse,
)
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render

from peeringdb_oauth.sandbox.server.faults import ERROR_500

_ERROR_400 = ERROR_500.replace(b"Server Error (500)", b"Bad Request (400)")


class PeeringDBFails(Exception):
    """Where PeeringDB answers 500; the message says why, for people."""


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Status 400, for example if the Host header is wrong."""
    return HttpResponseBadRequest(_ERROR_400)


def server_error(request: HttpRequest) -> HttpResponse:
    """Status 500. A browser is told why; other clients get PeeringDB's bytes."""
    if "text/html" not in request.headers.get("Accept", ""):
        return HttpResponseServerError(ERROR_500)
    error = sys.exception()  # Django calls this function while it handles the error
    says = error if isinstance(error, PeeringDBFails) else f"{type(error).__name__}: {error}"
    return render(request, "sandbox/server_error.html", {"says": says}, status=500)


def csrf_failure(_request: HttpRequest, reason: str = "") -> HttpResponse:
    """Status 403 for a form without the right CSRF token; PeeringDB answers in JSON."""
    if reason == REASON_NO_CSRF_COOKIE:  # the token is in the session: no cookie has it
        reason = "Your session expired or cookies are blocked; reload and retry."
    return JsonResponse({"non_field_errors": [reason]}, status=403)
