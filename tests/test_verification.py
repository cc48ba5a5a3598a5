"""When metadata and keys are fetched, and what happens if a fetch fails."""

import json
from base64 import urlsafe_b64encode

import pytest

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidIDToken, InvalidResponse, RateLimited, TransportError
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.verification import discover, verify_id_token

BASE_URL = "https://127.0.0.1:8443"  # where the recordings were made
REDIRECT_URI = "https://app.example.net/callback"
ANSWERS = {
    "/oauth2/.well-known/jwks.json": "jwks",
    "/oauth2/.well-known/openid-configuration": "discovery-oidc-oauth2",
    "/oauth2/.well-known/oauth-authorization-server": "discovery-oauth-oauth2",
}
METADATA = tuple(path for path in ANSWERS if not path.endswith("jwks.json"))


@pytest.fixture
def id_token(recording):
    return recording("token-success-openid").json["id_token"]


def test_keys_are_fetched_once(provider, make_driver, id_token):
    driver = make_driver(ANSWERS)
    for _ in range(3):
        assert driver.run(verify_id_token(provider, id_token)).subject == "1"
    assert driver.paths().count("/oauth2/.well-known/jwks.json") == 1


def test_keys_are_fetched_by_one_at_a_time(provider, id_token):
    assert next(verify_id_token(provider, id_token)).name == "keys"


def test_max_age_and_nonce_are_checked(provider, clock, make_driver, id_token):
    clock.now += 1000
    for arguments, check in (({"max_age": 500}, "auth_time"), ({"nonce": "other"}, "nonce")):
        with pytest.raises(InvalidIDToken) as caught:
            make_driver(ANSWERS).run(verify_id_token(provider, id_token, **arguments))
        assert caught.value.check == check


def test_an_unknown_key_is_looked_up_once_more(provider, recording, clock, make_driver, id_token):
    jwks = recording("jwks").json
    other = {"keys": [jwks["keys"][0] | {"kid": "an older one"}]}
    with pytest.raises(InvalidIDToken) as caught:
        make_driver(ANSWERS | {"/oauth2/.well-known/jwks.json": other}).run(
            verify_id_token(provider, id_token)
        )
    assert caught.value.check == "kid"
    clock.now += 61
    driver = make_driver(ANSWERS)
    assert driver.run(verify_id_token(provider, id_token)).subject == "1"
    assert driver.paths() == ["/oauth2/.well-known/jwks.json"]


def test_a_failed_fetch_says_why_and_then_when_to_come_back(provider, make_driver, id_token):
    driver = make_driver(ANSWERS | {"/oauth2/.well-known/jwks.json": TransportError("down")})
    with pytest.raises(TransportError, match="down"):
        driver.run(verify_id_token(provider, id_token))
    asked = len(driver.sent)
    with pytest.raises(RateLimited) as caught:
        driver.run(verify_id_token(provider, id_token))
    assert (caught.value.retry_after, len(driver.sent)) == (10, asked)


def test_a_failed_fetch_leaves_the_keys_there_are(provider, clock, make_driver, id_token):
    make_driver(ANSWERS).run(verify_id_token(provider, id_token))
    clock.now += 3601
    broken = make_driver(ANSWERS | {"/oauth2/.well-known/jwks.json": "token-noalg-openid-profile"})
    assert broken.run(verify_id_token(provider, id_token)).subject == "1"
    assert broken.paths() == ["/oauth2/.well-known/jwks.json"]


@pytest.mark.parametrize("missing", METADATA)
def test_one_metadata_document_is_enough(provider, make_driver, id_token, missing):
    assert (
        make_driver(ANSWERS | {missing: 404}).run(verify_id_token(provider, id_token)).subject
        == "1"
    )


def test_discovered_endpoints_are_used(provider, make_driver, id_token):
    elsewhere = {"issuer": f"{BASE_URL}/oauth2", "jwks_uri": f"{BASE_URL}/keys"}
    driver = make_driver(ANSWERS | dict.fromkeys(METADATA, elsewhere) | {"/keys": "jwks"})
    assert driver.run(discover(provider)).jwks_uri == f"{BASE_URL}/keys"
    assert driver.run(verify_id_token(provider, id_token)).subject == "1"
    assert driver.paths() == [*METADATA, "/keys"]


def test_without_metadata_it_is_no_peeringdb(provider, make_driver, id_token):
    driver = make_driver(ANSWERS | dict.fromkeys(METADATA, 404))
    with pytest.raises(InvalidResponse, match="is no PeeringDB") as caught:
        driver.run(verify_id_token(provider, id_token))
    assert (caught.value.check, driver.paths()) == ("issuer", list(METADATA))


def test_peeringdb_itself_needs_no_discovery(clock, make_driver):
    provider = Provider(
        ClientConfig(client_id="portal", client_secret="a s3cret", redirect_uri=REDIRECT_URI), clock
    )
    driver = make_driver({"/oauth2/.well-known/jwks.json": "jwks"})
    with pytest.raises(InvalidIDToken):
        driver.run(verify_id_token(provider, "a.b.c"))
    assert driver.paths() == ["/oauth2/.well-known/jwks.json"]


def test_fresh_keys_are_had_without_waiting_for_anybody(provider, make_driver, id_token):
    make_driver(ANSWERS).run(verify_id_token(provider, id_token))
    with pytest.raises(StopIteration):  # not even a lock is asked for
        next(verify_id_token(provider, id_token))


def test_a_cancelled_key_fetch_is_no_attempt(provider, make_driver, id_token):
    flow = verify_id_token(provider, id_token)
    fetch = next(flow).flow
    next(fetch)
    fetch.close()  # what becomes of it when its task is cancelled
    assert make_driver(ANSWERS).run(verify_id_token(provider, id_token)).subject == "1"


def invented(id_token, kid="invented"):
    """The ID token with another name of its key, as anybody can write it."""
    header = urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": kid}).encode())
    return ".".join([header.rstrip(b"=").decode(), *id_token.split(".")[1:]])


def test_cancelling_does_not_shorten_the_wait_for_unknown_keys(provider, make_driver, id_token):
    make_driver(ANSWERS).run(verify_id_token(provider, id_token))
    flow = verify_id_token(provider, invented(id_token))
    fetch = next(flow).flow
    next(fetch)
    fetch.close()
    driver = make_driver(ANSWERS)
    with pytest.raises(RateLimited) as caught:
        driver.run(verify_id_token(provider, invented(id_token)))
    assert (caught.value.retry_after, driver.sent) == (60, [])


def test_a_key_that_nobody_asked_for_yet_is_not_called_bad(provider, clock, make_driver, id_token):
    driver = make_driver(ANSWERS)
    driver.run(verify_id_token(provider, id_token))
    for _ in range(2):  # the second time it is known that PeeringDB lacks it
        with pytest.raises(InvalidIDToken):
            driver.run(verify_id_token(provider, invented(id_token)))
    clock.now += 20
    with pytest.raises(RateLimited) as caught:
        driver.run(verify_id_token(provider, invented(id_token, "another")))
    assert caught.value.retry_after == 40
    asked = driver.paths().count("/oauth2/.well-known/jwks.json")
    clock.now += 40
    with pytest.raises(InvalidIDToken):
        driver.run(verify_id_token(provider, invented(id_token, "another")))
    assert driver.paths().count("/oauth2/.well-known/jwks.json") == asked + 1


def test_an_id_token_that_peeringdb_has_just_sent_has_its_key_fetched_at_once(
    provider, recording, make_driver, id_token
):
    sent = {"access_token": recording("token-success-openid").json["access_token"]}
    others = {"keys": [recording("jwks").json["keys"][0] | {"kid": "an older one"}]}
    driver = make_driver(ANSWERS | {"/oauth2/.well-known/jwks.json": others})
    with pytest.raises(InvalidIDToken):  # and now a stranger's would have to wait
        driver.run(verify_id_token(provider, invented(id_token)))
    driver = make_driver(ANSWERS)
    assert driver.run(verify_id_token(provider, id_token, **sent)).subject == "1"
    assert driver.paths() == ["/oauth2/.well-known/jwks.json"]


def test_a_key_that_cannot_be_fetched_is_not_called_bad(provider, make_driver, id_token):
    make_driver(ANSWERS).run(verify_id_token(provider, id_token))
    down = make_driver(ANSWERS | {"/oauth2/.well-known/jwks.json": TransportError("down")})
    with pytest.raises(TransportError, match="down"):
        down.run(verify_id_token(provider, invented(id_token)))
