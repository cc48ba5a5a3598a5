"""The middleware. List it below Django's ``AuthenticationMiddleware``."""

from typing import Any

from django.conf import settings
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils.deprecation import MiddlewareMixin

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    PeeringDBOAuthError,
    RecordsUnavailable,
    TokenRejected,
)
from peeringdb_oauth.integrations.django.access import (
    end_dropped_login,
    end_incomplete_login,
    note_login,
    use_genuine_cookies,
)
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.visits import (
    keep_private,
    set_cookies,
    to_response,
    to_visit,
)
from peeringdb_oauth.web import bearer_token


class PeeringDBMiddleware(MiddlewareMixin):
    """Ends Django's login when PeeringDB's has ended, and turns our errors into pages.

    A view may call ``rule.require(user, asn=...)``: the visitor then reads why they are
    refused.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """End a login of which only one half is left, and read the rights again.

        Before that, cookies that another host has planted are ignored. The result is
        an answer if a form comes in a session that has ended, or if the store of the
        sessions does not say who is logged in.
        """
        use_genuine_cookies(request)
        # Without a session cookie nobody is logged in: do not load the session then.
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            answer = _keep_true(request)
            note_login(request)
            return answer
        return None

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        """Keep the answer of a guarded API out of shared caches.

        Also set the cookies of a logout, which may be that of Django's admin, and end a
        login that a view has dropped.
        """
        end_dropped_login(request)
        set_cookies(response, getattr(request, "peeringdb_cookies", ()))
        is_guarded = getattr(request, "_peeringdb_private", False)
        return keep_private(response) if is_guarded else response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer one of our errors with a page or with JSON.

        A `ConfigurationError` goes on to the project's own error reports.
        """
        if not isinstance(exception, PeeringDBOAuthError) or isinstance(
            exception, ConfigurationError
        ):
            return None
        flow, visit = application().flow, to_visit(request)
        return to_response(
            request, flow.refusals.fail(visit, exception, user=flow.page_context(visit).user)
        )


def _keep_true(request: HttpRequest) -> HttpResponse | None:
    is_safe = to_visit(request).is_safe
    has_content = not is_safe and _has_content(request)
    # A request with a bearer token needs no session, but a view may use it.
    may_save = has_content and bearer_token(request.headers.get("Authorization")) is None
    try:
        ending = end_incomplete_login(request, recheck=is_safe or has_content)
    except RecordsUnavailable as error:
        return _fail(request, error)
    except (AccessDenied, TokenRejected) as error:
        return _fail(request, error) if may_save else None
    if ending is None or not may_save:
        return None
    return to_response(
        request, application().flow.refusals.ask_to_log_in(to_visit(request), ending)
    )


def _fail(request: HttpRequest, error: PeeringDBOAuthError) -> HttpResponse:
    return to_response(request, application().flow.refusals.fail(to_visit(request), error))


def _has_content(request: HttpRequest) -> bool:
    """Whether a form has content that would get lost. That of a logout has none."""
    try:
        match = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return False
    view_class = getattr(match.func, "view_class", object)
    return match.url_name != "logout" and not issubclass(view_class, LogoutView)
