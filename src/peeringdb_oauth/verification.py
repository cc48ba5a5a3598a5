"""Verify an ID token, and fetch metadata and keys when they are needed.

These are flows, see `steps`. What makes an ID token acceptable is in `id_token`, and
how long keys are kept in `key_set`. Beside the errors that a flow names, it raises
those of `responses.successful`, and `TransportError` for an answer that never came.
"""

from contextlib import suppress

from peeringdb_oauth.errors import InvalidResponse, PeeringDBOAuthError, RateLimited
from peeringdb_oauth.id_token import IDTokenClaims, UnknownKey
from peeringdb_oauth.id_token import verify_id_token as verify
from peeringdb_oauth.key_set import KeySet
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.metadata import ProviderMetadata
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.responses import successful
from peeringdb_oauth.steps import Flow, send, shared


def verify_id_token(
    provider: Provider,
    id_token: str,
    *,
    nonce: str | None = None,
    max_age: int | None = None,
    access_token: str | None = None,
) -> Flow[IDTokenClaims]:
    """The claims of an ID token that was issued to this application.

    A key that is not known yet is fetched: at once for an ID token that PeeringDB has
    just sent with an access token, else once a minute, because anybody can invent the
    name of a key. The arguments are those of `id_token.verify_id_token`.

    Raises:
        InvalidIDToken: the ID token is not acceptable.
        RateLimited: its key is not known, and it is too early to look for it.
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

    keys = yield from current_keys(provider)
    with suppress(UnknownKey):
        return claims(keys)
    # PeeringDB may have a new one
    is_genuine = access_token is not None
    newest = yield from current_keys(provider, unknown_key=True, is_genuine=is_genuine)
    try:
        return claims(newest)
    except UnknownKey as error:
        _check_absent(provider, error.kid, was_fetched=newest is not keys)
        raise


def _check_absent(provider: Provider, kid: str | None, *, was_fetched: bool) -> None:
    """Do nothing if PeeringDB was asked for a key and does not have it.

    Raises:
        RateLimited: PeeringDB was not asked.
    """
    cache = provider.key_cache
    if was_fetched:
        cache.add_absent(kid)
    elif not cache.is_absent(kid):
        wait = cache.unknown_key_wait(provider.clock())
        raise RateLimited(
            "the ID token is signed with a key that is not known here, and PeeringDB's keys were"
            f" fetched a moment ago: wait {wait:.0f} s",
            retry_after=wait,
        ) from None


def discover(provider: Provider) -> Flow[ProviderMetadata]:
    """Fetch the provider's metadata and use it from now on.

    There are two documents, which differ. One of them may be missing.

    Raises:
        InvalidResponse: there is no document, or it names another issuer.
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


def current_keys(
    provider: Provider, *, unknown_key: bool = False, is_genuine: bool = False
) -> Flow[KeySet]:
    """The provider's keys, fetched if it is time to. A failed fetch keeps the old ones.

    ``unknown_key``: a token has a key that the old keys lack; then a failed fetch is an
    error. ``is_genuine``: PeeringDB itself has just sent that token.

    Raises:
        RateLimited: there are no keys, and a fetch has failed a moment ago.
    """
    fresh = None if unknown_key else provider.key_cache.fresh_keys(provider.clock())
    if fresh is not None:  # nearly always, and then nobody waits
        return fresh
    failure = None
    try:
        # Who may fetch at once does not wait for a fetch that may not take place.
        flow = _fetch_keys(provider, unknown_key=unknown_key, is_genuine=is_genuine)
        yield from shared("keys at once" if is_genuine else "keys", flow)
    except PeeringDBOAuthError as error:
        if unknown_key:
            raise
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


def _fetch_keys(provider: Provider, *, unknown_key: bool, is_genuine: bool) -> Flow[None]:
    if not provider.key_cache.start_fetch(
        provider.clock(), unknown_key=unknown_key, is_genuine=is_genuine
    ):
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
        keys, now=provider.clock(), cache_control=response.headers.get("cache-control", "")
    )
