"""Our client at panva's oidc-provider, a certified OpenID provider, by discovery."""

import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
from npm import install

from peeringdb_oauth import verification
from peeringdb_oauth.errors import InvalidIDToken, InvalidResponse, ProviderError, TokenRejected
from peeringdb_oauth.profile import Permission

SCOPE = ("openid", "profile", "email", "networks", "amr")
APPLICATION = {
    "client_id": "portal",
    "client_secret": "only-for-a-test",
    "redirect_uri": "https://portal.test/callback",
}


@pytest.fixture(scope="module")
def peer(pytestconfig, tmp_path_factory):
    """The URL of a running oidc-provider. It ends with its standard input."""
    folder = install(
        Path(__file__).parent / "oidc_provider", pytestconfig.cache.mkdir("oidc-provider")
    )
    environment = {"PATH": os.environ["PATH"]} | {
        name.upper(): value for name, value in APPLICATION.items()
    }
    errors = tmp_path_factory.mktemp("peer") / "stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as node,
    ):
        url = node.stdout.readline().strip()
        assert url, f"oidc-provider did not start: {errors.read_text()}"
        yield url


@pytest.fixture
def make_peers_client(make_client, peer, authority):
    """``make_peers_client(**changes)``: a client that has read the metadata."""

    def make(**changes):
        client = make_client(
            SimpleNamespace(url=peer, ca_file=authority.ca_file),
            **(APPLICATION | {"scope": SCOPE} | changes),
        )
        client.run(verification.discover(client.provider))
        return client

    return make


@pytest.fixture
def client(make_peers_client):
    return make_peers_client()


def browse(request):
    """Follow the redirects as a browser does; return the URL of the callback."""
    with requests.Session() as browser:
        url = request.url
        while not url.startswith(request.redirect_uri):
            url = urljoin(
                url, browser.get(url, allow_redirects=False, timeout=5).headers["Location"]
            )
        return url


@pytest.fixture
def login(client):
    request = client.authorization_request()
    return client.log_in(request, browse(request))


def test_finds_the_provider(peer, client):
    request = client.authorization_request()
    assert request.url.startswith(f"{peer}/oauth2/auth?")  # not PeeringDB's path


def test_logs_in(client, peer):
    request = client.authorization_request()
    callback = browse(request)
    assert parse_qs(urlsplit(callback).query)["iss"] == [
        f"{peer}/oauth2"
    ]  # RFC 9207, which PeeringDB does not have
    login = client.log_in(request, callback)
    assert (login.user.id, login.user.email, login.user.verified_user) == (
        7,
        "ada@example.net",
        True,
    )
    assert login.user.network(64500).manage_peering_sessions & Permission.UPDATE
    assert (login.claims.subject, login.claims.nonce, login.claims.audience) == (
        "7",
        request.nonce,
        ("portal",),
    )
    assert login.claims["at_hash"]
    assert login.token.scope == SCOPE
    assert client.fetch_user(login.token.access_token) == login.user


def test_verifies_the_id_token_later(client, login):
    assert dict(
        client.verify_id_token(login.token.id_token, nonce=login.claims.nonce, max_age=60)
    ) == dict(login.claims)
    with pytest.raises(InvalidIDToken) as refused:
        client.verify_id_token(login.token.id_token, nonce="n" * 43)
    assert refused.value.check == "nonce"


def test_another_client_refuses_the_id_token(make_peers_client, login):
    with pytest.raises(InvalidIDToken) as refused:
        make_peers_client(client_id="another").verify_id_token(login.token.id_token)
    assert refused.value.check == "aud"


def test_refreshes(client, login):
    token = client.refresh(login.token)
    assert token.refresh_token != login.token.refresh_token
    assert client.verify_id_token(token.id_token).subject == "7"
    assert client.fetch_user(token.access_token) == login.user
    with pytest.raises(ProviderError) as refused:
        client.refresh(login.token)
    assert (refused.value.error, refused.value.status) == ("invalid_grant", 400)


def test_introspects(client, login):
    introspection = client.introspect(login.token.access_token)
    assert (introspection.active, introspection.client_id) == (True, "portal")
    assert set(introspection.scope) == set(SCOPE)
    assert abs(introspection.expires_at - time.time() - 36000) < 60
    assert not client.introspect("unknown").active


def test_revokes(client, login):
    client.revoke(login.token)
    assert not client.introspect(login.token.access_token).active
    with pytest.raises(TokenRejected):
        client.fetch_user(login.token.access_token)
    with pytest.raises(ProviderError) as refused:
        client.refresh(login.token)
    assert refused.value.error == "invalid_grant"


# --- what it refuses us, and we refuse ------------------------------------------------


def test_a_code_without_its_verifier_is_refused(client):
    request = client.authorization_request()
    with pytest.raises(ProviderError) as refused:
        client.log_in(replace(request, code_verifier="v" * 43), browse(request))
    assert refused.value.error == "invalid_grant"


def test_a_code_is_used_once(client, make_peers_client):
    request = client.authorization_request()
    callback = browse(request)
    client.log_in(request, callback)
    with pytest.raises(ProviderError) as refused:
        make_peers_client().log_in(request, callback)
    assert refused.value.error == "invalid_grant"


def test_a_wrong_secret_is_refused(make_peers_client):
    client = make_peers_client(client_secret="wrong")
    request = client.authorization_request()
    with pytest.raises(ProviderError) as refused:
        client.log_in(request, browse(request))
    assert (refused.value.error, refused.value.status) == ("invalid_client", 401)


def test_a_callback_of_another_issuer_is_refused(client, peer):
    request = client.authorization_request()
    callback = {
        name: values[0] for name, values in parse_qs(urlsplit(browse(request)).query).items()
    }
    with pytest.raises(InvalidResponse) as refused:
        client.log_in(request, callback | {"iss": f"{peer}/oauth3"})
    assert refused.value.check == "iss"
