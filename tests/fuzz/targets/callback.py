"""The callback: it gives its code only with the state of this login."""

from urllib.parse import parse_qs

from peeringdb_oauth.authorization import LIFETIME, AuthorizationRequest
from peeringdb_oauth.callback import read_callback
from peeringdb_oauth.errors import InvalidResponse, ProviderError
from peeringdb_oauth.grammar import CODE
from peeringdb_oauth.metadata import PEERINGDB

from .inputs import CANARY, assert_tells_no_secret

NOW = 1_800_000_000.0
STATE = "state-of-this-login-0123456789-0123456789-0"
REQUEST = AuthorizationRequest(
    url=f"https://auth.peeringdb.com/oauth2/authorize/?{CANARY}",
    state=STATE,
    nonce=None,
    code_verifier=f"{CANARY}-verifier-0123456789",
    redirect_uri="https://portal.example.net/callback",
    scope=("profile",),
    created_at=NOW,
)


def check(data, read=read_callback):
    text = data.decode("utf-8", "surrogateescape")
    query = text.partition("#")[0].partition("?")[2]
    parameters = parse_qs(query, keep_blank_values=True)
    found = _outcome(read, text)
    if isinstance(found, str):
        _assert_it_may_pass(parameters, found)
    assert not isinstance(_outcome(read, text, NOW + LIFETIME + 1), str)
    # A mapping has neither the length nor the encoding of a URL.
    if getattr(found, "check", "") != "callback":
        _assert_same(found, _outcome(read, parameters))


def _assert_it_may_pass(parameters, code):
    assert parameters["state"] == [STATE]
    assert parameters["code"] == [code]
    assert CODE.fullmatch(code)
    assert "error" not in parameters
    assert parameters.get("iss", [PEERINGDB.issuer]) == [PEERINGDB.issuer]


def _outcome(read, callback, now=NOW + 1):
    """The code, or the error that refused it. No other error is right."""
    try:
        return read(REQUEST, callback, issuer=PEERINGDB.issuer, now=now)
    except (InvalidResponse, ProviderError) as error:
        assert_tells_no_secret(error, STATE)
        return error


def _assert_same(found, other):
    assert type(found) is type(other)
    assert str(found) == str(other)
