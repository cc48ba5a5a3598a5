"""Apache with mod_auth_openidc, configured as in docs/other-software.md."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from apache_site import Site

from peeringdb_oauth.sandbox import Sandbox


@pytest.fixture(scope="module")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def application(make_server):
    """The application behind Apache: a server that tells which headers arrived."""
    server = make_server()
    server.answer("/page", {})
    return server


@pytest.fixture
def start(pdb, application):
    """``start(without="OIDC...")``: the site, without a line of its configuration."""
    sites = []

    def start(**changes):
        sites.append(Site(pdb, application, **changes))
        return sites[-1]

    yield start
    for site in sites:
        site.close()
    pdb.reset_limits()


def parameters(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_verified_person_reaches_the_application_with_their_networks(start, application):
    assert start().log_in("limited").status_code == 200
    headers = application.received[0].headers
    user = json.loads(headers["oidc_userinfo_json"])
    assert (headers["x-remote-user"], user["verified_user"], user["email_verified"]) == (
        "3",
        True,
        True,
    )
    assert [(network["asn"], network["perms"]) for network in user["networks"]] == [
        (64500, 15),
        (64501, 1),
        (65550, 3),
    ]


def test_access_token_does_not_reach_the_application(start, application):
    start().log_in("member")
    assert "oidc_access_token" not in application.received[0].headers


@pytest.mark.parametrize("person", ["unverified", "emailunconf"])
def test_unverified_person_is_refused(start, application, person):
    assert start().log_in(person).status_code == 403
    assert application.received == []


def test_cancelled_login_does_not_reach_the_application(start, application):
    assert "access_denied" in start().log_in("member", consent=False).text
    assert application.received == []


def test_callback_counts_only_in_the_browser_that_began_the_login(start, pdb, application):
    site = start()
    callback = pdb.log_in("member", site.begin(site.visit()))
    assert not site.visit().get(callback, timeout=20, allow_redirects=False).ok
    assert application.received == []


def test_asks_for_the_scope_with_s256(start):
    site = start()
    asked = parameters(site.begin(site.visit()))
    assert set(asked["scope"].split()) == {"openid", "profile", "email", "networks", "amr"}
    assert (asked["code_challenge_method"], "nonce" in asked) == ("S256", True)


def test_without_the_line_about_client_secret_post_no_login_works(start, application):
    site = start(without="OIDCProviderTokenEndpointAuth client_secret_post")
    site.log_in("member")
    assert application.received == []
    assert "code response validation failed" in site.log
