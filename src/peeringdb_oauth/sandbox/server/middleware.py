"""What PeeringDB does around its views, in its order: the refusals it repeats, the
rate, who is asking, and the headers of every answer.
"""

import base64
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
    HttpResponsePermanentRedirect,
    JsonResponse,
)
from django.http.request import split_domain_port, validate_host
from django.middleware.common import CommonMiddleware
from django.utils.cache import patch_vary_headers

from peeringdb_oauth.sandbox.server import clock
from peeringdb_oauth.sandbox.server.faults import CONTROL_PREFIX
from peeringdb_oauth.sandbox.server.in_memory import InMemory
from peeringdb_oauth.sandbox.server.limits import (
    REFUSAL_SECONDS,
    REQUESTS_PER_MINUTE,
    Refusal,
    RequestKey,
)
from peeringdb_oauth.sandbox.server.settings import CSP, LOOPBACK_NAMES

View = Callable[[HttpRequest], HttpResponse]

VERSION = "2.82.0"
_BOTH = (
    "Cannot authenticate through Authorization header while logged in. Please log out and try"
    " again."
)
_TOO_MANY_REFUSALS = {"meta": {"error": "Too many requests that resulted in 401 or 403 responses"}}


def protect_pages(get_response: View) -> View:
    """Pages get a content policy, control pages a check of the host name; HSTS must not
    reach 'localhost', where others speak http.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        own_page = request.path.startswith(CONTROL_PREFIX)
        if own_page and not validate_host(
            split_domain_port(request.META.get("HTTP_HOST", ""))[0],
            LOOPBACK_NAMES,
        ):
            # A page of another site whose name was made to point here (DNS rebinding)
            # must not switch faults.
            return HttpResponseForbidden(
                "The control pages answer on 127.0.0.1, [::1] and localhost only.",
            )
        response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and response.content:
            # No form-action in the login pages: browsers apply it to the redirect that
            # leads back to the application.
            response["Content-Security-Policy"] = CSP + ("; form-action 'self'" if own_page else "")
        if "localhost" in request.META.get("HTTP_HOST", ""):
            response.headers.pop("Strict-Transport-Security", None)
        return response

    return middleware


def answer_preflights(get_response: View) -> View:
    """Preflights are answered, and allow nothing."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method == "OPTIONS" and "Origin" in request.headers:
            response = HttpResponse(headers={"Content-Length": "0"})
        else:
            response = get_response(request)
        patch_vary_headers(response, ("origin",))
        return response

    return middleware


class RedirectToSlash(CommonMiddleware):
    """A missing slash is a 301 for every method, POST too. The Host header is checked
    here, before anything else looks at it.
    """

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """The redirect, or None."""
        request.get_host()
        if self.should_redirect_with_slash(request):
            return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
        return None


def repeat_refusals(get_response: View) -> View:
    """Refusals are repeated from memory, and too many of them block the address."""

    def answer(request: HttpRequest, key: RequestKey) -> HttpResponse:
        limits, now = _memory().limits, clock.now()
        if limits.is_blocked(key.address, now):
            return JsonResponse(
                _TOO_MANY_REFUSALS,
                status=429,
                headers={"X-Throttled-Response": "True"},
            )
        if refusal := limits.find_refusal(key, now):
            headers = {"X-Cached-Response": "True"}
            return HttpResponse(
                refusal.content,
                content_type=refusal.content_type,
                status=refusal.status,
                headers=headers,
            )
        return get_response(request)

    def middleware(request: HttpRequest) -> HttpResponse:
        if not _limits_apply(request):
            return get_response(request)
        key = RequestKey(
            address=_client_address(request),
            identity=_identity_of(request),
            method=request.method or "",
            path=request.path,
            query=request.META.get("QUERY_STRING", ""),
        )
        response = answer(request, key)
        if response.status_code in REFUSAL_SECONDS:
            refusal = Refusal(
                status=response.status_code,
                content=response.content,
                content_type=response["Content-Type"],
            )
            _memory().limits.remember_refusal(key, refusal, clock.now())
        return response

    return middleware


def add_common_headers(get_response: View) -> View:
    """Headers of every answer that was not repeated from memory."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Frame-Options"] = "DENY"
        response["Content-Language"] = "en"
        patch_vary_headers(response, ("Accept-Language",))
        return response

    return middleware


def limit_rate(get_response: View) -> View:
    """120 requests a minute for each address, bearer requests included, browsers with a
    login session excepted.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if _limits_apply(request) and settings.SESSION_COOKIE_NAME not in request.COOKIES:
            wait = _memory().limits.count_request(_client_address(request), clock.now())
            if wait:
                headers = {"X-RateLimit-Limit": str(REQUESTS_PER_MINUTE), "Retry-After": str(wait)}
                text = "Rate limit exceeded. Please try again later."
                return HttpResponse(text, content_type="text/plain", status=429, headers=headers)
        return get_response(request)

    return middleware


class SandboxSession(SessionMiddleware):
    """Django's sessions, without 'Vary: Cookie' for those who have none."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """The answer, with the session's cookie if there is a session."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES and request.session.is_empty():
            return response
        return super().process_response(request, response)


def identify_caller(get_response: View) -> View:
    """PeeringDB's own reading of the Authorization header, before the OAuth code runs,
    and the headers that tell of it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        header = request.headers.get("Authorization")
        refused, auth_id = None, None
        if request.user.is_authenticated:
            auth_id = f"u{request.user.id}"
            if header:
                refused = JsonResponse({"meta": {"error": _BOTH}}, status=400)
        elif header and header.startswith("Basic "):
            # Taken for a PeeringDB user name and password, whatever the path. Nobody in
            # a sandbox has a password.
            username, password = base64.b64decode(header[6:]).decode().split(":", 1)
            auth_id = username.replace(" ", "_")[:16]
            if authenticate(username=username, password=password) is None:
                refused = JsonResponse(
                    {"meta": {"error": "Invalid username or password"}},
                    status=401,
                )
        response = refused or get_response(request)
        response["X-Auth-Status"] = (
            "authenticated" if request.user.is_authenticated else "unauthenticated"
        )
        response["X-App-Version"] = VERSION
        if auth_id:
            response["X-Auth-ID"] = auth_id
        return response

    return middleware


def _memory() -> InMemory:
    memory: InMemory = settings.SANDBOX
    return memory


def _limits_apply(request: HttpRequest) -> bool:
    return _memory().options.limits and not request.path.startswith(CONTROL_PREFIX)


def _client_address(request: HttpRequest) -> str:
    """X-Forwarded-For as it was given, else the peer."""
    return (
        "".join(request.headers.get("X-Forwarded-For", "").split()) or request.META["REMOTE_ADDR"]
    )


def _identity_of(request: HttpRequest) -> str:
    """Whom a refusal is remembered for."""
    if session := request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return f"session {session}"
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        return "basic " + base64.b64decode(value).decode(errors="replace").partition(":")[0]
    return f"bearer {value}" if scheme == "Bearer" else "anonymous"
