"""``gateway explain`` says of a person with a session what the gateway does."""

import pytest
from starlette.testclient import TestClient

from peeringdb_oauth.cli.person import read_person
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.explain import explain
from peeringdb_oauth.gateway.settings import Settings

from .conftest import LG, PROXY, Site

pytestmark = pytest.mark.server

ADDRESSES = (
    *("/", "/public/x", "/public/../members/64500", "/members/64500/", "/members/64501/x"),
    *("/members/65550", "/members/4294967296", "/mfa/", "/status", "/status;x", "/statusboard"),
    *("//status", "/%70ublic/", "/a%2Fb", "/caf%C3%A9?x=%2F..", "/%E9"),
)


@pytest.fixture
def settings(write_settings):
    return Settings.load(write_settings())


@pytest.fixture
def site(sandbox, settings, clock):
    """A gateway that keeps its sessions in the store of the settings."""
    site = Site(sandbox, records=None, clock=clock)
    site.app = create_app(settings)
    address = "http://127.0.0.1:4180"
    with TestClient(site.app, client=PROXY, base_url=address, follow_redirects=False) as client:
        site.client = client
        yield site


@pytest.mark.parametrize("login", ["limited", "member", "orgadmin", "nonets"])
def test_explain_says_what_the_gateway_does(site, settings, login):
    browser = site.browser()
    browser.log_in(login)
    user_id = browser.get("/public/").headers["X-PeeringDB-ID"]
    user = read_person(lambda: settings, user_id, None)
    assert str(user.id) == user_id
    for address in ADDRESSES:
        found = explain(settings, "GET", LG + address, user)
        assert found.allowed == (browser.get(address).status_code == 204), address


def test_a_person_without_a_session_is_not_known(site, settings):
    site.browser().log_in("member")
    with pytest.raises(ConfigurationError, match="nobody with the PeeringDB id 999 has a session"):
        read_person(lambda: settings, "999", None)
