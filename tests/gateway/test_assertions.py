"""Assertions, verified by the libraries that applications use."""

import json
from base64 import urlsafe_b64decode

import jwt
import pytest
from joserfc import jwk
from joserfc import jwt as joserfc_jwt

from peeringdb_oauth import Network, Permission, User
from peeringdb_oauth.gateway.assertions import LIFETIME, MAX_SIZE, Signer

ORIGIN, HOST = "https://lg.example.net", "lg.example.net"
SECRET, OLD_SECRET = "first-secret-of-the-gateway", "older-secret-of-the-gateway"
NOW = 1_800_000_000.0
DAY = 86_400


def make_user(networks=1, **changes):
    given = {
        "id": 7,
        "name": "Zoë Ng",
        "email": "zoe@example.net",
        "verified_user": True,
        "verified_email": True,
        "amr": ("pwd", "otp"),
        "networks": tuple(
            Network(
                id=at,
                asn=64500 + at,
                name=f"Net {at}",
                perms=Permission.READ | (Permission.UPDATE if at % 2 else Permission(0)),
            )
            for at in range(networks)
        ),
    }
    return User(**given | changes)


def sign(*secrets, user=None, roles=(), now=NOW):
    return Signer(secrets or (SECRET,)).sign(ORIGIN, HOST, user or make_user(), roles, now=now)


def claims_of(token):
    part = token.split(".")[1]
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def verify_with_pyjwt(token, key_set, **options):
    """As PyJWT verifies it, but for the time: NOW is not today."""
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(one for one in jwt.PyJWKSet.from_dict(key_set).keys if one.key_id == kid)
    given = {"audience": HOST, "issuer": ORIGIN} | options
    return jwt.decode(
        token,
        key.key,
        algorithms=["ES256"],
        options={"verify_exp": False, "verify_iat": False},
        **given,
    )


def test_pyjwt_verifies_an_assertion_against_the_published_keys():
    token = sign(user=make_user(3), roles=("Editor", "Viewer"))
    claims = verify_with_pyjwt(token, Signer((SECRET,)).key_set(ORIGIN, now=NOW))
    assert claims == {
        "iss": ORIGIN,
        "aud": HOST,
        "iat": NOW,
        "exp": NOW + LIFETIME,
        "sub": "7",
        "name": "Zoë Ng",
        "email": "zoe@example.net",
        "email_verified": True,
        "verified_user": True,
        "asns": [64500, 64501, 64502],
        "update_asns": [64501],
        "roles": ["Editor", "Viewer"],
        "amr": ["pwd", "otp"],
    }


def test_joserfc_verifies_an_assertion_against_the_published_keys():
    keys = jwk.KeySet.import_key_set(Signer((SECRET,)).key_set(ORIGIN, now=NOW))
    token = joserfc_jwt.decode(sign(), keys, algorithms=["ES256"])
    joserfc_jwt.JWTClaimsRegistry(
        now=lambda: int(NOW), iss={"value": ORIGIN}, aud={"value": HOST}, exp={"essential": True}
    ).validate(token.claims)
    assert token.header["typ"] == "JWT"


def test_an_assertion_is_for_one_host():
    signer = Signer((SECRET,))
    with pytest.raises(jwt.InvalidAudienceError):
        verify_with_pyjwt(sign(), signer.key_set(ORIGIN, now=NOW), audience="grafana.example.net")
    other = signer.key_set("https://grafana.example.net", now=NOW)
    assert {key["kid"] for key in other["keys"]}.isdisjoint(
        key["kid"] for key in signer.key_set(ORIGIN, now=NOW)["keys"]
    )


def test_all_with_the_secret_key_have_the_same_keys_and_others_have_none_of_them():
    kids = [
        {key["kid"] for key in Signer((secret,)).key_set(ORIGIN, now=NOW)["keys"]}
        for secret in (SECRET, SECRET, OLD_SECRET)
    ]
    assert kids[0] == kids[1]
    assert kids[0].isdisjoint(kids[2])


def test_a_new_day_brings_a_new_key_which_was_published_the_day_before():
    today, tomorrow = sign(), sign(now=NOW + DAY)
    published = Signer((SECRET,)).key_set(ORIGIN, now=NOW)
    assert jwt.get_unverified_header(today)["kid"] != jwt.get_unverified_header(tomorrow)["kid"]
    for token in (today, tomorrow):
        assert verify_with_pyjwt(token, published)["sub"] == "7"
    with pytest.raises(StopIteration):
        verify_with_pyjwt(sign(now=NOW + 2 * DAY), published)


def test_the_secret_key_can_be_changed():
    published = Signer((SECRET, OLD_SECRET)).key_set(ORIGIN, now=NOW)
    assert len(published["keys"]) == 6
    for token in (sign(SECRET, OLD_SECRET), sign(OLD_SECRET)):
        assert verify_with_pyjwt(token, published)["sub"] == "7"


def test_the_published_keys_have_no_private_part():
    for key in Signer((SECRET,)).key_set(ORIGIN, now=NOW)["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def test_what_is_not_known_is_left_out():
    claims = claims_of(sign(user=make_user(name=None, email=None, amr=None)))
    assert {"name", "email", "amr"}.isdisjoint(claims)


def test_a_long_list_is_cut_so_that_the_header_has_8_kilobytes_at_most():
    token = sign(user=make_user(1000))
    claims = claims_of(token)
    assert len(token) <= MAX_SIZE
    assert claims["asns"] == [64500 + at for at in range(len(claims["asns"]))]
    assert (len(claims["asns"]) > 100, claims["cut"]) == (True, ["asns"])
    assert verify_with_pyjwt(token, Signer((SECRET,)).key_set(ORIGIN, now=NOW))


def test_300_networks_fit():
    claims = claims_of(sign(user=make_user(300)))
    assert (len(claims["asns"]), len(claims["update_asns"]), "cut" in claims) == (300, 150, False)


def test_an_expired_assertion_is_refused():
    published = Signer((SECRET,)).key_set(ORIGIN, now=NOW)
    key = jwk.KeySet.import_key_set(published)
    token = joserfc_jwt.decode(sign(), key, algorithms=["ES256"])
    registry = joserfc_jwt.JWTClaimsRegistry(now=lambda: int(NOW) + LIFETIME + 1)
    with pytest.raises(Exception, match="expired"):
        registry.validate(token.claims)
