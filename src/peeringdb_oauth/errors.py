"""All exceptions of this library: one class for each decision that a caller makes.

::

    PeeringDBOAuthError (RuntimeError)
    ├── ConfigurationError  correct the settings: ``problems``
    ├── TransportError      PeeringDB is unreachable or broken, try later: ``status``
    │   ├── RateLimited     wait for ``retry_after`` seconds, then try again
    │   ├── RecordsUnavailable  the store of the sessions does not answer, try later
    │   └── RightsUnknown   what PeeringDB said last of a person is too old
    ├── ProviderError       PeeringDB sent an OAuth error: ``error``, ``status``
    │   └── LoginDenied     the person cancelled the login: offer a new one
    ├── InvalidResponse     a response failed a check: ``check`` is its name
    │   ├── StateMismatch   the callback belongs to another login
    │   └── InvalidIDToken  the ID token is not valid
    ├── TokenRejected       answer with HTTP 401: ``www_authenticate``
    └── AccessDenied        answer with HTTP 403: ``reasons``, ``www_authenticate``

No message contains a token, an authorization code, a client_secret or a code_verifier.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from peeringdb_oauth.reasons import Reason


class PeeringDBOAuthError(RuntimeError):
    """The base class of all errors of this library.

    It is a ``RuntimeError`` because callers of the original library catch that.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # For copy and pickle. The inherited method calls the class with the message
        # only, which fails where a keyword-only argument has no default.
        return type(self).__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(PeeringDBOAuthError):
    """Settings are missing or wrong.

    ``problems``: one sentence for each wrong setting; all of them are reported at once.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@contextmanager
def collected(problems: list[str], where: str = "") -> Iterator[None]:
    """Collect the problems of a `ConfigurationError` instead of raising it.

    ``problems``: the list to add them to. ``where``: stands before each.
    """
    try:
        yield
    except ConfigurationError as error:
        problems.extend(where + problem for problem in error.problems)


@contextmanager
def renamed(rename: Callable[[str], str]) -> Iterator[None]:
    """Rename what the problems of a `ConfigurationError` are about."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(*map(rename, error.problems)) from error.__cause__


class TransportError(PeeringDBOAuthError):
    """PeeringDB could not be reached, was too slow, or is broken: try again later.

    ``status``: the HTTP status; None if PeeringDB sent no complete response.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class RateLimited(TransportError):
    """PeeringDB must not be asked now.

    ``retry_after``: how many seconds to wait. Do not ask before that: it would prolong
    the wait. ``status``: the HTTP status of PeeringDB's refusal; None if this library
    did not send the request. ``for_caller``: whether the caller alone has to wait
    (answer 429), because this account or address has used its part; else everybody
    (503).
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        status: int | None = None,
        for_caller: bool = False,
    ) -> None:
        self.retry_after = retry_after
        self.for_caller = for_caller
        super().__init__(message, status=status)


class RightsUnknown(TransportError):
    """PeeringDB gives no answer, and what it said last is too old to count: HTTP 503.

    ``retry_after``: how many seconds to wait.
    """

    def __init__(self, message: str, *, retry_after: float = 10.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class RecordsUnavailable(TransportError):
    """The store of the sessions does not answer, or too slowly: HTTP 503.

    ``retry_after``: how many seconds to wait.
    """

    retry_after = 5.0


class ProviderError(PeeringDBOAuthError):
    """PeeringDB answered with an OAuth error.

    ``error``: the error code (RFC 6749 sections 4.1.2.1 and 5.2); empty if PeeringDB
    sent none. ``status``: the HTTP status; None if the error came with the callback,
    through the browser.
    """

    def __init__(self, message: str, *, error: str = "", status: int | None = None) -> None:
        self.error = error
        self.status = status
        super().__init__(message)


class LoginDenied(ProviderError):
    """The person pressed "cancel" on PeeringDB's consent page (``access_denied``)."""


class InvalidResponse(PeeringDBOAuthError):
    """A response or stored value does not have the form that it must have.

    ``check``: the name of the field or of the check that failed.
    """

    def __init__(self, message: str, *, check: str) -> None:
        self.check = check
        super().__init__(message)


class StateMismatch(InvalidResponse):
    """The callback does not belong to a login that this browser started.

    It may be forged, or a repetition, or belong to another login.
    """

    def __init__(self, message: str, *, check: str = "state") -> None:
        super().__init__(message, check=check)


class InvalidIDToken(InvalidResponse):
    """The ID token is not valid.

    ``check``: the claim or the step that failed (OpenID Connect Core 3.1.3.7).
    """


class TokenRejected(PeeringDBOAuthError):
    """The token is unknown, expired, revoked or another application's: HTTP 401.

    ``www_authenticate``: the value of the header ``WWW-Authenticate`` that belongs into
    the response (RFC 6750 section 3).
    """

    def __init__(
        self, message: str, *, www_authenticate: str = 'Bearer error="invalid_token"'
    ) -> None:
        self.www_authenticate = www_authenticate
        super().__init__(message)


class AccessDenied(PeeringDBOAuthError):
    """The person is known, but is not allowed to do this: HTTP 403.

    ``reasons``: a `Reason` for each condition that is not met. Plain text becomes a
    `Reason` with the code ``refused``. ``www_authenticate``: the value of the header
    ``WWW-Authenticate`` where the token lacks a scope (RFC 6750 section 3.1), else
    None.
    """

    def __init__(self, *reasons: str, www_authenticate: str | None = None) -> None:
        self.reasons = tuple(map(Reason.of, reasons))
        self.www_authenticate = www_authenticate
        super().__init__("; ".join(reasons))
