"""The views where a login starts and ends, and the adapter that asks PeeringDB."""
# ruff: noqa: ARG002 - allauth says what its hooks are given

from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import (
    OAuth2Adapter,
    OAuth2CallbackView,
    OAuth2LoginView,
)
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import AccessDenied, PeeringDBOAuthError
from peeringdb_oauth.integrations.social_login import OPTIONS, check_rule, log_cause, log_in
from peeringdb_oauth.metadata import ProviderMetadata
from peeringdb_oauth.profile import User
from peeringdb_oauth.setting_sources import Written


class PeeringDBOAuth2Adapter(OAuth2Adapter):
    """Asks PeeringDB with our own client, its limits and its errors.

    Its settings are in ``SOCIALACCOUNT_PROVIDERS["peeringdb"]``: ``ACCESS_RULE`` is an
    `AccessRule`, and ``BASE_URL``, ``CA_FILE``, ``TIMEOUT``, ``ALLOW_HTTP`` and
    ``REQUESTS_PER_MINUTE`` are fields of `ClientConfig`.
    """

    provider_id = "peeringdb"
    access_token_url = ""  # allauth's client never asks there

    @property
    def authorize_url(self) -> str:
        """The URL at PeeringDB where a login starts.

        Raises:
            ConfigurationError: a setting is missing or wrong.
        """
        config = self._config(self.request, self.get_provider().app)
        check_rule(self._rule(), config.scope)
        return ProviderMetadata.at(config.base_url).authorization_endpoint

    def get_access_token_data(
        self,
        request: HttpRequest,
        app: SocialApp,
        client: object,
        pkce_code_verifier: str | None = None,
    ) -> User:
        """Who came back. allauth has checked the state before.

        The access token does not leave this method.

        Raises:
            PermissionDenied: the access rule does not let the person in.
            OAuth2Error: anything else went wrong; the log says what.
        """
        try:
            return log_in(
                self._config(request, app),
                self._rule(),
                code=request.GET["code"],
                code_verifier=pkce_code_verifier,
                address=request.META.get("REMOTE_ADDR"),
            )
        except PeeringDBOAuthError as error:
            log_cause(error)
            if not isinstance(error, AccessDenied):
                # allauth's page has the same sentence for all errors.
                raise OAuth2Error(str(error)) from error
            for reason in error.reasons:  # allauth's error page shows them
                get_account_adapter(request).add_message(request, messages.ERROR, message=reason)
            raise PermissionDenied(str(error)) from error

    def parse_token(self, data: User) -> SocialToken:
        """An empty token.

        allauth would keep one in the session while a new account waits for its form,
        and in the database if configured to.
        """
        return SocialToken(token="")

    def complete_login(
        self,
        request: HttpRequest,
        app: SocialApp,
        token: SocialToken,
        *,
        response: User,
        **kwargs: Any,
    ) -> SocialLogin:
        """The login of allauth for the user."""
        return self.get_provider().sociallogin_from_response(request, response)

    def _rule(self) -> Any:
        return self.get_provider().get_settings().get("ACCESS_RULE", AccessRule())

    def _config(self, request: HttpRequest, app: SocialApp) -> ClientConfig:
        provider = self.get_provider()
        settings = provider.get_settings()
        written = {
            "client_id": Written("client_id of the app", app.client_id),
            "client_secret": Written("secret of the app", app.secret or None),
            "redirect_uri": Written("redirect_uri", self.get_callback_url(request, app)),
            "scope": Written(_full_name("SCOPE"), tuple(provider.get_scope())),
        } | {
            name: Written(_full_name(name.upper()), settings[name.upper()])
            for name in OPTIONS
            if name.upper() in settings
        }
        return ClientConfig.of(written, [], missing=str)


def _full_name(key: str) -> str:
    return f'SOCIALACCOUNT_PROVIDERS["peeringdb"]["{key}"]'


oauth2_login = OAuth2LoginView.adapter_view(PeeringDBOAuth2Adapter)
oauth2_callback = OAuth2CallbackView.adapter_view(PeeringDBOAuth2Adapter)
