"""ID tokens: what nobody signed is refused, and what was signed is fully checked."""

import base64
import hashlib
import json

from recordings import WIRE, read_recording

from peeringdb_oauth.errors import InvalidIDToken
from peeringdb_oauth.id_token import read_subject, verify_id_token
from peeringdb_oauth.key_set import KeySet, PublicKey
from peeringdb_oauth.messages import parse_json

from .inputs import CANARY, assert_tells_no_secret, json_of

JWKS = read_recording("jwks").json
KEYS = KeySet.from_jwks(JWKS)
SIGNED = [
    read_recording(name).json["id_token"]
    for name in ("token-success-openid", "token-success-pkce-s256")
]
MESSAGES = {token.rpartition(".")[0] for token in SIGNED}
ISSUER, CLIENT_ID = "https://127.0.0.1:8443/oauth2", "conf-rs256"
NOW = 1795432515.0  # after all recordings
LEEWAY, MAX_AGE = 60, 3600
VALID = [
    (WIRE / f"idtoken-claims-{name}.json").read_text()
    for name in ("member", "orgadmin", "limited", "nonets")
]
NONCE, ACCESS_TOKEN = "n-123", f"{CANARY}-access-token"
_DIGEST = hashlib.sha256(ACCESS_TOKEN.encode()).digest()[:16]
AT_HASH = base64.urlsafe_b64encode(_DIGEST).rstrip(b"=").decode()
VALID += [json.dumps(json.loads(text) | {"nonce": NONCE, "at_hash": AT_HASH}) for text in VALID]
HEADER = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"ours"}').rstrip(b"=").decode()
# Its owner signs everything, so that the checks of the claims are reached.
EVERYTHING = KeySet(keys=(PublicKey(kid="ours", verify=lambda *_: True),))


def check(data, verify=verify_id_token):
    _check_forgery(data.decode("latin-1"), verify)
    _check_claims(json_of(data, VALID), verify)


def _read(verify, token, keys, **expected):
    try:
        return verify(
            token, keys, **{"issuer": ISSUER, "client_id": CLIENT_ID, "now": NOW} | expected
        )
    except InvalidIDToken as error:
        if error.check != "iss":  # of a signed token, the message repeats who has signed it
            assert_tells_no_secret(error, *SIGNED)
        return None


def _check_forgery(token, verify):
    if _read(verify, token, KEYS) is not None:
        assert token.rpartition(".")[0] in MESSAGES
    try:
        subject = read_subject(token)
    except InvalidIDToken as error:
        assert_tells_no_secret(error)
    else:
        assert 0 < len(subject) <= 255


def _check_claims(payload, verify):
    token = f"{HEADER}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.AA"
    plain = _read(verify, token, EVERYTHING)
    strict = _read(
        verify, token, EVERYTHING, nonce=NONCE, max_age=MAX_AGE, access_token=ACCESS_TOKEN
    )
    if plain is None:
        assert strict is None
        return
    value = parse_json(payload)
    assert dict(plain) == value
    _assert_claims_may_pass(value)
    _assert_attributes_are(plain, value)
    if strict is not None:
        assert value["nonce"] == NONCE
        assert NOW - MAX_AGE - LEEWAY <= value["auth_time"] <= NOW + LEEWAY
        assert value.get("at_hash", AT_HASH) == AT_HASH
    # A moment after its end the same token is refused.
    assert _read(verify, token, EVERYTHING, now=value["exp"] + LEEWAY) is None
    assert _read(verify, token, EVERYTHING, issuer=f"{ISSUER}/") is None
    assert _read(verify, token, EVERYTHING, client_id=f"{CLIENT_ID}2") is None or (
        isinstance(value["aud"], list)
    )


def _assert_claims_may_pass(value):
    """OpenID Connect Core 1.0 section 3.1.3.7, in the shortest way."""
    assert value["iss"] == ISSUER
    audiences = value["aud"] if isinstance(value["aud"], list) else [value["aud"]]
    assert any(one == CLIENT_ID for one in audiences)
    assert all(isinstance(one, str) for one in audiences)
    assert value.get("azp", CLIENT_ID) == CLIENT_ID
    assert len(audiences) == 1 or "azp" in value
    assert isinstance(value["sub"], str)
    assert 0 < len(value["sub"]) <= 255
    assert value["exp"] + LEEWAY > NOW
    assert value["iat"] <= NOW + LEEWAY
    assert value.get("nbf", 0) <= NOW + LEEWAY
    for name in ("exp", "iat", "nbf", "auth_time"):
        assert type(value.get(name, 0)) in (int, float)
    assert isinstance(value.get("nonce", ""), str)


def _assert_attributes_are(claims, value):
    assert (claims.issuer, claims.subject) == (ISSUER, value["sub"])
    assert (claims.expires_at, claims.issued_at) == (int(value["exp"]), int(value["iat"]))
    assert claims.nonce == value.get("nonce")
    assert claims.auth_time == (int(value["auth_time"]) if "auth_time" in value else None)
    assert CANARY not in repr(claims) or CANARY in value["sub"]
    json.dumps(dict(claims))
