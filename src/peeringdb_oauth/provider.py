"""PeeringDB as one client sees it."""

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from typing import Self

from peeringdb_oauth.authorization import AuthorizationRequest, create_authorization_request
from peeringdb_oauth.callback import UsedCodes
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import Cost
from peeringdb_oauth.key_set import KeyCache, require_cryptography
from peeringdb_oauth.metadata import PEERINGDB, ProviderMetadata
from peeringdb_oauth.records import Documents
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.tokens import DeadTokens, TokenResponse

Clock = Callable[[], float]  # gives seconds


class Provider:
    """What a client knows of PeeringDB: endpoints, keys, used codes, refused tokens.

    ``config``: the application. ``clock``: gives Unix seconds. ``monotonic``: gives
    seconds that only grow; None for ``clock``.

    Raises:
        ConfigurationError: the scope has ``openid`` and cryptography is not installed.
    """

    def __init__(self, config: ClientConfig, clock: Clock, monotonic: Clock | None = None) -> None:
        self.config = config
        self.clock = clock
        self.monotonic = monotonic or clock
        # Right for PeeringDB. Another provider's are discovered before its ID tokens
        # are trusted.
        self.metadata = ProviderMetadata.at(config.base_url)
        self.discovered = self.metadata == PEERINGDB
        self.used_codes = UsedCodes()
        self.dead_tokens = DeadTokens()
        self.documents: Documents | None = None  # what processes share, if they do
        # Raises RateLimited if it is known that somebody has used their part.
        self.check_payers: Callable[[Cost], None] = lambda _: None
        # Keeps tokens until they are revoked. None: there is no store of sessions.
        self.revoke_later: Callable[[TokenResponse], Flow[None]] | None = None
        if "openid" in config.scope:
            require_cryptography()
        self.key_cache = KeyCache()

    def at(self, redirect_uri: str) -> Self:
        """The same provider for logins that come back to another redirect URI.

        The copy shares keys, used codes, refused tokens, and what processes share.
        """
        other = copy(self)
        other.config = replace(self.config, redirect_uri=redirect_uri)
        return other

    def authorization_request(
        self, *, scope: Iterable[str] | None, prompt: str | None
    ) -> AuthorizationRequest:
        """A new login that starts now. See `create_authorization_request`.

        Raises:
            ConfigurationError: the scope or the prompt is of no use with PeeringDB, or
                cryptography is not installed.
        """
        request = create_authorization_request(
            self.config, self.metadata, now=self.clock(), scope=scope, prompt=prompt
        )
        if "openid" in request.scope:
            require_cryptography()  # now, and not when the person comes back
        return request
