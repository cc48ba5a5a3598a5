"""What social-auth and allauth share: a login that they start and our client completes.

They check the state of the callback themselves. Here are also the options that both
take from their settings, and the ``extra_data`` that both store.

No token leaves this module. These libraries would keep tokens in sessions, partial
pipelines and database columns, unencrypted, and each opens all of PeeringDB for its
owner.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from peeringdb_oauth import flows
from peeringdb_oauth.access import AccessRule, missing_scope, scope_of
from peeringdb_oauth.authorization import AuthorizationRequest, checked_code_verifier
from peeringdb_oauth.callback import checked_code
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.cost import Payer, payers_of
from peeringdb_oauth.errors import AccessDenied, ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.grammar import AuthorizationCode
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web import Event, cause_of, failure_of, reasons_of

log = logging.getLogger("peeringdb_oauth")

SCOPE = ("profile", "email", "networks", "amr")
# The fields of `ClientConfig` that are settings; there they are in capital letters.
OPTIONS = (*("base_url", "ca_file", "timeout", "allow_http"), *("requests_per_minute", "processes"))


def log_in(
    config: ClientConfig,
    rule: AccessRule,
    *,
    code: object,
    code_verifier: object,
    address: str | None = None,
    refused: Callable[[User], object] = lambda _: None,
) -> User:
    """Who came back with ``code``, if ``rule`` lets them in.

    Check the state of the callback before. The tokens end here, after a login as after
    a refusal. ``address``: of the visitor, who pays for a failed login. ``refused``: is
    called with a person whom the rule does not let in.

    Raises:
        AccessDenied: the rule does not let the person in.
        ConfigurationError: as for `check_rule`.
        ProviderError: PeeringDB refused the code or this application.
        TokenRejected: PeeringDB refused the new access token.
        InvalidResponse: the code, the verifier or an answer is malformed.
        TransportError: PeeringDB gave no answer, or must not be asked now.
    """
    check_rule(rule, config.scope)
    client = _client(config)
    flow = _log_in(
        client.provider,
        _request(config, checked_code_verifier(code_verifier), client.provider.clock()),
        checked_code(code),
        payers_of(address),
    )
    user = client.run(flow)
    try:
        rule.require(user)
    except AccessDenied as error:
        code, reasons = failure_of(error).code, reasons_of(error)
        Event(kind="refused", user=user, code=code, reasons=reasons, rule=rule).record()
        refused(user)
        raise
    Event(kind="login", user=user).record()
    return user


def check_rule(rule: object, scope: Iterable[str]) -> None:
    """Check the rule of all logins before the first of them.

    ``rule``: the value of the setting. ``scope``: what PeeringDB is asked for.

    Raises:
        ConfigurationError: it is not an `AccessRule`, or the scope lacks what it reads.
    """
    if not isinstance(rule, AccessRule):
        raise ConfigurationError("ACCESS_RULE must be an AccessRule")
    problems = missing_scope(scope_of(rule), scope, where="ACCESS_RULE")
    if problems:
        raise ConfigurationError(*problems)


def log_cause(error: PeeringDBOAuthError) -> None:
    """Log what the operator must know of an error.

    The pages of these libraries have one sentence for many errors.
    """
    if cause := cause_of(error):
        log.warning("login with PeeringDB: %s", cause)


def user_from_extra_data(extra_data: Mapping[str, Any]) -> User:
    """The user as of their last login, from the ``extra_data`` of their social account.

    Use it with `AccessRule.check`.

    Raises:
        InvalidResponse: it holds something else, such as what another backend stored.
    """
    return User.from_profile(extra_data)


def _log_in(
    provider: Provider,
    request: AuthorizationRequest,
    code: AuthorizationCode,
    payers: tuple[Payer, ...],
) -> Flow[User]:
    login = yield from flows.log_in_with_code(provider, request, code, payers=payers)
    yield from flows.give_back(provider, login.token)
    return login.user


def _request(config: ClientConfig, code_verifier: str, now: float) -> AuthorizationRequest:
    """The authorization request, as far as the library that made it tells us."""
    return AuthorizationRequest(
        url=config.base_url,
        state="",
        nonce=None,
        code_verifier=code_verifier,
        redirect_uri=config.redirect_uri,
        scope=config.scope,
        created_at=now,
    )


# PeeringDB's limits are for an address, so all logins of an application share a client,
# whatever their redirect URI and scope.
_application = attrgetter(
    *(field.name for field in fields(ClientConfig) if field.name not in ("redirect_uri", "scope"))
)
_clients: dict[object, Client] = {}


def _client(config: ClientConfig) -> Client:
    application = _application(config)
    return _clients.get(application) or _clients.setdefault(application, Client(config))
