"""What social-auth and allauth share: a login that they begin and whose state they
check, completed by our client; and ``extra_data``.

No token leaves this module. These libraries would keep them in sessions, partial
pipelines and database columns, in the clear, and each opens all of PeeringDB for its
owner.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.authorization import checked_code, checked_code_verifier
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.grammar import AuthorizationCode
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow, send
from peeringdb_oauth.tokens import (
    build_code_request,
    build_profile_request,
    checked_token,
    parse_profile_response,
    parse_token_response,
)
from peeringdb_oauth.web.events import Event

SCOPE = ("profile", "email", "networks", "amr")
OPTIONS = (
    "base_url",
    "ca_file",
    "timeout",
    "allow_http",
    "requests_per_minute",
)  # of `ClientConfig`, to be set in capital letters


def log_in(config: ClientConfig, rule: AccessRule, *, code: object, code_verifier: object) -> User:
    """Who came back with ``code``, if ``rule`` lets them in. The callback's state must
    have been checked.

    Raises: what `Client.log_in` raises, and `AccessDenied`.
    """
    if not isinstance(rule, AccessRule):
        raise ConfigurationError("ACCESS_RULE must be an AccessRule")
    client = _client(replace(config, redirect_uri=config.base_url))
    user = client.run(
        _log_in(
            client,
            config.redirect_uri,
            checked_code(code),
            checked_code_verifier(code_verifier),
        ),
    )
    try:
        rule.require(user)
    except AccessDenied as error:
        Event(kind="refused", user=user, reasons=error.reasons).record()
        raise
    Event(kind="login", user=user).record()
    return user


def user_from_extra_data(extra_data: Mapping[str, Any]) -> User:
    """The user as of their last login, for `AccessRule.check`, from the ``extra_data``
    of their social account.

    Raises: `InvalidResponse` when something else is in it, such as what another backend
    stored.
    """
    return User.from_profile(extra_data)


def _log_in(
    client: Client, redirect_uri: str, code: AuthorizationCode, code_verifier: str
) -> Flow[User]:
    metadata = client.provider.metadata
    token_request = build_code_request(
        client.config,
        metadata,
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=code_verifier,
        # the profile is paid for in advance, or the login would be lost half-way
        booked=2,
    )
    token = parse_token_response(
        token_request,
        (yield from send(token_request)),
        requested=client.config.scope,
        now=client.provider.clock(),
    )
    profile_request = build_profile_request(
        metadata, access_token=checked_token(token.access_token), booked=0
    )
    return User.from_profile(
        parse_profile_response(profile_request, (yield from send(profile_request)))
    )


@cache
def _client(config: ClientConfig) -> Client:
    """One for the process, whatever the redirect URI (each exchange names its own):
    PeeringDB's limits are about our address.
    """
    return Client(config)
