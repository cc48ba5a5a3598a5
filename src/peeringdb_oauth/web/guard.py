"""What a view asks of people: the rule, and where the view's AS number comes from.

Knows no framework. An integration makes a `Guard` from the arguments of a decorator.
For each request it takes the AS number from `Guard.asn_of`. Then its client runs
`LoginFlow.require` for a person in a browser, or `require_token` for a program.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from peeringdb_oauth.access import AccessRule, missing_scope, scope_of
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    PeeringDBOAuthError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.steps import Flow, call
from peeringdb_oauth.web.events import Event
from peeringdb_oauth.web.failures import (
    INVALID_TOKEN,
    TOKEN_MISSING,
    Failure,
    failure_of,
    log_cause,
    reasons_of,
    to_json,
)
from peeringdb_oauth.web.visit import Answer, Refused, encoded_path

# Stands for an AS number that was not found. Every rule refuses it. None would mean
# that no network is asked for.
NO_ASN: Final = "no AS number"

_RETRY_AFTER = 30  # seconds, while PeeringDB is not available


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What one view asks of people.

    ``rule``: the conditions, with the AS numbers that the view names as constants.
    ``asn``: the name of the view's argument with the AS number, or a function that
    finds the number; else None. ``max_age``: for how many seconds an answer of
    PeeringDB counts; None for as long as the session policy says.
    """

    rule: AccessRule
    asn: str | Callable[..., object] | None
    max_age: float | None

    @classmethod
    def of(
        cls,
        asn: Any,
        *,
        perms: Permission = Permission.READ,
        manage_sessions: bool = False,
        mfa: bool = False,
        max_age: float | None = None,
    ) -> "Guard":
        """The guard that a decorator's arguments describe.

        ``asn``: the name of an argument, a function, one AS number, or several of which
        one suffices; None where no network is asked for.

        Raises:
            ConfigurationError: an argument is wrong, or nobody can meet the conditions.
        """
        if asn is None and (manage_sessions or perms != Permission.READ):
            raise ConfigurationError(
                "asn: missing, and perms and manage_sessions are about a network"
            )
        if isinstance(asn, str) and not asn.isidentifier():
            raise ConfigurationError(
                f"asn: {asn!r} cannot be the name of an argument; write an AS number without quotes"
            )
        is_number = isinstance(max_age, int | float) and not isinstance(max_age, bool)
        if max_age is not None and not (is_number and max_age >= 0):
            raise ConfigurationError("max_age: must be a number of seconds, such as 60, or None")
        constants, source = (None, asn) if isinstance(asn, str) or callable(asn) else (asn, None)
        rule = AccessRule(asn=constants, perms=perms, manage_sessions=manage_sessions, mfa=mfa)
        return cls(rule=rule, asn=source, max_age=max_age)

    def under(self, login_rule: AccessRule) -> "Guard":
        """The same guard, but of an account it asks what the login asks."""
        rule = replace(
            self.rule,
            verified_user=login_rule.verified_user,
            verified_email=login_rule.verified_email,
        )
        return replace(self, rule=rule)

    def check_scope(self, scope: tuple[str, ...], *, where: str) -> None:
        """Refuse conditions that nobody meets, because the scope lacks what they read.

        ``scope``: what the application asks PeeringDB for. ``where``: the view, for an
        error message.

        Raises:
            ConfigurationError: the scope lacks a word.
        """
        needed = scope_of(self.rule) | ({} if self.asn is None else {"networks": "asn"})
        problems = missing_scope(needed, scope, where=where)
        if problems:
            raise ConfigurationError(*problems)

    def asn_of(self, arguments: Mapping[str, object], *request: object, where: str) -> object:
        """The AS number of one request, or a function without arguments that finds it.

        None if the rule has the AS numbers or no network is asked for. ``arguments``:
        the view's arguments by name. ``request``: what the guard's function takes.
        ``where``: what the arguments are called in an error message.

        Raises:
            ConfigurationError: there is no argument of the guard's name.
        """
        if self.asn is None:
            return None
        if not isinstance(self.asn, str):
            return partial(self.asn, *request)
        if self.asn not in arguments:
            names = ", ".join(arguments) or "none"
            raise ConfigurationError(
                f"asn: there is no {self.asn!r} among {where}; write the name of one of them"
                f" ({names})"
            )
        found = arguments[self.asn]
        return NO_ASN if found is None else found


def find_asn(asn: object) -> Flow[Any]:
    """The AS number that a request is about; None if no network is asked for.

    ``asn``: what `Guard.asn_of` returned. Text of digits becomes an int. Whatever else
    is no AS number stays as it is, and every rule refuses it.
    """
    if callable(asn):
        found = yield from call(asn)
        asn = NO_ASN if found is None else found
    return parse_asn(asn)


def parse_asn(asn: object) -> Any:
    """An AS number from a view's argument: text of digits becomes an int.

    Anything else stays as it is. A rule refuses what is no AS number.
    """
    if isinstance(asn, str) and re.fullmatch("[1-9][0-9]{0,9}", asn):
        return int(asn)
    return asn


def private(cache_control: str | None) -> str:
    """The ``Cache-Control`` of a guarded page: only its visitor's browser may keep it.

    ``cache_control``: what the view has set. It stays if it says the same or more.
    """
    cache_control = cache_control or ""
    directives = [text.strip() for text in cache_control.split(",") if text.strip()]
    if {"private", "no-store"} & {directive.lower() for directive in directives}:
        return cache_control
    others = [text for text in directives if not text.lower().startswith(("public", "s-maxage"))]
    return ", ".join(["private", *others])


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization`` header (RFC 6750 section 2.1).

    None if there is no such header, or one of another scheme.
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def require_token(
    verifier: BearerVerifier[Any],
    token: str | None,
    guard: Guard,
    *,
    asn: object,
    address: str | None,
    path: str,
    debug: bool,
) -> Flow[User]:
    """Who sent a bearer token, if they may do what the view does.

    ``token``: from `bearer_token`. ``asn``: from `Guard.asn_of`. ``address``: of the
    caller, who pays for the look-up of a bad token. ``path``, ``debug``: as for
    `refuse_token`.

    Raises:
        Refused: with the answer to send.
    """
    try:
        return (yield from verify_token(verifier, token, guard, asn=asn, address=address))
    except PeeringDBOAuthError as error:
        raise Refused(refuse_token(error, path=path, debug=debug)) from None


def verify_token(
    verifier: BearerVerifier[Any],
    token: str | None,
    guard: Guard,
    *,
    asn: object,
    address: str | None,
) -> Flow[User]:
    """As `require_token`, but the caller makes the answer.

    Raises:
        PeeringDBOAuthError: an error of `BearerVerifier.verify`.
    """
    token = token or ""
    if callable(asn):
        # Look for a network only if the token is good.
        yield from verifier.verify_flow(token, address=address)
    number = yield from find_asn(asn)
    return (
        yield from verifier.verify_flow(
            token, asn=number, rule=guard.rule, max_age=guard.max_age, address=address
        )
    )


def refuse_token(error: PeeringDBOAuthError, *, path: str, debug: bool) -> Answer:
    """What an API answers when a bearer token does not open it (RFC 6750 section 3).

    The JSON is that of all failures, with ``error`` as RFC 6750 names it, if it does.
    What only the operator can act on is logged. The audit log has a line, unless there
    was no token. ``path``: of the request. ``debug``: whether to tell the caller, too,
    what only the operator can act on.
    """
    headers = {"Cache-Control": "no-store"}
    failure, reasons = failure_of(error), reasons_of(error)
    challenge = None
    if isinstance(error, TokenRejected | AccessDenied):
        challenge = error.www_authenticate
    if isinstance(error, TokenRejected):
        failure, reasons = _refuse_bad_token(error)
    elif isinstance(error, TransportError):
        failure = failure._replace(status=429 if failure.status == 429 else 503)
        seconds = error.retry_after if isinstance(error, RateLimited) else _RETRY_AFTER
        headers["Retry-After"] = str(math.ceil(seconds))
    cause = log_cause(error, failure)
    if failure.status < 500 and failure != TOKEN_MISSING:
        told = reasons or (Reason(failure.title, code=failure.code),)
        Event(kind="refused", code=failure.code, reasons=told, path=encoded_path(path)).record()
    body = to_json(failure, reasons, login_url=None, cause=cause if debug else "")
    if challenge is not None:
        headers["WWW-Authenticate"] = challenge
        if named := re.search(r'\berror="([a-z_]+)"', challenge):
            body["error"] = named[1]
    return Answer(status=failure.status, json=body, headers=headers)


def _refuse_bad_token(error: TokenRejected) -> tuple[Failure, tuple[Reason, ...]]:
    if "error=" not in error.www_authenticate:  # RFC 6750 section 3.1
        return TOKEN_MISSING, ()
    return INVALID_TOKEN, (Reason(str(error), code=INVALID_TOKEN.code).sentence,)
