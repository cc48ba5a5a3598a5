"""Where PeeringDB's endpoints are. Knows their paths as measured on PeeringDB 2.82.0; fetches nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """A provider's issuer and endpoints, named as in RFC 8414 and OpenID Connect Discovery 1.0."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    profile_endpoint: str  # PeeringDB's own: only /profile/v1 tells manage_peering_sessions, and only it is never stale

    @classmethod
    def at(cls, base_url: str) -> "ProviderMetadata":
        """The endpoints of a PeeringDB at ``base_url`` (no slash at its end).

        The slashes at the ends matter: without one PeeringDB redirects, which turns a POST into a GET; ``/profile/v1/`` is a 404.
        """
        issuer = f"{base_url}/oauth2"
        return cls(
            issuer=issuer,
            authorization_endpoint=f"{issuer}/authorize/",
            token_endpoint=f"{issuer}/token/",
            revocation_endpoint=f"{issuer}/revoke_token/",
            introspection_endpoint=f"{issuer}/introspect/",
            jwks_uri=f"{issuer}/.well-known/jwks.json",
            profile_endpoint=f"{base_url}/profile/v1",
        )


PEERINGDB = ProviderMetadata.at("https://auth.peeringdb.com")
