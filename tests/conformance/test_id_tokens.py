"""ID tokens with one mistake each, through the whole client.

The cases are those of the OpenID Foundation's plans for relying parties (Basic, Config
and Refresh, response type "code") and those of RFC 8725.
"""

import pytest

from peeringdb_oauth.errors import InvalidIDToken, InvalidResponse

CLAIMS = {
    "wrong issuer": ("iss", {"iss": "https://attacker.example.net/oauth2"}),
    "issuer with a slash at its end": ("iss", {"iss": "https://auth.peeringdb.com/oauth2/"}),
    "missing issuer": ("iss", {"iss": ...}),
    "missing sub": ("sub", {"sub": ...}),
    "wrong aud": ("aud", {"aud": "another-client"}),
    "missing aud": ("aud", {"aud": ...}),
    "of another client, with us in the audience": (
        "azp",
        {"aud": ["another-client", "conf-rs256"], "azp": "another-client"},
    ),
    "of two clients without azp": ("azp", {"aud": ["another-client", "conf-rs256"]}),
    "missing iat": ("iat", {"iat": ...}),
    "from the future": ("iat", {"iat": 1_000_061}),
    "missing exp": ("exp", {"exp": ...}),
    "expired": ("exp", {"exp": 999_940}),
    "not yet valid": ("nbf", {"nbf": 1_000_061}),
}
HEADERS = {
    "alg none": ("alg", {"alg": "none"}),
    "HS256 signed with the public key": ("alg", {"alg": "HS256"}),
    "ES256 with a key from the key set": ("alg", {"alg": "ES256", "kid": "ec"}),
    "crit": ("crit", {"crit": ["exp"]}),
}
WRONG = {
    **{name: (check, {"claims": claims}) for name, (check, claims) in CLAIMS.items()},
    **{name: (check, {"header": header}) for name, (check, header) in HEADERS.items()},
    "bad RS256 signature": ("signature", {"key": "foreign", "header": {"kid": "one"}}),
}


def log_in(provider, client, wrong):
    provider.change(**wrong)
    provider.log_in(client)


def refresh(provider, client, wrong):
    login = provider.log_in(client)
    provider.change(**wrong)
    return client.refresh(login.token)


def verify_id_token(provider, client, wrong):
    provider.change(**wrong)
    client.verify_id_token(provider.issue_id_token())


WAYS = pytest.mark.parametrize("way", [log_in, refresh, verify_id_token])


def refusal(way, *arguments):
    with pytest.raises(InvalidIDToken) as refused:
        way(*arguments)
    return refused.value.check


@WAYS
def test_accepts_an_id_token_with_nothing_wrong(provider, client, way):
    way(provider, client, {})


@WAYS
@pytest.mark.parametrize(("check", "wrong"), WRONG.values(), ids=WRONG)
def test_refuses_an_id_token_with_one_thing_wrong(provider, client, way, check, wrong):
    assert refusal(way, provider, client, wrong) == check


@WAYS
def test_the_last_of_duplicate_claims_counts(provider, client, way):
    """RFC 7519 section 4."""
    provider.change(payload='{"iss": "https://attacker.example.net/oauth2", ')
    way(provider, client, {})


def test_asks_for_no_profile_after_a_refusal(provider, client):
    refusal(log_in, provider, client, {"claims": {"aud": "another-client"}})
    assert (provider.count("/oauth2/token/"), provider.count("/profile/v1")) == (1, 0)


# --- keys that come with the token ----------------------------------------------------


@WAYS
@pytest.mark.parametrize("name", ["jwk", "jku", "x5u"])
def test_takes_no_key_from_the_token_or_from_where_it_points(provider, client, way, name):
    value = provider.foreign_jwk if name == "jwk" else f"{provider.url}/foreign.json"
    for kid in ("one", "foreign"):
        assert (
            refusal(way, provider, client, {"key": "foreign", "header": {"kid": kid, name: value}})
            == name
        )
        provider.change(key="one", header={})
    assert provider.count("/foreign.json") == 0


# --- the key set ----------------------------------------------------------------------


@WAYS
def test_needs_no_kid_if_there_is_only_one_key(provider, client, way):
    provider.publish("one", kid=...)
    provider.change(header={"kid": ...})
    way(provider, client, {})


@pytest.mark.parametrize("way", [log_in, verify_id_token])
@pytest.mark.parametrize("kid", [..., "three"])
def test_does_not_guess_which_of_several_keys_it_was(provider, client, way, kid):
    provider.publish("one", "two")
    assert refusal(way, provider, client, {"header": {"kid": kid}}) == "kid"


@pytest.mark.parametrize("kid", [..., "three"])
def test_a_refresh_drops_an_id_token_with_an_unknown_key(provider, client, kid):
    provider.publish("one", "two")
    login = provider.log_in(client)
    provider.change(header={"kid": kid})
    assert client.refresh(login.token).id_token is None


@WAYS
def test_ignores_keys_that_it_cannot_use(provider, client, way):
    provider.keys[:0] = [
        {"kty": "AKP", "alg": "ML-DSA-00", "kid": "pq", "pub": "AAAA"},
        {"kty": "made-up", "kid": "x"},
    ]
    way(provider, client, {})


# --- what ties an ID token to a login -------------------------------------------------


@pytest.mark.parametrize("nonce", ["n" * 43, ..., None])
def test_refuses_a_login_with_a_wrong_or_missing_nonce(provider, client, nonce):
    assert refusal(log_in, provider, client, {"claims": {"nonce": nonce}}) == "nonce"


def test_verifies_a_nonce_that_it_is_given(provider, client):
    assert (
        client.verify_id_token(provider.issue_id_token(nonce="mine"), nonce="mine").nonce == "mine"
    )
    assert (
        refusal(
            lambda: client.verify_id_token(provider.issue_id_token(nonce="other"), nonce="mine")
        )
        == "nonce"
    )


def test_refuses_the_at_hash_of_another_token_at_a_login(provider, client):
    assert (
        refusal(log_in, provider, client, {"claims": {"at_hash": "_ElQeHfn5RoKhk0G3tlpDw"}})
        == "at_hash"
    )


def test_drops_an_id_token_with_the_at_hash_of_another_token_at_a_refresh(provider, client):
    """PeeringDB sends one if somebody else has refreshed at the same time."""
    token = refresh(provider, client, {"claims": {"at_hash": "_ElQeHfn5RoKhk0G3tlpDw"}})
    assert token.id_token is None
    assert token.access_token


@pytest.mark.parametrize("way", [log_in, refresh])
def test_needs_no_at_hash_with_a_code(provider, client, way):
    way(provider, client, {"claims": {"at_hash": ...}})


def test_refuses_the_profile_of_another_person(provider, client):
    assert refusal(log_in, provider, client, {"profile": {"id": 2}}) == "sub"


def test_refuses_a_login_without_an_id_token(provider, client):
    assert refusal(log_in, provider, client, {"tokens": {"id_token": ...}}) == "id_token"


# --- size -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", [log_in, refresh])
def test_refuses_an_oversized_id_token_with_the_whole_answer(provider, client, way):
    with pytest.raises(InvalidResponse) as refused:
        way(provider, client, {"claims": {"name": "a" * 256 * 1024}})
    assert refused.value.check == "id_token"


def test_refuses_an_oversized_id_token(provider, client):
    assert (
        refusal(verify_id_token, provider, client, {"claims": {"name": "a" * 256 * 1024}}) == "size"
    )
