"""What we accept, joserfc and PyJWT accept too, with the same claims.

No text that is one step away from a good token is accepted.
"""

import base64
import json
import string

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk
from joserfc import jwt as joserfc_jwt
from joserfc.jws import JWSRegistry

from peeringdb_oauth.errors import InvalidIDToken
from peeringdb_oauth.id_token import verify_id_token
from peeringdb_oauth.key_set import KeySet

ISSUER = "https://auth.peeringdb.com/oauth2"
CLIENT_ID = "our-client"
NOW = 1_800_000_000
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_KEY = {
    **jwk.RSAKey.import_key(KEY.public_key()).as_dict(private=False),
    "kid": "one",
    "alg": "RS256",
    "use": "sig",
}
JOSERFC_KEYS = jwk.KeySet([jwk.RSAKey.import_key(PUBLIC_KEY)])
KEYS = KeySet.from_jwks({"keys": [PUBLIC_KEY]})
CLAIMS = {
    "aud": CLIENT_ID,
    "iat": NOW - 10,
    "nonce": "n-123",
    "sub": "1",
    "name": "Ada Admin",
    "networks": [{"id": 1, "name": "Example Net", "asn": 64500, "perms": 15}],
    "iss": ISSUER,
    "exp": NOW + 35990,
}


def b64(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def sign(payload, header):
    message = ".".join(b64(part.encode("utf-8", "surrogatepass")) for part in (header, payload))
    return message + "." + b64(KEY.sign(message.encode(), PKCS1v15(), SHA256()))


HEADER = json.dumps({"typ": "JWT", "alg": "RS256", "kid": "one"})
GOOD = sign(json.dumps(CLAIMS), HEADER)


def accepted(token, **expected):
    """The claims, None for a refusal. Any other exception fails the test."""
    try:
        return dict(
            verify_id_token(
                token, KEYS, **{"issuer": ISSUER, "client_id": CLIENT_ID, "now": NOW} | expected
            )
        )
    except InvalidIDToken:
        return None


def accepted_by_joserfc(token):
    # RFC 7515 section 4: unknown parameters are ignored.
    lenient = JWSRegistry(algorithms=["RS256"], strict_check_header=False)
    decoded = joserfc_jwt.decode(token, JOSERFC_KEYS, registry=lenient)
    wanted = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": CLIENT_ID},
    }
    required = {name: {"essential": True} for name in ("sub", "exp", "iat")}
    joserfc_jwt.JWTClaimsRegistry(now=NOW, leeway=60, **wanted, **required).validate(decoded.claims)
    return decoded.claims


def accepted_by_pyjwt(token):
    """Without the times: PyJWT asks the clock of the machine."""
    options = {
        "require": ["iss", "aud", "sub", "exp", "iat"],
        "verify_exp": False,
        "verify_iat": False,
        "verify_nbf": False,
    }
    return jwt.decode(
        token,
        KEY.public_key(),
        algorithms=["RS256"],
        audience=CLIENT_ID,
        issuer=ISSUER,
        options=options,
    )


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
TIMES = st.integers(NOW - 100, NOW + 100) | st.floats(NOW - 100, NOW + 100) | SCALARS
AUDIENCES = st.sampled_from([CLIENT_ID, [CLIENT_ID], ["other", CLIENT_ID], "other", []]) | JSON
CLAIM_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "iss": st.just(ISSUER) | JSON,
        "aud": AUDIENCES,
        "azp": st.just(CLIENT_ID) | JSON,
        "sub": st.text(max_size=5) | JSON,
        "exp": TIMES,
        "iat": TIMES,
        "nbf": TIMES,
        "auth_time": TIMES,
        "nonce": JSON,
        "networks": JSON,
        "x": JSON,
    },
)
HEADER_CHANGES = st.fixed_dictionaries(
    {}, optional={"typ": st.just("jwt") | JSON, "kid": st.just("one") | JSON, "x": JSON}
)


def assert_peers_agree(token):
    claims = accepted(token)
    if claims is not None:
        assert accepted_by_joserfc(token) == claims
        assert accepted_by_pyjwt(token) == claims


def test_all_three_accept_a_good_token_with_the_same_claims():
    assert accepted(GOOD) == accepted_by_joserfc(GOOD) == accepted_by_pyjwt(GOOD) == CLAIMS


@settings(max_examples=400)
@given(CLAIM_CHANGES)
def test_what_we_accept_of_any_claims_the_others_accept(changes):
    assert_peers_agree(sign(json.dumps(CLAIMS | changes), HEADER))


@settings(max_examples=200)
@given(HEADER_CHANGES)
def test_what_we_accept_of_any_header_the_others_accept(changes):
    assert_peers_agree(sign(json.dumps(CLAIMS), json.dumps(json.loads(HEADER) | changes)))


@settings(max_examples=400)
@given(st.text('{}[]":,\\u0123 \n\t\r\ud800\x00eE+-.NaInfitrue/', max_size=12), st.integers(0, 400))
def test_what_we_accept_of_any_text_the_others_read_alike(inserted, position):
    payload = json.dumps(CLAIMS)
    assert_peers_agree(sign(payload[:position] + inserted + payload[position:], HEADER))


def mutations():
    """Every text one step away from the good token: bits, characters, cuts, parts."""
    places = range(len(GOOD))
    yield from (
        GOOD[:i] + chr(ord(GOOD[i]) ^ 1 << bit) + GOOD[i + 1 :] for i in places for bit in range(8)
    )
    yield from (GOOD[:i] + GOOD[i + 1 :] for i in places)
    yield from (GOOD[:i] for i in places)
    yield from (GOOD[i + 1 :] for i in places)
    yield from (
        GOOD[:i] + inserted + GOOD[i:] for i in range(len(GOOD) + 1) for inserted in "= \n\0A.+"
    )
    parts = GOOD.split(".")
    yield from (
        ".".join(parts[i] for i in order)
        for order in [(0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0), (0, 0, 2), (0, 1, 1)]
    )


def test_no_text_one_step_away_from_a_good_token_is_accepted():
    tried = [mutation for mutation in mutations() if mutation != GOOD]
    assert len(tried) > 10_000
    assert not [mutation for mutation in tried if accepted(mutation) is not None]


@pytest.mark.parametrize("part", range(3))
def test_no_other_last_character_of_a_part_is_accepted(part):
    """Where it has unused bits, other characters decode to the same bytes."""
    for character in string.ascii_letters + string.digits + "-_":
        parts = GOOD.split(".")
        parts[part] = parts[part][:-1] + character
        assert accepted(".".join(parts)) == (CLAIMS if ".".join(parts) == GOOD else None)


@settings(max_examples=300)
@given(st.text(max_size=200) | st.text(string.ascii_letters + string.digits + "-_.", max_size=400))
def test_every_text_is_refused_with_the_one_expected_error(text):
    assert accepted(text) is None


@settings(max_examples=300)
@given(st.text(max_size=60) | JSON.map(json.dumps))
def test_every_signed_text_is_refused_with_the_one_expected_error(text):
    assert accepted(sign(text, HEADER)) is None
    assert accepted(sign(json.dumps(CLAIMS), text)) is None


@settings(max_examples=300)
@given(JSON, JSON)
def test_no_nonce_but_the_expected_one_is_accepted(nonce, at_hash):
    token = sign(json.dumps(CLAIMS | {"nonce": nonce, "at_hash": at_hash}), HEADER)
    assert (accepted(token, nonce="n-123") is not None) == (nonce == "n-123")
    assert accepted(token, access_token="any") is None
