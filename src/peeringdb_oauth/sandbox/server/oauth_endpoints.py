"""The OAuth endpoints where PeeringDB differs from django-oauth-toolkit.

Authorization and token endpoint, /profile/v1, and the metadata of RFC 8414.
"""

import contextlib
import threading
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.signing import BadSignature
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseForbidden,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.generic import View
from oauth2_provider.exceptions import OAuthToolkitError
from oauth2_provider.http import OAuth2ResponseRedirect
from oauth2_provider.models import Application
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views import AuthorizationView, DeviceAuthorizationView, TokenView

from peeringdb_oauth.sandbox.options import is_loopback
from peeringdb_oauth.sandbox.server.claims import describe_profile
from peeringdb_oauth.sandbox.server.edited_address import describe_request
from peeringdb_oauth.sandbox.server.oauth_validator import PeeringDBValidator
from peeringdb_oauth.sandbox.server.settings import SCOPES

OAUTH_COOKIE = "oauth_session"
AMR_IN_SESSION = "amr"


class Authorize(AuthorizationView):
    """The authorization endpoint, with the consent page.

    A session at PeeringDB is not enough. The login must have been made for an
    authorization, which the cookie `OAUTH_COOKIE` shows.
    """

    template_name = "sandbox/consent.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask for a login, before the request's parameters are checked.

        Only a request with the cookie and without a session is checked first, in `get`.
        """
        self.oauth2_data: dict[str, Any] = {}
        try:
            request.get_signed_cookie(OAUTH_COOKIE)
        except (KeyError, BadSignature):
            return redirect_to_login(request.get_full_path())
        if request.user.is_authenticated:
            request.user.amr = request.session.get(AMR_IN_SESSION, [])
        # The parent class would do a login check of its own.
        return View.dispatch(self, request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the consent page, approve by itself, or answer with an error."""
        if request.user.is_authenticated:
            return super().get(request, *args, **kwargs)
        try:
            self.validate_authorization_request(request)
        except OAuthToolkitError as error:
            return self.error_response(error, application=None)
        return self.handle_prompt_login()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Let the consent page offer to edit the address."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"edit": describe_request(self.request)}

    def error_response(self, error: Any, application: Any, **kwargs: Any) -> HttpResponse:
        """Redirect with the error, or show a page that says what is registered."""
        response = super().error_response(error, application, **kwargs)
        if isinstance(response, TemplateResponse):
            response.context_data = {**(response.context_data or {}), "says": self._explain_error()}
        return response

    def _explain_error(self) -> dict[str, Any]:
        """What the request asked for, and what is registered."""
        client_id = self.request.GET.get("client_id", "")
        application = Application.objects.filter(client_id=client_id).first()
        return {
            "client_id": client_id,
            "redirect_uri": self.request.GET.get("redirect_uri", ""),
            "application": application,
            "redirect_uris": application.redirect_uris.split() if application else [],
            "client_ids": Application.objects.values_list("client_id", flat=True),
        }

    def handle_prompt_login(self) -> HttpResponse:
        """Redirect to the login page, which leads back here without ``prompt``."""
        query = [
            (key, value)
            for key, value in parse_qsl(self.request.META["QUERY_STRING"])
            if key != "prompt"
        ]
        return redirect_to_login(f"{self.request.path}?{urlencode(query)}")

    def redirect(self, redirect_to: str, application: Any) -> HttpResponse:  # noqa: ARG002 - the parent's signature
        """Redirect to the application, or answer with a bare 400 if it is not https.

        In a sandbox that is not strict, http works for loopback hosts.
        """
        schemes = list(oauth2_settings.ALLOWED_REDIRECT_URI_SCHEMES)
        parts = urlsplit(redirect_to)
        if (
            parts.scheme == "http"
            and is_loopback(parts.hostname or "")
            and not settings.SANDBOX.options.strict
        ):
            schemes.append("http")
        return OAuth2ResponseRedirect(redirect_to, schemes)


class Token(TokenView):
    """The token endpoint.

    If several requests exchange one code at the same time, one of them succeeds and the
    others get invalid_grant. This was measured at PeeringDB.
    """

    _one_by_one = threading.Lock()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer a token request; codes are exchanged one after the other."""
        is_code = request.POST.get("grant_type") == "authorization_code"
        with self._one_by_one if is_code else contextlib.nullcontext():
            return super().post(request, *args, **kwargs)


def profile_v1(request: HttpRequest) -> HttpResponse:
    """/profile/v1. Every refusal is an empty 403.

    Methods other than GET, HEAD and OPTIONS fail before, without a CSRF token.
    """
    valid, oauth = get_oauthlib_core().verify_request(request, scopes=["profile"])
    # An ID token has no attribute "token". It is accepted elsewhere, but not here.
    if not valid or not hasattr(oauth.access_token, "token"):
        return HttpResponseForbidden()
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        # oauthlib reads "bearer" and ?access_token=, too. PeeringDB's own code then
        # fails with a 500.
        raise ValueError("the Authorization header does not begin with 'Bearer '")
    body = describe_profile(oauth.user, oauth.access_token.scope.split(), oauth.access_token.token)
    return JsonResponse(body, json_dumps_params={"indent": 2} if "pretty" in request.GET else {})


class AuthorizationServerMetadata(View):
    """The metadata of RFC 8414. At PeeringDB it differs from that of OpenID Connect."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Answer with the document."""

        def url(name: str) -> str:
            return str(request.build_absolute_uri(reverse(f"oauth2_provider:{name}")))

        return JsonResponse(
            {
                "issuer": oauth2_settings.oidc_issuer(request),
                "authorization_endpoint": url("authorize"),
                "token_endpoint": url("token"),
                "jwks_uri": url("jwks-info"),
                "response_types_supported": oauth2_settings.OIDC_RESPONSE_TYPES_SUPPORTED,
                "subject_types_supported": oauth2_settings.OIDC_SUBJECT_TYPES_SUPPORTED,
                "grant_types_supported": [
                    "authorization_code",
                    "implicit",
                    "password",
                    "client_credentials",
                    "openid hybrid",
                ],
                "token_endpoint_auth_methods_supported": [
                    "client_secret_basic",
                    "client_secret_post",
                ],
                "revocation_endpoint": url("revoke-token"),
                "introspection_endpoint": url("introspect"),
                "oidc_claims_supported": list(
                    set(PeeringDBValidator().get_discovery_claims(request))
                ),
                "scopes_supported": list(SCOPES),
                "signing_algorithms_supported": ["RS256", "HS256"],
            }
        )


class DeviceAuthorization(DeviceAuthorizationView):
    """The device authorization endpoint, with the answer of oauthlib 3.3."""

    def create_device_authorization_response(self, request: HttpRequest) -> Any:
        """Leave out ``scope``: oauthlib 4 adds it, and the toolkit fails then."""
        headers, response, status = super().create_device_authorization_response(request)
        if isinstance(response, dict):
            response.pop("scope", None)
        return headers, response, status
