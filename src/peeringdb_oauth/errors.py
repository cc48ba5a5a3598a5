"""Every exception of this library: one class per decision the caller makes.

::

    PeeringDBOAuthError (RuntimeError)
    ├── ConfigurationError      the operator changes a setting; ``problems``
    ├── TransportError          PeeringDB was not reached or is broken: try later; ``status``
    │   └── RateLimited         not before ``retry_after`` seconds
    ├── ProviderError           PeeringDB refused, in OAuth's words: ``error``, ``status``
    │   └── LoginDenied         the person said no
    ├── InvalidResponse         an answer that is not what it should be; ``check`` names what failed
    │   ├── StateMismatch       this callback does not belong to this browser's login
    │   └── InvalidIDToken      the ID token proves nothing
    ├── TokenRejected           401: this token opens nothing (any more); ``www_authenticate``
    └── AccessDenied            403: known, but not allowed; ``reasons``

Messages are written for the person who reads them and never hold a token, a code, a
secret or a verifier.
"""

from typing import Any


class PeeringDBOAuthError(RuntimeError):
    """The base of all. A `RuntimeError`, because that is what callers of the original
    library catch.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # The default calls the class with the message alone, and keyword-only arguments
        # have no default: no copy, no way back from a worker process.
        return type(self).__new__, (type(self), *self.args), self.__dict__


class ConfigurationError(PeeringDBOAuthError):
    """A setting is missing or wrong. ``problems`` has one sentence for each, all of
    them at once.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


class TransportError(PeeringDBOAuthError):
    """PeeringDB was not reached, did not answer in time, or answered 5xx (``status``,
    else None). Try again later.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


class RateLimited(TransportError):
    """Not now: ``retry_after`` is how many seconds to wait. Asking earlier makes it
    longer, so nothing was sent or nothing should be.
    """

    def __init__(self, message: str, *, retry_after: float, status: int | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status)


class ProviderError(PeeringDBOAuthError):
    """PeeringDB refused. ``error`` is its word (RFC 6749 sections 4.1.2.1 and 5.2;
    empty if it gave none), ``status`` the HTTP status.

    ``status`` is None when the word came through the browser, with the callback.
    """

    def __init__(self, message: str, *, error: str = "", status: int | None = None) -> None:
        self.error = error
        self.status = status
        super().__init__(message)


class LoginDenied(ProviderError):
    """The person pressed "cancel" on PeeringDB's consent page (``access_denied``)."""


class InvalidResponse(PeeringDBOAuthError):
    """An answer is not what the protocol or PeeringDB's format says. ``check`` names
    the field or the check that failed.
    """

    def __init__(self, message: str, *, check: str) -> None:
        self.check = check
        super().__init__(message)


class StateMismatch(InvalidResponse):
    """The callback does not belong to the login that this browser started: forged,
    replayed, or from another tab's session.
    """

    def __init__(self, message: str, *, check: str = "state") -> None:
        super().__init__(message, check=check)


class InvalidIDToken(InvalidResponse):
    """The ID token is not acceptable; ``check`` is the claim or the step of OpenID
    Connect Core 3.1.3.7 that failed.
    """


class TokenRejected(PeeringDBOAuthError):
    """The token is unknown, expired, revoked or not ours: HTTP 401.

    ``www_authenticate`` is the ready value of the header that goes with it (RFC 6750
    section 3).
    """

    def __init__(
        self,
        message: str,
        *,
        www_authenticate: str = 'Bearer error="invalid_token"',
    ) -> None:
        self.www_authenticate = www_authenticate
        super().__init__(message)


class AccessDenied(PeeringDBOAuthError):
    """We know who it is, and the rule says no: HTTP 403. ``reasons`` has one plain
    sentence for each unmet condition.

    ``www_authenticate`` is the ready value of the header where the token was not
    granted a scope (RFC 6750 section 3.1), else None.
    """

    def __init__(self, *reasons: str, www_authenticate: str | None = None) -> None:
        self.reasons = reasons
        self.www_authenticate = www_authenticate
        super().__init__("; ".join(reasons))
