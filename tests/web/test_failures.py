import pytest

from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.web.failures import failure_of, reasons_of


@pytest.mark.parametrize(
    ("error", "status", "title"),
    [
        (LoginDenied("no", error="access_denied"), 403, "You cancelled the login"),
        (StateMismatch("no"), 400, "This login was not started here"),
        (AccessDenied("no"), 403, "You have no access here"),
        (TokenRejected("no"), 403, "Your login has ended"),
        (RateLimited("no", retry_after=3), 503, "PeeringDB asks us to wait"),
        (TransportError("no"), 502, "PeeringDB is not available"),
        (ProviderError("no", error="invalid_client"), 502, "PeeringDB refused this site"),
        (InvalidIDToken("no", check="aud"), 502, "PeeringDB's answer cannot be trusted"),
        (ConfigurationError("no"), 500, "The login is not set up right"),
        (PeeringDBOAuthError("no"), 502, "PeeringDB's answer cannot be used"),
        (InvalidResponse("no", check="networks[0].asn"), 502, "PeeringDB's answer cannot be used"),
    ]
    + [
        (InvalidResponse("no", check=check), 400, "This login cannot be completed")
        for check in ("authorization_request", "callback", "code", "created_at", "error", "iss")
    ],
)
def test_every_error_has_its_status_and_heading(error, status, title):
    failure = failure_of(error)
    assert (failure.status, failure.title) == (status, title)
    assert failure.advice.endswith(".")


def test_reasons_are_sentences():
    assert reasons_of(AccessDenied("you may not", "AS64500: no")) == ("You may not", "AS64500: no")
    assert reasons_of(TransportError("the connection failed")) == ("The connection failed",)


def test_an_empty_reason_stays_empty():
    assert reasons_of(TransportError("")) == ("",)


def test_problems_with_settings_have_no_reasons_for_people():
    assert reasons_of(ConfigurationError("client_secret: missing")) == ()
    assert (
        reasons_of(ProviderError("check client_secret", error="invalid_client", status=401)) == ()
    )
    assert reasons_of(ProviderError("invalid_scope", error="invalid_scope")) == ("Invalid_scope",)
