"""The key set: each key is a strong RSA key in it, and verifies only its own."""

import base64
import json
from contextlib import suppress
from hashlib import sha256

from recordings import read_recording

from peeringdb_oauth.errors import InvalidResponse
from peeringdb_oauth.key_set import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    MIN_LIFETIME,
    STALE_IF_ERROR,
    KeyCache,
    KeySet,
    decode_base64url,
)
from peeringdb_oauth.messages import parse_json

from .inputs import assert_tells_no_secret, json_of

JWKS = read_recording("jwks").json
KEYS = KeySet.from_jwks(JWKS)
VALID = [
    json.dumps(JWKS),
    json.dumps({"keys": [*JWKS["keys"], JWKS["keys"][0] | {"kid": "other"}]}),
    (json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "kid": "ec"}, *JWKS["keys"]]})),
]
# What PeeringDB has signed with the key of the recordings, and its signature.
TOKEN = read_recording("token-success-openid").json["id_token"].encode()
MESSAGE, _, _ENCODED = TOKEN.rpartition(b".")
SIGNATURE = base64.urlsafe_b64decode(_ENCODED + b"==")
MODULUS = JWKS["keys"][0]["n"]
PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")  # of SHA-256, RFC 8017


def check(data, read=KeySet.from_jwks):
    _check_base64url(data)
    _check_lifetime(data.decode("latin-1"))
    try:
        value = parse_json(json_of(data, VALID))
        found = read(value)
    except InvalidResponse as error:
        assert_tells_no_secret(error)
        return
    except ValueError:  # no JSON
        return
    rows = [row for row in value["keys"] if isinstance(row, dict)]
    assert 0 < len(found.keys) <= len(rows)
    names = [key.kid for key in found.keys]
    for key in found.keys:
        _assert_is_usable([row for row in rows if row.get("kid") == key.kid])
        assert found.select(key.kid) is (key if _fitting(names, key.kid) == 1 else None)
        verifies = key.verify(SIGNATURE, MESSAGE)
        assert not verifies or any(
            row.get("n") == MODULUS for row in rows if row.get("kid") == key.kid
        )
        assert not key.verify(SIGNATURE, MESSAGE + b"x")
        assert not key.verify(_forged(), MESSAGE)
    assert found.select("no such key") is None


def _fitting(names, kid):
    return len(names) if kid is None else names.count(kid)


def _assert_is_usable(rows):
    assert any(
        row.get("kty") == "RSA"
        and row.get("use", "sig") == "sig"
        and row.get("alg", "RS256") == "RS256"
        and "verify" in row.get("key_ops", ["verify"])
        and not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(row)
        and 2048 <= _number(row["n"]).bit_length() <= 8192
        and _number(row["e"]) >= 3
        for row in rows
        if isinstance(row.get("n"), str) and isinstance(row.get("e"), str)
    )


def _number(text):
    with suppress(ValueError):
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
    return 0


def _forged():
    """A signature that a key with the exponent 1 would take."""
    tail = PREFIX + sha256(MESSAGE).digest()
    return b"\x00\x01" + b"\xff" * (256 - 3 - len(tail)) + b"\x00" + tail


def _check_base64url(text):
    try:
        value = decode_base64url(text)
    except ValueError:
        return
    assert base64.urlsafe_b64encode(value).rstrip(b"=") == text


def _check_lifetime(cache_control):
    cache = KeyCache()
    cache.store(KEYS, now=0.0, cache_control=cache_control)
    assert cache.fresh_keys(MIN_LIFETIME - 1.0) is KEYS
    assert cache.fresh_keys(float(MAX_LIFETIME)) is None
    assert cache.keys(float(MAX_LIFETIME + STALE_IF_ERROR)) is None
    if "=" not in cache_control and "no-" not in cache_control.lower():
        is_bare = "max-age" in [one.strip() for one in cache_control.lower().split(",")]
        assert is_bare or cache.fresh_keys(DEFAULT_LIFETIME - 1.0) is KEYS
