"""What PeeringDB does before and after its views.

The functions are in the order in which `settings` names them, the outermost first.
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

VERSION = "2.82.0"  # of PeeringDB
_HEADER_AND_SESSION = (
    "Cannot authenticate through Authorization header while logged in. Please log out and try"
    " again."
)
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
                "The control pages answer on 127.0.0.1, [::1] and localhost only.",
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
        if request.method == "OPTIONS" and "Origin" in request.headers:
            response = HttpResponse(headers={"Content-Length": "0"})
        else:
            response = get_response(request)
        patch_vary_headers(response, ("origin",))
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


def add_common_headers(get_response: View) -> View:
    """Add the headers of every answer that is not repeated from memory."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["X-Frame-Options"] = "DENY"
        response["Content-Language"] = "en"
        patch_vary_headers(response, ("Accept-Language",))
        return response

    return middleware


def limit_rate(get_response: View) -> View:
    """Allow each address 120 requests a minute, with a bearer token or without.

    Browsers with a session are not limited.
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
    """Django's sessions, without "Vary: Cookie" for clients that have no session."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session and set its cookie, if there is a session."""
        if settings.SESSION_COOKIE_NAME not in request.COOKIES and request.session.is_empty():
            return response
        return super().process_response(request, response)


def identify_caller(get_response: View) -> View:
    """Read the Authorization header as PeeringDB does, before the OAuth code sees it.

    The headers X-Auth-Status and X-Auth-ID say what was read.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        header = request.headers.get("Authorization")
        refused, auth_id = None, None
        if request.user.is_authenticated:
            auth_id = f"u{request.user.id}"
            if header:
                refused = JsonResponse({"meta": {"error": _HEADER_AND_SESSION}}, status=400)
        elif header and header.startswith("Basic "):
            # PeeringDB takes it for the user name and password of an account, on every
            # path. Nobody in a sandbox has a password.
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
        query=request.META.get("QUERY_STRING", ""),
    )


def _client_address(request: HttpRequest) -> str:
    """The text of X-Forwarded-For without spaces, otherwise the peer's address."""
    forwarded = "".join(request.headers.get("X-Forwarded-For", "").split())
    return forwarded or request.META["REMOTE_ADDR"]


def _identity_of(request: HttpRequest) -> str:
    """Who asks, for `RequestKey`."""
    if session := request.COOKIES.get(settings.SESSION_COOKIE_NAME):
        return f"session {session}"
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme == "Basic":
        return "basic " + base64.b64decode(value).decode(errors="replace").partition(":")[0]
    return f"bearer {value}" if scheme == "Bearer" else "anonymous"
