"""PeeringDB as one client sees it: when it must be discovered, and new logins."""

import sys
from dataclasses import replace

import pytest

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


def test_a_provider_for_another_redirect_uri_shares_what_it_knows(provider):
    redirect_uri = f"{provider.config.redirect_uri}/2"
    other = provider.at(redirect_uri)
    assert other.config == replace(provider.config, redirect_uri=redirect_uri)
    assert other.used_codes is provider.used_codes
    assert other.dead_tokens is provider.dead_tokens
    assert other.key_cache is provider.key_cache
    assert provider.config.redirect_uri != other.config.redirect_uri
