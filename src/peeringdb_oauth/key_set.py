"""The keys that sign ID tokens: which of a published set may be used, and how long they
are kept. Fetches nothing.

Sources: RFC 7517 (JSON Web Key), RFC 7518 sections 2, 3.3 and 6.3 (RSA), RFC 9111
section 5.2.2 (Cache-Control).
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse

MAX_KEYS = 32  # PeeringDB publishes one
MIN_BITS = 2048  # RFC 7518 section 3.3
# a verification takes about 0.2 ms, and four times that with every doubling
MAX_BITS = 8192
MAX_EXPONENT = 2**32  # 65537 in practice; a long exponent only makes verification slow

# s, where the answer says nothing; it is what PeeringDB 2.82.0 says
DEFAULT_LIFETIME = 3600
MIN_LIFETIME = 60  # s
MAX_LIFETIME = 86400  # s
STALE_IF_ERROR = (
    # s beyond the lifetime, while fetching fails: as long as an ID token of PeeringDB
    # lives
    36000
)
UNKNOWN_KEY_COOL_DOWN = (
    # s between two fetches that an unknown key asks for: anybody can invent a key's
    # name
    60
)
FAILURE_COOL_DOWN = 10  # s until a failed fetch is repeated

# Modulo these primes the powers of 65537 are few (CVE-2017-15361; the list is that of
# its discoverers' detector).
ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


_MISSING = 'ID tokens need the package "cryptography": pip install "peeringdb-oauth[oidc]"'


def require_cryptography() -> None:
    """Nothing, if ID tokens can be verified here; it is not loaded for that. Raises:
    `ConfigurationError`.
    """
    if find_spec("cryptography") is None:
        raise ConfigurationError(_MISSING)


def decode_base64url(text: bytes) -> bytes:
    """The bytes that ``text`` stands for, if it is the one way to write them (RFC 7515
    section 2, RFC 4648 section 3.5).

    Raises: `ValueError`.
    """
    if b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("not base64url without padding")
    standard = text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4)
    value = binascii.a2b_base64(standard, strict_mode=True)
    # The last character of an incomplete group has bits that decoding drops: only zeros
    # there are canonical.
    tail = len(value) % 3
    if tail and binascii.b2a_base64(value[-tail:], newline=False) != standard[-4:]:
        raise ValueError("not canonical base64url")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An RSA key that is fit for RS256. ``verify(signature, message)`` tells whether it
    signed the message.
    """

    kid: str | None
    verify: Callable[[bytes, bytes], bool] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The usable keys of a JWK Set: at least one."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def from_jwks(cls, json: object) -> "KeySet":
        """The RSA signing keys of a JWK Set (RFC 7517 section 5); keys of any other
        kind are passed over, as it says there.

        Raises: `InvalidResponse` if it is no JWK Set, too long, or has no usable key;
        `ConfigurationError` without ``cryptography``.
        """
        entries = json.get("keys") if isinstance(json, dict) else None
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise InvalidResponse(
                f"PeeringDB's key set is not a JWK Set of at most {MAX_KEYS} keys",
                check="jwks",
            )
        keys = tuple(key for entry in entries if isinstance(entry, dict) and (key := _load(entry)))
        if not keys:
            raise InvalidResponse(
                f"PeeringDB's key set has no RSA key for RS256 signatures with {MIN_BITS} bits or"
                " more",
                check="jwks",
            )
        return cls(keys=keys)

    def select(self, kid: str | None) -> PublicKey | None:
        """The one key with this ``kid``, or the only key there is for a token that
        names none (OpenID Connect Core section 10.1).

        Two keys of one name are one too many: which of them was meant is not ours to
        guess.
        """
        fitting = [key for key in self.keys if kid is None or key.kid == kid]
        return fitting[0] if len(fitting) == 1 else None


def _load(jwk: dict[str, Any]) -> PublicKey | None:
    modulus, exponent = _unsigned(jwk.get("n")), _unsigned(jwk.get("e"))
    kid = jwk.get("kid")
    if not (
        _is_for_rs256(jwk)
        and _is_strong(modulus, exponent)
        and (kid is None or isinstance(kid, str))
    ):
        return None
    return PublicKey(kid=kid, verify=_verifier(modulus, exponent))


def _is_for_rs256(jwk: dict[str, Any]) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == "RSA"
        and jwk.get("use", "sig") == "sig"  # RFC 7517 section 4.2
        and isinstance(operations, list)
        and "verify" in operations  # section 4.3
        and jwk.get("alg", "RS256") == "RS256"  # section 4.4
        and "d" not in jwk  # whoever publishes the private half cannot tell who signed
    )


def _is_strong(modulus: int, exponent: int) -> bool:
    return (
        MIN_BITS <= modulus.bit_length() <= MAX_BITS
        and modulus % 2 == 1
        and 3 <= exponent < MAX_EXPONENT  # with 1 every message is its own signature
        and exponent % 2 == 1
        and not all(_is_power_of_65537(modulus, prime) for prime in ROCA_PRIMES)
    )


def _is_power_of_65537(number: int, prime: int) -> bool:
    return number % prime in {pow(65537, exponent, prime) for exponent in range(prime)}


def _unsigned(value: object) -> int:
    """A Base64urlUInt (RFC 7518 section 2); 0, with which no key is strong, for
    anything else.
    """
    if not isinstance(value, str):
        return 0
    try:
        return int.from_bytes(decode_base64url(value.encode("ascii")), "big")
    except ValueError:
        return 0


def _verifier(modulus: int, exponent: int) -> Callable[[bytes, bytes], bool]:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3): what depends on the key
    alone is done here, once.
    """
    try:
        from cryptography.exceptions import (  # noqa: PLC0415
            InvalidSignature,
        )
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigurationError(_MISSING) from missing
    key, padding, algorithm = RSAPublicNumbers(exponent, modulus).public_key(), PKCS1v15(), SHA256()

    def verify(signature: bytes, message: bytes) -> bool:
        try:
            key.verify(signature, message, padding, algorithm)
        except InvalidSignature:
            return False
        return True

    return verify


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fetched:
    keys: KeySet
    at: float
    lifetime: int

    def is_younger(self, now: float, age: float) -> bool:
        return elapsed(self.at, now) < age


class KeyCache:
    """The last good key set, and when to fetch another. Times are Unix seconds.

    A failed or empty fetch stores nothing, so the good keys stay: fresh ones till they
    expire, expired ones for `STALE_IF_ERROR` seconds more.

    Not thread-safe: hold one lock from `start_fetch` until the answer is stored (then
    there is one fetch at a time, and who waited finds its result). `keys` and
    `fresh_keys` may be called without it.
    """

    def __init__(self) -> None:
        self._fetched: _Fetched | None = None
        self._attempted_at = self._looked_at = float(
            "-inf",
        )  # the last fetch; the last one for an unknown key

    def keys(self, now: float) -> KeySet | None:
        """The keys to verify with, fresh or, while fetching fails, stale; None if there
        are none.
        """
        fetched = self._fetched  # read once: another thread may be storing
        return (
            fetched.keys
            if fetched and fetched.is_younger(now, fetched.lifetime + STALE_IF_ERROR)
            else None
        )

    def fresh_keys(self, now: float) -> KeySet | None:
        """The keys to verify with, if it is not time to fetch others."""
        fetched = self._fetched  # read once, as above
        return fetched.keys if fetched and fetched.is_younger(now, fetched.lifetime) else None

    def start_fetch(self, now: float, *, unknown_key: bool = False) -> bool:
        """Whether to fetch the key set now; True is remembered as an attempt, whatever
        becomes of it.

        It is time when there are no fresh keys, or when the fresh ones lack the key of
        a token (``unknown_key``).
        """
        if self.fresh_keys(now) is not None:
            # Counted by itself: keys may rotate between the fetch before a login and
            # the signature in it.
            if not unknown_key or _wait(self._looked_at, now, UNKNOWN_KEY_COOL_DOWN) > 0:
                return False
            self._looked_at = now
        elif _wait(self._attempted_at, now, FAILURE_COOL_DOWN) > 0:
            return False
        self._attempted_at = now
        return True

    def abandon_fetch(self) -> None:
        """Forget an attempt that was broken off here and so says nothing about the
        other side.

        That a key was looked for stays in mind: somebody might invent keys and break
        off each time.
        """
        self._attempted_at = float("-inf")

    def retry_after(self, now: float) -> float:
        """For how many seconds `start_fetch` still refuses somebody who has no keys at
        all.
        """
        return _wait(self._attempted_at, now, FAILURE_COOL_DOWN)

    def store(self, keys: KeySet, *, now: float, cache_control: str = "") -> None:
        """Keep the keys of an answer for as long as its Cache-Control allows, within
        our bounds.
        """
        self._fetched = _Fetched(keys=keys, at=now, lifetime=_lifetime(cache_control))


def _wait(since: float, now: float, cool_down: float) -> float:
    return max(0.0, cool_down - elapsed(since, now))


def _lifetime(cache_control: str) -> int:
    directives = dict(
        directive.strip().partition("=")[::2] for directive in cache_control.lower().split(",")
    )
    if "no-store" in directives or "no-cache" in directives:
        return MIN_LIFETIME
    if "max-age" not in directives:
        return DEFAULT_LIFETIME
    seconds = directives["max-age"].strip('"')
    if not (seconds.isascii() and seconds.isdigit()):
        return MIN_LIFETIME  # RFC 9111 section 4.2.1: what cannot be read is stale
    return min(max(int(seconds[:9]), MIN_LIFETIME), MAX_LIFETIME)
