"""The doctor tries the tokens of a login. See also tests/cli/test_login.py."""

import pytest

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.doctor import examine_login
from peeringdb_oauth.errors import InvalidIDToken, ProviderError, TransportError
from peeringdb_oauth.flows import Login
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.tokens import TokenResponse

NOW = 1_800_000_000.0
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="secret-secret",
    redirect_uri="https://portal.example.net/callback",
)
LOGIN = Login(
    user=User(id=7, verified_user=True, amr=("pwd",)),
    token=TokenResponse(
        access_token="a" * 30,
        token_type="Bearer",
        expires_at=int(NOW) + 36_000,
        refresh_token="r" * 30,
        scope=("profile",),
        id_token=None,
    ),
    claims=None,
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidIDToken("its at_hash is wrong", check="at_hash"), "ID token of a refresh is wrong"),
        (TransportError("cut"), "did not answer to a refresh"),
        (ProviderError("refused", error="invalid_grant", status=400), "refused a refresh"),
    ],
)
def test_a_refresh_that_fails_is_told_and_the_old_token_is_revoked(make_driver, error, words):
    driver = make_driver({"/oauth2/token/": error, "/oauth2/revoke_token/": "revoke-refresh"})
    found = driver.run(examine_login(Provider(CONFIG, lambda: NOW), LOGIN))
    findings = {finding.check: finding for finding in found}
    assert (findings["refresh"].status, words in findings["refresh"].seen) == ("problem", True)
    assert findings["revocation"].status == "ok"
    assert driver.sent[-1].form["token"] == "r" * 30
    assert "r" * 30 not in repr(found)


def test_a_login_without_a_second_factor_is_worth_knowing(make_driver):
    driver = make_driver(
        {"/oauth2/token/": TransportError("cut"), "/oauth2/revoke_token/": "revoke-refresh"}
    )
    found = driver.run(examine_login(Provider(CONFIG, lambda: NOW), LOGIN))
    assert any(finding.status == "info" for finding in found)
