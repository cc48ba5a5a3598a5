"""What allauth asks PeeringDB for, and what it makes of a `User`."""
# ruff: noqa: ARG002 - allauth says what its hooks are given

from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.base import ProviderAccount
from allauth.socialaccount.providers.base.constants import AuthAction
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider
from allauth.socialaccount.providers.oauth2.utils import generate_code_challenge
from django.http import HttpRequest

from peeringdb_oauth.integrations.allauth.views import PeeringDBOAuth2Adapter
from peeringdb_oauth.integrations.social_login import SCOPE
from peeringdb_oauth.profile import User


class PeeringDBProvider(OAuth2Provider):
    """PeeringDB.

    allauth's other providers read a JSON response. This one reads the `User` that
    `PeeringDBOAuth2Adapter` fetched.
    """

    id = "peeringdb"
    name = "PeeringDB"
    account_class = ProviderAccount
    oauth2_adapter_class = PeeringDBOAuth2Adapter
    pkce_enabled_default = True  # for those who read it; see get_pkce_params

    def get_default_scope(self) -> list[str]:
        """The scope from which all fields of a `User` come."""
        return list(SCOPE)

    def get_pkce_params(self) -> dict[str, Any]:
        """Always S256, whatever ``OAUTH_PKCE_ENABLED`` says."""
        return generate_code_challenge()

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """The configured scope: anybody can write a login link that asks for more."""
        return self.get_scope()

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        """The configured parameters: a link cannot add its own.

        One with ``prompt=none`` would lead to PeeringDB's error page.
        """
        return self.get_auth_params() | (
            {"prompt": "login"} if action == AuthAction.REAUTHENTICATE else {}
        )

    def extract_uid(self, user: User) -> str:
        """The number: names and addresses pass from one person to another."""
        return str(user.id)

    def extract_extra_data(self, user: User) -> dict[str, Any]:
        """All fields of the user, for `user_from_extra_data`."""
        return user.to_dict()

    def extract_common_fields(self, user: User) -> dict[str, Any]:
        """The fields of a new local account."""
        return {
            "email": user.email,
            "name": user.name,
            "first_name": user.given_name,
            "last_name": user.family_name,
        }

    def extract_email_addresses(self, user: User) -> list[EmailAddress]:
        """The user's address, verified only if PeeringDB says so.

        allauth may be configured to log people in by a verified address. It drops an
        address that is None.
        """
        return [EmailAddress(email=user.email, verified=user.verified_email, primary=True)]


provider_classes = [PeeringDBProvider]
