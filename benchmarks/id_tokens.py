"""Verifying ID tokens: ours against the bare signature, and against four libraries as
their documentation shows them.
"""

import time
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

ISSUER = "https://auth.peeringdb.com/oauth2"
OURS, BARE = "peeringdb_oauth", "bare RSA-2048 (cryptography)"
Verify = Callable[[], object]


def measure(rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    client = _client()
    few, many = (sign_id_token(issuer=ISSUER, networks=networks) for networks in (2, 200))

    samples = _compare(client, few, rounds=rounds, calls=50)
    best = samples.fastest(*_PEERS)
    yield at_most(2.2, "verify an ID token, 2 networks", samples, OURS, BARE)
    yield from _against(samples, best, 1.3, "verify an ID token, 2 networks")

    samples = _compare(client, many, rounds=rounds, calls=25)
    yield from _against(samples, samples.fastest(*_PEERS), 1.0, "verify an ID token, 200 networks")

    verifier = BearerVerifier(client)
    candidates: dict[str, Verify] = {name: peer(few.text) for name, peer in _PEERS.items()}
    candidates["BearerVerifier"] = lambda: verifier.verify(few.text)
    samples = interleave(
        candidates,
        rounds=rounds,
        calls=dict.fromkeys(_PEERS, 10) | {"BearerVerifier": 500},
    )
    yield faster(30, "a repeated bearer token", samples, "BearerVerifier", samples.fastest(*_PEERS))


def _against(samples: Samples, best: str, goal: float, title: str) -> Iterator[Row]:
    """The best of the peers has a goal, the others are for information."""
    yield faster(goal, title, samples, OURS, best)
    for peer in _PEERS:
        if peer != best:
            yield at_most(None, title, samples, OURS, peer)


def _client() -> Client:
    """A client of PeeringDB that has its keys already."""
    client = Client(
        ClientConfig(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            redirect_uri=REDIRECT_URI,
            requests_per_minute=None,
        ),
    )
    client.provider.key_cache.store(
        KeySet.from_jwks(jwks()),
        now=time.time(),
    )  # as a fetch from PeeringDB would
    return client


def _compare(client: Client, token: SignedToken, *, rounds: int, calls: int) -> Samples:
    candidates: dict[str, Verify] = {
        BARE: _bare(token),
        OURS: lambda: client.verify_id_token(token.text),
    }
    candidates |= {name: peer(token.text) for name, peer in _PEERS.items()}
    return interleave(candidates, rounds=rounds, calls=calls)


def _bare(token: SignedToken) -> Verify:
    key, padding, algorithm = public_key(), PKCS1v15(), SHA256()
    return lambda: key.verify(token.signature, token.message, padding, algorithm)


def _joserfc(token: str) -> Verify:
    """Its guide's "JSON Web Token": decode with a key set, validate with a registry;
    both are kept.
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
            token,
            key,
            algorithms=["RS256"],
            audience=CLIENT_ID,
            issuer=ISSUER,
            options=required,
        )  # type: ignore[arg-type]

    return verify


def _authlib(token: str) -> Verify:
    """Its "OpenID Connect" client: joserfc's decoding, then the claims class for the
    code flow; the key set is kept.
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
    """Its `jwt.decode` with a JWK Set; it insists on the access token where there is an
    at_hash.
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


_PEERS: Mapping[str, Callable[[str], Verify]] = {
    "joserfc": _joserfc,
    "PyJWT": _pyjwt,
    "Authlib": _authlib,
    "python-jose": _python_jose,
}
