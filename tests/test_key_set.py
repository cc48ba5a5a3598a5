"""Which keys of a published set are usable, and for how long they are kept."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import ABSENT, b64, rs256, rsa_jwk, uint

from peeringdb_oauth.errors import ConfigurationError, InvalidResponse
from peeringdb_oauth.key_set import (
    DEFAULT_LIFETIME,
    FAILURE_COOL_DOWN,
    MAX_KEYS,
    MAX_LIFETIME,
    MIN_LIFETIME,
    ROCA_PRIMES,
    STALE_IF_ERROR,
    UNKNOWN_KEY_COOL_DOWN,
    KeyCache,
    KeySet,
    decode_base64url,
    require_cryptography,
)

NOW = 1_800_000_000


def key_set(*keys):
    return KeySet.from_jwks({"keys": list(keys)})


KEYS = key_set(rsa_jwk("one"))


def test_limits_are_the_documented_ones():
    assert MAX_KEYS == 32
    assert (MIN_LIFETIME, DEFAULT_LIFETIME, MAX_LIFETIME) == (60, 3600, 24 * 3600)
    assert STALE_IF_ERROR == 10 * 3600
    assert (FAILURE_COOL_DOWN, UNKNOWN_KEY_COOL_DOWN) == (10, 60)


# --- base64url ------------------------------------------------------------------------


@given(st.binary())
def test_base64url_is_read_as_it_is_written(value):
    assert decode_base64url(b64(value).encode()) == value


def test_base64url_of_up_to_two_characters_is_accepted_only_in_its_one_form():
    texts = [
        b"",
        *(bytes([a]) for a in range(256)),
        *(bytes([a, b]) for a in range(256) for b in range(256)),
    ]
    assert {text for text in texts if is_base64url(text)} == {
        b"",
        *(b64(bytes([a])).encode() for a in range(256)),
    }


@given(st.text("AQgwZ-_+/= \n.\u00e9", max_size=12).map(str.encode))
def test_base64url_is_read_only_as_it_is_written(text):
    if is_base64url(text):
        assert b64(decode_base64url(text)).encode() == text


def is_base64url(text):
    try:
        decode_base64url(text)
    except ValueError:
        return False
    return True


# --- usable keys ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"use": ABSENT},
        {"alg": ABSENT},
        {"kid": ABSENT},
        {"kid": None},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"]},
        {"e": uint(3)},
        {"e": uint(2**32 - 1)},
        {"n": uint(2**8191 + 1)},
        {"x5c": ["ignored"]},
    ],
)
def test_takes_every_key_for_rs256(changes):
    assert len(key_set(rsa_jwk("one", **changes)).keys) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"kty": ABSENT},
        {"kty": "EC"},
        {"kty": "oct", "k": "AAAA"},
        {"use": "enc"},
        {"use": None},
        {"alg": "RS384"},
        {"alg": "HS256"},
        {"alg": None},
        {"key_ops": []},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"key_ops": None},
        {"kid": 1},
        {"kid": ["one"]},
        *({part: "AQAB"} for part in ("d", "p", "q", "dp", "dq", "qi", "k")),
        {"p": None},
        {"oth": []},
        {"n": ABSENT},
        {"e": ABSENT},
        {"n": 65537},
        {"n": "\u00e9"},
        {"n": "AQ=="},
        {"n": uint(2**2047 - 1)},
        {"n": uint(2**2047)},
        {"n": uint(2**8192 + 1)},
        {"e": uint(1)},
        {"e": uint(65536)},
        {"e": uint(2**32 + 1)},
        {"e": "AA"},
    ],
)
def test_ignores_every_other_key(changes):
    assert [key.kid for key in key_set(rsa_jwk("one", **changes), rsa_jwk("two")).keys] == ["two"]
    with pytest.raises(InvalidResponse, match=r"no RSA key .* with 2048 bits or more") as refused:
        key_set(rsa_jwk("one", **changes))
    assert refused.value.check == "jwks"


def congruent_to_1(modulus):
    """Return an odd number of 2048 bits whose remainder is 1."""
    return 2 * modulus * (2**2047 // (2 * modulus) + 1) + 1


def test_ignores_a_key_whose_modulus_is_a_power_of_65537_modulo_each_roca_prime():
    weak = congruent_to_1(math.prod(ROCA_PRIMES))
    assert weak.bit_length() == 2048
    with pytest.raises(InvalidResponse):
        key_set(rsa_jwk("one", n=uint(weak)))


@pytest.mark.parametrize("prime", ROCA_PRIMES)
def test_takes_a_key_whose_modulus_is_no_such_power_for_one_of_the_primes(prime):
    others = math.prod(ROCA_PRIMES) // prime
    numbers = (congruent_to_1(others) + 2 * others * step for step in range(prime))
    powers = {pow(65537, exponent, prime) for exponent in range(prime)}
    strong = next(number for number in numbers if number % prime not in powers)
    assert len(key_set(rsa_jwk("one", n=uint(strong))).keys) == 1


def test_modulo_each_roca_prime_65537_has_few_powers():
    for prime in ROCA_PRIMES:
        assert all(prime % divisor for divisor in range(2, prime))
        assert len({pow(65537, exponent, prime) for exponent in range(prime)}) <= (prime - 1) / 2


@pytest.mark.parametrize(
    "jwks",
    [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": []}, {"keys": [None, "a", []]}],
)
def test_refuses_what_is_not_a_key_set(jwks):
    with pytest.raises(InvalidResponse) as refused:
        KeySet.from_jwks(jwks)
    assert refused.value.check == "jwks"


def test_refuses_a_key_set_with_too_many_keys():
    assert len(key_set(*[rsa_jwk("one")] * MAX_KEYS).keys) == MAX_KEYS
    with pytest.raises(InvalidResponse):
        key_set(*[rsa_jwk("one")] * (MAX_KEYS + 1))


def test_without_cryptography_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    with pytest.raises(ConfigurationError, match=r'pip install "peeringdb-oauth\[oidc\]"'):
        key_set(rsa_jwk("one"))


def test_whether_cryptography_is_installed_can_be_asked_without_loading_it(monkeypatch):
    require_cryptography()
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError, match=r'pip install "peeringdb-oauth\[oidc\]"'):
        require_cryptography()


def test_a_key_tells_its_signatures_from_others():
    (key,) = KEYS.keys
    signature = rs256("one", b"message")
    assert key.verify(signature, b"message") is True
    assert key.verify(signature, b"another message") is False
    assert key.verify(rs256("two", b"message"), b"message") is False
    assert key.verify(b"", b"message") is False


def test_repr_of_a_key_is_its_name():
    assert repr(KEYS.keys[0]) == "PublicKey(kid='one')"


@pytest.mark.parametrize(
    ("kids", "wanted", "found"),
    [
        (["one", "two"], "two", "two"),
        (["one"], None, "one"),
        ([None], None, None),
        (["one", "two"], None, "nothing"),
        (["one", "one"], "one", "nothing"),
        (["one"], "two", "nothing"),
        ([None], "one", "nothing"),
        (["one"], "", "nothing"),
    ],
)
def test_a_key_is_chosen_only_if_it_is_the_only_one_that_fits(kids, wanted, found):
    key = key_set(*(rsa_jwk("one", kid=kid) for kid in kids)).select(wanted)
    assert ("nothing" if key is None else key.kid) == found


def test_key_set_cannot_be_changed():
    with pytest.raises(AttributeError):
        KEYS.keys = ()


# --- keeping keys ---------------------------------------------------------------------


def cache_with_keys(cache_control=""):
    cache = KeyCache()
    assert cache.start_fetch(NOW)
    cache.store(KEYS, now=NOW, cache_control=cache_control)
    return cache


def test_an_empty_cache_wants_a_fetch_and_has_no_keys():
    cache = KeyCache()
    assert cache.keys(NOW) is None
    assert cache.retry_after(NOW) == 0
    assert cache.start_fetch(NOW)


def test_a_failed_first_fetch_is_repeated_after_a_cool_down_only():
    cache = KeyCache()
    assert cache.start_fetch(NOW)
    assert not cache.start_fetch(NOW + FAILURE_COOL_DOWN - 1)
    assert not cache.start_fetch(NOW + FAILURE_COOL_DOWN - 1, unknown_key=True)
    assert cache.retry_after(NOW + FAILURE_COOL_DOWN - 1) == 1
    assert cache.retry_after(NOW + FAILURE_COOL_DOWN + 1) == 0
    assert cache.start_fetch(NOW + FAILURE_COOL_DOWN)


def test_fresh_keys_are_used_without_a_fetch():
    cache = cache_with_keys()
    assert cache.keys(NOW + DEFAULT_LIFETIME - 1) is KEYS
    assert not cache.start_fetch(NOW + DEFAULT_LIFETIME - 1)


def test_expired_keys_are_fetched_again_and_used_while_that_fails():
    cache = cache_with_keys()
    expiry = NOW + DEFAULT_LIFETIME
    assert cache.start_fetch(expiry)
    assert not cache.start_fetch(expiry + FAILURE_COOL_DOWN - 1)
    assert cache.start_fetch(expiry + FAILURE_COOL_DOWN)
    assert cache.keys(expiry + STALE_IF_ERROR - 1) is KEYS
    assert cache.keys(expiry + STALE_IF_ERROR) is None


def test_an_unknown_key_asks_for_a_fetch_at_most_once_a_minute():
    cache = cache_with_keys()
    # The fetch for another reason does not count: the key may have changed since.
    assert cache.start_fetch(NOW, unknown_key=True)
    assert not cache.start_fetch(NOW + UNKNOWN_KEY_COOL_DOWN - 1, unknown_key=True)
    assert cache.start_fetch(NOW + UNKNOWN_KEY_COOL_DOWN, unknown_key=True)
    assert not cache.start_fetch(NOW + 2 * UNKNOWN_KEY_COOL_DOWN - 1, unknown_key=True)
    assert cache.keys(NOW + 2 * UNKNOWN_KEY_COOL_DOWN) is KEYS


def test_the_key_of_a_genuine_token_is_fetched_at_once():
    cache = cache_with_keys()
    for _ in range(3):
        assert cache.start_fetch(NOW, unknown_key=True, is_genuine=True)
    assert cache.unknown_key_wait(NOW + 20) == UNKNOWN_KEY_COOL_DOWN - 20
    assert not cache.start_fetch(NOW, unknown_key=True)
    assert not cache.start_fetch(NOW, is_genuine=True)


def test_names_that_the_newest_keys_lack_are_remembered_up_to_a_bound():
    cache = cache_with_keys()
    for number in range(100):
        cache.add_absent(str(number))
    assert cache.is_absent("0")
    assert not cache.is_absent("99")
    assert not cache.is_absent(None)
    cache.store(KEYS, now=NOW)
    assert not cache.is_absent("0")


def test_a_cancelled_fetch_may_be_repeated_at_once():
    cache = KeyCache()
    assert cache.start_fetch(NOW)
    cache.abandon_fetch()
    assert cache.retry_after(NOW) == 0
    assert cache.start_fetch(NOW)


def test_a_cancelled_fetch_for_an_unknown_key_is_not_repeated_at_once():
    cache = cache_with_keys()
    assert cache.start_fetch(NOW, unknown_key=True)
    cache.abandon_fetch()
    assert not cache.start_fetch(NOW, unknown_key=True)


def test_fresh_keys_are_those_that_need_no_fetch():
    cache = cache_with_keys()
    assert cache.fresh_keys(NOW + DEFAULT_LIFETIME - 1) is KEYS
    assert cache.fresh_keys(NOW + DEFAULT_LIFETIME) is None


def test_a_fetch_that_brings_keys_replaces_the_old_ones():
    cache, newer = cache_with_keys(), key_set(rsa_jwk("two"))
    cache.store(newer, now=NOW + 100)
    assert cache.keys(NOW + 100) is newer
    assert not cache.start_fetch(NOW + 100 + DEFAULT_LIFETIME - 1)


def test_a_clock_that_was_set_back_neither_keeps_keys_nor_blocks_fetching():
    cache = cache_with_keys()
    long_ago = NOW - 10 * MAX_LIFETIME
    assert cache.keys(long_ago) is None
    assert cache.start_fetch(long_ago)


def test_a_thread_that_waited_for_the_lock_with_an_older_time_finds_the_new_keys():
    cache = cache_with_keys()
    assert cache.start_fetch(NOW, unknown_key=True)
    assert cache.keys(NOW - 1) is KEYS
    assert not cache.start_fetch(NOW - 1)
    assert not cache.start_fetch(NOW - 1, unknown_key=True)


@pytest.mark.parametrize(
    ("cache_control", "lifetime"),
    [
        ("", DEFAULT_LIFETIME),
        ("public", DEFAULT_LIFETIME),
        ("public, max-age=7200, stale-while-revalidate=60, stale-if-error=60", 7200),
        ("Max-Age=7200", 7200),
        ('max-age="7200"', 7200),
        ("s-maxage=10,max-age=7200", 7200),
        ("max-age=0", MIN_LIFETIME),
        ("max-age=59", MIN_LIFETIME),
        ("max-age=86401", MAX_LIFETIME),
        ("max-age=" + "9" * 5000, MAX_LIFETIME),
        ("max-age=-1", MIN_LIFETIME),
        ("max-age=", MIN_LIFETIME),
        ("max-age", MIN_LIFETIME),
        ("max-age=\u0661\u0662\u0663\u0664", MIN_LIFETIME),
        ("max-age=\u00b2\u00b2\u00b2\u00b2", MIN_LIFETIME),
        ("max-age=7200, no-store", MIN_LIFETIME),
        ("no-cache, max-age=7200", MIN_LIFETIME),
    ],
)
def test_keys_are_kept_as_long_as_the_response_allows_within_bounds(cache_control, lifetime):
    cache = cache_with_keys(cache_control)
    assert not cache.start_fetch(NOW + lifetime - 1)
    assert cache.start_fetch(NOW + lifetime)
