"""Where PeeringDB's endpoints are: their paths as measured on PeeringDB 2.82.0, or what
a provider says itself. Fetches nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from peeringdb_oauth.errors import InvalidResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """A provider's issuer and endpoints, named as in RFC 8414 and OpenID Connect
    Discovery 1.0.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    # PeeringDB's own: only /profile/v1 tells manage_peering_sessions, and only it is
    # never stale
    profile_endpoint: str

    @classmethod
    def at(cls, base_url: str) -> "ProviderMetadata":
        """The endpoints of a PeeringDB at ``base_url`` (no slash at its end).

        The slashes at the ends matter: without one PeeringDB redirects, which turns a
        POST into a GET; ``/profile/v1/`` is a 404.
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

    @classmethod
    def from_documents(cls, base_url: str, *documents: Mapping[str, Any]) -> "ProviderMetadata":
        """What the provider at ``base_url`` says of itself in its metadata documents,
        each of which has what the other lacks.

        Where they say nothing it is as `at` says. Raises: `InvalidResponse` when a
        document belongs to another issuer (RFC 8414 section 3.3, OpenID Connect
        Discovery 4.3), when they disagree, or when an endpoint is elsewhere: it would
        be sent secrets.
        """
        known = cls.at(base_url)
        found: dict[str, str] = {}
        for document in documents:
            if document.get("issuer") != known.issuer:
                raise InvalidResponse(
                    f"the metadata of {base_url} belongs to another issuer than {known.issuer}",
                    check="issuer",
                )
            for name in (field.name for field in fields(cls) if field.name in document):
                endpoint = document[name]
                if not isinstance(endpoint, str) or not endpoint.startswith(f"{base_url}/"):
                    raise InvalidResponse(
                        f"the metadata of {base_url} has a {name} that is elsewhere",
                        check=name,
                    )
                if found.setdefault(name, endpoint) != endpoint:
                    raise InvalidResponse(
                        f"the two metadata documents of {base_url} disagree about {name}",
                        check=name,
                    )
        return replace(known, **found)


PEERINGDB = ProviderMetadata.at("https://auth.peeringdb.com")
