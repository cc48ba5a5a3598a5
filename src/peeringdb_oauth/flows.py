"""The flows: each run of the protocol, from the first request to the result.

`steps` shows what a flow is and how a client drives it. Beside the errors that a flow
names, it raises those of `responses.successful`, and `TransportError` for an answer
that never came.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.budget import TooManyRefusals
from peeringdb_oauth.callback import Callback, code_key, read_callback
from peeringdb_oauth.cost import ONE_REQUEST, RISKY_REQUEST, Cost, Payer
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RecordsUnavailable,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.grammar import AuthorizationCode, BearerToken
from peeringdb_oauth.id_token import IDTokenClaims, UnknownKey, read_subject
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.responses import successful
from peeringdb_oauth.steps import Flow, charge, send, shared
from peeringdb_oauth.tokens import (
    Introspection,
    TokenResponse,
    build_code_request,
    build_introspection_request,
    build_profile_request,
    build_refresh_request,
    build_revocation_request,
    checked_token,
    parse_profile_response,
    parse_token_response,
)
from peeringdb_oauth.verification import current_keys, verify_id_token


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A completed login.

    ``user``: who logged in. ``token``: the tokens. ``claims``: the claims of the
    verified ID token; None without ``openid`` in the scope.
    """

    user: User
    token: TokenResponse
    claims: IDTokenClaims | None


def log_in(
    provider: Provider,
    request: AuthorizationRequest,
    callback: Callback,
    *,
    payers: tuple[Payer, ...] = (),
) -> Flow[Login]:
    """Complete a login with the callback that PeeringDB sent the browser to.

    ``payers``: pay for the login if it fails.

    Raises:
        StateMismatch: the callback belongs to another login, or was used already.
        LoginDenied: the person cancelled.
        ProviderError: PeeringDB refused the login.
        InvalidIDToken: the ID token is missing or wrong.
        InvalidResponse: the callback or an answer is malformed, or the person was not
            asked for all of the scope.
    """
    code = _read_callback(provider, request, callback)
    if "openid" in request.scope:
        yield from current_keys(provider)  # before the code is spent: without keys it stays good
    # The browser may send the same callback twice at once. Both get the same answer.
    flow = _log_in_once(provider, request, code, payers)
    return (yield from shared(f"login {code_key(request, code)}", flow))


def _log_in_once(
    provider: Provider,
    request: AuthorizationRequest,
    code: AuthorizationCode,
    payers: tuple[Payer, ...],
) -> Flow[Login]:
    key = code_key(request, code)
    provider.used_codes.check(key, provider.clock())
    try:
        login = yield from log_in_with_code(provider, request, code, payers=payers)
    except PeeringDBOAuthError as error:
        if _spends_code(error):
            provider.used_codes.add(key, provider.clock())
        raise
    provider.used_codes.add(key, provider.clock())
    return login


def _spends_code(error: PeeringDBOAuthError) -> bool:
    """Whether a code is of no use after an error; otherwise it may come again."""
    if isinstance(error, ProviderError):
        return error.error == "invalid_grant"
    return not isinstance(error, TransportError)


def _read_callback(
    provider: Provider, request: AuthorizationRequest, callback: Callback
) -> AuthorizationCode:
    is_ours = request.url.startswith(f"{provider.config.base_url}/")
    if not is_ours or request.redirect_uri != provider.config.redirect_uri:
        raise InvalidResponse(
            "the stored login belongs to another application: start the login again",
            check="authorization_request",
        )
    issuer, now = provider.metadata.issuer, provider.clock()
    return read_callback(request, callback, issuer=issuer, now=now)


def log_in_with_code(
    provider: Provider,
    request: AuthorizationRequest,
    code: AuthorizationCode,
    *,
    payers: tuple[Payer, ...] = (),
) -> Flow[Login]:
    """Complete a login whose callback was checked.

    If it fails after the exchange, PeeringDB is asked to end the tokens.

    Raises:
        InvalidResponse: an answer is malformed, or the token lacks some of the scope.
        InvalidIDToken: the ID token is missing or wrong.
        TokenRejected: PeeringDB refused the new access token.
    """
    cost = Cost(payers=payers, requests=2)  # half a login is of no use to anybody
    try:
        login = yield from _complete_login(provider, request, code, cost)
    except PeeringDBOAuthError:
        yield from charge(cost, None)
        raise
    yield from charge(cost, Payer.of_account(login.user.id))
    return login


def _complete_login(
    provider: Provider, request: AuthorizationRequest, code: AuthorizationCode, cost: Cost
) -> Flow[Login]:
    token, _ = yield from exchange_code(
        provider,
        code,
        redirect_uri=request.redirect_uri,
        code_verifier=request.code_verifier,
        scope=request.scope,
        cost=cost,
    )
    try:
        return (yield from _read_login(provider, request, token))
    except (InvalidResponse, TokenRejected):
        yield from give_back(provider, token)
        raise


def _read_login(
    provider: Provider, request: AuthorizationRequest, token: TokenResponse
) -> Flow[Login]:
    claims = None
    if "openid" in request.scope:
        claims = yield from _verify_login(provider, request, token)
    access_token = checked_token(token.access_token)
    profile = yield from _request_profile(provider, access_token, Cost(requests=0))
    user = User.from_profile(profile)
    # OpenID Connect Core section 5.3.2, for PeeringDB's profile
    if claims is not None and claims.subject != str(user.id):
        raise InvalidIDToken("the ID token and the profile are about different people", check="sub")
    return Login(user=user, token=token, claims=claims)


def exchange_code(
    provider: Provider,
    code: AuthorizationCode,
    *,
    redirect_uri: str,
    code_verifier: str | None,
    scope: tuple[str, ...],
    cost: Cost = ONE_REQUEST,
) -> Flow[tuple[TokenResponse, HTTPResponse]]:
    """Exchange an authorization code for tokens; also gives PeeringDB's answer itself.

    If the tokens lack some of the scope, PeeringDB is asked to end them.

    ``redirect_uri``, ``code_verifier``, ``scope``: as in the authorization request.

    Raises:
        InvalidResponse: the answer is no token response, or the tokens lack some of the
            scope.
    """
    request = build_code_request(
        provider.config,
        provider.metadata,
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=code_verifier,
        cost=cost,
    )
    now = provider.clock()
    response = yield from send(request)
    token = parse_token_response(request, response, requested=scope, now=now)
    if missing := [word for word in scope if word not in token.scope]:
        yield from give_back(provider, token)
        # The person can edit the scope in the address of PeeringDB's page. The profile
        # would answer 403, and PeeringDB counts that against everybody at this address.
        raise InvalidResponse(
            f"PeeringDB did not grant the scope {' '.join(missing)}: start the login again, and"
            " leave the address of PeeringDB's page as it is",
            check="scope",
        )
    return token, response


def _verify_login(
    provider: Provider, request: AuthorizationRequest, token: TokenResponse
) -> Flow[IDTokenClaims]:
    if token.id_token is None:  # OpenID Connect Core section 3.1.3.3
        raise InvalidIDToken(
            "PeeringDB sent no ID token, though the login asked for one", check="id_token"
        )
    return (
        yield from verify_id_token(
            provider, token.id_token, nonce=request.nonce, access_token=token.access_token
        )
    )


def fetch_user(
    provider: Provider, access_token: BearerToken, *, cost: Cost = RISKY_REQUEST
) -> Flow[User]:
    """Who an access token speaks for, as PeeringDB sees it now.

    Raises:
        TokenRejected: PeeringDB refuses the token, or has refused it before.
        InvalidResponse: the answer is no profile.
    """
    return User.from_profile((yield from fetch_profile(provider, access_token, cost=cost)))


def fetch_profile(
    provider: Provider, access_token: BearerToken, *, cost: Cost = RISKY_REQUEST
) -> Flow[dict[str, Any]]:
    """The profile that an access token opens, as PeeringDB's JSON. Do not change it.

    A token that PeeringDB refused is dead and is not tried again. All who ask about one
    token at the same time share one request. A browser that restores ten pages with a
    dead session would otherwise earn ten refusals, and at the eleventh PeeringDB
    refuses everybody at this address.

    Raises:
        TokenRejected: PeeringDB refuses the token, or has refused it before.
        InvalidResponse: the answer is no JSON object.
    """
    key = sha256(access_token.encode("ascii")).hexdigest()
    return (yield from shared(f"profile {key}", _fetch_profile_once(provider, access_token, cost)))


def _fetch_profile_once(
    provider: Provider, access_token: BearerToken, cost: Cost
) -> Flow[dict[str, Any]]:
    provider.dead_tokens.check(access_token, provider.clock())
    try:
        return (yield from _fetch_living_profile(provider, access_token, cost))
    except TokenRejected as error:
        provider.dead_tokens.add(access_token, str(error), provider.clock())
        raise


def _fetch_living_profile(
    provider: Provider, access_token: BearerToken, cost: Cost
) -> Flow[dict[str, Any]]:
    """The profile. After several refusals only if introspection says the token lives.

    PeeringDB counts a dead token at the profile as a refusal, but not one at
    introspection.
    """
    try:
        return (yield from _request_profile(provider, access_token, cost))
    except TooManyRefusals:
        if provider.config.client_secret is None:  # PeeringDB does not answer a public client
            raise
    cost = replace(cost, is_risky=False)
    introspection = yield from introspect(provider, access_token, cost=cost)
    if not introspection.active:
        raise TokenRejected(
            "PeeringDB does not know this access token any more: it is expired, revoked, or"
            " replaced by a refresh; log in again"
        )
    return (yield from _request_profile(provider, access_token, cost))


def _request_profile(
    provider: Provider, access_token: BearerToken, cost: Cost
) -> Flow[dict[str, Any]]:
    request = build_profile_request(provider.metadata, access_token=access_token, cost=cost)
    return parse_profile_response(request, (yield from send(request)))


def refresh(
    provider: Provider,
    token: TokenResponse | str,
    *,
    cost: Cost = ONE_REQUEST,
    within: float | None = None,
) -> Flow[TokenResponse]:
    """New tokens for a refresh token. The old ones stop working.

    All who refresh one token at the same time share one request: of two requests only
    one would get an ID token that fits.

    ``token``: a token response, or its refresh token. ``within``: the most seconds
    until the answer is read; None: as the client is configured.

    Raises:
        TokenRejected: there is no refresh token.
        ProviderError: PeeringDB refused the refresh token.
        InvalidIDToken: the new ID token is wrong or about another person.
        InvalidResponse: the answer is no token response.
    """
    refresh_token, scope, id_token = (
        (token.refresh_token, token.scope, token.id_token)
        if isinstance(token, TokenResponse)
        else (token, (), None)
    )
    if refresh_token is None:
        raise TokenRejected("there is no refresh token to refresh with: log in again")
    refresh_token = checked_token(refresh_token)
    subject = None if id_token is None else read_subject(id_token)
    request = build_refresh_request(
        provider.config, provider.metadata, refresh_token=refresh_token, cost=cost, within=within
    )
    flow = _refresh_once(provider, request, refresh_token, scope, subject)
    key = sha256(refresh_token.encode("ascii")).hexdigest()
    return (yield from shared(f"refresh {key}", flow))


def _refresh_once(
    provider: Provider,
    request: HTTPRequest,
    refresh_token: BearerToken,
    scope: tuple[str, ...],
    subject: str | None,
) -> Flow[TokenResponse]:
    now = provider.clock()
    response = yield from send(request)
    refreshed = parse_token_response(request, response, requested=scope, now=now)
    if refreshed.refresh_token is None:  # RFC 6749 section 6: then the old one stays
        refreshed = replace(refreshed, refresh_token=refresh_token)
    return (yield from _verify_refreshed(provider, refreshed, subject))


def _verify_refreshed(
    provider: Provider, refreshed: TokenResponse, subject: str | None
) -> Flow[TokenResponse]:
    """The refreshed tokens; without the ID token if it cannot be used.

    That is if there is no key to verify it with, or if it belongs to the access token
    of another refresh at the same time. The tokens must not be lost for that: the old
    ones no longer work.
    """
    if refreshed.id_token is None:
        return refreshed
    try:
        claims = yield from verify_id_token(
            provider, refreshed.id_token, access_token=refreshed.access_token
        )
    except PeeringDBOAuthError as error:
        if (
            isinstance(error, InvalidIDToken)
            and not isinstance(error, UnknownKey)
            and error.check != "at_hash"
        ):
            raise
        return replace(refreshed, id_token=None)
    if subject is not None and claims.subject != subject:  # OpenID Connect Core section 12.2
        raise InvalidIDToken("the refreshed ID token is about somebody else", check="sub")
    return refreshed


def revoke(
    provider: Provider, token: TokenResponse | str, *, cost: Cost = ONE_REQUEST
) -> Flow[None]:
    """End a token. Of a token response both tokens end.

    PeeringDB ends the access token together with the refresh token, but not the other
    way round. Here the tokens are dead from now on, even if PeeringDB gives no answer.

    Raises:
        TokenRejected: this cannot be a token.
        ProviderError: PeeringDB refused this application.
    """
    # Only a hint: PeeringDB looks for the other kind as well (RFC 7009 section 2.1).
    hint = "refresh_token"
    if isinstance(token, TokenResponse):
        hint = "access_token" if token.refresh_token is None else hint
        tokens = [each for each in (token.refresh_token, token.access_token) if each]
    else:
        tokens = [token]
    request = build_revocation_request(
        provider.config,
        provider.metadata,
        token=checked_token(tokens[0]),
        token_type_hint=hint,
        cost=cost,
    )
    for each in tokens:
        provider.dead_tokens.revoke(each, provider.clock())
    successful(request, (yield from send(request)))


def give_back(provider: Provider, token: TokenResponse) -> Flow[None]:
    """End tokens that nobody is going to use.

    If PeeringDB cannot be asked now, `Provider.revoke_later` does it, where there is a
    store of sessions.
    """
    try:
        yield from revoke(provider, token)
    except PeeringDBOAuthError:
        if provider.revoke_later is not None:
            with suppress(RecordsUnavailable):
                yield from provider.revoke_later(token)


def introspect(
    provider: Provider, access_token: BearerToken, *, cost: Cost = ONE_REQUEST
) -> Flow[Introspection]:
    """Whether an access token is alive, and which application it was issued to.

    Raises:
        ConfigurationError: this is a public client, which PeeringDB does not answer.
        InvalidResponse: the answer is no introspection response.
    """
    if provider.config.client_secret is None:
        raise ConfigurationError(
            "client_secret: missing, and PeeringDB answers no public client's questions about"
            " tokens"
        )
    request = build_introspection_request(
        provider.config, provider.metadata, token=access_token, cost=cost
    )
    response = yield from send(request)
    return Introspection.from_json(successful(request, response).json_object())
