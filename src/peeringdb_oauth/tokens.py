"""The token, revocation, introspection and profile endpoints: requests and answers.

For each step one function builds the request and one reads the answer. RFC 6749
sections 4.1.3, 5 and 6, RFC 7009, RFC 7662, RFC 6750. Credentials go into the body,
because PeeringDB answers HTTP Basic with a 401.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeGuard

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import ONE_REQUEST, Cost
from peeringdb_oauth.errors import InvalidResponse, TokenRejected, TransportError
from peeringdb_oauth.grammar import TOKEN, AuthorizationCode, BearerToken
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.metadata import ProviderMetadata
from peeringdb_oauth.responses import successful

REVOKED = "this token was revoked: log in again"
LIFETIME = 36_000.0  # seconds that an access token of PeeringDB lives
_LAST_DATE = 253402300799  # the last second of the year 9999
_MAX_EXPIRES_IN = 10 * 365 * 86400  # seconds
_ID_TOKEN_LIMIT = 256 * 1024  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """The tokens that the token endpoint issued (RFC 6749 section 5.1).

    They are as good as the person's password: keep them on the server. To refresh later
    it is enough to store ``refresh_token``, which `Client.refresh` takes by itself.

    ``access_token``: for the profile. ``token_type``: always "Bearer". ``expires_at``:
    when the access token expires, in Unix seconds. ``refresh_token``: None if there is
    none. ``scope``: as granted, which may be less than was asked for. ``id_token``:
    None without ``openid`` in the scope.
    """

    access_token: str = field(repr=False)
    token_type: str
    expires_at: int
    refresh_token: str | None = field(repr=False)
    scope: tuple[str, ...]
    id_token: str | None = field(repr=False)

    @classmethod
    def from_json(
        cls, value: Mapping[str, Any], *, requested: tuple[str, ...], now: float
    ) -> "TokenResponse":
        """Read a token endpoint's JSON object.

        ``requested``: the scope that counts if the answer names none. ``now``: Unix
        seconds.

        Raises:
            InvalidResponse: a member is missing or malformed; ``check`` names it.
        """
        token_type, expires_in = value.get("token_type"), value.get("expires_in")
        scope = value.get("scope", " ".join(requested))
        # RFC 6749 section 7.1: never use an unknown type.
        if not isinstance(token_type, str) or token_type.lower() != "bearer":
            raise _invalid("token_type", "is not 'Bearer'")
        if not _is_integer(expires_in) or not 0 < expires_in <= _MAX_EXPIRES_IN:
            raise _invalid("expires_in", "is not a sensible number of seconds")
        if not isinstance(scope, str):
            raise _invalid("scope", "is not a string")
        has_refresh_token = value.get("refresh_token") is not None
        return cls(
            access_token=_token(value, "access_token"),
            token_type="Bearer",  # noqa: S106 - the name of a type
            expires_at=int(now) + expires_in,
            refresh_token=_token(value, "refresh_token") if has_refresh_token else None,
            scope=tuple(dict.fromkeys(scope.split())),
            id_token=_id_token(value.get("id_token")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """What PeeringDB says about an access token (RFC 7662).

    ``active``: whether the token is alive. If not, the other fields are empty.
    ``scope``: as granted. ``client_id``: the application that it was issued to.
    ``expires_at``: Unix seconds.
    """

    active: bool
    scope: tuple[str, ...] = ()
    client_id: str | None = None
    expires_at: int | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Introspection":
        """Read an introspection endpoint's JSON object.

        Raises:
            InvalidResponse: a member is missing or malformed; ``check`` names it.
        """
        active, scope, client_id, expires_at = (
            value.get(name) for name in ("active", "scope", "client_id", "exp")
        )
        if not isinstance(active, bool):
            raise _invalid("active", "is not true or false")
        if not active:
            return cls(active=False)
        if not isinstance(scope, str):
            raise _invalid("scope", "is not a string")
        if not isinstance(client_id, str) or not client_id:
            raise _invalid("client_id", "is missing")
        if not _is_integer(expires_at) or not 0 <= expires_at <= _LAST_DATE:
            raise _invalid("exp", "is not a time")
        return cls(
            active=True,
            scope=tuple(dict.fromkeys(scope.split())),
            client_id=client_id,
            expires_at=expires_at,
        )


class DeadTokens:
    """Remembers the tokens that PeeringDB refused, and those that were revoked here.

    None of them ever comes back. They are kept as hashes until they would have expired,
    and the oldest one goes when there are too many.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._dead: dict[bytes, tuple[float, str]] = {}  # when, and the reason

    def add(self, token: str, reason: str, now: float) -> None:
        """Remember a token. ``reason``: what to say of it. ``now``: Unix seconds."""
        while len(self._dead) >= self._limit:
            with suppress(RuntimeError, StopIteration):  # another thread changed it just now
                self._dead.pop(next(iter(self._dead)), None)
        self._dead[_hash(token)] = (now, reason)

    def revoke(self, token: str, now: float) -> None:
        """Remember a token that is being revoked here."""
        self.add(token, REVOKED, now)

    def was_revoked(self, token: str) -> bool:
        """Whether a token was revoked here."""
        return REVOKED in self._dead.get(_hash(token), ())

    def check(self, token: str, now: float) -> None:
        """Do nothing for a token that is not known to be dead.

        Raises:
            TokenRejected: it is dead.
        """
        key = _hash(token)
        died_at, reason = self._dead.get(key, (math.inf, ""))
        if elapsed(died_at, now) < LIFETIME:
            raise TokenRejected(reason)
        self._dead.pop(key, None)


def _hash(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def build_code_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    code: AuthorizationCode,
    redirect_uri: str,
    code_verifier: str | None,
    cost: Cost = ONE_REQUEST,
) -> HTTPRequest:
    """Exchange an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if code_verifier is not None:
        form["code_verifier"] = code_verifier
    return HTTPRequest(url=metadata.token_endpoint, form=form | _credentials(config), cost=cost)


def build_refresh_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    refresh_token: BearerToken,
    cost: Cost = ONE_REQUEST,
    within: float | None = None,
) -> HTTPRequest:
    """Refresh (RFC 6749 section 6).

    At PeeringDB the old refresh token and the old access token stop working at once.
    ``within``: as for `HTTPRequest`.
    """
    return HTTPRequest(
        url=metadata.token_endpoint,
        form={"grant_type": "refresh_token", "refresh_token": refresh_token} | _credentials(config),
        cost=cost,
        within=within,
    )


def parse_token_response(
    request: HTTPRequest, response: HTTPResponse, *, requested: tuple[str, ...], now: float
) -> TokenResponse:
    """Read the answer to a code request or a refresh request.

    ``requested``: the scope that counts if the answer names none. ``now``: Unix seconds
    before the request was sent, so that no token seems to live longer than it does.

    Raises:
        InvalidResponse: the answer is no token response.
        PeeringDBOAuthError: as `successful`.
    """
    return TokenResponse.from_json(
        successful(request, response).json_object(), requested=requested, now=now
    )


def build_revocation_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    token: BearerToken,
    token_type_hint: str,
    cost: Cost = ONE_REQUEST,
) -> HTTPRequest:
    """Revoke a token (RFC 7009 section 2.1).

    At PeeringDB a refresh token takes its access token with it, not the other way
    round.
    """
    return HTTPRequest(
        url=metadata.revocation_endpoint,
        form={"token": token, "token_type_hint": token_type_hint} | _credentials(config),
        cost=cost,
    )


def build_introspection_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    token: BearerToken,
    cost: Cost = ONE_REQUEST,
) -> HTTPRequest:
    """Ask about a token (RFC 7662 section 2.1).

    Unlike at the profile, an unknown token does not count as a refusal here.
    """
    return HTTPRequest(
        url=metadata.introspection_endpoint, form={"token": token} | _credentials(config), cost=cost
    )


def build_profile_request(
    metadata: ProviderMetadata, *, access_token: BearerToken, cost: Cost = ONE_REQUEST
) -> HTTPRequest:
    """Ask whose access token this is (RFC 6750 section 2.1)."""
    return HTTPRequest(url=metadata.profile_endpoint, bearer=access_token, cost=cost)


def parse_profile_response(request: HTTPRequest, response: HTTPResponse) -> dict[str, Any]:
    """Read the profile's JSON object.

    Raises:
        TokenRejected: PeeringDB refuses the token: an empty 403, whatever the cause.
        InvalidResponse: the answer is no JSON object.
        PeeringDBOAuthError: as `successful`.
    """
    if response.status == 401 or (response.status == 403 and not response.body):
        raise TokenRejected(
            "PeeringDB refused the access token: it is expired, revoked, replaced by a refresh, or"
            " lacks the scope 'profile'; log in again"
        )
    # A 403 with a body says nothing about the token, so no session may end for it.
    if response.status == 403:
        raise TransportError(
            "something between here and PeeringDB, perhaps a firewall, refused the request (it"
            " answered 403)",
            status=403,
        )
    return successful(request, response).json_object()


def checked_token(token: Any, form: re.Pattern[str] = TOKEN) -> BearerToken:
    """The access or refresh token ``token``, if it can be one.

    ``form``: `UNKNOWN_ACCESS_TOKEN` for an access token that a stranger sent.

    Raises:
        TokenRejected: it cannot be a token.
    """
    if not isinstance(token, str) or not form.fullmatch(token):
        raise TokenRejected(
            "this is not a token: it is empty, too long, or has characters that no token has"
        )
    return BearerToken(token)


def _credentials(config: ClientConfig) -> dict[str, str]:
    """Client authentication in the body (RFC 6749 section 2.3.1).

    A public client only names itself.
    """
    credentials = {"client_id": config.client_id}
    if config.client_secret is not None:
        credentials["client_secret"] = config.client_secret
    return credentials


def _token(value: Mapping[str, Any], name: str) -> str:
    token = value.get(name)
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise _invalid(name, "is missing or is not a token")
    return token


def _id_token(value: Any) -> str | None:
    """Only size and type are checked here: `verification` does the rest."""
    if value is None or (isinstance(value, str) and 0 < len(value) <= _ID_TOKEN_LIMIT):
        return value
    raise _invalid("id_token", "is not a token")


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _invalid(check: str, what: str) -> InvalidResponse:
    return InvalidResponse(f"PeeringDB's answer is not usable: {check} {what}", check=check)
