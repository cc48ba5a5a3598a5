"""Signed statements about who is logged in, for applications that verify.

Each is a JWT (RFC 7519), signed with ES256 (RFC 7518 section 3.4). The keys are derived
from the secret key, the host and the day. So all workers and machines with the same
secret key have the same keys, a new day brings a new one, and an application of one
host has no key for the statements about another.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from peeringdb_oauth.profile import Permission, User

LIFETIME = 60  # seconds
MAX_SIZE = 8192  # bytes of an assertion; 300 networks fit
_DAY = 86_400  # seconds for which a key signs
_DAYS = (-1, 0, 1)  # keys that are published: applications keep a key set for a while
# The order of the group of P-256 (SP 800-186 section 3.2.1.3).
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Signer:
    """Signs assertions, and publishes the keys that verify them.

    ``secret_keys``: the first one signs. The keys of all of them are published, so that
    the secret key can be changed.
    """

    def __init__(self, secret_keys: tuple[str, ...]) -> None:
        self._secrets = tuple(secret.encode() for secret in secret_keys)

    def sign(
        self, origin: str, host: str, user: User, roles: tuple[str, ...] = (), *, now: float
    ) -> str:
        """An assertion about a user, good for a minute.

        ``origin``: of the site, such as ``https://lg.example.net``; it is the issuer.
        ``host``: its host, the audience. ``now``: Unix seconds.
        """
        key = _derive(self._secrets[0], origin, int(now) // _DAY)
        header = {"alg": "ES256", "typ": "JWT", "kid": _public(key)["kid"]}
        claims = {"iss": origin, "aud": host, "iat": int(now), "exp": int(now) + LIFETIME}
        claims |= _describe(user, roles)
        while len(signed := _join(key, header, claims)) > MAX_SIZE:
            _shorten(claims)
        return signed

    def key_set(self, origin: str, *, now: float) -> dict[str, Any]:
        """The keys of a site as a JSON Web Key Set (RFC 7517): of three days.

        ``now``: Unix seconds.
        """
        today = int(now) // _DAY
        keys = (_derive(secret, origin, today + day) for secret in self._secrets for day in _DAYS)
        return {"keys": [_public(key) for key in keys]}


def _describe(user: User, roles: tuple[str, ...]) -> dict[str, Any]:
    may_update = [one.asn for one in user.networks if Permission.UPDATE in one.perms]
    claims = {
        "sub": str(user.id),
        "name": user.name,
        "email": user.email,
        "email_verified": user.verified_email,
        "verified_user": user.verified_user,
        "asns": list(user.asns),
        "update_asns": may_update,
        "roles": list(roles),
        "amr": None if user.amr is None else list(user.amr),
    }
    return {name: value for name, value in claims.items() if value is not None}


def _shorten(claims: dict[str, Any]) -> None:
    """Cut the longest list or text in half, and name it in the claim ``cut``."""
    names = ("name", "email", "asns", "update_asns", "roles", "amr")
    longest = max(names, key=lambda name: len(json.dumps(claims.get(name, ""))))
    claims[longest] = claims[longest][: len(claims[longest]) // 2]
    claims["cut"] = sorted({*claims.get("cut", ()), longest})


def _join(
    key: ec.EllipticCurvePrivateKey, header: Mapping[str, Any], claims: Mapping[str, Any]
) -> str:
    """The compact serialization (RFC 7515 section 7.1)."""
    signed = b".".join(
        _base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)
    )
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return b".".join((signed, _base64url(signature))).decode("ascii")


@lru_cache(maxsize=1024)
def _derive(secret: bytes, origin: str, day: int) -> ec.EllipticCurvePrivateKey:
    """The key of a site for a day (FIPS 186-5 appendix A.2.1, with HKDF)."""
    label = f"peeringdb_oauth assertion {day} {origin}".encode()
    seed = HKDF(algorithm=SHA256(), length=48, salt=None, info=label).derive(secret)
    number = int.from_bytes(seed, "big") % (_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


@lru_cache(maxsize=1024)
def _public(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public key as a JWK (RFC 7518 section 6.2), named by its thumbprint."""
    numbers = key.public_key().public_numbers()
    coordinates = {
        name: _base64url(value.to_bytes(32, "big")).decode("ascii")
        for name, value in (("x", numbers.x), ("y", numbers.y))
    }
    hashed = {"crv": "P-256", "kty": "EC", **coordinates}  # RFC 7638 section 3
    thumbprint = sha256(json.dumps(hashed, separators=(",", ":")).encode()).digest()
    kid = _base64url(thumbprint).decode("ascii")
    return {**hashed, "use": "sig", "alg": "ES256", "kid": kid}


def _base64url(value: bytes) -> bytes:
    return urlsafe_b64encode(value).rstrip(b"=")
