"""The JSON control endpoint: what it does, and who may use it."""

import json

import pytest

from peeringdb_oauth.sandbox import SandboxError

pytestmark = pytest.mark.usefixtures("clear_faults")
JWKS = "/oauth2/.well-known/jwks.json"


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_needs_the_control_token(web, token):
    headers = {} if token is None else {"X-Sandbox-Token": token}
    answer = web.send("POST", "/sandbox/api/fault", headers, '{"kind": "outage"}')
    assert (answer.status, web.get(JWKS).status) == (403, 200)


@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("explode", "{}"),
        ("fault", "{"),
        ("fault", "[]"),
        ("fault", '{"kind": "cut", "colour": "red"}'),
        ("advance", "{}"),
        ("register", "{}"),
    ],
)
def test_a_wrong_command_is_an_error_in_json(pdb, web, command, body):
    answer = web.send(
        "POST", f"/sandbox/api/{command}", {"X-Sandbox-Token": pdb.control_token}, body
    )
    assert (answer.status, list(answer.json())) == (400, ["error"])


def test_needs_post(pdb, web):
    assert (
        web.send("GET", "/sandbox/api/rotate-key", {"X-Sandbox-Token": pdb.control_token}).status
        == 405
    )


@pytest.mark.parametrize(
    "uris", [[], ["/callback"], ["https://app.example.net/#x"], ["https://a@app.example.net/"]]
)
def test_an_application_needs_valid_redirect_uris(pdb, uris):
    with pytest.raises(SandboxError, match="redirect URI"):
        pdb.register(*uris)


def test_an_application_needs_a_known_algorithm(pdb):
    with pytest.raises(SandboxError, match="RS256, HS256 or none, not 'none'"):
        pdb.register("https://app.example.net/", algorithm="none")


def test_generated_credentials_are_as_long_as_at_peeringdb(app):
    assert (len(app.client_id), len(app.client_secret)) == (40, 128)
    assert app.client_secret not in repr(app)


def test_can_be_used_without_this_library(pdb, web):
    body = json.dumps({"kind": "error_500", "path": JWKS, "times": 1})
    assert (
        web.send("POST", "/sandbox/api/fault", {"X-Sandbox-Token": pdb.control_token}, body).json()
        == {}
    )
    assert [web.get(JWKS).status for _ in range(2)] == [500, 200]


@pytest.mark.parametrize("seconds", [0, -1, 1e308, "NaN"])
def test_time_goes_forward_by_at_most_ten_years(web, pdb, seconds):
    body = f'{{"seconds": {seconds}}}'
    answer = web.send("POST", "/sandbox/api/advance", {"X-Sandbox-Token": pdb.control_token}, body)
    assert (answer.status, answer.json()["error"].startswith("time only goes forward")) == (
        400,
        True,
    )


def test_json_that_is_nested_too_deeply_is_refused(web, pdb):
    answer = web.send(
        "POST", "/sandbox/api/advance", {"X-Sandbox-Token": pdb.control_token}, "[" * 100_000
    )
    assert answer.status == 400


def test_a_control_token_that_is_not_ascii_is_refused(web):
    assert (
        web.send("POST", "/sandbox/api/advance", {"X-Sandbox-Token": "\u00fc"}, "{}").status == 403
    )
