"""The views that a login begins with and comes back to, and the adapter that asks
PeeringDB in between.
"""
# ruff: noqa: ARG002 - allauth says what its hooks are given

import logging
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
from peeringdb_oauth.integrations.social_login import OPTIONS, log_in
from peeringdb_oauth.metadata import ProviderMetadata
from peeringdb_oauth.profile import User

logger = logging.getLogger("peeringdb_oauth")


class PeeringDBOAuth2Adapter(OAuth2Adapter):
    """Asks PeeringDB by our own client, not by allauth's: with its limits, and with the
    errors that it knows.

    Reads ``SOCIALACCOUNT_PROVIDERS["peeringdb"]``: ``ACCESS_RULE`` (an `AccessRule`),
    and of `ClientConfig` ``BASE_URL``, ``CA_FILE``, ``TIMEOUT``, ``ALLOW_HTTP``,
    ``REQUESTS_PER_MINUTE``.
    """

    provider_id = "peeringdb"
    access_token_url = ""  # allauth's client never asks there

    @property
    def authorize_url(self) -> str:
        """Where logins begin. Raises: `ConfigurationError`."""
        config = self._config(self.request, self.get_provider().app)
        return ProviderMetadata.at(config.base_url).authorization_endpoint

    def get_access_token_data(
        self,
        request: HttpRequest,
        app: SocialApp,
        client: object,
        pkce_code_verifier: str | None = None,
    ) -> User:
        """Who came back: by now allauth has checked the state. The token is used and
        forgotten in here.
        """
        rule = self.get_provider().get_settings().get("ACCESS_RULE", AccessRule())
        try:
            return log_in(
                self._config(request, app),
                rule,
                code=request.GET["code"],
                code_verifier=pkce_code_verifier,
            )
        except AccessDenied as error:
            for reason in error.reasons:
                get_account_adapter(request).add_message(
                    request,
                    messages.ERROR,
                    message=reason,
                )  # for allauth's error page
            raise PermissionDenied(str(error)) from error
        except PeeringDBOAuthError as error:
            logger.warning(
                "PeeringDB login failed: %s",
                error,
            )  # allauth's page has the same sentence for all
            raise OAuth2Error(str(error)) from error

    def parse_token(self, data: User) -> SocialToken:
        """An empty one: allauth would keep it in the session while a new account waits
        for its form, and in the database if told to.
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
        """The user as allauth's."""
        return self.get_provider().sociallogin_from_response(request, response)

    def _config(self, request: HttpRequest, app: SocialApp) -> ClientConfig:
        provider = self.get_provider()
        settings = provider.get_settings()
        options = {name: settings[name.upper()] for name in OPTIONS if name.upper() in settings}
        return ClientConfig(
            client_id=app.client_id,
            client_secret=app.secret or None,
            redirect_uri=self.get_callback_url(request, app),
            scope=tuple(provider.get_scope()),
            **options,
        )


oauth2_login = OAuth2LoginView.adapter_view(PeeringDBOAuth2Adapter)
oauth2_callback = OAuth2CallbackView.adapter_view(PeeringDBOAuth2Adapter)
