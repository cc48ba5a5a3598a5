"""The callback, with which PeeringDB sends the browser back.

RFC 6749 section 4.1.2, and the issuer check of RFC 9207. Asks nobody. The only thing it
remembers is which codes were used.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.authorization import LIFETIME, AuthorizationRequest
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import InvalidResponse, LoginDenied, ProviderError, StateMismatch
from peeringdb_oauth.grammar import CALLBACK_ERROR, CODE, AuthorizationCode

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


def read_callback(
    request: AuthorizationRequest, callback: Callback, *, issuer: str, now: float
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
        raise InvalidResponse(f"the callback has {repeated[0]!r} more than once", check=repeated[0])
    if not now - LIFETIME <= request.created_at <= now + 60:
        raise InvalidResponse(
            "this login was not started within the last ten minutes: start it again",
            check="created_at",
        )
    iss, error, code = (parameters.get(name, [None])[0] for name in ("iss", "error", "code"))
    if iss is not None and iss != issuer:  # RFC 9207 section 2.4; PeeringDB sends none
        raise InvalidResponse(
            "the callback comes from another provider than PeeringDB", check="iss"
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
        f"the callback is longer than {MAX_CALLBACK} characters", check="callback"
    )


def _check_state(expected: str, received: list[str]) -> None:
    """RFC 6749 section 10.12: the callback must belong to this browser's login."""
    given = received[0] if len(received) == 1 else ""
    if not given or not compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass")
    ):
        raise StateMismatch(
            "this callback does not belong to the login that was started here: start the login"
            " again"
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


def code_key(request: AuthorizationRequest, code: AuthorizationCode) -> str:
    """A hash that stands for a code of this login.

    The same code with another login has another hash. So nobody can use up the code of
    another person.
    """
    return sha256(f"{request.state} {request.code_verifier} {code}".encode()).hexdigest()


class UsedCodes:
    """Remembers which codes were used: each counts once. PeeringDB does the same.

    One login may bring several codes: a double click on "Authorize" makes two.
    ``limit``: how many are remembered. Thread-safe.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._used: dict[str, float] = {}  # key -> when it was used, in the order of use
        self._lock = ForkSafeLock()

    def check(self, key: str, now: float) -> None:
        """Refuse a code that was used. ``key``: from `code_key`. ``now``: Unix seconds.

        Raises:
            StateMismatch: it was used before.
        """
        with self._lock:
            used_at = self._used.get(key)
        if used_at is not None and elapsed(used_at, now) <= LIFETIME:
            raise StateMismatch("this login was used already: start the login again", check="used")

    def add(self, key: str, now: float) -> None:
        """Remember that a code was used. The arguments are those of `check`."""
        with self._lock:
            # The oldest go. Those that are expired are refused for that.
            while self._used and (
                len(self._used) >= self._limit
                or elapsed(next(iter(self._used.values())), now) > LIFETIME
            ):
                del self._used[next(iter(self._used))]
            self._used[key] = now
