"""What each status of an answer means: the error, its words, and how long to wait."""

import json

import pytest

from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import InvalidResponse, ProviderError, RateLimited, TransportError
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.responses import retry_after, successful
from peeringdb_oauth.tokens import (
    build_code_request,
    build_introspection_request,
    build_profile_request,
)

CONFIG = ClientConfig(
    client_id="portal",
    client_secret="s3cret of this portal",
    redirect_uri="https://portal.example.net/callback",
)
PUBLIC = ClientConfig(client_id="portal", redirect_uri="https://portal.example.net/callback")
CODE_REQUEST = build_code_request(
    CONFIG,
    PEERINGDB,
    code="c0de-of-one-login",
    redirect_uri=CONFIG.redirect_uri,
    code_verifier="v" * 43,
)
PROFILE_REQUEST = build_profile_request(PEERINGDB, access_token="access-token-of-somebody")


def answer(value, *, status=200, content_type="application/json", **headers):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HTTPResponse(
        status=status,
        headers={"content-type": content_type}
        | {n.replace("_", "-"): v for n, v in headers.items()},
        body=body,
    )


def granted(**changes):
    fields = {
        "access_token": "a",
        "expires_in": 36000,
        "token_type": "Bearer",
        "scope": "profile",
        "refresh_token": "r",
    } | changes
    return {name: value for name, value in fields.items() if value is not ...}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 61),
        ({"retry-after": "13"}, 14),
        ({"retry-after": " 59 "}, 60),
        (
            {"retry-after": "0"},
            11,
        ),  # PeeringDB repeats a 429 from its cache for 10 s, and longer if asked meanwhile
        ({"retry-after": "3"}, 11),
        ({"retry-after": "999999999"}, 3600),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 61),
        ({"retry-after": "-5"}, 61),
        ({"retry-after": "1.5"}, 61),
        ({"retry-after": "١٣"}, 61),  # digits, but not ASCII's
        ({"retry-after": "1" * 10}, 61),
    ],
)
def test_waits_as_long_as_a_429_asks_within_reason(headers, seconds):
    response = HTTPResponse(status=429, headers=headers, body=b"")
    assert retry_after(response) == seconds
    with pytest.raises(RateLimited, match=f"wait {seconds} s") as caught:
        successful(CODE_REQUEST, response)
    assert caught.value.retry_after == seconds


def test_cached_refusal_says_that_the_secret_may_be_right():
    with pytest.raises(RateLimited, match="something at this address") as caught:
        successful(
            CODE_REQUEST, answer({"error": "invalid_client"}, status=401, x_cached_response="True")
        )
    assert caught.value.retry_after == 61


def test_refused_credentials_say_what_to_check():
    with pytest.raises(
        ProviderError,
        match=r"answered 401: invalid_client\): check client_id and client_secret .* for 61 s",
    ):
        successful(CODE_REQUEST, answer({"error": "invalid_client"}, status=401))


def test_forbidden_introspection_says_what_to_check_and_promises_no_silence():
    with pytest.raises(ProviderError, match="needs the client_secret") as caught:
        successful(
            build_introspection_request(PUBLIC, PEERINGDB, token="t"),
            answer(b"", status=403, content_type="text/html"),
        )
    assert "61" not in str(caught.value)


def test_used_code_says_to_log_in_again():
    with pytest.raises(ProviderError, match="log in again"):
        successful(CODE_REQUEST, answer({"error": "invalid_grant"}, status=400))


def test_500_at_a_login_names_the_algorithm():
    with pytest.raises(TransportError, match="RS256"):
        successful(
            CODE_REQUEST,
            answer(b"<h1>Server Error (500)</h1>", status=500, content_type="text/html"),
        )


@pytest.mark.parametrize(("request_", "status"), [(CODE_REQUEST, 503), (PROFILE_REQUEST, 500)])
def test_other_5xx_do_not(request_, status):
    with pytest.raises(TransportError) as caught:
        successful(request_, answer(b"", status=status))
    assert caught.value.status == status
    assert "RS256" not in str(caught.value)


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308])
def test_refuses_any_other_success_and_any_redirect(status):
    with pytest.raises(InvalidResponse, match=str(status)) as caught:
        successful(
            CODE_REQUEST, answer(granted(), status=status, location="https://evil.example.net/")
        )
    assert caught.value.check == "status"


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b'{"error": "invalid_scope"}', "application/json; charset=utf-8", "invalid_scope"),
        (b'{"meta": {"error": "Not today"}}', "application/json", "Not today"),
        (b'{"error": "a", "meta": {"error": "b"}}', "application/json", "a"),
        (b'{"error": "x\\r\\ny"}', "application/json", ""),
        (b'{"error": "\\u001b[31mred"}', "application/json", ""),
        (b'{"error": ""}', "application/json", ""),
        (b'{"error": 7}', "application/json", ""),
        (b'{"error": "%s"}' % (b"e" * 65), "application/json", ""),
        (b'{"meta": "error"}', "application/json", ""),
        (b'{"meta": {}}', "application/json", ""),
        (b"[]", "application/json", ""),
        (b"{", "application/json", ""),
        (b"<html>", "text/html", ""),
        (b"Rate limit exceeded.", "text/plain", ""),
        (b"", "", ""),
    ],
)
def test_takes_the_error_word_from_each_family_of_answers(body, content_type, error):
    with pytest.raises(ProviderError) as caught:
        successful(CODE_REQUEST, answer(body, status=400, content_type=content_type))
    assert (caught.value.error, caught.value.status) == (error, 400)


def test_short_secrets_are_not_repeated_either():
    request = build_code_request(
        CONFIG, PEERINGDB, code="abc", redirect_uri=CONFIG.redirect_uri, code_verifier=None
    )
    with pytest.raises(ProviderError) as caught:
        successful(request, answer({"error": "bad code abc"}, status=400))
    assert (caught.value.error, "abc" in str(caught.value)) == ("", False)


def test_the_client_id_is_no_secret():
    config = ClientConfig(
        client_id="client", client_secret="s3cret of this portal", redirect_uri=CONFIG.redirect_uri
    )
    request = build_introspection_request(config, PEERINGDB, token="t0ken")
    with pytest.raises(ProviderError) as caught:
        successful(request, answer({"error": "invalid_client"}, status=401))
    assert caught.value.error == "invalid_client"
