"""The flows, each as a generator: it yields the requests to send, is sent the answers,
and returns the result.

No network in here: `Client` and `AsyncClient` each drive these with one small loop.
"""

from dataclasses import dataclass, replace
from hashlib import sha256

from peeringdb_oauth.authorization import AuthorizationRequest, Callback, read_callback
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    RateLimited,
    StateMismatch,
    TokenRejected,
)
from peeringdb_oauth.grammar import BearerToken
from peeringdb_oauth.id_token import IDTokenClaims, UnknownKey, read_subject
from peeringdb_oauth.id_token import verify_id_token as verify
from peeringdb_oauth.key_set import KeySet
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.metadata import ProviderMetadata
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A completed login: who it is, the tokens, and the verified ID token (``claims``;
    None without ``openid`` in the scope).
    """

    user: User
    token: TokenResponse
    claims: IDTokenClaims | None


def log_in(
    provider: Provider,
    request: AuthorizationRequest,
    callback: Callback,
) -> Flow[Login]:
    """The callback of a login: two requests, one for the tokens and one for the
    profile.
    """
    now = provider.clock()
    if request.redirect_uri != provider.config.redirect_uri or not request.url.startswith(
        f"{provider.config.base_url}/",
    ):
        raise InvalidResponse(
            "the stored login belongs to another application: start the login again",
            check="authorization_request",
        )
    try:
        code = read_callback(request, callback, issuer=provider.metadata.issuer, now=now)
    except StateMismatch:
        raise  # anybody can send one of these, so it must not use up the login
    except PeeringDBOAuthError:
        provider.used_states.use(request, now)
        raise
    if "openid" in request.scope:
        # if there are none to be had, the code can still be used later
        yield from _keys(provider)
    provider.used_states.use(request, now)
    token_request = build_code_request(
        provider.config,
        provider.metadata,
        code=code,
        redirect_uri=request.redirect_uri,
        code_verifier=request.code_verifier,
        # the profile is paid for in advance, or the login would be lost half-way
        booked=2,
    )
    try:
        response = yield from send(token_request)
    except RateLimited:  # nothing was sent, so the same callback may come again
        provider.used_states.forget(request)
        raise
    token = parse_token_response(token_request, response, requested=request.scope, now=now)
    claims = (
        (yield from _verify_login(provider, request, token)) if "openid" in request.scope else None
    )
    user = yield from _fetch_profile(provider, checked_token(token.access_token), booked=0)
    if claims is not None and claims.subject != str(
        user.id,
    ):  # OpenID Connect Core 5.3.2, for PeeringDB's profile
        raise InvalidIDToken("the ID token and the profile are about different people", check="sub")
    return Login(user=user, token=token, claims=claims)


def _verify_login(
    provider: Provider,
    request: AuthorizationRequest,
    token: TokenResponse,
) -> Flow[IDTokenClaims]:
    if token.id_token is None:  # OpenID Connect Core 3.1.3.3
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


def verify_id_token(
    provider: Provider,
    id_token: str,
    *,
    nonce: str | None = None,
    max_age: int | None = None,
    access_token: str | None = None,
) -> Flow[IDTokenClaims]:
    """The claims of an ID token for this application; its key is fetched when it is not
    known yet.
    """

    def claims(keys: KeySet) -> IDTokenClaims:
        return verify(
            id_token,
            keys,
            issuer=provider.metadata.issuer,
            client_id=provider.config.client_id,
            now=provider.clock(),
            nonce=nonce,
            max_age=max_age,
            access_token=access_token,
        )

    try:
        return claims((yield from _keys(provider)))
    except UnknownKey:  # PeeringDB may have a new one
        return claims((yield from _keys(provider, unknown_key=True)))


def discover(provider: Provider) -> Flow[ProviderMetadata]:
    """The provider's endpoints in its own words: both documents, of which one may be
    missing, merged and checked against the issuer.
    """
    documents = []
    for name in ("openid-configuration", "oauth-authorization-server"):
        request = HTTPRequest(url=f"{provider.metadata.issuer}/.well-known/{name}")
        response = yield from send(request)
        if response.status != 404:
            documents.append(successful(request, response).json_object())
    if not documents:
        raise InvalidResponse(
            f"{provider.config.base_url} is no PeeringDB: it has no metadata document",
            check="issuer",
        )
    provider.metadata = ProviderMetadata.from_documents(provider.config.base_url, *documents)
    provider.discovered = True
    return provider.metadata


def _keys(provider: Provider, *, unknown_key: bool = False) -> Flow[KeySet]:
    """The provider's keys, fetched if it is time to. A fetch that fails leaves the ones
    there are.
    """
    fresh = None if unknown_key else provider.key_cache.fresh_keys(provider.clock())
    if fresh is not None:  # nearly always: then nobody waits for anybody
        return fresh
    failure = None
    try:
        yield from locked("keys", _fetch_keys(provider, unknown_key=unknown_key))
    except PeeringDBOAuthError as error:
        failure = error
    now = provider.clock()
    keys = provider.key_cache.keys(now)
    if keys is None:
        wait = provider.key_cache.retry_after(now)
        raise failure or RateLimited(
            f"PeeringDB's keys could not be fetched a moment ago: wait {wait:.0f} s",
            retry_after=wait,
        )
    return keys


def _fetch_keys(provider: Provider, *, unknown_key: bool) -> Flow[None]:
    if not provider.key_cache.start_fetch(provider.clock(), unknown_key=unknown_key):
        return
    try:
        if not provider.discovered:
            yield from discover(provider)
        request = HTTPRequest(url=provider.metadata.jwks_uri)
        response = yield from send(request)
    except GeneratorExit:  # the task was cancelled
        provider.key_cache.abandon_fetch()
        raise
    keys = KeySet.from_jwks(successful(request, response).json_object())
    provider.key_cache.store(
        keys,
        now=provider.clock(),
        cache_control=response.headers.get("cache-control", ""),
    )


def fetch_user(provider: Provider, access_token: BearerToken) -> Flow[User]:
    """Who an access token speaks for, as PeeringDB sees it now.

    A token that was refused is not tried again for a minute, and each is tried once at
    a time: ten pages that a browser restores with a dead session would otherwise be ten
    refusals, after which PeeringDB may be asked nothing for everybody's sake.
    """
    key = sha256(access_token.encode("ascii")).hexdigest()
    return (yield from locked(f"profile {key}", _fetch_user_once(provider, access_token, key)))


def _fetch_user_once(provider: Provider, access_token: BearerToken, key: str) -> Flow[User]:
    provider.refused_tokens.check(key, provider.clock())
    try:
        return (yield from _fetch_profile(provider, access_token))
    except TokenRejected as error:
        provider.refused_tokens.add(key, str(error), provider.clock())
        raise


def _fetch_profile(provider: Provider, access_token: BearerToken, *, booked: int = 1) -> Flow[User]:
    request = build_profile_request(provider.metadata, access_token=access_token, booked=booked)
    response = yield from send(request)
    return User.from_profile(parse_profile_response(request, response))


def refresh(provider: Provider, token: TokenResponse | str) -> Flow[TokenResponse]:
    """New tokens for a refresh token; the old ones are dead."""
    refresh_token = token.refresh_token if isinstance(token, TokenResponse) else token
    if refresh_token is None:
        raise TokenRejected("there is no refresh token to refresh with: log in again")
    requested, previous = (
        (token.scope, token.id_token) if isinstance(token, TokenResponse) else ((), None)
    )
    subject = None if previous is None else read_subject(previous)
    request = build_refresh_request(
        provider.config,
        provider.metadata,
        refresh_token=checked_token(refresh_token),
    )
    now = provider.clock()
    response = yield from send(request)
    refreshed = parse_token_response(request, response, requested=requested, now=now)
    if refreshed.refresh_token is None:  # RFC 6749 section 6: then the old one stays
        refreshed = replace(refreshed, refresh_token=refresh_token)
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
        # Without its key it proves nothing, but the tokens must not be lost: the old
        # ones are dead.
        return replace(refreshed, id_token=None)
    if subject is not None and claims.subject != subject:  # OpenID Connect Core 12.2
        raise InvalidIDToken("the refreshed ID token is about somebody else", check="sub")
    return refreshed


def revoke(provider: Provider, token: TokenResponse | str) -> Flow[None]:
    """End a token. Of a token response the refresh token is revoked, which ends the
    access token too.
    """
    if isinstance(token, TokenResponse):
        hint = "access_token" if token.refresh_token is None else "refresh_token"
        token = token.access_token if token.refresh_token is None else token.refresh_token
    else:
        # only a hint: PeeringDB looks for the other kind as well (RFC 7009 section 2.1)
        hint = "refresh_token"
    request = build_revocation_request(
        provider.config,
        provider.metadata,
        token=checked_token(token),
        token_type_hint=hint,
    )
    successful(request, (yield from send(request)))


def introspect(provider: Provider, access_token: BearerToken) -> Flow[Introspection]:
    """Whether an access token is alive, and whom it was issued to."""
    if provider.config.client_secret is None:
        raise ConfigurationError(
            "client_secret: missing, and PeeringDB answers no public client's questions about"
            " tokens",
        )
    request = build_introspection_request(
        provider.config,
        provider.metadata,
        token=access_token,
    )
    response = yield from send(request)
    return Introspection.from_json(successful(request, response).json_object())
