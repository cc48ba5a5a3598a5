"""docs/gateway-openapi.yaml says what the gateway does."""

from pathlib import Path

import httpx
import pytest
import yaml
from schemathesis_run import check_api
from starlette.routing import Route
from uvicorn_thread import served

from peeringdb_oauth.gateway import gateway, host
from peeringdb_oauth.gateway.service import Service
from peeringdb_oauth.gateway.settings import Settings

from .conftest import LG, RULES, Browser, Site

pytestmark = pytest.mark.server

TEXT = (Path(__file__).parents[2] / "docs" / "gateway-openapi.yaml").read_text()
DOCUMENT = yaml.safe_load(TEXT)
VISITED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": LG.removeprefix("https://"),
    "X-Forwarded-For": "192.0.2.7",
}


@pytest.fixture
def service(write_settings):
    rules = f'{RULES}\n[assertions]\nheader = "X-Signed"\n'
    return Service(Settings.load(write_settings(rules, urls=(LG,))))


@pytest.fixture
def url(service):
    with served(service, proxy_headers=False) as url:
        yield url


@pytest.fixture
def auth(sandbox, url):
    """The credentials of a member who is logged in, see `check_api`."""
    with httpx.Client(base_url=url) as client:
        browser = Browser(Site(sandbox, None, None, client=client), LG)
        browser.log_in("member")
        name = DOCUMENT["components"]["securitySchemes"]["session"]["name"]
        return f'session = {{ api_key = "{browser.cookies[name]}" }}'


@pytest.fixture
def check(url, tmp_path):
    """``check("proxy")``: check the operations with a tag."""
    document = tmp_path / "openapi.yaml"
    document.write_text(TEXT.replace("lg.example.net", VISITED["X-Forwarded-Host"]))

    def check(tag, *options, **arguments):
        select = (f"--url={url}", f"--include-tag={tag}")
        check_api(document, tmp_path, *select, *options, **arguments)

    return check


def test_all_paths_are_there(service):
    asked = {gateway.CHECK, gateway.ANSWER, gateway.FORWARD_AUTH}
    pages = {route.path for route in service.gateway._pages.routes if isinstance(route, Route)}
    private = {path for path in service._private if path.startswith(host.BELOW)}
    assert set(DOCUMENT["paths"]) == asked | pages | private | set(service._own)


def test_a_proxy_that_says_anything_is_answered_as_documented(check):
    others = ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE")  # the same as GET and POST
    check("proxy", *(f"--exclude-method={method}" for method in others))


def test_a_proxy_that_asks_for_a_member_is_answered_as_documented(check, auth):
    asked = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/"}
    check("proxy", "--phases=fuzzing", auth=auth, headers=VISITED | asked)


def test_visitors_are_answered_as_documented(check, auth):
    # A callback belongs to a login that this browser has started.
    check("visitors", auth=auth, headers=VISITED, excluded=["positive_data_acceptance"])


def test_operators_are_answered_as_documented(check):
    check("operators")
