"""What PeeringDB does before and after its views.

The functions are in the order in which `settings` names them, the outermost first.
After them comes `caller`.
"""

import base64
import contextlib
from collections.abc import Callable

from django.conf import settings
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
from django.shortcuts import render
from django.urls import is_valid_path
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

_MAINTENANCE = (
    "The site is currently in maintenance mode, during which this action is disabled, please try"
    " again in a few minutes"
)
_CHANGING_METHODS = ("POST", "PUT", "PATCH", "DELETE")
_TOO_MANY_REFUSALS = {"meta": {"error": "Too many requests that resulted in 401 or 403 responses"}}


def protect_pages(get_response: View) -> View:
    """Protect the pages of the sandbox; PeeringDB has other headers for that.

    Pages get a content security policy. Control pages answer to loopback names only. A
    browser must not remember for "localhost" that it speaks https only, because other
    servers there speak http.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        is_control_page = request.path.startswith(CONTROL_PREFIX)
        host = request.META.get("HTTP_HOST", "")
        # Another site can make its name point to this machine (DNS rebinding). Its
        # pages must not switch faults.
        if is_control_page and not validate_host(split_domain_port(host)[0], LOOPBACK_NAMES):
            return HttpResponseForbidden(
                "The control pages answer on 127.0.0.1, [::1] and localhost only."
            )
        response = get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and response.content:
            # The login pages have no form-action: browsers would apply it to the
            # redirect back to the application.
            forms = "; form-action 'self'" if is_control_page else ""
            response["Content-Security-Policy"] = CSP + forms
        if "localhost" in host:
            response.headers.pop("Strict-Transport-Security", None)
        return response

    return middleware


def answer_preflights(get_response: View) -> View:
    """Answer preflight requests of CORS without allowing anything."""

    def middleware(request: HttpRequest) -> HttpResponse:
        is_preflight = (
            request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        )
        response = (
            HttpResponse(headers={"Content-Length": "0"}) if is_preflight else get_response(request)
        )
        patch_vary_headers(response, ("origin",))
        return response

    return middleware


def repeat_refusals(get_response: View) -> View:
    """Repeat a refusal from memory, and block an address after too many of them."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not _limits_apply(request):
            return get_response(request)
        key = _request_key(request)
        response = _refusal_from_memory(key) or get_response(request)
        if response.status_code in REFUSAL_SECONDS:
            refusal = Refusal(
                status=response.status_code,
                content=response.content,
                content_type=response["Content-Type"],
            )
            _memory().limits.remember_refusal(key, refusal, clock.now())
        return response

    return middleware


class RedirectToSlash(CommonMiddleware):
    """Redirects with 301 where a slash is missing, for every method, even for POST."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Check the Host header, and redirect if the slash is missing."""
        request.get_host()
        if self.should_redirect_with_slash(request):
            return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
        return None


class SandboxSession(SessionMiddleware):
    """Django's sessions, without "Vary: Cookie" for clients that have no session."""

    def process_request(self, request: HttpRequest) -> None:
        """Find the session. PeeringDB reads it, which adds "Vary: Cookie"."""
        super().process_request(request)
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            request.session.accessed = True

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session and set its cookie, if there is a session."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES and request.session.is_empty():
            return response
        return super().process_response(request, response)


def add_common_headers(get_response: View) -> View:
    """Add the headers of every answer that is not repeated from memory."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Frame-Options"] = "DENY"
        response["Content-Language"] = "en"
        patch_vary_headers(response, ("Accept-Language",))
        return response

    return middleware


def answer_unknown_paths(get_response: View) -> View:
    """Answer 404 for a path that does not exist, whatever the method is."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if is_valid_path(request.path_info):
            return get_response(request)
        return render(request, "sandbox/not_found.html", status=404)

    return middleware


def refuse_in_maintenance(get_response: View) -> View:
    """Refuse all that could change something, while PeeringDB is in maintenance."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if (
            request.method in _CHANGING_METHODS
            and not request.path.startswith(CONTROL_PREFIX)
            and _memory().faults.take("maintenance")
        ):
            return JsonResponse({"non_field_errors": [_MAINTENANCE]}, status=503)
        return get_response(request)

    return middleware


def limit_rate(get_response: View) -> View:
    """Allow each address 120 requests a minute, with a bearer token or without.

    Browsers of people who are logged in are not limited.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if _limits_apply(request) and not request.user.is_authenticated:
            wait = _memory().limits.count_request(_client_address(request), clock.now())
            if wait is not None:
                headers = {"X-RateLimit-Limit": str(REQUESTS_PER_MINUTE), "Retry-After": str(wait)}
                text = "Rate limit exceeded. Please try again later."
                return HttpResponse(text, content_type="text/plain", status=429, headers=headers)
        return get_response(request)

    return middleware


def _memory() -> InMemory:
    memory: InMemory = settings.SANDBOX
    return memory


def _limits_apply(request: HttpRequest) -> bool:
    return _memory().options.limits and not request.path.startswith(CONTROL_PREFIX)


def _refusal_from_memory(key: RequestKey) -> HttpResponse | None:
    """The refusal that this request gets without reaching a view, or None."""
    limits, now = _memory().limits, clock.now()
    if limits.is_blocked(key.address, now):
        headers = {"X-Throttled-Response": "True"}
        return JsonResponse(_TOO_MANY_REFUSALS, status=429, headers=headers)
    if refusal := limits.find_refusal(key, now):
        return HttpResponse(
            refusal.content,
            content_type=refusal.content_type,
            status=refusal.status,
            headers={"X-Cached-Response": "True"},
        )
    return None


def _request_key(request: HttpRequest) -> RequestKey:
    return RequestKey(
        address=_client_address(request),
        identity=_identity_of(request),
        method=request.method or "",
        path=request.path,
        query=request.GET.urlencode(),  # PeeringDB parses and encodes it, too
    )


def _client_address(request: HttpRequest) -> str:
    """The text of X-Forwarded-For without spaces, otherwise the peer's address."""
    forwarded = "".join(request.headers.get("X-Forwarded-For", "").split())
    return forwarded or request.META["REMOTE_ADDR"]


def _identity_of(request: HttpRequest) -> str:
    """Who asks, for `RequestKey`.

    The scheme of the Authorization header does not matter, except for Basic and API
    keys.
    """
    if session := request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return f"session {session}"
    scheme, space, value = request.headers.get("Authorization", "").partition(" ")
    if not space:
        return "anonymous"
    if scheme == "Basic":
        with contextlib.suppress(ValueError):
            value = base64.b64decode(value).decode().partition(":")[0]
        return f"basic {value}"
    return f"api-key {value}" if scheme.lower() == "api-key" else f"value {value}"
