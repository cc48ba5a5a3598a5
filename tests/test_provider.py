"""PeeringDB as one client sees it: when it must be discovered, and new logins."""

import sys
from dataclasses import replace

import pytest

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.provider import Provider


def test_the_metadata_of_peeringdb_is_known(clock):
    config = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
    provider = Provider(config, clock)
    assert (provider.metadata, provider.discovered) == (PEERINGDB, True)


def test_another_provider_must_be_discovered(provider):
    assert provider.metadata.issuer == f"{provider.config.base_url}/oauth2"
    assert not provider.discovered


def test_a_login_starts_now(provider, clock):
    request = provider.authorization_request(scope=("profile",), prompt="login")
    assert (request.created_at, request.scope) == (clock.now, ("profile",))
    assert "prompt=login" in request.url


@pytest.mark.parametrize("configured", [True, False])
def test_openid_without_cryptography_is_refused_at_once(provider, clock, monkeypatch, configured):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    config = (
        replace(provider.config, scope=("openid", "profile")) if configured else provider.config
    )
    with pytest.raises(ConfigurationError, match=r"peeringdb-oauth\[oidc\]"):
        Provider(config, clock).authorization_request(scope=("openid", "profile"), prompt=None)


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_client_without_a_secret_warns_once(client_class, caplog):
    redirect_uri = "https://portal.example.net/callback"
    for _ in range(2):
        client_class(ClientConfig(client_id=client_class.__name__, redirect_uri=redirect_uri))
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("peeringdb_oauth", "WARNING")
    assert record.getMessage() == (
        f"the application {client_class.__name__} has no client_secret, which is right for a"
        " public client only: if PeeringDB gave it a secret, set PEERINGDB_OAUTH_CLIENT_SECRET"
    )


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_client_with_a_secret_does_not_warn(client_class, caplog):
    redirect_uri = "https://portal.example.net/callback"
    client_class(
        ClientConfig(client_id="portal", client_secret="s3cret", redirect_uri=redirect_uri)
    )
    assert caplog.records == []
