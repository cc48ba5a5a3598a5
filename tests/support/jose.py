"""Keys and signed tokens, made by hand: none of our code is in them."""

import base64
import json
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

ABSENT = ...  # as the value of a change: the member is left out


def b64(value):
    """Encode bytes as base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def uint(number):
    """Encode a number as Base64urlUInt (RFC 7518 section 2)."""
    return b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def changed(members, changes):
    """Return the members of a JSON object after some changes."""
    return {name: value for name, value in (members | changes).items() if value is not ABSENT}


@cache
def rsa_key(name):
    """Return the key with this name: the same one for all tests."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def rsa_jwk(name, **changes):
    """Return the public part of a key as a JWK."""
    numbers = rsa_key(name).public_key().public_numbers()
    members = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": name}
    return changed(members | {"n": uint(numbers.n), "e": uint(numbers.e)}, changes)


def rs256(name, message):
    """Return the signature of a message by a key."""
    return rsa_key(name).sign(message, PKCS1v15(), SHA256())


def compact_jws(header, payload, *, key):
    """Sign a token. The parts are JSON, or bytes that are taken as they are."""
    parts = [
        part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)
    ]
    message = ".".join(b64(part) for part in parts)
    return f"{message}.{b64(rs256(key, message.encode()))}"
