"""Who sends a request: PeeringDB looks at it before the OAuth code does."""

import base64
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse

from peeringdb_oauth.sandbox.server.faults import CONTROL_PREFIX
from peeringdb_oauth.sandbox.server.models import Person

VERSION = "2.82.0"  # of PeeringDB
_HEADER_AND_SESSION = (
    "Cannot authenticate through Authorization header while logged in. Please log out and try"
    " again."
)
# The paths for somebody who is logged in, but still needs a second factor.
_OPEN_WITHOUT_SECOND_FACTOR = ("/account/two_factor/", "/logout", CONTROL_PREFIX)


def identify_caller(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Read the Authorization header as PeeringDB does, before the OAuth code sees it.

    The headers X-Auth-Status and X-Auth-ID say what was read. A person who is logged in
    without a second factor is sent away from every path.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        header = request.headers.get("Authorization", "")
        if request.user.is_authenticated:
            auth_id, answer = (
                f"u{request.user.id}",
                _answer_to_session(request.user, request.path, header),
            )
        else:
            auth_id, answer = _answer_to_header(header)
        response = answer or get_response(request)
        response["X-Auth-Status"] = (
            "authenticated" if request.user.is_authenticated else "unauthenticated"
        )
        response["X-App-Version"] = VERSION
        if auth_id:
            response["X-Auth-ID"] = auth_id
        return response

    return middleware


def _answer_to_session(person: Person, path: str, header: str) -> HttpResponse | None:
    """The answer to somebody who is logged in; None if the request may go on."""
    if header:
        return _error(_HEADER_AND_SESSION, 400)
    needs_second_factor = person.verified_email and not person.mfa
    if needs_second_factor and not path.startswith(_OPEN_WITHOUT_SECOND_FACTOR):
        return HttpResponseRedirect(reverse("two-factor"))
    return None


def _answer_to_header(header: str) -> tuple[str, HttpResponse | None]:
    """X-Auth-ID, and the answer to this Authorization header; None if it may go on.

    PeeringDB takes Basic for the user name and password of an account, and it knows API
    keys, on every path. Nobody in a sandbox has either.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "api-key" and value:
        return f"apikey_{value[:16]}", _error("Invalid API key", 401)
    if scheme != "Basic":
        return "", None
    try:
        username, colon, _ = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return "", _error("Corrupt base64 input.", 400)
    if not colon:
        return "", _error("Invalid Input.", 400)
    return username.replace(" ", "_")[:16], _error("Invalid username or password", 401)


def _error(text: str, status: int) -> JsonResponse:
    return JsonResponse({"meta": {"error": text}}, status=status)
