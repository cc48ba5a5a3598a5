"""The original library's `PeeringdbAuth`, on top of the new client. Its four steps run
as they always did.
"""

from functools import cache
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.authorization import (
    build_authorization_url,
    checked_code,
    checked_code_verifier,
    new_secret,
)
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.grammar import BearerToken
from peeringdb_oauth.metadata import ProviderMetadata
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow, send
from peeringdb_oauth.tokens import (
    build_code_request,
    build_profile_request,
    checked_token,
    parse_profile_response,
    parse_token_response,
)

_SCOPE = ("profile", "email", "networks")  # what the original asked for


class PeeringdbAuth:
    """The original three steps: redirect, swap the code for a token, ask who it is.

    Reads ``/etc/peeringdb_oauth.ini`` like the original (or what `ClientConfig.load`
    finds). Objects are cheap: connections and limits are shared by all with the same
    configuration. Asks for profile, email and networks, whatever ``scope`` is
    configured, and every error is a `RuntimeError`: both as it was.

    New code is better served by `Client`: there the login's state, PKCE and the
    callback are checked for you, always.
    """

    def __init__(self) -> None:
        config = ClientConfig.load()
        self.OAUTH_CLIENT_KEY = config.client_id
        self.OAUTH_CLIENT_SEC = config.client_secret
        self.redirect_to = config.redirect_uri
        self._config = config
        self._metadata = ProviderMetadata.at(config.base_url)
        self._client = _client(config)

    def calculate_redirect_url(self, pkce: bool = False) -> dict[str, str]:  # noqa: FBT001, FBT002 - part of the original's style
        """``{"state": ..., "redirect": ...}``: keep the state in the session, redirect
        the browser.

        ``pkce=True`` adds ``"code_verifier"``: keep that too, and give it to
        `get_access_token`.
        """
        if pkce:
            request = self._client.authorization_request(scope=_SCOPE)
            return {
                "state": request.state,
                "redirect": request.url,
                "code_verifier": request.code_verifier,
            }
        state = new_secret()
        return {
            "state": state,
            "redirect": build_authorization_url(
                self._config,
                self._metadata,
                scope=_SCOPE,
                state=state,
            ),
        }

    def get_access_token(self, auth_code: str, code_verifier: str | None = None) -> dict[str, Any]:
        """PeeringDB's answer: ``access_token``, ``refresh_token``, ``expires_in``
        (seconds), ``scope``, ``token_type``.
        """
        return self._client.run(self._exchange_code(auth_code, code_verifier))

    def get_user_information_from_token(
        self,
        token: str,
        require_verified: bool = True,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """PeeringDB's profile: ``id``, ``name``, ``email``, ``verified_user``,
        ``verified_email``, ``networks`` and so on.

        Unless ``require_verified`` is False, both must be true, or it raises.
        """
        profile = self._client.run(self._fetch_profile(checked_token(token)))
        if require_verified:
            AccessRule().require(User.from_profile(profile))
        return profile

    def _exchange_code(self, auth_code: str, code_verifier: str | None) -> Flow[dict[str, Any]]:
        request = build_code_request(
            self._config,
            self._metadata,
            code=checked_code(auth_code),
            redirect_uri=self.redirect_to,
            code_verifier=None if code_verifier is None else checked_code_verifier(code_verifier),
        )
        response = yield from send(request)
        parse_token_response(request, response, requested=_SCOPE, now=0)
        return response.json_object()

    def _fetch_profile(self, token: BearerToken) -> Flow[dict[str, Any]]:
        request = build_profile_request(self._metadata, access_token=token)
        return parse_profile_response(request, (yield from send(request)))


@cache
def _client(config: ClientConfig) -> Client:
    return Client(config)
