"""The authorization request, with which a login starts.

RFC 6749 section 4.1.1, always with PKCE (RFC 7636). Asks nobody.
"""

import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from peeringdb_oauth.config import ClientConfig, parse_scope, scope_problems
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse
from peeringdb_oauth.grammar import CODE_VERIFIER, URI_REFERENCE
from peeringdb_oauth.metadata import ProviderMetadata

# Seconds from the click on "log in" to the callback. The person may have to set up a
# second factor in between.
LIFETIME = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A login that was started. Valid for 600 seconds; each code of it counts once.

    ``url``: where to send the browser. Keep the rest in its session until the callback.
    ``state``, ``nonce``, ``code_verifier``: secrets of this login; without ``openid``
    in the scope ``nonce`` is None. ``redirect_uri``: where the browser comes back to.
    ``scope``: what is asked of the person. ``created_at``: Unix seconds.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str | None = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    scope: tuple[str, ...]
    created_at: float

    def to_dict(self) -> dict[str, Any]:
        """The request as JSON types, for `from_dict`.

        It holds secrets: keep it on the server, or in a cookie that nobody can read.
        """
        return asdict(self) | {"scope": list(self.scope)}

    @classmethod
    def from_dict(cls, value: Any) -> "AuthorizationRequest":
        """The request of which `to_dict` made ``value``.

        Raises:
            InvalidResponse: ``value`` is None, or `to_dict` did not make it.
        """
        if value is None:
            raise InvalidResponse(
                "no login is waiting for an answer here: start the login again",
                check="authorization_request",
            )
        if not isinstance(value, Mapping):
            raise _malformed("is no mapping")
        scope, created_at = value.get("scope"), value.get("created_at")
        if not isinstance(scope, list | tuple) or scope_problems(tuple(scope)):
            raise _malformed("has no scope")
        if isinstance(created_at, bool) or not isinstance(created_at, int | float):
            raise _malformed("has no created_at")
        # A lost nonce is an error: it must not switch the check of the nonce off.
        has_nonce = "openid" in scope
        return cls(
            url=_stored(value, "url", URI_REFERENCE),
            state=_stored(value, "state", CODE_VERIFIER),
            nonce=_stored(value, "nonce", CODE_VERIFIER) if has_nonce else None,
            code_verifier=_stored(value, "code_verifier", CODE_VERIFIER),
            redirect_uri=_stored(value, "redirect_uri", URI_REFERENCE),
            scope=tuple(scope),
            created_at=created_at,
        )


def _stored(value: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not form.fullmatch(text):
        raise _malformed(f"has no {name}")
    return text


def _malformed(what: str) -> InvalidResponse:
    return InvalidResponse(
        f"the stored login {what}: start the login again", check="authorization_request"
    )


def create_authorization_request(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    now: float,
    scope: Iterable[str] | str | None = None,
    prompt: str | None = None,
) -> AuthorizationRequest:
    """A new login (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

    ``now``: Unix seconds. ``scope``: instead of the configured one. It is always sent,
    because PeeringDB takes a request without a scope for a request for everything.
    ``prompt``: "login" makes PeeringDB ask for the password.

    Raises:
        ConfigurationError: the scope or the prompt is of no use with PeeringDB.
    """
    wanted = config.scope if scope is None else parse_scope(scope)
    if problems := [*scope_problems(wanted), *_prompt_problems(prompt)]:
        raise ConfigurationError(*problems)
    state, code_verifier = new_secret(), new_secret()
    nonce = new_secret() if "openid" in wanted else None
    url = build_authorization_url(
        config,
        metadata,
        scope=wanted,
        state=state,
        nonce=nonce,
        prompt=prompt,
        code_challenge=code_challenge(code_verifier),
    )
    return AuthorizationRequest(
        url=url,
        state=state,
        nonce=nonce,
        code_verifier=code_verifier,
        redirect_uri=config.redirect_uri,
        scope=wanted,
        created_at=now,
    )


def _prompt_problems(prompt: Any) -> list[str]:
    if prompt in (None, "login"):
        return []
    problem = (
        "prompt: PeeringDB knows only 'login' (it ignores others, and 'none' ends on an error"
        f" page), not {prompt!r}"
    )
    return [problem]


def build_authorization_url(
    config: ClientConfig,
    metadata: ProviderMetadata,
    *,
    scope: tuple[str, ...],
    state: str,
    nonce: str | None = None,
    prompt: str | None = None,
    code_challenge: str | None = None,
) -> str:
    """The URL to send the browser to (RFC 6749 section 4.1.1, RFC 7636 section 4.3).

    A parameter that is None is left out.
    """
    parameters = {
        "response_type": "code",
        "client_id": config.client_id,
        "redirect_uri": config.redirect_uri,
        "scope": " ".join(scope),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256" if code_challenge else None,
        "nonce": nonce,
        "prompt": prompt,
    }
    query = urlencode({name: value for name, value in parameters.items() if value is not None})
    return f"{metadata.authorization_endpoint}?{query}"


def new_secret() -> str:
    """256 random bits as 43 characters of base64url."""
    return secrets.token_urlsafe(32)


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def checked_code_verifier(code_verifier: Any) -> str:
    """The PKCE verifier ``code_verifier``, if it can be one (RFC 7636 section 4.1).

    Raises:
        InvalidResponse: it cannot be a verifier.
    """
    if not isinstance(code_verifier, str) or not CODE_VERIFIER.fullmatch(code_verifier):
        raise InvalidResponse(
            "the code_verifier is not one that this library made", check="code_verifier"
        )
    return code_verifier
