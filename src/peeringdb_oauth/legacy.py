"""The original library's `PeeringdbAuth` on top of the new client.

Its four steps work as they always did.
"""

from copy import deepcopy
from functools import cache
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.authorization import build_authorization_url, checked_code_verifier, new_secret
from peeringdb_oauth.callback import checked_code
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.profile import User
from peeringdb_oauth.tokens import checked_token

_SCOPE = ("profile", "email", "networks")  # what the original asked for


class PeeringdbAuth:
    """The original library's login: redirect, exchange the code, ask who it is.

    ::

        auth = PeeringdbAuth()
        login = auth.calculate_redirect_url(pkce=True)
        # Store login["state"] and login["code_verifier"] in the session and redirect
        # the browser to login["redirect"]. It comes back with a state and a code.
        # Compare the state with the stored one, then:
        token = auth.get_access_token(code, login["code_verifier"])
        user = auth.get_user_information_from_token(token["access_token"])

    The configuration is read from ``/etc/peeringdb_oauth.ini`` as in the original, or
    from where `ClientConfig.load` finds it. Objects are cheap: all with the same
    configuration share their connections and limits. The scope is profile, email and
    networks, whatever is configured. Every error is a `RuntimeError`. Both are as in
    the original.

    For new code use `Client`: it checks the state, PKCE and the callback for you.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    def __init__(self) -> None:
        config = ClientConfig.load()
        self.OAUTH_CLIENT_KEY = config.client_id
        self.OAUTH_CLIENT_SEC = config.client_secret
        self.redirect_to = config.redirect_uri
        self._client = _client(config)
        self._provider = self._client.provider

    def calculate_redirect_url(self, pkce: bool = False) -> dict[str, str]:  # noqa: FBT001, FBT002 - as in the original
        """``{"state": ..., "redirect": ...}``, where ``redirect`` is the URL to go to.

        Store the state in the session. ``pkce``: True adds ``"code_verifier"``. Store
        that as well and give it to `get_access_token`.
        """
        if pkce:
            request = self._client.authorization_request(scope=_SCOPE)
            return {
                "state": request.state,
                "redirect": request.url,
                "code_verifier": request.code_verifier,
            }
        state = new_secret()
        url = build_authorization_url(
            self._provider.config, self._provider.metadata, scope=_SCOPE, state=state
        )
        return {"state": state, "redirect": url}

    def get_access_token(self, auth_code: str, code_verifier: str | None = None) -> dict[str, Any]:
        """PeeringDB's answer to an authorization code.

        It has ``access_token``, ``refresh_token``, ``expires_in`` (seconds), ``scope``
        and ``token_type``.

        Raises:
            ProviderError: PeeringDB refused the code or this application.
            InvalidResponse: the code, the verifier or the answer is malformed, or
                PeeringDB did not grant all of the scope.
            TransportError: PeeringDB gave no answer, or must not be asked now.
        """
        flow = flows.exchange_code(
            self._provider,
            checked_code(auth_code),
            redirect_uri=self.redirect_to,
            code_verifier=None if code_verifier is None else checked_code_verifier(code_verifier),
            scope=_SCOPE,
        )
        _, response = self._client.run(flow)
        return response.json_object()

    def get_user_information_from_token(
        self,
        token: str,
        require_verified: bool = True,  # noqa: FBT001, FBT002
    ) -> dict[str, Any]:
        """PeeringDB's profile of the person whose access token this is.

        It has ``id``, ``name``, ``email``, ``verified_user``, ``verified_email``,
        ``networks`` and more. ``require_verified``: whether both ``verified_user`` and
        ``verified_email`` must be true.

        Raises:
            AccessDenied: the account or its email address is not verified.
            TokenRejected: PeeringDB refused the token.
            InvalidResponse: the answer is malformed.
            TransportError: PeeringDB gave no answer, or must not be asked now.
        """
        flow = flows.fetch_profile(self._provider, checked_token(token))
        # another thread may have the same one
        profile = deepcopy(self._client.run(flow))
        if require_verified:
            AccessRule().require(User.from_profile(profile))
        return profile


@cache
def _client(config: ClientConfig) -> Client:
    return Client(config)
