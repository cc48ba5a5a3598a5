"""Attacks on the authorization URL: no value can change the rest of it."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from peeringdb_oauth.authorization import create_authorization_request
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.metadata import PEERINGDB

PORTAL = "https://portal.example.net/callback"


def parameters(client_id="portal", redirect_uri=PORTAL, **changes):
    config = ClientConfig(client_id=client_id, client_secret="s3cret", redirect_uri=redirect_uri)
    url = urlsplit(create_authorization_request(config, PEERINGDB, now=0, **changes).url)
    assert f"{url.scheme}://{url.netloc}{url.path}" == PEERINGDB.authorization_endpoint
    assert url.fragment == ""
    return parse_qsl(url.query, strict_parsing=True)


NAMES = [name for name, _ in parameters()]


@pytest.mark.parametrize(
    "end",
    [
        "?a=b&redirect_uri=https://attacker.example.net/",
        "?&scope=openid",
        ";state=x",
        "?a=%26state=x",
        "?a=+b",
    ],
)
def test_a_redirect_uri_stays_one_parameter(end):
    found = parameters(redirect_uri=PORTAL + end)
    assert [name for name, _ in found] == NAMES
    assert dict(found)["redirect_uri"] == PORTAL + end


@pytest.mark.parametrize(
    "client_id",
    ["portal&redirect_uri=https://attacker.example.net/", "portal#x", "portal%26state=x", "a b+c"],
)
def test_a_client_id_stays_one_parameter(client_id):
    found = parameters(client_id=client_id)
    assert [name for name, _ in found] == NAMES
    assert dict(found)["client_id"] == client_id


@pytest.mark.parametrize(
    "scope",
    [
        "profile&state=x",
        "profile openid&prompt=none",
        ("profile", "email redirect_uri"),
        ("profile", "email\r\nX: y"),
    ],
)
def test_a_scope_cannot_smuggle_parameters(scope):
    with pytest.raises(ConfigurationError, match="scope: "):
        parameters(scope=scope)


def test_a_prompt_cannot_smuggle_parameters():
    with pytest.raises(ConfigurationError, match="prompt: "):
        parameters(prompt="login&redirect_uri=https://attacker.example.net/")


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://portal.example.net\\@attacker.example.net/",
        "https://portal.example.net@attacker.example.net/",
        "https://portal.example.net/\r\nLocation: https://attacker.example.net/",
        "//attacker.example.net/",
        "javascript:alert(1)//portal.example.net",
        "data:text/html,x",
        "http://localhost.attacker.example.net/",
        "https://portal.example.net/#@attacker.example.net",
    ],
)
def test_a_redirect_uri_that_leads_to_another_host_is_refused(redirect_uri):
    with pytest.raises(ConfigurationError, match="redirect_uri: "):
        parameters(redirect_uri=redirect_uri)
