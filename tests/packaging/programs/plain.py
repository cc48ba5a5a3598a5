"""Logs somebody in, without a framework."""

from typing import assert_type

from peeringdb_oauth import (
    AccessRule,
    AuthorizationRequest,
    BearerVerifier,
    Client,
    ClientConfig,
    Decision,
    Login,
    Permission,
    TokenResponse,
    User,
)


def log_in(stored: dict[str, object], callback: str) -> tuple[int, ...]:
    with Client(ClientConfig.load()) as client:
        request = AuthorizationRequest.from_dict(stored)
        login = client.log_in(request, callback)
        assert_type(login, Login)
        assert_type(login.token, TokenResponse)
        rule = AccessRule(asn=64500, perms=Permission.UPDATE | Permission.READ)
        assert_type(rule.check(login.user), Decision)
        verifier = BearerVerifier(client, rule=rule)
        assert_type(verifier.verify("token"), User)
        return login.user.asns
