"""The middleware, to stand below Django's for authentication."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.integrations.django.access import end_half_login
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.visits import to_response, to_visit


class PeeringDBMiddleware(MiddlewareMixin):
    """Ends Django's login when PeeringDB's has ended, on every page; and makes a page
    of this library's errors.

    So a view may say ``rule.require(user, asn=...)``, and who is refused reads why.
    """

    def process_request(self, request: HttpRequest) -> None:
        """Who has no session has no login either."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            end_half_login(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A wrong setting is for the project's own error report."""
        if not isinstance(exception, PeeringDBOAuthError) or isinstance(
            exception,
            ConfigurationError,
        ):
            return None
        flow, visit = application().flow, to_visit(request)
        return to_response(request, flow.fail(visit, exception, user=flow.page_context(visit).user))
