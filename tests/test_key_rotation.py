"""PeeringDB changes its key: no login is lost, and no bearer token is called bad."""

import asyncio
import json
from base64 import urlsafe_b64encode

import pytest

from peeringdb_oauth import (
    AsyncClient,
    BearerVerifier,
    Client,
    ClientConfig,
    InvalidIDToken,
    RateLimited,
    TokenRejected,
)
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

REDIRECT_URI = "https://testserver/callback"


@pytest.fixture(scope="module")
def pdb():
    with Sandbox() as pdb:
        yield pdb


@pytest.fixture
def config(pdb):
    application = pdb.register(REDIRECT_URI)
    return ClientConfig(
        client_id=application.client_id,
        client_secret=application.client_secret,
        redirect_uri=REDIRECT_URI,
        base_url=pdb.url,
        ca_file=pdb.ca_file,
        scope="openid profile email networks amr",
        requests_per_minute=None,
    )


def log_in(pdb, client):
    request = client.authorization_request()
    return client.log_in(request, pdb.log_in("member", request.url))


def invented(id_token, kid="invented"):
    """The ID token with another name of its key, as anybody can write it."""
    header = json.dumps({"alg": "RS256", "kid": kid}).encode()
    return ".".join([urlsafe_b64encode(header).decode().rstrip("="), *id_token.split(".")[1:]])


def test_each_login_after_a_new_key_succeeds(pdb, config):
    with Client(config) as client:
        subjects = []
        for _ in range(3):
            subjects.append(log_in(pdb, client).claims.subject)
            pdb.rotate_key()
    assert subjects == ["2", "2", "2"]


def test_each_login_of_the_asynchronous_client_succeeds(pdb, config):
    async def run():
        async with AsyncClient(config) as client:
            subjects = []
            for _ in range(3):
                request = client.authorization_request()
                callback = await asyncio.to_thread(pdb.log_in, "member", request.url)
                subjects.append((await client.log_in(request, callback)).claims.subject)
                await asyncio.to_thread(pdb.rotate_key)
            return subjects

    assert asyncio.run(run()) == ["2", "2", "2"]


def test_a_login_after_a_strangers_invented_key_succeeds(pdb, config):
    with Client(config) as client:
        id_token = log_in(pdb, client).token.id_token
        with pytest.raises(InvalidIDToken):
            client.verify_id_token(invented(id_token))
        pdb.rotate_key()
        assert log_in(pdb, client).claims.subject == "2"


def test_a_refresh_after_a_new_key_keeps_its_id_token(pdb, config):
    with Client(config) as client:
        token = log_in(pdb, client).token
        for _ in range(2):
            pdb.rotate_key()
            token = client.refresh(token)
            assert token.id_token is not None


def test_a_bearer_token_with_a_new_key_is_asked_to_wait_and_not_called_bad(pdb, config):
    with Client(config) as other, Client(config) as client:
        verifier = BearerVerifier(client)
        old = log_in(pdb, other).token.id_token
        with pytest.raises(TokenRejected):
            verifier.verify(invented(old))
        pdb.rotate_key()
        new = log_in(pdb, other).token.id_token
        with pytest.raises(RateLimited) as caught:
            verifier.verify(new)
        assert 50 < caught.value.retry_after <= 60
        # The key that PeeringDB was asked for, and does not have, is bad all the same.
        with pytest.raises(TokenRejected):
            verifier.verify(invented(old))
