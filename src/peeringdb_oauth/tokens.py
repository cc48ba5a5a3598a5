"""The token, revocation and introspection endpoints: for each step one function that
builds the request and one that reads the answer.

RFC 6749 sections 4.1.3, 5 and 6, RFC 7009, RFC 7662. Credentials go into the body,
because PeeringDB answers HTTP Basic with a 401.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import (
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.metadata import ProviderMetadata

SILENCE = (
    # seconds; PeeringDB forgets a refusal after 60 without a request (measured on
    # 2.82.0)
    61.0
)
# seconds; PeeringDB repeats a 429 for 10 from its cache, whatever its Retry-After said,
# and anew when asked meanwhile
_MIN_PAUSE = 11.0
REFUSAL_MEMORY = 60.0  # seconds
_MAX_PAUSE = 3600.0  # seconds; nobody's Retry-After keeps us away for longer
_MAX_EXPIRES_IN = 10 * 365 * 86400  # seconds
_TOKEN = re.compile(
    r"[\x21-\x7e]{1,4096}",
)  # RFC 6749 appendices A.12 and A.17, without spaces: it must fit into a header
_ID_TOKEN_LIMIT = 256 * 1024  # characters
_SECRETS = (
    "code",
    "code_verifier",
    "client_secret",
    "refresh_token",
    "token",
)  # the form fields that no message may repeat
_ERROR = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]{1,64}")  # RFC 6749 appendix A.7


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """What the token endpoint granted (RFC 6749 section 5.1).

    ``expires_at``: Unix seconds. ``scope``: as granted. The tokens are as good as the
    person's password: keep them on the server. To be able to ask again later it is
    enough to store ``refresh_token``: `Client.refresh` takes that alone.
    """

    access_token: str = field(repr=False)
    token_type: str
    expires_at: int
    refresh_token: str | None = field(repr=False)
    scope: tuple[str, ...]
    id_token: str | None = field(repr=False)

    @classmethod
    def from_json(
        cls,
        value: Mapping[str, Any],
        *,
        requested: tuple[str, ...],
        now: float,
    ) -> "TokenResponse":
        """Validate a token endpoint's JSON object. ``requested``: the scope that counts
        when the answer names none.
        """
        token_type, expires_in, scope = (
            value.get("token_type"),
            value.get("expires_in"),
            value.get("scope", " ".join(requested)),
        )
        if (
            not isinstance(token_type, str) or token_type.lower() != "bearer"
        ):  # RFC 6749 section 7.1: never use an unknown type
            raise _invalid("token_type", "is not 'Bearer'")
        if (
            isinstance(expires_in, bool)
            or not isinstance(expires_in, int)
            or not 0 < expires_in <= _MAX_EXPIRES_IN
        ):
            raise _invalid("expires_in", "is not a sensible number of seconds")
        if not isinstance(scope, str):
            raise _invalid("scope", "is not a string")
        return cls(
            access_token=_token(value, "access_token"),
            token_type="Bearer",  # noqa: S106 - the name of a type
            expires_at=int(now) + expires_in,
            refresh_token=(
                None if value.get("refresh_token") is None else _token(value, "refresh_token")
            ),
            scope=tuple(dict.fromkeys(scope.split())),
            id_token=_id_token(value.get("id_token")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """What PeeringDB says about an access token (RFC 7662). ``expires_at``: Unix
    seconds. Not active: everything else is empty.
    """

    active: bool
    scope: tuple[str, ...] = ()
    client_id: str | None = None
    expires_at: int | None = None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Introspection":
        """Validate an introspection endpoint's JSON object. Without a full answer about
        an active token there is none.
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
        if isinstance(expires_at, bool) or not isinstance(expires_at, int):
            raise _invalid("exp", "is not a number of seconds")
        return cls(
            active=True,
            scope=tuple(dict.fromkeys(scope.split())),
            client_id=client_id,
            expires_at=expires_at,
        )


class RefusedTokens:
    """Remembers for a minute which tokens PeeringDB refused, by their hashes. Bounded;
    the clock an argument (Unix seconds).
    """

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._refused: dict[
            str,
            tuple[float, str],
        ] = {}  # hash -> when, and what was said; in the order of time

    def add(self, key: str, reason: str, now: float) -> None:
        """Remember one; the oldest goes when there are too many."""
        while len(self._refused) >= self._limit:
            self._refused.pop(next(iter(self._refused)), None)
        self._refused[key] = (now, reason)

    def check(self, key: str, now: float) -> None:
        """Nothing for a token that may be tried. Raises: `TokenRejected`, as
        PeeringDB's refusal did.
        """
        refused_at, reason = self._refused.get(key, (float("-inf"), ""))
        if abs(now - refused_at) < REFUSAL_MEMORY:
            raise TokenRejected(reason)
        self._refused.pop(key, None)


def build_code_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    code: str,
    redirect_uri: str,
    code_verifier: str | None,
    booked: int = 1,
) -> HTTPRequest:
    """Exchange an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5)."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if code_verifier is not None:
        form["code_verifier"] = code_verifier
    return HTTPRequest(url=metadata.token_endpoint, form=form | _credentials(config), booked=booked)


def build_refresh_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    refresh_token: str,
) -> HTTPRequest:
    """Refresh (RFC 6749 section 6). At PeeringDB the old refresh token and the old
    access token die with it at once.
    """
    return HTTPRequest(
        url=metadata.token_endpoint,
        form={"grant_type": "refresh_token", "refresh_token": refresh_token} | _credentials(config),
    )


def parse_token_response(
    request: HTTPRequest,
    response: HTTPResponse,
    *,
    requested: tuple[str, ...],
    now: float,
) -> TokenResponse:
    """Read the answer to either of them. ``now``: before the request was sent, so that
    no token seems to live longer than it does.
    """
    return TokenResponse.from_json(
        successful(request, response).json_object(),
        requested=requested,
        now=now,
    )


def build_revocation_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    token: str,
    token_type_hint: str,
) -> HTTPRequest:
    """Revoke a token (RFC 7009 section 2.1). At PeeringDB a refresh token takes its
    access token with it, not the other way round.
    """
    return HTTPRequest(
        url=metadata.revocation_endpoint,
        form={"token": token, "token_type_hint": token_type_hint} | _credentials(config),
    )


def build_introspection_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    token: str,
) -> HTTPRequest:
    """Ask about a token (RFC 7662 section 2.1). Unlike at the profile, an unknown token
    counts against nobody here.
    """
    return HTTPRequest(
        url=metadata.introspection_endpoint,
        form={"token": token} | _credentials(config),
    )


def build_profile_request(
    metadata: ProviderMetadata,
    *,
    access_token: str,
    booked: int = 1,
) -> HTTPRequest:
    """Ask who somebody is (RFC 6750 section 2.1)."""
    return HTTPRequest(
        url=metadata.profile_endpoint,
        bearer=checked_token(access_token),
        booked=booked,
    )


def parse_profile_response(request: HTTPRequest, response: HTTPResponse) -> dict[str, Any]:
    """The profile's JSON object. Raises: `TokenRejected` when PeeringDB refuses the
    token (an empty 403, whatever the cause).
    """
    if response.status == 401 or (response.status == 403 and not response.body):
        raise TokenRejected(
            "PeeringDB refused the access token: it is expired, revoked, replaced by a refresh, or"
            " lacks the scope 'profile'; log in again",
        )
    if response.status == 403:  # the token may be good, so nobody's session should end for this
        raise TransportError(
            "something between here and PeeringDB, perhaps a firewall, refused the request (it"
            " answered 403)",
            status=403,
        )
    return successful(request, response).json_object()


def checked_token(token: Any) -> str:
    """A caller's token, if it can be one. Raises: `TokenRejected`, before anything else
    could be made of it.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise TokenRejected(
            "this is not a token: it is empty, too long, or has characters that no token has",
        )
    return token


def successful(request: HTTPRequest, response: HTTPResponse) -> HTTPResponse:
    """The response, if its status is 200. Raises: the error that a caller can act on."""
    if response.status == 200:  # the only success PeeringDB's endpoints have
        return response
    raise _failure(request, response)


def retry_after(response: HTTPResponse) -> float:
    """How many seconds to wait after a 429. PeeringDB says it only sometimes; else it
    is as long as PeeringDB's longest memory.
    """
    text = response.headers.get("retry-after", "").strip()
    return (
        min(max(float(text), _MIN_PAUSE), _MAX_PAUSE)
        if re.fullmatch(r"[0-9]{1,9}", text)
        else SILENCE
    )


def _failure(request: HTTPRequest, response: HTTPResponse) -> PeeringDBOAuthError:
    status, error = response.status, _error_word(request, response)
    said = f": {error}" if error else ""
    if status == 429:
        wait = retry_after(response)
        return RateLimited(
            f"PeeringDB has had too many requests from this address: wait {wait:.0f} s",
            retry_after=wait,
            status=status,
        )
    if status >= 500:
        return TransportError(
            f"PeeringDB is out of order (it answered {status}){_hint(request, status)}",
            status=status,
        )
    if status == 401 and "x-cached-response" in response.headers:
        return RateLimited(
            "PeeringDB repeats a refusal that something at this address earned less than a minute"
            " ago, perhaps with a wrong client secret, and goes on until it has heard nothing for"
            f" {SILENCE:.0f} s",
            retry_after=SILENCE,
            status=status,
        )
    if status == 401:
        return ProviderError(
            f"PeeringDB refused this application (it answered 401{said}): check client_id and"
            " client_secret (the secret can be copied only before the application is saved);"
            f" PeeringDB now refuses this address for {SILENCE:.0f} s",
            error=error,
            status=status,
        )
    if status < 400:
        return InvalidResponse(
            f"PeeringDB answered {status}, which this endpoint never does: check base_url",
            check="status",
        )
    return ProviderError(
        f"PeeringDB refused the request (it answered {status}{said}){_meaning(error, status)}",
        error=error,
        status=status,
    )


def _meaning(error: str, status: int) -> str:
    if status == 403:  # of the introspection endpoint
        return ": this needs the client_secret, or a firewall between here and PeeringDB says no"
    if error == "invalid_grant":
        return (
            ": this code or refresh token is used, expired, or was issued to another application;"
            " log in again"
        )
    return ""


def _hint(request: HTTPRequest, status: int) -> str:
    if status == 500 and "code" in (request.form or {}):
        return (
            "; if it does so at every login with the scope 'openid', choose the algorithm RS256 on"
            " the application's page at PeeringDB"
        )
    return ""


def _error_word(request: HTTPRequest, response: HTTPResponse) -> str:
    """PeeringDB's word for what is wrong: OAuth's ``error``, or the ``meta.error`` of
    the layers before it; or nothing (HTML, text).
    """
    try:
        value = response.json_object()
    except InvalidResponse:
        return ""
    meta = value.get("meta")
    error = value.get("error", meta.get("error") if isinstance(meta, dict) else None)
    return (
        error
        if isinstance(error, str)
        and _ERROR.fullmatch(error)
        and not _repeats_secret(request, error)
        else ""
    )


def _repeats_secret(request: HTTPRequest, error: str) -> bool:
    """Whether an error has in it what we sent, or eight characters of it: whole, cut
    off, or encoded in some way.
    """
    form = request.form or {}
    secrets = [form.get(name) for name in _SECRETS] + [request.bearer]
    return any(
        secret[start : start + 8] in error
        for secret in secrets
        if secret
        for start in range(max(1, len(secret) - 7))
    )


def _credentials(config: ClientConfig) -> dict[str, str]:
    """Client authentication in the body (RFC 6749 section 2.3.1); a public client only
    names itself.
    """
    credentials = {"client_id": config.client_id}
    if config.client_secret is not None:
        credentials["client_secret"] = config.client_secret
    return credentials


def _token(value: Mapping[str, Any], name: str) -> str:
    token = value.get(name)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _invalid(name, "is missing or is not a token")
    return token


def _id_token(value: Any) -> str | None:
    """Only its size and type are looked at here: what it says is for `id_token`."""
    if value is None or (isinstance(value, str) and 0 < len(value) <= _ID_TOKEN_LIMIT):
        return value
    raise _invalid("id_token", "is not a token")


def _invalid(check: str, what: str) -> InvalidResponse:
    return InvalidResponse(f"PeeringDB's answer is not usable: {check} {what}", check=check)
