"""The tokens of a session, sealed and opened."""

import pytest
from stored_sessions import stored_login, token_response

from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import Sealer
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens

SEALER = Sealer("0123456789abcdef")


@pytest.fixture
def tokens(provider):
    return SealedTokens(provider, SEALER)


@pytest.mark.parametrize("is_refreshable", [True, False])
def test_tokens_are_opened_as_they_were_sealed(tokens, is_refreshable):
    given = token_response(is_refreshable=is_refreshable)
    sealed = tokens.seal(given)
    assert "access-1" not in sealed
    assert tokens.open(stored_login(tokens=sealed, expires_at=99)) == given


@pytest.mark.parametrize("sealed", ["", "garbage"])
def test_tokens_that_are_revoked_or_cannot_be_opened_are_none(tokens, sealed):
    assert tokens.open(stored_login(tokens=sealed)) is None


@pytest.mark.parametrize("change", [{"base_url": "https://auth.example.net"}, {"client_id": "b"}])
def test_the_tokens_of_another_application_are_none(tokens, provider, clock, change):
    settings = {
        "base_url": provider.config.base_url,
        "client_id": provider.config.client_id,
        "redirect_uri": provider.config.redirect_uri,
    }
    config = type(provider.config)(**settings | change)
    other = SealedTokens(Provider(config, clock), SEALER)
    assert tokens.open(stored_login(tokens=other.seal(token_response()))) is None


def test_what_is_sealed_for_another_purpose_is_no_token(tokens):
    assert tokens.open(stored_login(tokens=SEALER.seal("tokens", ["a", "b"]))) is None


def test_tokens_are_opened_after_a_restart(tokens, provider):
    """The purpose is a part of what is stored."""
    config = provider.config
    sealed = SEALER.seal(f"tokens {config.base_url} {config.client_id}", ["access-1", "refresh-1"])
    assert tokens.open(stored_login(tokens=sealed, expires_at=99)) == token_response()
