"""The browser's part of a login: the authorization request and the callback.

RFC 6749 section 4.1, always with PKCE (RFC 7636), and the issuer check of RFC 9207.
Asks nobody. The only thing it remembers is which logins were used.
"""

import re
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, urlencode

from peeringdb_oauth.config import ClientConfig, parse_scope, scope_problems
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidResponse,
    LoginDenied,
    ProviderError,
    StateMismatch,
)
from peeringdb_oauth.grammar import (
    CALLBACK_ERROR,
    CODE,
    CODE_VERIFIER,
    URI_REFERENCE,
    AuthorizationCode,
)
from peeringdb_oauth.metadata import ProviderMetadata

# Seconds from the click on "log in" to the callback. The person may have to set up a
# second factor in between.
LIFETIME = 600
MAX_CALLBACK = 8192  # characters; PeeringDB's codes have 30 and our states 43
# RFC 6749 section 4.1.2.1
_OAUTH_ERRORS = (
    "invalid_request",
    "unauthorized_client",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
)
# OpenID Connect Core section 3.1.2.6
_OPENID_ERRORS = (
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
)
# The parameters of a callback that may come only once, beside the state.
_PARAMETERS = ("code", "error", "error_description", "error_uri", "iss")

Callback = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A login that was started. Valid for 600 seconds, and for one callback.

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
        f"the stored login {what}: start the login again",
        check="authorization_request",
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


def read_callback(
    request: AuthorizationRequest,
    callback: Callback,
    *,
    issuer: str,
    now: float,
) -> AuthorizationCode:
    """The authorization code of a callback (RFC 6749 section 4.1.2).

    The state is compared before anything else is looked at. ``issuer``: PeeringDB's.
    ``now``: Unix seconds.

    Raises:
        StateMismatch: the callback belongs to another login.
        LoginDenied: the person cancelled.
        ProviderError: PeeringDB refused the login.
        InvalidResponse: the callback is malformed, late, or from another issuer.
    """
    parameters = _parse_callback(callback)
    _check_state(request.state, parameters.get("state", []))
    # RFC 6749 section 3.1
    repeated = [name for name in _PARAMETERS if len(parameters.get(name, ())) > 1]
    if repeated:
        raise InvalidResponse(
            f"the callback has {repeated[0]!r} more than once",
            check=repeated[0],
        )
    if not now - LIFETIME <= request.created_at <= now + 60:
        raise InvalidResponse(
            "this login was not started within the last ten minutes: start it again",
            check="created_at",
        )
    iss, error, code = (parameters.get(name, [None])[0] for name in ("iss", "error", "code"))
    if iss is not None and iss != issuer:  # RFC 9207 section 2.4; PeeringDB sends none
        raise InvalidResponse(
            "the callback comes from another provider than PeeringDB",
            check="iss",
        )
    if error is not None:
        raise _refusal(error, code)
    return checked_code(code)


def checked_code(code: Any) -> AuthorizationCode:
    """The authorization code ``code``, if it can be one.

    Raises:
        InvalidResponse: it cannot be a code.
    """
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise InvalidResponse("the callback's code is missing or is not one", check="code")
    return AuthorizationCode(code)


def checked_code_verifier(code_verifier: Any) -> str:
    """The PKCE verifier ``code_verifier``, if it can be one (RFC 7636 section 4.1).

    Raises:
        InvalidResponse: it cannot be a verifier.
    """
    if not isinstance(code_verifier, str) or not CODE_VERIFIER.fullmatch(code_verifier):
        raise InvalidResponse(
            "the code_verifier is not one that this library made",
            check="code_verifier",
        )
    return code_verifier


def _parse_callback(callback: Callback) -> dict[str, list[str]]:
    """The callback's parameters, each with all its values."""
    if isinstance(callback, str):
        return _parse_callback_url(callback)
    if not isinstance(callback, Mapping):
        raise InvalidResponse(
            "the callback must be the full URL or the mapping of its query parameters",
            check="callback",
        )
    # Multi-dictionaries give all values: Werkzeug, Django and Starlette by getlist,
    # aiohttp and WebOb by getall.
    getlist = getattr(callback, "getlist", None) or getattr(callback, "getall", None)
    parameters: dict[str, list[str]] = {}
    size = 0
    for name in callback:
        value = getlist(name) if getlist else callback[name]
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list | tuple) or not _are_texts(name, *values):
            raise InvalidResponse("the callback's parameters are not text", check="callback")
        size += len(name) + sum(map(len, values))
        if size > MAX_CALLBACK:
            raise _oversized()
        parameters[name] = list(values)
    return {name: values for name, values in parameters.items() if values}


def _parse_callback_url(callback: str) -> dict[str, list[str]]:
    if len(callback) > MAX_CALLBACK:
        raise _oversized()
    # By hand, because urlsplit drops line breaks.
    query = callback.partition("#")[0].partition("?")[2]
    try:
        return parse_qs(query, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise InvalidResponse("the callback's query is not one", check="callback") from None


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _oversized() -> InvalidResponse:
    return InvalidResponse(
        f"the callback is longer than {MAX_CALLBACK} characters",
        check="callback",
    )


def _check_state(expected: str, received: list[str]) -> None:
    """RFC 6749 section 10.12: the callback must belong to this browser's login."""
    given = received[0] if len(received) == 1 else ""
    if not given or not compare_digest(
        given.encode("utf-8", "surrogatepass"),
        expected.encode("utf-8", "surrogatepass"),
    ):
        raise StateMismatch(
            "this callback does not belong to the login that was started here: start the login"
            " again",
        )


def _refusal(error: str, code: str | None) -> ProviderError | InvalidResponse:
    """What an error in the callback means (RFC 6749 section 4.1.2.1).

    Anybody can write a callback. So its description is not repeated, and its error only
    if a standard has it.
    """
    if code is not None:
        return InvalidResponse("the callback has both a code and an error", check="error")
    if not CALLBACK_ERROR.fullmatch(error):
        return InvalidResponse("the callback's error is not one", check="error")
    if error == "access_denied":
        return LoginDenied("the login was cancelled at PeeringDB", error=error)
    is_known = error in _OAUTH_ERRORS or error in _OPENID_ERRORS
    said = error if is_known else "with a word that no standard has"
    return ProviderError(f"PeeringDB refused the login: {said}", error=error)


class UsedStates:
    """Remembers which logins were answered, so that each counts once.

    ``limit``: how many are remembered. Thread-safe.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        # state -> when it was created, in the order of use
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, request: AuthorizationRequest, now: float) -> None:
        """Mark a login as used. ``now``: Unix seconds.

        Raises:
            StateMismatch: it was used before.
        """
        with self._lock:
            if request.state in self._used:
                raise StateMismatch(
                    "this login was already answered: start the login again",
                    check="used",
                )
            # The oldest go. Those that are expired are refused for that.
            while self._used and (
                len(self._used) >= self._limit or next(iter(self._used.values())) < now - LIFETIME
            ):
                del self._used[next(iter(self._used))]
            self._used[request.state] = request.created_at

    def forget(self, request: AuthorizationRequest) -> None:
        """Undo `use`, for a login of which nothing was sent."""
        with self._lock:
            self._used.pop(request.state, None)
