"""The issuer and the endpoints of PeeringDB. Nothing here opens a connection.

The paths are those of PeeringDB 2.82.0. A provider's metadata documents can replace
them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from peeringdb_oauth.errors import InvalidResponse

# RFC 3986 section 3.3
_PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The issuer and the endpoints of a provider.

    The names are those of RFC 8414 and OpenID Connect Discovery 1.0. Only
    ``profile_endpoint`` is PeeringDB's own: the profile is always up to date, and it
    has ``manage_peering_sessions``, which ID tokens lack.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    profile_endpoint: str

    @classmethod
    def at(cls, base_url: str) -> Self:
        """Return the endpoints of the PeeringDB at ``base_url``.

        ``base_url``: the address of PeeringDB, without a slash at its end.

        The URLs of the OAuth endpoints end in a slash: PeeringDB redirects a request
        without it, and a redirected POST is lost. The URL of the profile ends in none:
        ``/profile/v1/`` is a 404.
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
    def from_documents(cls, base_url: str, *documents: Mapping[str, Any]) -> Self:
        """Read the metadata documents of the provider at ``base_url``.

        Each document may lack what another one has. What all of them lack is as `at`
        returns it.

        Raises:
            InvalidResponse: a document names another issuer (RFC 8414 section 3.3,
                OpenID Connect Discovery 4.3), the documents contradict each other, an
                endpoint is outside ``base_url``: secrets would be sent there, or it has
                a query or a fragment: parameters are added to it.
        """
        known = cls.at(base_url)
        found: dict[str, str] = {}
        for document in documents:
            if document.get("issuer") != known.issuer:
                raise InvalidResponse(
                    f"the metadata of {base_url} does not name {known.issuer} as the issuer",
                    check="issuer",
                )
            for name in (field.name for field in fields(cls) if field.name in document):
                endpoint = document[name]
                if not isinstance(endpoint, str) or not endpoint.startswith(f"{base_url}/"):
                    raise InvalidResponse(
                        f"the metadata of {base_url} has a {name} that is not at {base_url}",
                        check=name,
                    )
                if not _PATH.fullmatch(endpoint.removeprefix(base_url)):
                    raise InvalidResponse(
                        f"the metadata of {base_url} has a {name} with more than a path", check=name
                    )
                if found.setdefault(name, endpoint) != endpoint:
                    raise InvalidResponse(
                        f"the metadata documents of {base_url} contradict each other about {name}",
                        check=name,
                    )
        return replace(known, **found)


PEERINGDB = ProviderMetadata.at("https://auth.peeringdb.com")
