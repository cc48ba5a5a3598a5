"""The keys that verify ID tokens: which ones are usable, and how long they are kept.

This file fetches nothing.

Sources: RFC 7517 (JSON Web Key), RFC 7518 sections 2, 3.3 and 6.3 (RSA), RFC 9111
section 5.2.2 (Cache-Control).
"""

import binascii
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse

MAX_KEYS = 32  # PeeringDB publishes one
MIN_BITS = 2048  # RFC 7518 section 3.3
# A verification takes about 0.2 ms, and four times as long with each doubling.
MAX_BITS = 8192
MAX_EXPONENT = 2**32  # 65537 in practice; a long exponent makes verification slow

# For how many seconds keys are kept if the response does not say it. PeeringDB 2.82.0
# says the same.
DEFAULT_LIFETIME = 3600
MIN_LIFETIME = 60  # seconds
MAX_LIFETIME = 86400  # seconds
# While fetching fails, keys are kept for so many seconds beyond their lifetime. That is
# as long as an ID token of PeeringDB lives.
STALE_IF_ERROR = 36000
# The seconds between two fetches because of an unknown key. Anybody can invent the name
# of a key.
UNKNOWN_KEY_COOL_DOWN = 60
_MAX_ABSENT = 64  # names of keys that are remembered; one fetch can be for several
FAILURE_COOL_DOWN = 10  # seconds until a failed fetch is repeated

# Modulo these primes 65537 has few powers. The modulus of a weak key is such a power
# for each of them (ROCA, CVE-2017-15361). The list is that of the discoverers.
ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)

# RFC 7518 sections 6.3.2 and 6.4.1. With p or q anybody can compute the rest.
_PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

_MISSING = 'ID tokens need the package "cryptography": pip install "peeringdb-oauth[oidc]"'


def require_cryptography() -> None:
    """Check that ``cryptography`` is installed, without loading it.

    Raises:
        ConfigurationError: it is not.
    """
    if find_spec("cryptography") is None:
        raise ConfigurationError(_MISSING)


def decode_base64url(text: bytes) -> bytes:
    """Decode base64url without padding (RFC 7515 section 2).

    Raises:
        ValueError: the text is not base64url, or not the canonical form of its bytes
            (RFC 4648 section 3.5).
    """
    if b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("not base64url without padding")
    standard = text.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(text) % 4)
    value = binascii.a2b_base64(standard, strict_mode=True)
    # The last character of an incomplete group has unused bits. In the canonical form
    # they are zero.
    tail = len(value) % 3
    if tail and binascii.b2a_base64(value[-tail:], newline=False) != standard[-4:]:
        raise ValueError("not canonical base64url")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """An RSA key for RS256.

    ``kid``: its name in the key set, None if it has none. ``verify``: takes a signature
    and a message, and returns whether this key signed the message.
    """

    kid: str | None
    verify: Callable[[bytes, bytes], bool] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """The usable keys of a JWK Set.

    ``keys``: one key or more.
    """

    keys: tuple[PublicKey, ...]

    @classmethod
    def from_jwks(cls, json: object) -> "KeySet":
        """The usable keys of a JWK Set. Other keys are ignored (RFC 7517 section 5).

        Raises:
            InvalidResponse: it is not a JWK Set, is too long, or has no usable key.
            ConfigurationError: ``cryptography`` is not installed.
        """
        entries = json.get("keys") if isinstance(json, dict) else None
        if not isinstance(entries, list) or len(entries) > MAX_KEYS:
            raise InvalidResponse(
                f"PeeringDB's key set is not a JWK Set of at most {MAX_KEYS} keys", check="jwks"
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
        """The key with this ``kid``, None if there is none.

        A token without a ``kid`` is for the only key (OpenID Connect Core section
        10.1). If several keys fit, none is chosen: we do not guess.
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
        and not _PRIVATE_PARTS & jwk.keys()  # a private key that was published proves nothing
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
    """A Base64urlUInt (RFC 7518 section 2). Anything else is 0, which fits no key."""
    if not isinstance(value, str):
        return 0
    try:
        return int.from_bytes(decode_base64url(value.encode("ascii")), "big")
    except ValueError:
        return 0


def _verifier(modulus: int, exponent: int) -> Callable[[bytes, bytes], bool]:
    """The verification for a key: RSASSA-PKCS1-v1_5, SHA-256 (RFC 7518 section 3.3)."""
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
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


class KeyCache:
    """The last good key set, and the time to fetch it again. Times are Unix seconds.

    A failed fetch stores nothing. So the last good keys stay until they expire, and for
    `STALE_IF_ERROR` seconds more while fetching fails.

    It is not thread-safe. Hold one lock from `start_fetch` until the keys are stored.
    Then there is one fetch at a time, and those who waited find its result. `keys` and
    `fresh_keys` need no lock.
    """

    def __init__(self) -> None:
        self._fetched: _Fetched | None = None
        self._attempted_at = -math.inf  # the last fetch
        self._unknown_key_at = -math.inf  # the last fetch because of an unknown key
        # Names that the newest keys lack although they were fetched for them.
        self._absent: set[str | None] = set()

    def keys(self, now: float) -> KeySet | None:
        """The keys to verify with, None if there are none. They may be stale."""
        return self._keys(now, beyond_lifetime=STALE_IF_ERROR)

    def fresh_keys(self, now: float) -> KeySet | None:
        """The keys to verify with, None if it is time to fetch them again."""
        return self._keys(now, beyond_lifetime=0)

    def _keys(self, now: float, *, beyond_lifetime: float) -> KeySet | None:
        fetched = self._fetched  # read once, because another thread may store others
        if fetched is None or elapsed(fetched.at, now) >= fetched.lifetime + beyond_lifetime:
            return None
        return fetched.keys

    def start_fetch(
        self, now: float, *, unknown_key: bool = False, is_genuine: bool = False
    ) -> bool:
        """Whether to fetch the key set now. If so, this counts as an attempt.

        ``unknown_key``: whether the fresh keys lack the key of a token. ``is_genuine``:
        whether PeeringDB itself has just sent that token.
        """
        if self.fresh_keys(now) is not None:
            # This cool-down counts only fetches for an unknown key. PeeringDB may have
            # changed its key since the fetch at the start of a login.
            if not unknown_key or (self.unknown_key_wait(now) > 0 and not is_genuine):
                return False
            self._unknown_key_at = now
        elif _wait(self._attempted_at, now, FAILURE_COOL_DOWN) > 0:
            return False
        self._attempted_at = now
        return True

    def abandon_fetch(self) -> None:
        """Forget an attempt that was cancelled here: it says nothing about PeeringDB.

        The cool-down for an unknown key stays. Otherwise somebody could invent keys and
        cancel each time.
        """
        self._attempted_at = -math.inf

    def unknown_key_wait(self, now: float) -> float:
        """The seconds until `start_fetch` allows a fetch for any unknown key."""
        return _wait(self._unknown_key_at, now, UNKNOWN_KEY_COOL_DOWN)

    def add_absent(self, kid: str | None) -> None:
        """Remember that the newest keys were fetched for this name and lack it."""
        if len(self._absent) < _MAX_ABSENT:
            self._absent.add(kid)

    def is_absent(self, kid: str | None) -> bool:
        """Whether the newest keys were fetched for this name and lack it."""
        return kid in self._absent

    def retry_after(self, now: float) -> float:
        """The seconds until `start_fetch` allows a fetch where there are no keys."""
        return _wait(self._attempted_at, now, FAILURE_COOL_DOWN)

    def store(self, keys: KeySet, *, now: float, cache_control: str = "") -> None:
        """Keep the keys for as long as the response allows, within our bounds.

        ``cache_control``: the Cache-Control header of the response.
        """
        self._absent = set()
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
        return MIN_LIFETIME  # RFC 9111 section 4.2.1: an invalid max-age means stale
    return min(max(int(seconds[:9]), MIN_LIFETIME), MAX_LIFETIME)
