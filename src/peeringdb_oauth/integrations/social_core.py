"""PeeringDB as a backend of python-social-auth. See docs/social-core.md.

Knows social-core's settings, its exceptions and its hooks for a backend.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.authorization import code_challenge
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TransportError,
)
from peeringdb_oauth.extras import needs
from peeringdb_oauth.integrations.social_core_errors import (
    IS_VERSION_7,
    AuthConfigurationError,
    AuthPolicyError,
    AuthProviderError,
    AuthResponseError,
)
from peeringdb_oauth.integrations.social_core_rights import SETTINGS, Rights, take
from peeringdb_oauth.integrations.social_login import (
    OPTIONS,
    SCOPE,
    check_rule,
    log_cause,
    log_in,
    user_from_extra_data,
)
from peeringdb_oauth.metadata import PEERINGDB, ProviderMetadata
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.setting_sources import Written

with needs("social-core"):
    from social_core.backends.oauth import BaseOAuth2, BaseOAuth2PKCE
    from social_core.exceptions import SocialAuthBaseException
    from social_core.utils import setting_name

__all__ = ["LoginRefused", "PeeringDBOAuth2", "give_rights", "take_rights", "user_from_extra_data"]


if TYPE_CHECKING:
    from social_core.exceptions import ErrorStage

    _Base = BaseOAuth2PKCE[Any]
else:
    _Base = BaseOAuth2PKCE


class LoginRefused(AuthPolicyError):
    """The access rule does not let a person in.

    Its text is the reasons, which the middleware shows. Its base class has one sentence
    for all. ``reasons``: a `Reason` each.
    """

    reasons: tuple[Reason, ...] = ()

    def __str__(self) -> str:
        return self.detail


class PeeringDBOAuth2(_Base):
    """The backend.

    ::

        AUTHENTICATION_BACKENDS = [
            "peeringdb_oauth.integrations.social_core.PeeringDBOAuth2",
        ]
        SOCIAL_AUTH_PEERINGDB_KEY = "..."
        SOCIAL_AUTH_PEERINGDB_SECRET = "..."

    Each person who logs in must meet ``SOCIAL_AUTH_PEERINGDB_ACCESS_RULE``, by default
    `AccessRule()`. The other settings are fields of `ClientConfig`:
    ``SOCIAL_AUTH_PEERINGDB_BASE_URL``, ``_CA_FILE``, ``_TIMEOUT``, ``_ALLOW_HTTP`` and
    ``_REQUESTS_PER_MINUTE``.
    """

    name = "peeringdb"
    title = "PeeringDB"
    # For software that reads these. With BASE_URL the methods have the other address.
    AUTHORIZATION_URL = PEERINGDB.authorization_endpoint
    ACCESS_TOKEN_URL = PEERINGDB.token_endpoint
    DEFAULT_SCOPE = list(SCOPE)  # noqa: RUF012 - social-core's type
    REDIRECT_STATE = False
    ID_KEY = "id"
    # For `user_from_extra_data`. The response has no refresh token: None replaces what
    # another backend once stored.
    EXTRA_DATA = [*(field.name for field in fields(User)), "refresh_token"]  # noqa: RUF012 - social-core's type

    def id_key(self) -> str:
        """Always the number: names and addresses pass from one person to another."""
        return self.ID_KEY

    def authorization_url(self) -> str:
        """The URL at PeeringDB where a login starts.

        Raises:
            AuthConfigurationError: a setting is missing or wrong.
        """
        with self._translated("begin"):
            config = self._config()
            check_rule(self._rule(), config.scope)
            Rights.of(self._settings(*SETTINGS), config.scope)
            return ProviderMetadata.at(config.base_url).authorization_endpoint

    def access_token_url(self) -> str:
        """The URL at PeeringDB where codes are exchanged.

        Raises:
            AuthConfigurationError: a setting is missing or wrong.
        """
        with self._translated("begin"):
            return ProviderMetadata.at(self._config().base_url).token_endpoint

    def auth_params(self, state: str | None = None) -> dict[str, str]:
        """Always with PKCE, even if a setting switches it off for other providers."""
        challenge = {
            "code_challenge": code_challenge(
                self.create_code_verifier(state) if IS_VERSION_7 else self.create_code_verifier()
            ),
            "code_challenge_method": "S256",
        }
        return BaseOAuth2.auth_params(self, state) | challenge

    def auth_complete(self, *args: Any, **kwargs: Any) -> Any:
        """The callback. Its state is checked before anything else, even an error.

        Raises:
            LoginRefused: the access rule does not let the person in.
            AuthConfigurationError: a setting is missing or wrong.
            AuthProviderError: PeeringDB refused, gave no answer, or must not be asked
                now.
            AuthResponseError: the callback or an answer is malformed.
        """
        state = self.validate_state()
        self.process_error(self.data)
        with self._translated("token_exchange"):
            user = log_in(
                self._config(),
                self._rule(),
                code=self.data.get("code"),
                code_verifier=self._take_code_verifier(state),
                address=self._address(),
                refused=self._take_rights,
            )
        return self.strategy.authenticate(self, *args, **kwargs | {"response": user.to_dict()})

    def do_auth(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to log in with an access token that somebody brings.

        Any application at PeeringDB could log in here as any of its own users.

        Raises:
            AuthPolicyError: always.
        """
        raise AuthPolicyError(
            self, "an access token from elsewhere proves nothing here", stage="token_validation"
        )

    def get_user_details(self, response: dict[str, Any]) -> dict[str, Any]:
        """The fields of the local account.

        An address that PeeringDB has not verified is left out: pipelines look accounts
        up by it.
        """
        return {
            # PeeringDB gives no login name, and anybody can have another's full name.
            "username": f"peeringdb-{response['id']}",
            "email": response["email"] if response["verified_email"] else None,
            "fullname": response["name"],
            "first_name": response["given_name"],
            "last_name": response["family_name"],
        }

    def give_rights(self, account: Any, social: Any, user: User) -> None:
        """Give an account the groups and the staff rights of the settings.

        Raises:
            AuthConfigurationError: a setting is wrong.
        """
        with self._translated("pipeline"):
            Rights.of(self._settings(*SETTINGS), self._config().scope).give(account, social, user)

    def _take_rights(self, user: User) -> None:
        """Take back what earlier logins have given to a person who is refused now."""
        social = self.strategy.storage.user.get_social_auth(self.name, str(user.id))
        if social is not None:
            take(social.user, social)

    def _take_code_verifier(self, state: str | None) -> object:
        """The code_verifier of a login. It does not stay in the session."""
        if IS_VERSION_7:
            return self.get_code_verifier(state)
        return self.strategy.session_pop(f"{self.name}_code_verifier")

    def _address(self) -> str | None:
        """The visitor's address, where social-core's strategy has the request."""
        request = getattr(self.strategy, "request", None)
        meta = getattr(request, "META", {})  # Django
        address: str | None = meta.get("REMOTE_ADDR") or getattr(request, "remote_addr", None)
        return address

    def _rule(self) -> Any:
        return self._settings("access_rule").get("access_rule", AccessRule())

    def _config(self) -> ClientConfig:
        key, secret = self.get_key_and_secret()
        values = {
            "client_id": key,
            "client_secret": secret or None,
            "scope": tuple(self.get_scope()),
        } | self._settings(*OPTIONS)
        keys = {name: name for name in values} | {"client_id": "key", "client_secret": "secret"}
        written = {
            name: Written(setting_name(self.name, keys[name]), value)
            for name, value in values.items()
        }
        written["redirect_uri"] = Written("redirect_uri", self.redirect_uri or "")
        return ClientConfig.of(written, [], missing=str)

    def _settings(self, *names: str) -> dict[str, Any]:
        """The settings that are set as ``SOCIAL_AUTH_PEERINGDB_...``.

        ``setting`` would also read a project's own ``BASE_URL`` or ``TIMEOUT``.
        """
        found = {}
        for name in names:
            # What Django and Flask raise for a setting that is not set.
            with suppress(AttributeError, KeyError):
                found[name] = self.strategy.get_setting(setting_name(self.name, name))
        return found

    @contextmanager
    def _translated(self, stage: "ErrorStage") -> Iterator[None]:
        """Raise our errors as those of social-core, for its middleware.

        The texts of its errors are for people, so ours go to the log.
        """
        try:
            yield
        except PeeringDBOAuthError as error:
            log_cause(error)
            raise self._translate(error, stage) from error

    def _translate(
        self, error: PeeringDBOAuthError, stage: "ErrorStage"
    ) -> SocialAuthBaseException:
        said = str(error)
        if isinstance(error, AccessDenied):
            refused = LoginRefused(self, said, stage=stage)
            refused.reasons = error.reasons
            return refused
        if isinstance(error, ConfigurationError):
            return AuthConfigurationError(self, said, stage=stage)
        if isinstance(error, RateLimited):
            return AuthProviderError(
                self,
                said,
                code="rate_limited",
                stage=stage,
                retry_after=str(math.ceil(error.retry_after)),
            )
        if isinstance(error, TransportError):
            return AuthProviderError(
                self, said, code="unavailable", stage=stage, status_code=error.status
            )
        if isinstance(error, ProviderError):
            known = IS_VERSION_7 and self.get_provider_error(
                {"error": error.error, "error_description": said},
                stage=stage,
                status_code=error.status,
            )
            return known or AuthProviderError(self, said, stage=stage, status_code=error.status)
        return AuthResponseError(self, said, stage=stage)


def give_rights(
    backend: Any, response: Any, user: Any = None, social: Any = None, **_: Any
) -> None:
    """Give an account the groups and the staff rights of the settings.

    A step of ``SOCIAL_AUTH_PIPELINE``, below ``load_extra_data``. It does nothing for
    the logins of other backends.

    Raises:
        AuthConfigurationError: a setting is wrong, or the step stands too early.
    """
    if not isinstance(backend, PeeringDBOAuth2):
        return
    if user is None or social is None:
        raise AuthConfigurationError(
            backend, "give_rights must stand below associate_user in SOCIAL_AUTH_PIPELINE"
        )
    backend.give_rights(user, social, user_from_extra_data(response))


def take_rights(user: Any, entries: Any, *_: Any, **__: Any) -> None:
    """Take back what logins have given, when an account is disconnected.

    A step of ``SOCIAL_AUTH_DISCONNECT_PIPELINE``, above ``disconnect``.
    """
    for social in entries:
        if social.provider == PeeringDBOAuth2.name:
            take(user, social)
