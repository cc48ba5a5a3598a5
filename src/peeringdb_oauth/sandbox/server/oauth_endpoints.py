"""PeeringDB's own OAuth pages and documents: authorize, /profile/v1, the RFC 8414
document. The rest is django-oauth-toolkit's.
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
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import reverse
from django.views.generic import View
from oauth2_provider.exceptions import OAuthToolkitError
from oauth2_provider.http import OAuth2ResponseRedirect
from oauth2_provider.oauth2_backends import get_oauthlib_core
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.views import AuthorizationView, TokenView

from peeringdb_oauth.sandbox.options import is_loopback
from peeringdb_oauth.sandbox.server.claims import describe_profile
from peeringdb_oauth.sandbox.server.oauth_validator import PeeringDBValidator
from peeringdb_oauth.sandbox.server.settings import SCOPES

OAUTH_COOKIE = "oauth_session"
AMR_IN_SESSION = "amr"


class Authorize(AuthorizationView):
    """The consent page. Being logged in at PeeringDB is not enough: the login must have
    been made for an authorization.
    """

    template_name = "sandbox/consent.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Login and second factor come before the request is looked at; a cookie
        without a session, after.
        """
        self.oauth2_data: dict[str, Any] = {}
        try:
            request.get_signed_cookie(OAUTH_COOKIE)
        except (KeyError, BadSignature):
            return redirect_to_login(request.get_full_path())
        if request.user.is_authenticated:
            if request.user.verified_email and not request.user.mfa:
                return HttpResponseRedirect(reverse("two-factor"))
            request.user.amr = request.session.get(AMR_IN_SESSION, [])
        return View.dispatch(
            self,
            request,
            *args,
            **kwargs,
        )  # without django-oauth-toolkit's own login check

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, the automatic approval, or an error."""
        if request.user.is_authenticated:
            return super().get(request, *args, **kwargs)
        try:
            self.validate_authorization_request(request)
        except OAuthToolkitError as error:
            return self.error_response(error, application=None)
        return self.handle_prompt_login()

    def handle_prompt_login(self) -> HttpResponse:
        """To the login page, and back here without ``prompt``."""
        query = [
            (key, value)
            for key, value in parse_qsl(self.request.META["QUERY_STRING"])
            if key != "prompt"
        ]
        return redirect_to_login(f"{self.request.path}?{urlencode(query)}")

    def redirect(self, redirect_to: str, application: Any) -> HttpResponse:  # noqa: ARG002 - the signature there
        """To the application. Anything but https is a bare 400, except loopback http in
        a sandbox that is not strict.
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
    """django-oauth-toolkit's. Of several exchanges of one code at once, one succeeds
    and the others are told invalid_grant (measured).
    """

    _one_by_one = threading.Lock()

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """One grant."""
        exchange = request.POST.get("grant_type") == "authorization_code"
        with self._one_by_one if exchange else contextlib.nullcontext():
            return super().post(request, *args, **kwargs)


def profile_v1(request: HttpRequest) -> HttpResponse:
    """GET /profile/v1. Every refusal is an empty 403; other methods than GET, HEAD and
    OPTIONS fail earlier, for want of a CSRF token.
    """
    valid, oauth = get_oauthlib_core().verify_request(request, scopes=["profile"])
    if not valid or not hasattr(
        oauth.access_token,
        "token",
    ):  # an ID token opens pages, but not this one
        return HttpResponseForbidden()
    if not request.headers.get("Authorization", "").startswith("Bearer "):
        # oauthlib also reads "bearer" and ?access_token=, PeeringDB's own code then
        # fails.
        raise ValueError("no 'Bearer ' where PeeringDB looks for it")
    body = describe_profile(oauth.user, oauth.access_token.scope.split(), oauth.access_token.token)
    return JsonResponse(body, json_dumps_params={"indent": 2} if "pretty" in request.GET else {})


def authorization_server_metadata(request: HttpRequest) -> HttpResponse:
    """The RFC 8414 document, which differs from the OpenID one
    (django-oauth-toolkit's).
    """

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
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "revocation_endpoint": url("revoke-token"),
            "introspection_endpoint": url("introspect"),
            "oidc_claims_supported": list(set(PeeringDBValidator().get_discovery_claims(request))),
            "scopes_supported": list(SCOPES),
            "signing_algorithms_supported": ["RS256", "HS256"],
        },
    )
