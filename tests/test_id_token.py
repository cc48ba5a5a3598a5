import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import ABSENT, b64, changed, compact_jws, rsa_jwk, rsa_key
from recordings import WIRE

from peeringdb_oauth.errors import InvalidIDToken
from peeringdb_oauth.id_token import (
    MAX_DATE,
    MAX_HEADER,
    MAX_SIZE,
    IDTokenClaims,
    UnknownKey,
    read_subject,
    verify_id_token,
)
from peeringdb_oauth.key_set import KeySet

ISSUER = "https://auth.peeringdb.com/oauth2"
CLIENT_ID = "our-client"
NOW = 1_800_000_000
OTHER_KEY = "two"


def jwk(key="one", *, kid="one", **changes):
    return rsa_jwk(key, kid=kid, **changes)


def key_set(*keys):
    return KeySet.from_jwks({"keys": list(keys)})


KEYS = key_set(jwk())


def sign(payload, header=None, key="one"):
    """Sign a token; payload and header are taken as they are if they are bytes."""
    usual = {"typ": "JWT", "alg": "RS256", "kid": "one"}
    return compact_jws(usual if header is None else header, payload, key=key)


def claims(**changes):
    """Claims as PeeringDB writes them."""
    members = {
        "aud": CLIENT_ID,
        "iat": NOW - 10,
        "sub": "1",
        "name": "Ada Admin",
        "email": "ada@example.net",
        "networks": [
            {"id": 1, "name": "Example Net", "asn": 64500, "perms": 15},
            {"id": 2, "name": "Two", "asn": 64501, "perms": 1},
        ],
        "amr": ["pwd", "otp", "mfa"],
        "iss": ISSUER,
        "exp": NOW + 35990,
        "auth_time": NOW - 100,
    }
    return changed(members, changes)


def verify(token, keys=KEYS, **expected):
    return verify_id_token(
        token, keys, **{"issuer": ISSUER, "client_id": CLIENT_ID, "now": NOW} | expected
    )


def refusal(token, keys=KEYS, **expected):
    """The name of the failed check. The message must hold no personal data."""
    with pytest.raises(InvalidIDToken) as refused:
        verify(token, keys, **expected)
    message = str(refused.value)
    assert not any(
        secret in message
        for secret in (
            "Ada",
            "ada@",
            "stolen",
            *(part for part in token.split(".") if len(part) > 10),
        )
    )
    return refused.value.check


def header(**changes):
    return changed({"typ": "JWT", "alg": "RS256", "kid": "one"}, changes)


def test_limits_are_the_documented_ones():
    assert (MAX_SIZE, MAX_HEADER) == (256 * 1024, 4096)
    assert datetime.fromtimestamp(MAX_DATE, UTC).isoformat() == "9999-12-31T23:59:59+00:00"


# --- PeeringDB's own tokens ---

RECORDED = [
    json.loads(path.read_text(encoding="utf-8"))
    for pattern in ("token-success-*.json", "token-scope-*.json", "refresh-success.json")
    for path in sorted(WIRE.glob(pattern))
]
RECORDED = [answer for answer in RECORDED if "id_token" in answer]


def recorded_claims(answer):
    payload = answer["id_token"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "==="))


@pytest.mark.parametrize(
    "answer", [answer for answer in RECORDED if "hs256" not in recorded_claims(answer)["aud"]]
)
def test_verifies_what_peeringdb_sends(answer):
    expected = recorded_claims(answer)
    verified = verify_id_token(
        answer["id_token"],
        KeySet.from_jwks(json.loads((WIRE / "jwks.json").read_text(encoding="utf-8"))),
        issuer="https://127.0.0.1:8443/oauth2",
        client_id=expected["aud"],
        now=expected["iat"] + 1,
        nonce=expected.get("nonce"),
        max_age=60,
        access_token=answer["access_token"],
    )
    assert dict(verified) == expected


@pytest.mark.parametrize(
    "answer", [answer for answer in RECORDED if "hs256" in recorded_claims(answer)["aud"]]
)
def test_refuses_hs256_and_names_the_remedy(answer):
    with pytest.raises(
        InvalidIDToken, match="choose RS256 as the algorithm on the application's page at PeeringDB"
    ) as refused:
        verify(answer["id_token"])
    assert refused.value.check == "alg"
    assert "HS256" in str(refused.value)


# --- the claims ---


def test_claims_are_a_mapping_with_attributes():
    verified = verify(sign(claims(nonce="n", exp=NOW + 9.5)))
    assert dict(verified) == claims(nonce="n", exp=NOW + 9.5)
    assert (verified["email"], len(verified), "nbf" in verified) == ("ada@example.net", 11, False)
    assert (verified.issuer, verified.subject, verified.audience) == (ISSUER, "1", (CLIENT_ID,))
    assert (verified.expires_at, verified.issued_at, verified.auth_time, verified.nonce) == (
        NOW + 9,
        NOW - 10,
        NOW - 100,
        "n",
    )


def test_claims_that_a_token_may_lack_are_none():
    verified = verify(sign(claims(auth_time=ABSENT)))
    assert verified.auth_time is None
    assert verified.nonce is None


def test_claims_cannot_be_changed():
    verified = verify(sign(claims()))
    with pytest.raises(TypeError):
        verified["sub"] = "2"
    with pytest.raises((AttributeError, TypeError)):  # it depends on the version of Python
        verified.subject = "2"
    with pytest.raises(AttributeError):
        verified._claims = {}


def test_repr_of_claims_shows_nothing_personal():
    assert (
        repr(IDTokenClaims(claims()))
        == f"IDTokenClaims(issuer='{ISSUER}', subject='1', expires_at={NOW + 35990})"
    )


# --- RFC 7515: three parts in base64url ---

GOOD = sign(claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        HEAD,
        f"{HEAD}.{BODY}",
        f"{HEAD}{SIGNATURE}",
        f"{GOOD}.",
        f".{GOOD}",
        f"{HEAD}.{BODY}..{SIGNATURE}",
        f"{GOOD}.{BODY}.{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{HEAD}.{BODY}=.{SIGNATURE}",
        f"{GOOD}==",
        GOOD.replace(".", ". "),
        f"{HEAD}.{BODY}\u00e9.{SIGNATURE}",
        f"{HEAD}.{BODY}\ud800.{SIGNATURE}",
        f"{HEAD}=.{BODY}.{SIGNATURE}",
    ],
)
def test_refuses_what_is_not_three_parts_in_base64url(token):
    assert refusal(token) in {"structure", "header"}


@pytest.mark.parametrize("part", range(3))
def test_refuses_the_standard_alphabet_in_every_part(part):
    parts = [HEAD, BODY, SIGNATURE]
    parts[part] = "+/" + parts[part][2:]
    assert refusal(".".join(parts)) == "structure"


def test_refuses_unused_bits_that_are_not_zero():
    """342 characters are 256 bytes and four bits."""
    other = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bytes = SIGNATURE[:-1] + other[other.index(SIGNATURE[-1]) + 1]
    assert base64.urlsafe_b64decode(same_bytes + "==") == base64.urlsafe_b64decode(SIGNATURE + "==")
    assert refusal(f"{HEAD}.{BODY}.{same_bytes}") == "structure"


def test_refuses_more_than_256_kib_before_looking_at_them():
    assert refusal("." * (MAX_SIZE + 1)) == "size"
    assert refusal("." * MAX_SIZE) == "structure"


# --- RFC 7515 section 4: the header ---


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"RS256"',
        b"{'alg': 'RS256'}",
        b'{"alg": "none", "alg": "RS256", "kid": "one"}',
        b'{"alg": "RS256", "kid": "one", "x": {"y": 1, "y": 1}}',
        b'{"alg": "RS256", "kid": "one", "x": NaN}',
        b'{"alg": "RS256", "kid": "one", "x": "\xff"}',
        b'{"alg": "RS256", "kid": "one"} {}',
        b'\xef\xbb\xbf{"alg": "RS256", "kid": "one"}',
        b'{"alg": "RS256", "kid": "one", "x": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"alg": "RS256", "kid": "one", "x": "' + b"x" * MAX_HEADER + b'"}',
    ],
)
def test_refuses_a_header_that_is_not_one_plain_json_object(text):
    assert refusal(sign(claims(), text)) == "header"


def test_says_that_the_header_names_a_member_twice():
    with pytest.raises(InvalidIDToken, match="names a member twice"):
        verify(sign(claims(), b'{"alg": "RS256", "kid": "one", "kid": "one"}'))


def test_refuses_a_header_that_is_too_long_even_if_it_is_right():
    padding = "x" * (MAX_HEADER // 4 * 3 - len(json.dumps(header(x=""))))
    assert dict(verify(sign(claims(), header(x=padding)))) == claims()
    assert refusal(sign(claims(), header(x=padding + "x"))) == "header"


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "",
        "rs256",
        "RS384",
        "PS256",
        "ES256",
        "HS256",
        None,
        ABSENT,
        ["RS256"],
        {"RS256": 1},
        1,
    ],
)
def test_refuses_every_algorithm_but_rs256(alg):
    assert refusal(sign(claims(), header(alg=alg))) == "alg"


def test_names_hs256_only_where_it_was_used():
    with pytest.raises(InvalidIDToken, match="choose RS256") as refused:
        verify(sign(claims(), header(alg="none")))
    assert "HS256" not in str(refused.value)


def test_refuses_hs256_keyed_with_the_public_key():
    message = b64(json.dumps(header(alg="HS256")).encode()) + "." + BODY
    public = (
        rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    assert refusal(f"{message}.{b64(hashlib.sha256(public + message.encode()).digest())}") == "alg"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("crit", ["exp"]),
        ("crit", []),
        ("jwk", jwk(OTHER_KEY)),
        ("jku", "https://example.net/"),
        ("x5u", "https://example.net/"),
        ("x5c", []),
    ],
)
def test_refuses_extensions_and_keys_that_come_with_the_token(name, value):
    assert refusal(sign(claims(), header(**{name: value}))) == name
    assert refusal(sign(claims(), header(**{name: value}), OTHER_KEY)) == name


@pytest.mark.parametrize("typ", ["JWT", "jwt", "application/jwt", ABSENT])
def test_accepts_every_way_to_write_the_type_jwt(typ):
    assert dict(verify(sign(claims(), header(typ=typ)))) == claims()


@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "JOSE", "", None, 1, ["JWT"]])
def test_refuses_other_types_of_token(typ):
    assert refusal(sign(claims(), header(typ=typ))) == "typ"


@pytest.mark.parametrize("kid", [None, 1, ["one"], {}])
def test_refuses_a_kid_that_is_not_a_string(kid):
    assert refusal(sign(claims(), header(kid=kid))) == "kid"


# --- keys and signature ---


def test_takes_the_key_that_the_token_names():
    keys = key_set(jwk(OTHER_KEY, kid="two"), jwk())
    assert dict(verify(sign(claims()), keys)) == claims()
    assert dict(verify(sign(claims(), header(kid="two"), OTHER_KEY), keys)) == claims()
    assert refusal(sign(claims(), header(kid="two")), keys) == "signature"


def test_a_token_without_kid_is_for_the_only_key():
    token = sign(claims(), header(kid=ABSENT))
    assert dict(verify(token)) == claims()
    assert dict(verify(token, key_set(jwk(kid=ABSENT)))) == claims()


@pytest.mark.parametrize(
    ("kid", "keys"),
    [
        ("two", [jwk()]),
        ("", [jwk()]),
        ("one", [jwk(kid=ABSENT)]),
        (ABSENT, [jwk(), jwk(OTHER_KEY, kid="two")]),
        ("one", [jwk(), jwk(OTHER_KEY)]),
    ],
    ids=["unknown", "empty", "unnamed", "which", "two-of-one-name"],
)
def test_without_exactly_one_fitting_key_the_error_is_unknown_key(kid, keys):
    with pytest.raises(UnknownKey) as refused:
        verify(sign(claims(), header(kid=kid)), key_set(*keys))
    assert refused.value.check == "kid"
    assert refused.value.kid == (None if kid is ABSENT else kid)


def test_refuses_a_signature_by_another_key():
    assert refusal(sign(claims(), key=OTHER_KEY)) == "signature"


@pytest.mark.parametrize(
    "signature", ["", b64(bytes(256)), SIGNATURE[:-2], SIGNATURE + "AAAA", b64(b"\0") + SIGNATURE]
)
def test_refuses_a_signature_of_another_length_or_content(signature):
    assert refusal(f"{HEAD}.{BODY}.{signature}") in {"signature", "structure"}


def test_refuses_the_signature_of_another_payload():
    stolen = sign(claims(sub="stolen"))
    assert refusal(f"{HEAD}.{stolen.split('.')[1]}.{SIGNATURE}") == "signature"


def test_looks_at_no_claim_before_the_signature_is_right():
    assert refusal(sign(b"no JSON", key=OTHER_KEY)) == "signature"


# --- the payload ---


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b'"sub"',
        b"{} {}",
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
    ],
)
def test_refuses_a_payload_that_is_not_one_plain_json_object(text):
    assert refusal(sign(text)) == "payload"


def test_the_last_of_duplicate_claims_counts():
    """RFC 7519 section 4 allows it, and other libraries do the same."""
    text = json.dumps(claims())[:-1]
    verified = verify(sign((text + ', "name": "Bob", "\\u006eame": "Last"}').encode()))
    assert dict(verified) == claims(name="Last")
    assert refusal(sign((text + ', "sub": ""}').encode())) == "sub"


def test_accepts_colons_and_characters_beyond_ascii_in_names():
    networks = [{"id": 1, "name": "Ex\u00e4mple: https://example.net \U0001f310", "asn": 64500}]
    assert verify(sign(claims(networks=networks)))["networks"] == networks


# --- OpenID Connect Core 3.1.3.7: the claims ---


@pytest.mark.parametrize(
    "iss",
    [
        ABSENT,
        None,
        "",
        ISSUER + "/",
        "https://www.peeringdb.com/oauth2",
        ISSUER.upper(),
        [ISSUER],
        {ISSUER: 1},
    ],
)
def test_refuses_another_issuer(iss):
    assert refusal(sign(claims(iss=iss))) == "iss"


def test_names_both_issuers_cut_to_a_bounded_length():
    with pytest.raises(InvalidIDToken) as refused:
        verify(sign(claims(iss="https://example.net/" + "x" * 10_000)))
    assert ISSUER in str(refused.value)
    assert "https://example.net/" in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    "aud",
    [
        ABSENT,
        None,
        "",
        [],
        "other",
        ["other"],
        CLIENT_ID + " ",
        f"x{CLIENT_ID}x",
        {CLIENT_ID: 1},
        [CLIENT_ID, 1],
        [[CLIENT_ID]],
    ],
)
def test_refuses_a_token_for_another_application(aud):
    assert refusal(sign(claims(aud=aud, azp=CLIENT_ID))) == "aud"


def test_accepts_a_list_with_our_client_id_only():
    assert verify(sign(claims(aud=[CLIENT_ID]))).audience == (CLIENT_ID,)


def test_accepts_further_audiences_only_if_we_are_the_authorized_party():
    both = ["other", CLIENT_ID]
    assert verify(sign(claims(aud=both, azp=CLIENT_ID))).audience == ("other", CLIENT_ID)
    assert refusal(sign(claims(aud=both))) == "azp"
    assert refusal(sign(claims(aud=[CLIENT_ID, CLIENT_ID]))) == "azp"


@pytest.mark.parametrize("azp", ["other", "", None, [CLIENT_ID], 1])
def test_refuses_another_authorized_party(azp):
    assert refusal(sign(claims(azp=azp))) == "azp"


@pytest.mark.parametrize("sub", [ABSENT, None, "", 1, True, ["1"], "\u0661", "x" * 256])
def test_refuses_a_subject_that_is_not_a_short_ascii_string(sub):
    assert refusal(sign(claims(sub=sub))) == "sub"


def test_accepts_a_subject_of_255_characters():
    assert verify(sign(claims(sub="x" * 255))).subject == "x" * 255


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("exp", NOW - 59, NOW - 60),
        ("exp", NOW - 59.9, NOW - 60.0),
        ("iat", NOW + 60, NOW + 61),
        ("nbf", NOW + 60, NOW + 61),
    ],
)
def test_times_have_a_minute_of_leeway(name, good, bad):
    assert verify(sign(claims(**{name: good})))[name] == good
    assert refusal(sign(claims(**{name: bad}))) == name


@pytest.mark.parametrize(
    ("name", "good", "bad"), [("exp", NOW + 1, NOW), ("iat", NOW, NOW + 1), ("nbf", NOW, NOW + 1)]
)
def test_the_leeway_can_be_none(name, good, bad):
    assert verify(sign(claims(**{name: good})), leeway=0)[name] == good
    assert refusal(sign(claims(**{name: bad})), leeway=0) == name


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_refuses_a_token_without_its_times(name):
    assert refusal(sign(claims(**{name: ABSENT}))) == name


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize(
    "value", [None, True, False, str(NOW), [NOW], {}, -1, MAX_DATE + 1, 10**400, -(10**400), 1e300]
)
def test_refuses_times_that_are_not_numbers_within_bounds(name, value):
    assert refusal(sign(claims(**{name: value}))) == name


def test_refuses_an_expiry_that_is_infinite():
    assert refusal(json_with("exp", "1e999")) == "exp"


def json_with(name, text):
    return sign(json.dumps(claims(**{name: "HERE"})).replace('"HERE"', text).encode())


def test_accepts_the_last_and_the_first_second():
    assert verify(sign(claims(exp=MAX_DATE, iat=0, nbf=0))).expires_at == MAX_DATE


def test_a_nonce_that_is_expected_must_be_there_and_equal():
    assert verify(sign(claims(nonce="n-123")), nonce="n-123").nonce == "n-123"
    assert refusal(sign(claims(nonce="n-124")), nonce="n-123") == "nonce"
    assert refusal(sign(claims()), nonce="n-123") == "nonce"


@pytest.mark.parametrize("nonce", [None, True, 0, [], ["n-123"], {}, {"n-123": 1}])
@pytest.mark.parametrize("expected", [None, "n-123"])
def test_refuses_a_nonce_that_is_not_a_string(nonce, expected):
    assert refusal(sign(claims(nonce=nonce)), nonce=expected) == "nonce"


def test_an_empty_nonce_is_refused_when_one_is_expected():
    assert refusal(sign(claims(nonce="")), nonce="") == "nonce"


@pytest.mark.parametrize("nonce", ["n-123\u00e9", "\ud800", "n-123\0", ""])
def test_refuses_nonces_with_unusual_characters(nonce):
    assert refusal(sign(claims(nonce=nonce)), nonce="n-123") == "nonce"
    assert refusal(sign(claims(nonce="n-123")), nonce=nonce) == "nonce"


def test_a_nonce_that_is_not_expected_is_not_looked_at():
    assert verify(sign(claims(nonce="of another part"))).nonce == "of another part"


@pytest.mark.parametrize("auth_time", [NOW - 360, NOW - 300, NOW, NOW + 60])
def test_accepts_a_login_within_max_age(auth_time):
    assert verify(sign(claims(auth_time=auth_time)), max_age=300).auth_time == auth_time


@pytest.mark.parametrize("auth_time", [ABSENT, NOW - 361, NOW + 61])
def test_refuses_a_login_that_is_older_than_max_age_or_from_the_future(auth_time):
    assert refusal(sign(claims(auth_time=auth_time)), max_age=300) == "auth_time"


def test_max_age_zero_allows_only_the_leeway():
    assert refusal(sign(claims(auth_time=NOW - 61)), max_age=0) == "auth_time"
    assert verify(sign(claims(auth_time=NOW - 61))).auth_time == NOW - 61


def test_at_hash_must_be_that_of_the_access_token():
    """The example of OpenID Connect Core, appendix A.3."""
    token = sign(claims(at_hash="77QmUPtjPfzWtF2AnpK9RQ"))
    assert (
        verify(token, access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y")["at_hash"]
        == "77QmUPtjPfzWtF2AnpK9RQ"
    )
    assert refusal(token, access_token="another") == "at_hash"
    assert refusal(token, access_token="") == "at_hash"
    assert refusal(token, access_token="\ud800") == "at_hash"


@pytest.mark.parametrize(
    "at_hash",
    [
        None,
        "",
        True,
        ["77QmUPtjPfzWtF2AnpK9RQ"],
        "77QmUPtjPfzWtF2AnpK9RQ==",
        "77QmUPtjPfzWtF2AnpK9R\u00e9",
    ],
)
def test_refuses_an_at_hash_in_any_other_form(at_hash):
    assert (
        refusal(
            sign(claims(at_hash=at_hash)),
            access_token="jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        )
        == "at_hash"
    )


def test_at_hash_may_be_absent_and_is_not_looked_at_without_an_access_token():
    assert "at_hash" not in verify(sign(claims()), access_token="any")
    assert verify(sign(claims(at_hash="any")))["at_hash"] == "any"


# --- what a refusal says ---

SAID = [
    ("." * (MAX_SIZE + 1), {}, "the ID token is longer than 262144 characters"),
    (HEAD, {}, "the ID token does not consist of three parts in base64url without padding"),
    (
        sign(claims(), header(kid="two")),
        {},
        "the ID token is signed with a key that is not in PeeringDB's key set",
    ),
    (sign(claims(), key=OTHER_KEY), {}, "the signature of the ID token is wrong"),
    (
        sign(claims(), header(x="x" * MAX_HEADER)),
        {},
        "the header of the ID token is longer than 4096 characters",
    ),
    (f"{HEAD}=.{BODY}.{SIGNATURE}", {}, "the header of the ID token is not base64url"),
    (sign(claims(), b"[]"), {}, "the header of the ID token is not a JSON object"),
    (
        sign(claims(), b'{"alg": "RS256", "kid": "one", "kid": "one"}'),
        {},
        "the header of the ID token names a member twice",
    ),
    (
        sign(claims(), header(alg="HS256")),
        {},
        (
            "the ID token is signed with HS256, which nobody but PeeringDB can verify: choose"
            " RS256 as the algorithm on the application's page at PeeringDB"
        ),
    ),
    (
        sign(claims(), header(alg="none")),
        {},
        (
            "the ID token is signed with something other than RS256: choose RS256 as the algorithm"
            " on the application's page at PeeringDB"
        ),
    ),
    (
        sign(claims(), header(jwk={})),
        {},
        "the header of the ID token has jwk, which is not accepted",
    ),
    (sign(claims(), header(typ="at+jwt")), {}, "the ID token is another kind of token"),
    (sign(claims(), header(kid=1)), {}, "the kid in the header of the ID token is not a string"),
    (sign(b"[]"), {}, "the payload of the ID token is not a JSON object"),
    (
        sign(claims(iss="https://example.net/")),
        {},
        f"the ID token was not issued by {ISSUER} but by 'https://example.net/'",
    ),
    (sign(claims(aud="other")), {}, "the ID token is for another application"),
    (
        sign(claims(aud=[CLIENT_ID, "other"])),
        {},
        "the ID token is for several applications and does not say which of them asked for it",
    ),
    (sign(claims(azp="other")), {}, "another application asked for the ID token"),
    (
        sign(claims(sub=1)),
        {},
        "the sub of the ID token is not a string of 1 to 255 ASCII characters",
    ),
    (sign(claims(exp=0)), {}, "the ID token has expired, or the clock here is fast"),
    (sign(claims(exp=ABSENT)), {}, "the ID token has no exp"),
    (sign(claims(exp=True)), {}, "the exp of the ID token is not a time"),
    (
        sign(claims(iat=NOW + 99)),
        {},
        "the ID token was issued in the future, or the clock here is slow",
    ),
    (sign(claims(nbf=NOW + 99)), {}, "the ID token is not valid yet, or the clock here is slow"),
    (GOOD, {"max_age": 9}, "the user did not log in within the last 9 seconds"),
    (sign(claims(nonce=1)), {}, "the nonce of the ID token is not a string"),
    (GOOD, {"nonce": "n-123"}, "the ID token belongs to another login"),
    (
        sign(claims(at_hash="x")),
        {"access_token": "t"},
        "the ID token belongs to another access token",
    ),
]


@pytest.mark.parametrize(("token", "expected", "message"), SAID, ids=[said[2] for said in SAID])
def test_a_refusal_says_what_is_wrong(token, expected, message):
    with pytest.raises(InvalidIDToken) as refused:
        verify(token, **expected)
    assert str(refused.value) == message


# --- an earlier ID token ---


def test_reads_the_subject_of_an_earlier_token_that_has_expired():
    assert read_subject(sign(claims(sub="7", exp=NOW - 36000))) == "7"


@pytest.mark.parametrize(
    ("token", "check"),
    [
        ("", "structure"),
        (HEAD, "structure"),
        (f"{HEAD}.{BODY}=.", "structure"),
        ("a.\u00e9.b", "structure"),
        (sign(b"[]"), "payload"),
        (sign({}), "sub"),
    ],
)
def test_reads_no_subject_from_what_is_not_an_id_token(token, check):
    with pytest.raises(InvalidIDToken) as refused:
        read_subject(token)
    assert refused.value.check == check


def test_says_that_the_earlier_token_is_none():
    with pytest.raises(InvalidIDToken) as refused:
        read_subject("")
    assert str(refused.value) == "the earlier ID token is not an ID token"
