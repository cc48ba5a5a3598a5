"""What only a login shows: whether the tokens of PeeringDB serve."""

from peeringdb_oauth import flows
from peeringdb_oauth.doctor.findings import Finding, ok
from peeringdb_oauth.errors import InvalidIDToken, PeeringDBOAuthError, TransportError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.tokens import TokenResponse


def examine_login(provider: Provider, login: Login) -> Flow[list[Finding]]:
    """What a login gave: the person, a refresh, and the end of the tokens."""
    findings = [*_person(login)]
    token, refreshed = yield from _refresh(provider, login.token)
    findings.append(refreshed)
    try:
        yield from flows.revoke(provider, token)
    except PeeringDBOAuthError as error:
        findings.append(
            Finding(
                check="revocation",
                status="problem",
                seen=f"The tokens could not be revoked: {error}.",
                why="They stay good, and open all of the account at PeeringDB.",
                remedy="Try again later.",
            )
        )
    else:
        findings.append(ok("revocation", "The tokens are revoked."))
    return findings


def _person(login: Login) -> list[Finding]:
    user = login.user
    found = [ok("login", f"{user.name or user.id} can log in, with {len(user.networks)} networks.")]
    if not user.verified_user:
        found.append(
            Finding(
                check="login",
                status="warning",
                seen="PeeringDB has not verified this account.",
                why="The default rule lets only verified accounts in.",
                remedy="Try it with an account that is affiliated with an organisation.",
            )
        )
    if user.amr is not None and "mfa" not in user.amr:
        found.append(
            Finding(
                check="login",
                status="info",
                seen="PeeringDB says of no second factor in this login.",
                why="It does not count a backup code.",
            )
        )
    return found


def _refresh(provider: Provider, token: TokenResponse) -> Flow[tuple[TokenResponse, Finding]]:
    try:
        fresh = yield from flows.refresh(provider, token)
    except InvalidIDToken as error:
        return token, _not_refreshed(f"The ID token of a refresh is wrong: {error}.")
    except TransportError as error:
        return token, _not_refreshed(f"PeeringDB did not answer to a refresh: {error}.")
    except PeeringDBOAuthError as error:
        return token, _not_refreshed(
            f"PeeringDB refused a refresh: {error}. Perhaps something else has used the token."
        )
    if "openid" in token.scope and fresh.id_token is None:
        return fresh, Finding(
            check="refresh",
            status="warning",
            seen="The ID token of a refresh belongs to another refresh, and was dropped.",
            why="Two refreshes of one session at the same time do so.",
            remedy="Refresh each session in one place at a time: a store of sessions does.",
        )
    return fresh, ok("refresh", "A refresh gives new tokens.")


def _not_refreshed(seen: str) -> Finding:
    return Finding(
        check="refresh",
        status="problem",
        seen=seen,
        why="Sessions end when their access token expires, after ten hours.",
        remedy="Refresh each session in one place at a time: a store of sessions does.",
    )
