"""The published vectors: valid RS256 signatures verify, everything else is refused."""

import base64
import json
from pathlib import Path

import pytest

from peeringdb_oauth.errors import InvalidIDToken, InvalidResponse
from peeringdb_oauth.id_token import verify_jws
from peeringdb_oauth.key_set import KeySet

VECTORS = Path(__file__).parent / "vectors"


def read(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def key_set(*keys):
    return KeySet.from_jwks({"keys": list(keys)})


def is_accepted(jws, jwks):
    try:
        verify_jws(jws, KeySet.from_jwks(jwks))
    except (InvalidIDToken, InvalidResponse):
        return False
    return True


def wycheproof(name):
    for group in read(f"wycheproof/{name}")["testGroups"]:
        for test in group["tests"]:
            yield group, test


def test_verifies_the_rs256_example_of_rfc_7515():
    vector = read("rfc/rfc7515_a2.json")
    assert verify_jws(vector["compact"], key_set(vector["key"])) == vector["payload"].encode()


def test_refuses_the_unsecured_example_of_rfc_7515():
    vector = read("rfc/rfc7515_a2.json")
    with pytest.raises(InvalidIDToken) as refusal:
        verify_jws(vector["unsecured"], key_set(vector["key"]))
    assert refusal.value.check == "alg"


def test_takes_the_rsa_key_from_the_key_set_of_rfc_7517_and_ignores_the_other():
    keys = KeySet.from_jwks(read("rfc/rfc7517_a1.json"))
    assert [key.kid for key in keys.keys] == ["2011-04-29"]


def test_verifies_the_rs256_example_of_rfc_7520():
    vector = read("jose-cookbook/4_1.rsa_v15_signature.json")
    key = read("jose-cookbook/3_3.rsa_public_key.json")
    assert (
        verify_jws(vector["output"]["compact"], key_set(key)) == vector["input"]["payload"].encode()
    )


@pytest.mark.parametrize("form", ["json", "json_flat"])
def test_refuses_the_json_serialization_of_a_good_signature(form):
    output = read("jose-cookbook/4_1.rsa_v15_signature.json")["output"]
    with pytest.raises(InvalidIDToken) as refusal:
        verify_jws(json.dumps(output[form]), key_set(read("jose-cookbook/3_3.rsa_public_key.json")))
    assert refusal.value.check == "structure"


@pytest.mark.parametrize(
    "path", sorted((VECTORS / "jose-cookbook").glob("4_[2-8]*.json")), ids=lambda path: path.stem
)
def test_refuses_the_other_examples_of_rfc_7520(path):
    jwks = {"keys": [read("jose-cookbook/3_3.rsa_public_key.json")]}
    for output in json.loads(path.read_text(encoding="utf-8"))["output"].values():
        assert not is_accepted(output if isinstance(output, str) else json.dumps(output), jwks)


def test_of_wycheproofs_signatures_exactly_the_valid_ones_with_rs256_verify():
    accepted, expected = set(), set()
    for group, test in wycheproof("json_web_signature_test.json"):
        key, jws = group.get("public", group["private"]), test["jws"]
        if is_accepted(jws if isinstance(jws, str) else json.dumps(jws), {"keys": [key]}):
            accepted.add(test["tcId"])
        if test["result"] == "valid" and key.get("alg") == "RS256":
            expected.add(test["tcId"])
    assert accepted == expected == {33, 259, 260, 261, 262, 263, 345, 349}


def test_wycheproofs_valid_signatures_give_back_their_payload():
    for group, test in wycheproof("json_web_signature_test.json"):
        if test["result"] == "valid" and group.get("public", {}).get("alg") == "RS256":
            payload = test["jws"].split(".")[1]
            assert (
                base64.urlsafe_b64encode(verify_jws(test["jws"], key_set(group["public"]))).rstrip(
                    b"="
                )
                == payload.encode()
            )


def test_of_wycheproofs_key_sets_exactly_the_valid_one_with_rs256_verifies():
    """Keys with 1024 bits, exponent 1, a ROCA modulus or the wrong use are refused.

    So are ambiguous names and symmetric keys.
    """
    cases = wycheproof("json_web_key_test.json")
    assert {
        test["tcId"]
        for group, test in cases
        if is_accepted(test["jws"], group.get("public", group["private"]))
    } == {5}


def test_of_wycheproofs_bare_signatures_exactly_the_valid_ones_verify():
    """The "acceptable" one is refused: it lacks the NULL of RFC 8017 section 9.2."""
    for group, test in wycheproof("rsa_signature_2048_sha256_test.json"):
        (key,) = key_set(group["keyJwk"]).keys
        verified = key.verify(bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
        assert verified == (test["result"] == "valid"), test["tcId"]
