"""The browser's half of a login: the request that sends it to PeeringDB, and the
callback that brings it back.

RFC 6749 section 4.1, with PKCE (RFC 7636) always, and the issuer check of RFC 9207.
Stores nothing and asks nobody.
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

# seconds from the click on "log in" to the callback: a second factor may have to be set
# up in between
LIFETIME = 600
MAX_CALLBACK = 8192  # characters; PeeringDB's codes have 30 and our states 43
_REGISTERED = (  # RFC 6749 section 4.1.2.1, OpenID Connect Core 3.1.2.6
    *(
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    ),
    *("interaction_required", "login_required", "account_selection_required", "consent_required"),
)
_KNOWN = ("code", "error", "error_description", "error_uri", "iss")

Callback = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """One login on its way: send the browser to ``url``, and keep the rest in its
    session until the callback.

    ``nonce`` is None without ``openid`` in the scope. ``created_at``: Unix seconds;
    valid for 600 s, for one callback.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    nonce: str | None = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str
    scope: tuple[str, ...]
    created_at: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON types. Holds the PKCE verifier: for the server's side of a
        session, or a cookie nobody can read.
        """
        return asdict(self) | {"scope": list(self.scope)}

    @classmethod
    def from_dict(cls, value: Any) -> "AuthorizationRequest":
        """What `to_dict` gave. Raises: `InvalidResponse` for anything else."""
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
        return cls(
            url=_stored(value, "url", URI_REFERENCE),
            state=_stored(value, "state", CODE_VERIFIER),
            nonce=(
                _stored(value, "nonce", CODE_VERIFIER) if "openid" in scope else None
            ),  # a lost nonce must not switch its check off
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
    """A fresh login: RFC 6749 section 4.1.1 with an S256 challenge (RFC 7636 section
    4.3).

    ``scope``: instead of the configured one (PeeringDB takes a request without scope as
    a request for everything, so it is always sent). ``prompt``: "login" makes PeeringDB
    ask for the password again. Raises: `ConfigurationError`.
    """
    wanted = config.scope if scope is None else parse_scope(scope)
    problems = scope_problems(wanted)
    if prompt not in (None, "login"):
        problems.append(
            "prompt: PeeringDB knows only 'login' (it ignores others, and 'none' ends on an error"
            f" page), not {prompt!r}",
        )
    if problems:
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
    """Where to send the browser (RFC 6749 section 4.1.1, RFC 7636 section 4.3). What is
    None is left out.
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
    """256 bits from the system's generator, as 43 characters that fit everywhere."""
    return secrets.token_urlsafe(32)


def code_challenge(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return (
        urlsafe_b64encode(sha256(code_verifier.encode("ascii")).digest())
        .rstrip(b"=")
        .decode("ascii")
    )


def read_callback(
    request: AuthorizationRequest,
    callback: Callback,
    *,
    issuer: str,
    now: float,
) -> AuthorizationCode:
    """The authorization code that a callback carries (RFC 6749 section 4.1.2).

    Raises: `StateMismatch` first of all; then `InvalidResponse`, `LoginDenied` (the
    person cancelled) or `ProviderError`.
    """
    parameters = _parse_callback(callback)
    _check_state(request.state, parameters.get("state", []))
    if repeated := sorted(
        name for name, values in parameters.items() if len(values) > 1 and name in _KNOWN
    ):
        raise InvalidResponse(
            f"the callback has {repeated[0]!r} more than once",
            check=repeated[0],
        )  # RFC 6749 section 3.1
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
    """A code, if it can be one. Raises: `InvalidResponse`."""
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise InvalidResponse("the callback's code is missing or is not one", check="code")
    return AuthorizationCode(code)


def checked_code_verifier(code_verifier: Any) -> str:
    """A PKCE verifier, if it can be one (RFC 7636 section 4.1). Raises:
    `InvalidResponse`.
    """
    if not isinstance(code_verifier, str) or not CODE_VERIFIER.fullmatch(code_verifier):
        raise InvalidResponse(
            "the code_verifier is not one that this library made",
            check="code_verifier",
        )
    return code_verifier


def _parse_callback(callback: Callback) -> dict[str, list[str]]:
    """The callback's parameters, each with all its values. Frameworks'
    multi-dictionaries are asked for all of them too.
    """
    if isinstance(callback, str):
        if len(callback) > MAX_CALLBACK:
            raise _oversized()
        try:
            query = callback.partition("#")[0].partition("?")[
                2
            ]  # urlsplit would drop line breaks without a word
            return parse_qs(query, keep_blank_values=True, max_num_fields=50, errors="strict")
        except ValueError:
            raise InvalidResponse("the callback's query is not one", check="callback") from None
    if not isinstance(callback, Mapping):
        raise InvalidResponse(
            "the callback must be the full URL or the mapping of its query parameters",
            check="callback",
        )
    getlist = getattr(callback, "getlist", None) or getattr(
        callback,
        "getall",
        None,
    )  # Werkzeug, Django, Starlette; aiohttp, WebOb
    parameters: dict[str, list[str]] = {}
    size = 0
    for name in callback:
        value = getlist(name) if getlist else callback[name]
        values = [value] if isinstance(value, str) else value
        if (
            not isinstance(name, str)
            or not isinstance(values, list | tuple)
            or not all(isinstance(text, str) for text in values)
        ):
            raise InvalidResponse("the callback's parameters are not text", check="callback")
        size += len(name) + sum(map(len, values))
        if size > MAX_CALLBACK:
            raise _oversized()
        parameters[name] = list(values)
    return {name: values for name, values in parameters.items() if values}


def _oversized() -> InvalidResponse:
    return InvalidResponse(
        f"the callback is longer than {MAX_CALLBACK} characters",
        check="callback",
    )


def _check_state(expected: str, received: list[str]) -> None:
    """RFC 6749 section 10.12: the callback must belong to the login that this browser
    started.
    """
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
    """What an error in the callback means (RFC 6749 section 4.1.2.1). Its description
    is not repeated: anybody can write one.
    """
    if code is not None:
        return InvalidResponse("the callback has both a code and an error", check="error")
    if not CALLBACK_ERROR.fullmatch(error):
        return InvalidResponse("the callback's error is not one", check="error")
    if error == "access_denied":
        return LoginDenied("the login was cancelled at PeeringDB", error=error)
    said = (
        error if error in _REGISTERED else "with a word that no standard has"
    )  # or visitors could write on our pages
    return ProviderError(f"PeeringDB refused the login: {said}", error=error)


class UsedStates:
    """Remembers which logins were already answered, so that each counts once. Bounded;
    thread-safe; the clock an argument.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        # state -> when it was created, in the order of use
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def use(self, request: AuthorizationRequest, now: float) -> None:
        """Mark a login as used. Raises: `StateMismatch` when it was used before."""
        with self._lock:
            if request.state in self._used:
                raise StateMismatch(
                    "this login was already answered: start the login again",
                    check="used",
                )
            while self._used and (
                len(self._used) >= self._limit or next(iter(self._used.values())) < now - LIFETIME
            ):
                del self._used[
                    next(iter(self._used))
                ]  # the oldest; once expired it is refused for that
            self._used[request.state] = request.created_at

    def forget(self, request: AuthorizationRequest) -> None:
        """Undo `use`, for a login that came to nothing before anything was sent."""
        with self._lock:
            self._used.pop(request.state, None)
