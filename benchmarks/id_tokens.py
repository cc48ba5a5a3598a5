"""Verify ID tokens: ours, the bare signature, and other libraries.

The libraries are used as their documentation shows.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Mapping

import jwt as pyjwt
from authlib.oidc.core import CodeIDToken
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from jose import jwt as python_jose
from joserfc import jwk
from joserfc import jwt as joserfc
from measure import Row, Samples, at_most, faster, interleave
from provider import (
    ACCESS_TOKEN,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT_URI,
    SignedToken,
    jwks,
    public_key,
    sign_id_token,
)

from peeringdb_oauth import Client, ClientConfig
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.key_set import KeySet

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from authlib.jose import JsonWebKey, JsonWebToken

ISSUER = "https://auth.peeringdb.com/oauth2"
OURS, BARE = "peeringdb_oauth", "bare RSA-2048 (cryptography)"
Verify = Callable[[], object]
# What is in a name must not matter: a colon, or characters that JSON escapes.
NAMES = {"networks": "Example Net {}", "odd names": "Ex\u00e4mple: N\u00e9t {}: \u7db2"}


def measure(rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    client = keyed_client()
    for kind, name in NAMES.items():
        for networks, calls in ((2, 50), (200, 25)):
            token = sign_id_token(issuer=ISSUER, networks=networks, name=name)
            samples = _compare(client, token, rounds=rounds, calls=calls)
            yield from _rows(samples, f"verify an ID token, {networks} {kind}", networks)
    yield from _repeated(client, rounds)


def _rows(samples: Samples, title: str, networks: int) -> Iterator[Row]:
    """Ours is slower than no peer. With few networks it is clearly faster.

    Only a maintained peer can be the best one, which has a goal of its own.
    """
    if networks == 2:
        yield at_most(2.2, title, samples, OURS, BARE)
    best = samples.fastest(*MAINTAINED)
    for peer in PEERS:
        yield faster(1.3 if networks == 2 and peer == best else 1.0, title, samples, OURS, peer)


def _repeated(client: Client, rounds: int) -> Iterator[Row]:
    verifier, token = BearerVerifier(client), sign_id_token(issuer=ISSUER, networks=2).text
    candidates: dict[str, Verify] = {name: peer(token) for name, peer in PEERS.items()}
    candidates["BearerVerifier"] = lambda: verifier.verify(token)
    calls = dict.fromkeys(PEERS, 10) | {"BearerVerifier": 500}
    samples = interleave(candidates, rounds=rounds, calls=calls)
    title, best = "a repeated bearer token", samples.fastest(*MAINTAINED)
    yield faster(30, title, samples, "BearerVerifier", best)
    yield at_most(None, title, samples, "BearerVerifier", DEPRECATED)


def keyed_client() -> Client:
    """A client that has the keys already, as if it had fetched them."""
    client = Client(
        ClientConfig(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
            requests_per_minute=None,
        )
    )
    client.provider.key_cache.store(KeySet.from_jwks(jwks()), now=time.time())
    return client


def _compare(client: Client, token: SignedToken, *, rounds: int, calls: int) -> Samples:
    candidates: dict[str, Verify] = {
        BARE: _bare(token),
        OURS: lambda: client.verify_id_token(token.text),
    }
    candidates |= {name: peer(token.text) for name, peer in PEERS.items()}
    return interleave(candidates, rounds=rounds, calls=calls)


def _bare(token: SignedToken) -> Verify:
    key, padding, algorithm = public_key(), PKCS1v15(), SHA256()
    return lambda: key.verify(token.signature, token.message, padding, algorithm)


def joserfc_verifier(token: str) -> Verify:
    """Its guide "JSON Web Token": decode with a key set, validate with a registry.

    Key set and registry are kept.
    """
    keys = jwk.KeySet.import_key_set(jwks())  # type: ignore[arg-type]
    registry = joserfc.JWTClaimsRegistry(
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": CLIENT_ID},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )

    def verify() -> object:
        decoded = joserfc.decode(token, keys, algorithms=["RS256"])
        registry.validate(decoded.claims)
        return decoded.claims

    return verify


def _pyjwt(token: str) -> Verify:
    """Its "OIDC Login Flow", with a key set that was fetched before."""
    keys = pyjwt.PyJWKSet.from_dict(jwks())

    def verify() -> object:
        key = keys[pyjwt.get_unverified_header(token)["kid"]]
        required = {"require": ["iss", "sub", "aud", "exp", "iat"]}
        return pyjwt.decode(
            token, key, algorithms=["RS256"], audience=CLIENT_ID, issuer=ISSUER, options=required
        )  # type: ignore[arg-type]

    return verify


def _authlib(token: str) -> Verify:
    """Its "OpenID Connect": decode with joserfc, then validate the claims.

    The claims class is that of the code flow. The key set is kept.
    """
    keys = jwk.KeySet.import_key_set(jwks())  # type: ignore[arg-type]
    options = {"iss": {"values": [ISSUER]}}

    def verify() -> object:
        decoded = joserfc.decode(token, keys, algorithms=["RS256"])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options,
            {"client_id": CLIENT_ID, "access_token": ACCESS_TOKEN},
        )
        claims.validate(leeway=120)
        return claims

    return verify


def _python_jose(token: str) -> Verify:
    """Its `jwt.decode` with a JWK Set.

    It demands the access token if the ID token has an ``at_hash``.
    """
    keys = jwks()
    return lambda: python_jose.decode(
        token,
        keys,
        algorithms="RS256",
        audience=CLIENT_ID,
        issuer=ISSUER,
        access_token=ACCESS_TOKEN,
    )


def _authlib_jose(token: str) -> Verify:
    """Authlib's old module ``jose``, which joserfc replaces: decode, then validate."""
    keys = JsonWebKey.import_key_set(jwks())
    decoder = JsonWebToken(["RS256"])
    options = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": CLIENT_ID},
        "exp": {"essential": True},
        "iat": {"essential": True},
        "sub": {"essential": True},
    }

    def verify() -> object:
        claims = decoder.decode(token, keys, claims_options=options)
        claims.validate(leeway=60)
        return claims

    return verify


MAINTAINED: Mapping[str, Callable[[str], Verify]] = {
    "joserfc": joserfc_verifier,
    "PyJWT": _pyjwt,
    "Authlib": _authlib,
    "python-jose": _python_jose,
}
DEPRECATED = "authlib.jose (deprecated)"
PEERS = {**MAINTAINED, DEPRECATED: _authlib_jose}
