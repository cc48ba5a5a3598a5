"""Authlib in Flask as in docs/other-software.md, with the sandbox over TLS."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.integrations.base_client import UnsupportedTokenTypeError

from peeringdb_oauth.sandbox import Sandbox

PAGE = Path(__file__).parents[2] / "docs" / "other-software.md"
CALLBACK = "https://app.example.net/callback"


@pytest.fixture(scope="module")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def start(pdb, monkeypatch):
    """``start(old, new)``: a test client of the page's application, after a change."""
    registered = pdb.register(CALLBACK)
    settings = {
        "PEERINGDB": pdb.url,
        "PEERINGDB_CLIENT_ID": registered.client_id,
        "PEERINGDB_CLIENT_SECRET": registered.client_secret,
    }
    for name, value in (
        settings.items()
        | {"SECRET_KEY": "only-for-tests", "REQUESTS_CA_BUNDLE": pdb.ca_file}.items()
    ):
        monkeypatch.setenv(name, value)

    def start(old="", new=""):
        program = re.search(r"## Authlib\n.*?```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
        assert old in program
        names = {"__name__": "application"}
        exec(program.replace(old, new) if old else program, names)  # noqa: S102 - our own page
        return names["app"].test_client(), registered

    yield start
    pdb.reset_limits()


def begin(client):
    return client.get("/login", base_url="https://app.example.net").headers["Location"]


def come_back(client, callback):
    return client.get(
        callback.removeprefix("https://app.example.net"), base_url="https://app.example.net"
    )


def test_logs_in_and_reads_the_profile(start, pdb):
    client, _ = start()
    answer = come_back(client, pdb.log_in("limited", begin(client)))
    assert answer.json == {"id": 3, "asns": [64500, 64501, 65550]}


@pytest.mark.parametrize(
    ("person", "reason"),
    [("unverified", "has not verified your account"), ("emailunconf", "is not confirmed")],
)
def test_refuses_an_unverified_person(start, pdb, person, reason):
    client, _ = start()
    answer = come_back(client, pdb.log_in(person, begin(client)))
    assert (answer.status_code, reason in answer.text) == (403, True)


def test_cancelled_login_is_a_refusal(start, pdb):
    client, _ = start()
    assert come_back(client, pdb.log_in("member", begin(client), consent=False)).status_code == 403


def test_state_of_another_login_is_refused(start, pdb):
    (client, _), (other, _) = start(), start()
    begin(client)
    assert come_back(client, pdb.log_in("member", begin(other))).status_code == 403


def test_asks_with_pkce_and_peeringdb_wants_the_verifier(start, pdb):
    client, application = start()
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(pdb.log_in("member", begin(client))).query)["code"][0],
        "redirect_uri": CALLBACK,
        "client_id": application.client_id,
        "client_secret": application.client_secret,
    }
    answer = requests.post(f"{pdb.url}/oauth2/token/", data=form, verify=pdb.ca_file, timeout=20)
    assert answer.json()["error_description"] == "Code verifier required."


def test_works_without_openid(start, pdb):
    client, _ = start("openid ")
    assert come_back(client, pdb.log_in("member", begin(client))).json["id"] == 2


def test_authlibs_default_of_client_secret_basic_fails(start, pdb):
    client, _ = start('"token_endpoint_auth_method": "client_secret_post",')
    client.application.testing = True  # so that errors come through
    callback = pdb.log_in("member", begin(client))
    with pytest.raises(UnsupportedTokenTypeError):
        come_back(client, callback)
