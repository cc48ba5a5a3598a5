"""Tests of an application without a provider."""

import pytest

from peeringdb_oauth import ClientConfig, Network, Permission, User

NETWORK = Network(id=1, asn=64500, name="Example", perms=Permission.READ | Permission.UPDATE)
ADA = User(id=7, name="Ada", verified_user=True, verified_email=True, networks=(NETWORK,))


@pytest.fixture
def portal(make_app, make_portal):
    """A portal whose PeeringDB cannot be reached."""
    config = ClientConfig(
        client_id="id",
        client_secret="s" * 16,
        redirect_uri="https://testserver/login/peeringdb/callback",
        base_url="http://127.0.0.1:1",
        allow_http=True,
        timeout=0.1,
    )
    return make_portal(make_app, config=config)


def test_a_user_is_there_and_the_rules_decide(portal):
    browser = portal.browser()
    with portal.pdb.logged_in_as(ADA):
        assert browser.json("/networks/64500")[1]["id"] == 7
        assert browser.json("/networks/64501")[0] == 403
        assert browser.json("/fresh")[1]["asns"] == [64500]
        assert browser.json("/me")[1]["id"] == 7
        assert browser.post("/networks/64500", {"note": "x"}).status_code == 200
        assert browser.json("/api/64500")[1]["id"] == 7
        assert browser.json("/api/64501")[0] == 403
    assert browser.json("/networks/64500")[0] == 401
    assert browser.json("/me") == (200, None)
    assert browser.json("/api/64500")[0] == 401


def test_a_logout_ends_it(portal):
    browser = portal.browser()
    with portal.pdb.logged_in_as(ADA):
        assert browser.post("/logout").status_code == 303
        assert browser.json("/networks/64500")[0] == 401
