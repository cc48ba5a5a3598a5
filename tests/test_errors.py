"""Each error has its parent class and its data, and can be copied and pickled."""

import copy
import pickle

import pytest

from peeringdb_oauth import errors
from peeringdb_oauth.errors import (
    AccessDenied,
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    LoginDenied,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    RecordsUnavailable,
    RightsUnknown,
    StateMismatch,
    TokenRejected,
    TransportError,
)

EXAMPLES = [
    (PeeringDBOAuthError("no"), RuntimeError, "no", {}),
    (
        ConfigurationError("no id", "no URL"),
        PeeringDBOAuthError,
        "no id; no URL",
        {"problems": ("no id", "no URL")},
    ),
    (TransportError("down"), PeeringDBOAuthError, "down", {"status": None}),
    (TransportError("down", status=502), PeeringDBOAuthError, "down", {"status": 502}),
    (
        RateLimited("wait", retry_after=61.0),
        TransportError,
        "wait",
        {"retry_after": 61.0, "for_caller": False, "status": None},
    ),
    (
        RateLimited("wait", retry_after=9.0, status=429),
        TransportError,
        "wait",
        {"retry_after": 9.0, "for_caller": False, "status": 429},
    ),
    (RecordsUnavailable("down"), TransportError, "down", {"status": None}),
    (RightsUnknown("old"), TransportError, "old", {"status": None, "retry_after": 10.0}),
    (
        RightsUnknown("old", retry_after=3.0),
        TransportError,
        "old",
        {"status": None, "retry_after": 3.0},
    ),
    (ProviderError("no"), PeeringDBOAuthError, "no", {"error": "", "status": None}),
    (
        ProviderError("no", error="invalid_grant", status=400),
        PeeringDBOAuthError,
        "no",
        {"error": "invalid_grant", "status": 400},
    ),
    (
        LoginDenied("no", error="access_denied"),
        ProviderError,
        "no",
        {"error": "access_denied", "status": None},
    ),
    (InvalidResponse("odd", check="json"), PeeringDBOAuthError, "odd", {"check": "json"}),
    (StateMismatch("odd"), InvalidResponse, "odd", {"check": "state"}),
    (StateMismatch("odd", check="used"), InvalidResponse, "odd", {"check": "used"}),
    (InvalidIDToken("odd", check="aud"), InvalidResponse, "odd", {"check": "aud"}),
    (
        TokenRejected("old"),
        PeeringDBOAuthError,
        "old",
        {"www_authenticate": 'Bearer error="invalid_token"'},
    ),
    (
        TokenRejected("old", www_authenticate="Bearer"),
        PeeringDBOAuthError,
        "old",
        {"www_authenticate": "Bearer"},
    ),
    (
        AccessDenied("not you", "not now"),
        PeeringDBOAuthError,
        "not you; not now",
        {"reasons": ("not you", "not now"), "www_authenticate": None},
    ),
]
parametrized = pytest.mark.parametrize(
    ("error", "parent", "message", "data"), EXAMPLES, ids=lambda value: repr(value)[:60]
)


@parametrized
def test_an_error_has_its_parent_its_message_and_its_data(error, parent, message, data):
    assert type(error).__bases__ == (parent,)
    assert str(error) == message
    assert vars(error) == data


@parametrized
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],  # noqa: S301
)
def test_an_error_can_be_copied_and_pickled(duplicate, error, parent, message, data):
    copied = duplicate(error)
    assert (type(copied), type(copied).__bases__) == (type(error), (parent,))
    assert (str(copied), vars(copied)) == (message, data)


def test_every_error_has_an_example_here():
    classes = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, PeeringDBOAuthError)
    }
    assert classes == {type(error) for error, *_ in EXAMPLES}


def test_the_tree_in_the_docstring_names_every_error():
    for error, *_ in EXAMPLES:
        assert type(error).__name__ in errors.__doc__
