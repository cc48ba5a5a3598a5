import logging

import pytest

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidResponse,
    ProviderError,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.web.token_refusal import refuse_token

NO_STORE = {"Cache-Control": "no-store"}


@pytest.mark.parametrize(
    ("error", "status", "headers", "reasons"),
    [
        (
            TokenRejected("no token"),
            401,
            {"WWW-Authenticate": 'Bearer error="invalid_token"'},
            ("No token",),
        ),
        (AccessDenied("you may not"), 403, {}, ("You may not",)),
        (
            AccessDenied("scope", www_authenticate="Bearer x"),
            403,
            {"WWW-Authenticate": "Bearer x"},
            ("Scope",),
        ),
        (RateLimited("wait", retry_after=2.1), 503, {"Retry-After": "3"}, ("Wait",)),
        (TransportError("down"), 503, {"Retry-After": "30"}, ("Down",)),
        (ProviderError("refused"), 502, {}, ("Refused",)),
        (InvalidResponse("what?", check="json"), 502, {}, ("What?",)),
        (ConfigurationError("client_secret: missing"), 500, {}, ()),
    ],
)
def test_every_error_has_its_status_and_headers(error, status, headers, reasons):
    answer = refuse_token(error)
    assert (answer.status, answer.headers, answer.json) == (
        status,
        NO_STORE | headers,
        {"reasons": reasons},
    )
    assert answer.page is None


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (TokenRejected("no"), []),
        (AccessDenied("no"), []),
        (TransportError("down"), ["TransportError: down"]),
    ],
)
def test_the_operator_hears_of_what_is_not_the_callers_fault(error, logged, caplog):
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        refuse_token(error)
    assert [record.getMessage() for record in caplog.records] == logged
