"""Log network operators in with PeeringDB, and know which ASNs each may speak for.

In Flask, FastAPI, Starlette and Django start with ``PeeringDB`` and the decorators of
`peeringdb_oauth.integrations`. Without a framework::

    from peeringdb_oauth import AccessRule, Client, ClientConfig

    client = Client(ClientConfig.load())  # the ini file and the environment
    start = client.authorization_request()  # send the browser to start.url
    user = client.log_in(start, callback_url).user  # when it comes back
    AccessRule(asn=64500).require(user)  # raises AccessDenied

`BearerVerifier` is for APIs, and `AsyncClient` for asyncio. All errors are below
`PeeringDBOAuthError`. `PeeringdbAuth` is the class of the original library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peeringdb_oauth._version import __version__ as __version__

if TYPE_CHECKING:
    from peeringdb_oauth.access import AccessRule, Decision
    from peeringdb_oauth.async_client import AsyncClient
    from peeringdb_oauth.authorization import AuthorizationRequest
    from peeringdb_oauth.bearer import BearerVerifier
    from peeringdb_oauth.client import Client
    from peeringdb_oauth.config import ClientConfig
    from peeringdb_oauth.errors import (
        AccessDenied,
        ConfigurationError,
        InvalidIDToken,
        InvalidResponse,
        LoginDenied,
        PeeringDBOAuthError,
        ProviderError,
        RateLimited,
        StateMismatch,
        TokenRejected,
        TransportError,
    )
    from peeringdb_oauth.flows import Login
    from peeringdb_oauth.id_token import IDTokenClaims
    from peeringdb_oauth.legacy import PeeringdbAuth
    from peeringdb_oauth.memberships import Membership, MembershipPlan, plan_memberships
    from peeringdb_oauth.profile import Network, Permission, User
    from peeringdb_oauth.reasons import Reason
    from peeringdb_oauth.tokens import Introspection, TokenResponse

# A module is imported when one of its names is first used. So the package itself is
# imported fast.
_MODULES = {
    "access": ("AccessRule", "Decision"),
    "async_client": ("AsyncClient",),
    "authorization": ("AuthorizationRequest",),
    "bearer": ("BearerVerifier",),
    "client": ("Client",),
    "config": ("ClientConfig",),
    "errors": (
        "AccessDenied",
        "ConfigurationError",
        "InvalidIDToken",
        "InvalidResponse",
        "LoginDenied",
        "PeeringDBOAuthError",
        "ProviderError",
        "RateLimited",
        "StateMismatch",
        "TokenRejected",
        "TransportError",
    ),
    "flows": ("Login",),
    "id_token": ("IDTokenClaims",),
    "legacy": ("PeeringdbAuth",),
    "memberships": ("Membership", "MembershipPlan", "plan_memberships"),
    "profile": ("Network", "Permission", "User"),
    "reasons": ("Reason",),
    "tokens": ("Introspection", "TokenResponse"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccessDenied",
    "AccessRule",
    "AsyncClient",
    "AuthorizationRequest",
    "BearerVerifier",
    "Client",
    "ClientConfig",
    "ConfigurationError",
    "Decision",
    "IDTokenClaims",
    "Introspection",
    "InvalidIDToken",
    "InvalidResponse",
    "Login",
    "LoginDenied",
    "Membership",
    "MembershipPlan",
    "Network",
    "PeeringDBOAuthError",
    "PeeringdbAuth",
    "Permission",
    "ProviderError",
    "RateLimited",
    "Reason",
    "StateMismatch",
    "TokenRejected",
    "TokenResponse",
    "TransportError",
    "User",
    "plan_memberships",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
