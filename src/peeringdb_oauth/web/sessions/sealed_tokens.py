"""The tokens of a session, which lie sealed in it."""

from peeringdb_oauth.provider import Provider
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web.seal import Sealer
from peeringdb_oauth.web.sessions.stored_login import StoredLogin


class SealedTokens:
    """Seals the tokens of one application's logins, and opens them."""

    def __init__(self, provider: Provider, sealer: Sealer) -> None:
        self._sealer = sealer
        self._purpose = f"tokens {provider.config.base_url} {provider.config.client_id}"

    def seal(self, token: TokenResponse) -> str:
        """The access token and the refresh token of a login, sealed."""
        return self._sealer.seal(self._purpose, [token.access_token, token.refresh_token])

    def open(self, login: StoredLogin) -> TokenResponse | None:
        """The tokens of a login; None if they cannot be unsealed, or are revoked."""
        tokens = self._sealer.open(self._purpose, login.tokens)
        if tokens is None:
            return None
        access_token, refresh_token = tokens
        return TokenResponse(
            access_token=access_token,
            token_type="Bearer",  # noqa: S106 - the name of a type
            expires_at=login.expires_at,
            refresh_token=refresh_token,
            scope=(),
            id_token=None,
        )
