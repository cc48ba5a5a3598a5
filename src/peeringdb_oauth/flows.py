"""The flows: each run of the protocol, from the first request to the result.

`steps` shows what a flow is and how a client drives it. Beside the errors that a flow
names, it raises those of `responses.successful`, and `TransportError` for an answer
that never came.
"""

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.callback import Callback, read_callback
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    RateLimited,
    StateMismatch,
    TokenRejected,
)
from peeringdb_oauth.grammar import AuthorizationCode, BearerToken
from peeringdb_oauth.id_token import IDTokenClaims, UnknownKey, read_subject
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.responses import successful
from peeringdb_oauth.steps import Flow, locked, send
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

# A login books its two requests together: half a login is of no use to anybody.
REQUESTS_OF_A_LOGIN = 2


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
) -> Flow[Login]:
    """Complete a login with the callback that PeeringDB sent the browser to.

    Raises:
        StateMismatch: the callback belongs to another login, or the login was used.
        LoginDenied: the person cancelled.
        ProviderError: PeeringDB refused the login.
        InvalidIDToken: the ID token is missing or wrong.
        InvalidResponse: the callback or an answer is malformed.
    """
    code = _read_callback(provider, request, callback)
    if "openid" in request.scope:
        yield from current_keys(provider)  # before the code is spent: without keys it stays good
    provider.used_states.use(request, provider.clock())
    try:
        token, _ = yield from exchange_code(
            provider,
            code,
            redirect_uri=request.redirect_uri,
            code_verifier=request.code_verifier,
            scope=request.scope,
            booked=REQUESTS_OF_A_LOGIN,
        )
    except RateLimited as error:
        if error.status is None:  # nothing was sent, so the same callback may come again
            provider.used_states.forget(request)
        raise
    claims = None
    if "openid" in request.scope:
        claims = yield from _verify_login(provider, request, token)
    user = yield from fetch_user_of_login(provider, token)
    # OpenID Connect Core section 5.3.2, for PeeringDB's profile
    if claims is not None and claims.subject != str(user.id):
        raise InvalidIDToken("the ID token and the profile are about different people", check="sub")
    return Login(user=user, token=token, claims=claims)


def _read_callback(
    provider: Provider,
    request: AuthorizationRequest,
    callback: Callback,
) -> AuthorizationCode:
    """The code of a callback. A refused callback uses its login up."""
    is_ours = request.url.startswith(f"{provider.config.base_url}/")
    if not is_ours or request.redirect_uri != provider.config.redirect_uri:
        raise InvalidResponse(
            "the stored login belongs to another application: start the login again",
            check="authorization_request",
        )
    now = provider.clock()
    try:
        return read_callback(request, callback, issuer=provider.metadata.issuer, now=now)
    except StateMismatch:
        raise  # anybody can send one of these, so it must not use up the login
    except PeeringDBOAuthError:
        provider.used_states.use(request, now)
        raise


def exchange_code(
    provider: Provider,
    code: AuthorizationCode,
    *,
    redirect_uri: str,
    code_verifier: str | None,
    scope: tuple[str, ...],
    booked: int = 1,
) -> Flow[tuple[TokenResponse, HTTPResponse]]:
    """Exchange an authorization code for tokens; also gives PeeringDB's answer itself.

    ``redirect_uri``, ``code_verifier``, ``scope``: as in the authorization request.
    ``booked``: what the exchange takes from the budget, as in `HTTPRequest`.

    Raises:
        InvalidResponse: the answer is no token response.
    """
    request = build_code_request(
        provider.config,
        provider.metadata,
        code=code,
        redirect_uri=redirect_uri,
        code_verifier=code_verifier,
        booked=booked,
    )
    now = provider.clock()
    response = yield from send(request)
    return parse_token_response(request, response, requested=scope, now=now), response


def fetch_user_of_login(provider: Provider, token: TokenResponse) -> Flow[User]:
    """Who logged in. `exchange_code` must have booked the request for it.

    Raises:
        TokenRejected: PeeringDB refused the access token.
        InvalidResponse: the answer is no profile.
    """
    access_token = checked_token(token.access_token)
    return User.from_profile((yield from fetch_profile(provider, access_token, booked=0)))


def fetch_profile(
    provider: Provider,
    access_token: BearerToken,
    *,
    booked: int = 1,
) -> Flow[dict[str, Any]]:
    """The profile that an access token opens, as PeeringDB's JSON.

    ``booked``: what the request takes from the budget, as in `HTTPRequest`.

    Raises:
        TokenRejected: PeeringDB refused the access token.
        InvalidResponse: the answer is no JSON object.
    """
    request = build_profile_request(provider.metadata, access_token=access_token, booked=booked)
    return parse_profile_response(request, (yield from send(request)))


def _verify_login(
    provider: Provider,
    request: AuthorizationRequest,
    token: TokenResponse,
) -> Flow[IDTokenClaims]:
    if token.id_token is None:  # OpenID Connect Core section 3.1.3.3
        raise InvalidIDToken(
            "PeeringDB sent no ID token, though the login asked for one",
            check="id_token",
        )
    return (
        yield from verify_id_token(
            provider,
            token.id_token,
            nonce=request.nonce,
            access_token=token.access_token,
        )
    )


def fetch_user(provider: Provider, access_token: BearerToken) -> Flow[User]:
    """Who an access token speaks for, as PeeringDB sees it now.

    A refused token is not tried for a minute, and each token is tried once at a time. A
    browser that restores ten pages with a dead session would otherwise earn ten
    refusals, and at the eleventh PeeringDB refuses everybody at this address.

    Raises:
        TokenRejected: PeeringDB refuses the token, or refused it within a minute.
        InvalidResponse: the answer is no profile.
    """
    key = sha256(access_token.encode("ascii")).hexdigest()
    return (yield from locked(f"profile {key}", _fetch_user_once(provider, access_token, key)))


def _fetch_user_once(provider: Provider, access_token: BearerToken, key: str) -> Flow[User]:
    provider.refused_tokens.check(key, provider.clock())
    try:
        return User.from_profile((yield from fetch_profile(provider, access_token)))
    except TokenRejected as error:
        provider.refused_tokens.add(key, str(error), provider.clock())
        raise


def refresh(provider: Provider, token: TokenResponse | str) -> Flow[TokenResponse]:
    """New tokens for a refresh token. The old ones stop working.

    ``token``: a token response, or its refresh token.

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
    subject = None if id_token is None else read_subject(id_token)
    request = build_refresh_request(
        provider.config,
        provider.metadata,
        refresh_token=checked_token(refresh_token),
    )
    now = provider.clock()
    response = yield from send(request)
    refreshed = parse_token_response(request, response, requested=scope, now=now)
    if refreshed.refresh_token is None:  # RFC 6749 section 6: then the old one stays
        refreshed = replace(refreshed, refresh_token=refresh_token)
    return (yield from _verify_refreshed(provider, refreshed, subject))


def _verify_refreshed(
    provider: Provider,
    refreshed: TokenResponse,
    subject: str | None,
) -> Flow[TokenResponse]:
    """The refreshed tokens; without the ID token if there is no key to verify it with.

    The tokens must not be lost for want of a key: the old ones no longer work.
    """
    if refreshed.id_token is None:
        return refreshed
    try:
        claims = yield from verify_id_token(
            provider,
            refreshed.id_token,
            access_token=refreshed.access_token,
        )
    except PeeringDBOAuthError as error:
        if isinstance(error, InvalidIDToken) and not isinstance(error, UnknownKey):
            raise
        return replace(refreshed, id_token=None)
    if subject is not None and claims.subject != subject:  # OpenID Connect Core section 12.2
        raise InvalidIDToken("the refreshed ID token is about somebody else", check="sub")
    return refreshed


def revoke(provider: Provider, token: TokenResponse | str) -> Flow[None]:
    """End a token. Of a token response both tokens end.

    PeeringDB ends the access token together with the refresh token, but not the other
    way round.

    Raises:
        TokenRejected: this cannot be a token.
        ProviderError: PeeringDB refused this application.
    """
    # Only a hint: PeeringDB looks for the other kind as well (RFC 7009 section 2.1).
    hint = "refresh_token"
    if isinstance(token, TokenResponse):
        hint = "access_token" if token.refresh_token is None else hint
        token = token.access_token if token.refresh_token is None else token.refresh_token
    request = build_revocation_request(
        provider.config,
        provider.metadata,
        token=checked_token(token),
        token_type_hint=hint,
    )
    successful(request, (yield from send(request)))


def introspect(provider: Provider, access_token: BearerToken) -> Flow[Introspection]:
    """Whether an access token is alive, and which application it was issued to.

    Raises:
        ConfigurationError: this is a public client, which PeeringDB does not answer.
        InvalidResponse: the answer is no introspection response.
    """
    if provider.config.client_secret is None:
        raise ConfigurationError(
            "client_secret: missing, and PeeringDB answers no public client's questions about"
            " tokens",
        )
    request = build_introspection_request(provider.config, provider.metadata, token=access_token)
    response = yield from send(request)
    return Introspection.from_json(successful(request, response).json_object())
