"""The doctor asks PeeringDB. tests/cli/test_doctor.py does so at a sandbox."""

import json
from email.utils import formatdate

import pytest

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.doctor import examine_provider
from peeringdb_oauth.errors import TransportError
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.provider import Provider

NOW = 1_800_000_000.0
CONFIG = ClientConfig(
    client_id="portal",
    client_secret="secret-secret",
    redirect_uri="https://portal.example.net/callback",
    base_url="https://127.0.0.1:8443",  # where the recordings were made
)
DISCOVERY = "/oauth2/.well-known/openid-configuration"
KEYS = "/oauth2/.well-known/jwks.json"
INTROSPECT, TOKEN = "/oauth2/introspect/", "/oauth2/token/"
ANSWERS = {
    DISCOVERY: "discovery-oidc-oauth2",
    "/oauth2/.well-known/oauth-authorization-server": "discovery-oauth-oauth2",
    KEYS: "jwks",
    INTROSPECT: "introspect-unknown-token",
    TOKEN: "token-error-bogus-code",
}


@pytest.fixture
def examine(make_driver):
    """``examine(path=answer)``: the findings by their check, and the driver."""

    def examine(answers=None, *, config=CONFIG, now=NOW, seconds=0.0):
        ticks = iter(range(100))
        provider = Provider(config, lambda: now, lambda: next(ticks) * seconds)
        driver = make_driver(ANSWERS | (answers or {}))
        found = driver.run(examine_provider(provider))
        return {finding.check: finding for finding in found}, driver

    return examine


def answer(status=200, body=b"{}", **headers):
    headers = {"content-type": "application/json"} | headers
    return HTTPResponse(status=status, headers=headers, body=body)


def dated(recording, seconds):
    found = recording(ANSWERS[DISCOVERY])
    return answer(body=found.body, date=formatdate(NOW + seconds, usegmt=True))


def test_peeringdb_is_asked_five_times(examine, recording):
    found, driver = examine({DISCOVERY: dated(recording, 0)})
    assert {finding.status for finding in found.values()} == {"ok"}
    assert driver.paths() == [*ANSWERS]


def test_the_secret_is_in_no_finding_and_in_no_url(examine):
    for answers in ({}, {INTROSPECT: 403}, {INTROSPECT: 500}, {TOKEN: 500}):
        found, driver = examine(answers)
        urls = [request.url for request in driver.sent]
        assert CONFIG.client_secret not in repr([*found.values(), *urls])


def test_each_introspection_has_an_address_of_its_own(examine):
    urls = {
        request.url for _ in range(2) for request in examine()[1].sent if INTROSPECT in request.url
    }
    assert len(urls) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_secret_never_reaches_the_token_endpoint(examine, status):
    found, driver = examine({INTROSPECT: status})
    assert found["client-secret"].status == "problem"
    assert TOKEN not in driver.paths()


def test_an_introspection_that_is_broken_says_nothing_about_the_secret(examine):
    found, driver = examine({INTROSPECT: 502})
    assert "502" in found["client-secret"].seen
    assert TOKEN not in driver.paths()


def test_a_peeringdb_that_gives_no_answer_is_asked_once(examine):
    found, driver = examine({DISCOVERY: TransportError("no route")})
    assert (set(found), found["reachable"].status) == ({"reachable"}, "problem")
    assert len(driver.sent) == 1


@pytest.mark.parametrize("document", [{"issuer": "https://other.example.net/oauth2"}, {}])
def test_another_issuer_is_named(examine, document):
    found, _ = examine({DISCOVERY: document})
    assert found["issuer"].status == "problem"
    assert "metadata" not in found


def test_metadata_that_is_no_json_is_named(examine):
    page = HTTPResponse(status=200, headers={"content-type": "text/html"}, body=b"<html>")
    assert examine({DISCOVERY: page})[0]["issuer"].status == "problem"


@pytest.mark.parametrize("jwks", [{}, {"keys": []}])
def test_keys_of_no_use_are_named(examine, jwks):
    assert examine({KEYS: jwks})[0]["keys"].status == "problem"


@pytest.mark.parametrize(
    ("seconds", "status", "word"),
    [
        (4, "ok", "agrees"),
        (-30, "warning", "30 seconds ahead of"),
        (90, "problem", "90 seconds behind"),
    ],
)
def test_the_clocks_are_compared(examine, recording, seconds, status, word):
    found, _ = examine({DISCOVERY: dated(recording, seconds)})
    assert found["clock-skew"].status == status
    assert word in found["clock-skew"].seen


def test_without_a_date_the_clocks_are_not_compared(examine, recording):
    found, _ = examine({DISCOVERY: answer(body=recording(ANSWERS[DISCOVERY]).body)})
    assert found["clock-skew"].status == "skipped"


def test_slow_answers_are_named(examine):
    assert examine(seconds=2.5)[0]["speed"].status == "warning"
    assert "speed" not in examine(seconds=0.1)[0]


def test_a_maintenance_is_told_from_an_outage(examine):
    body = json.dumps({"non_field_errors": ["in maintenance"]}).encode()
    assert "maintenance" in examine({INTROSPECT: answer(503, body)})[0]
    assert "maintenance" not in examine({INTROSPECT: 503})[0]


def test_a_refusal_of_the_address_is_told(examine):
    found, _ = examine({KEYS: answer(429, b"", **{"retry-after": "5"})})
    assert found["rate-limit"].status == "problem"


def test_a_token_endpoint_that_answers_something_else_is_named(examine):
    found, _ = examine({TOKEN: answer(200)})
    assert found["token-endpoint"].status == "problem"


def test_metadata_that_is_missing_in_part_is_named(examine):
    path = "/oauth2/.well-known/oauth-authorization-server"
    assert examine({path: TransportError("cut")})[0]["metadata"].status == "problem"
