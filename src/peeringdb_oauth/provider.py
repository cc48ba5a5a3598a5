"""PeeringDB as one client sees it."""

from collections.abc import Callable, Iterable

from peeringdb_oauth.authorization import (
    AuthorizationRequest,
    UsedStates,
    create_authorization_request,
)
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.key_set import KeyCache, require_cryptography
from peeringdb_oauth.metadata import PEERINGDB, ProviderMetadata
from peeringdb_oauth.tokens import RefusedTokens

Clock = Callable[[], float]  # Unix seconds


class Provider:
    """PeeringDB as one client sees it: where it is, which keys it signs with, and which
    logins have already been answered.
    """

    def __init__(self, config: ClientConfig, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self.metadata = ProviderMetadata.at(
            config.base_url,
        )  # right for PeeringDB; others are asked before their ID tokens are trusted
        self.discovered = self.metadata == PEERINGDB
        self.used_states = UsedStates()
        self.refused_tokens = RefusedTokens()
        if "openid" in config.scope:
            require_cryptography()
        self.key_cache = KeyCache()

    def authorization_request(
        self,
        *,
        scope: Iterable[str] | None,
        prompt: str | None,
    ) -> AuthorizationRequest:
        """A new login, as of now."""
        request = create_authorization_request(
            self.config,
            self.metadata,
            now=self.clock(),
            scope=scope,
            prompt=prompt,
        )
        if "openid" in request.scope:
            require_cryptography()  # rather than find out when the person comes back
        return request
