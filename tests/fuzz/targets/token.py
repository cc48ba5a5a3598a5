"""The token and introspection endpoints: what they answer is read exactly."""

import json
import re
from dataclasses import replace

from recordings import read_recording

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.responses import successful
from peeringdb_oauth.tokens import Introspection, parse_profile_response, parse_token_response

from .inputs import CANARY, assert_tells_no_secret, json_of

NOW = 1_800_000_000.5
SENT = HTTPRequest(
    url="https://auth.peeringdb.com/oauth2/token/",
    form={
        "grant_type": "authorization_code",
        "code": CANARY,
        "code_verifier": CANARY[::-1] * 2,
        "client_secret": CANARY.upper(),
    },
)
STATUSES = (200, 200, 200, 200, 200, 400, 401, 403, 429, 500, 302, 204)
CONTENT_TYPES = ("application/json", "application/json", "text/html", "application/problem+json")
RETRY_AFTER = ("", "0", "60", "999999999999", "-1", CANARY)
VALID = [
    json.dumps(read_recording(name).json)
    for name in (
        "token-success-openid",
        "token-success-no-openid",
        "introspect-post-creds",
        "token-error-bogus-code",
    )
]
TOKEN = re.compile("[!-~]{1,4096}")


def check(data, read=parse_token_response, introspect=Introspection.from_json):
    """The first three bytes choose status and headers, the others are the body."""
    first = data[:3].ljust(3, b"\0")
    body = json_of(data[3:], VALID)
    response = HTTPResponse(
        status=STATUSES[first[0] % len(STATUSES)],
        headers={
            "content-type": CONTENT_TYPES[first[1] % len(CONTENT_TYPES)],
            "retry-after": RETRY_AFTER[first[2] % len(RETRY_AFTER)],
        },
        body=body,
    )
    token = _read(lambda: read(SENT, response, requested=("openid", "profile"), now=NOW))
    if token is not None:
        _assert_token_is(token, response, json.loads(body))
    found = _read(lambda: introspect(successful(SENT, response).json_object()))
    if found is not None:
        _assert_introspection_is(found, json.loads(body))
    _read(lambda: parse_profile_response(SENT, response))


def _read(step):
    try:
        return step()
    except PeeringDBOAuthError as error:
        assert_tells_no_secret(
            error, *(SENT.form[name] for name in ("code_verifier", "client_secret"))
        )
        return _assert_it_can_wait(getattr(error, "retry_after", 1))


def _assert_it_can_wait(seconds):
    assert 0 < seconds <= 3600


def _assert_token_is(token, response, value):
    assert response.status == 200
    assert value["token_type"].lower() == "bearer"
    assert token.access_token == value["access_token"]
    assert TOKEN.fullmatch(token.access_token)
    assert token.refresh_token == value.get("refresh_token")
    assert token.refresh_token is None or TOKEN.fullmatch(token.refresh_token)
    assert token.id_token == value.get("id_token")
    assert type(value["expires_in"]) is int
    assert token.expires_at == int(NOW) + value["expires_in"] > NOW
    # A scope that was not granted is never assumed.
    assert set(token.scope) == set(value.get("scope", "openid profile").split())
    secret = "no answer has this text"
    shown = replace(token, access_token=secret, refresh_token=secret, id_token=secret)
    assert secret not in repr(shown)


def _assert_introspection_is(found, value):
    assert found.active is value.get("active")
    if found.active:
        assert found.client_id == value["client_id"] != ""
        assert set(found.scope) == set(value["scope"].split())
        assert found.expires_at == value["exp"]
        assert type(found.expires_at) is int
        assert 0 <= found.expires_at < 1e12
    else:
        assert (found.scope, found.client_id, found.expires_at) == ((), None, None)
