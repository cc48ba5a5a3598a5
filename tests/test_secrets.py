"""Successful and failed logins with full logging: no secret is written anywhere."""

import http.client
import json
import logging
import socket
import time
import traceback
from hashlib import sha256

import pytest
from jose import b64, compact_jws, rsa_jwk

from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse

TOKEN, PROFILE, INTROSPECT, REVOKE = (
    "/oauth2/token/",
    "/profile/v1",
    "/oauth2/introspect/",
    "/oauth2/revoke_token/",
)
ALL = (TOKEN, PROFILE, INTROSPECT, REVOKE, "/oauth2/.well-known/jwks.json")
SECRETS = {  # in lower case, as are the names and values of some logs
    "client_secret": "cl1ent-secret-aaaaaaaaaaaaaaaa",
    "code": "c0de-bbbbbbbbbbbbbbbbbbbbbbbbb",
    "access_token": "acc3ss-ccccccccccccccccccccccc",
    "refresh_token": "refr3sh-dddddddddddddddddddddd",
    "old_refresh_token": "0ld-refresh-eeeeeeeeeeeeeeeeee",
    "unknown_token": "unkn0wn-fffffffffffffffffffff",
}
ECHO = " ".join(SECRETS.values())


def sign(claims):
    return compact_jws({"alg": "RS256", "kid": "k", "typ": "JWT"}, claims, key="k")


def claims_for(server, nonce, **changes):
    at_hash = b64(sha256(SECRETS["access_token"].encode()).digest()[:16])
    now = int(time.time())
    times = {"iat": now, "exp": now + 100, "auth_time": now}
    return (
        {
            "iss": f"{server.url}/oauth2",
            "aud": "conf-rs256",
            "sub": "1",
            "nonce": nonce,
            "at_hash": at_hash,
        }
        | times
        | changes
    )


class Everything:
    """All that was written or could be: log records, errors and their causes, reprs."""

    def __init__(self, capfd):
        self.capfd = capfd
        self.written = []

    def add(self, *things):
        self.written += [text for thing in things for text in (str(thing), repr(thing))]

    def add_error(self, error):
        self.written += traceback.format_exception(error)
        while error is not None:
            self.add(error, error.args, vars(error))
            error = error.__cause__ or error.__context__

    def emit(self, record):
        self.add(record.getMessage(), record.args)
        if record.exc_info:
            self.add_error(record.exc_info[1])

    def secrets_in(self, secrets):
        text = "\n".join([*self.written, *self.capfd.readouterr()])
        return sorted(name for name, secret in secrets.items() if secret in text)


@pytest.fixture
def everything(capfd):
    """Gets every log record from DEBUG on, and all that is printed."""
    everything = Everything(capfd)
    handler = logging.Handler(logging.DEBUG)
    handler.emit = everything.emit
    loggers = [
        logging.getLogger(),
        *(
            logger
            for logger in logging.root.manager.loggerDict.values()
            if isinstance(logger, logging.Logger)
        ),
    ]
    before = [(logger, logger.level, logger.disabled) for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
        logger.disabled = False
        logger.addHandler(handler)
    yield everything
    for logger, level, disabled in before:
        logger.setLevel(level)
        logger.disabled = disabled
        logger.removeHandler(handler)


@pytest.fixture
def portal(server, make_client):
    """A client with ``openid`` in its scope, at a server that grants secret tokens."""
    granted = {name: SECRETS[name] for name in ("access_token", "refresh_token")}
    granted |= {"token_type": "Bearer", "expires_in": 100, "scope": "openid profile"}
    server.answer(TOKEN, granted)
    server.answer("/oauth2/.well-known/openid-configuration", {"issuer": f"{server.url}/oauth2"})
    server.answer("/oauth2/.well-known/jwks.json", {"keys": [rsa_jwk("k")]})
    server.granted = granted
    return make_client(
        server, client_secret=SECRETS["client_secret"], scope=("openid", "profile"), timeout=0.5
    )


def use(client, server, everything, break_something):
    """Log in, look up, refresh, log out; return what must stay secret."""
    request = client.authorization_request()
    id_token = sign(claims_for(server, request.nonce))
    server.answer(TOKEN, server.granted | {"id_token": id_token})
    break_something(server, request)
    callback = {"code": SECRETS["code"], "state": request.state}

    steps = [
        lambda: client.log_in(request, callback),
        lambda: client.log_in(request, callback),  # replayed
        # another browser's
        lambda: client.log_in(client.authorization_request(), callback),
        lambda: client.log_in(
            client.authorization_request(),
            f"https://app.example.net/?code={SECRETS['code']}&state={request.state}",
        ),
        lambda: client.fetch_user(SECRETS["access_token"]),
        lambda: client.fetch_user(SECRETS["access_token"] + "\n"),
        lambda: client.refresh(SECRETS["old_refresh_token"]),
        lambda: client.introspect(SECRETS["unknown_token"]),
        lambda: client.verify_id_token(id_token, nonce=request.nonce),
        lambda: client.verify_id_token(id_token[:-4] + "AAAA", nonce=request.nonce),
        lambda: client.revoke(SECRETS["refresh_token"]),
    ]
    succeeded = 0
    for step in steps:
        try:
            result = step()
        except PeeringDBOAuthError as error:
            everything.add_error(error)
        else:
            everything.add(result)
            succeeded += 1
    everything.add(client, client.config, request, client.provider, vars(client))
    everything.add(vars(client._ledger.budget), vars(client.provider.dead_tokens))
    secrets = SECRETS | {
        "state": request.state,
        "nonce": request.nonce,
        "code_verifier": request.code_verifier,
    }
    return succeeded, secrets | {"id_token": id_token, "signature": id_token.rpartition(".")[2]}


def nothing(_server, _request):
    """Leave everything as it is."""


def broken(*paths, **answer):
    def break_something(server, _request):
        for path in paths:
            server.answer(path, **({"body": b""} | answer))

    return break_something


def cut(server, _request):
    for path in (TOKEN, PROFILE):
        server.answers[path] = lambda handler: (
            handler.connection.shutdown(socket.SHUT_RDWR)
            or setattr(handler, "close_connection", True)
        )


def half(server, _request):
    head = f"HTTP/1.1 200 {ECHO}\r\nContent-Length: 1000\r\n\r\n{ECHO}".encode()
    for path in (TOKEN, PROFILE, INTROSPECT):
        server.answers[path] = lambda handler: (
            handler.wfile.write(head) and setattr(handler, "close_connection", True)
        )


def no_http(server, _request):
    server.answers[TOKEN] = lambda handler: (
        handler.wfile.write(b"no HTTP\r\n\r\n") and setattr(handler, "close_connection", True)
    )


def echo(name, status):
    """Answer a request that has this secret with the secret as the error."""

    def break_something(server, _request):
        def answer(handler):
            sent = server.received[-1]
            word = (
                SECRETS[name]
                if SECRETS[name] in f"{sent.body} {sent.headers}"
                else "invalid_request"
            )
            body = json.dumps({"error": word}).encode()
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        server.answers |= dict.fromkeys(ALL, answer)

    return break_something


def foreign(**changes):
    def break_something(server, request):
        claims = claims_for(server, request.nonce)
        server.answer(TOKEN, server.granted | {"id_token": sign(claims | changes)})

    return break_something


WRONG = {"error": ECHO, "error_description": ECHO, "error_uri": ECHO, "meta": {"error": ECHO}}
HEADERS = {
    "Location": ECHO,
    "WWW_Authenticate": f'Bearer error="{ECHO}"',
    "X_Auth_ID": ECHO,
    "Retry_After": ECHO,
    "Set_Cookie": f"a={ECHO}",
}
ECHOES = {
    f"{status} echoes {name}": echo(name, status) for status in (400, 401, 403) for name in SECRETS
}
FAILURES = ECHOES | {
    "no answer": cut,
    "half an answer": half,
    "no HTTP": no_http,
    **{
        f"{status} with echoes": broken(*ALL, status=status, body=WRONG, **HEADERS)
        for status in (200, 302, 400, 401, 403, 404, 429, 500)
    },
    "cached 401": broken(TOKEN, status=401, body=WRONG, X_Cached_Response="True"),
    "no JSON": broken(*ALL, body=ECHO.encode()),
    "an echo as JSON": broken(*ALL, body=[ECHO]),
    "an echo in every field": broken(
        *ALL,
        body=dict.fromkeys(
            ("token_type", "expires_in", "active", "id", "name", "keys", "networks"), ECHO
        ),
    ),
    "an echo in the id": broken(PROFILE, body={"id": ECHO, "name": "Ada", "verified_user": True}),
    "an echo in the networks": broken(
        PROFILE, body={"id": 1, "name": "Ada", "verified_user": True, "networks": [{"asn": ECHO}]}
    ),
    "an echo as scope": broken(
        INTROSPECT, body={"active": True, "scope": [ECHO], "client_id": ECHO, "exp": ECHO}
    ),
    "too large": broken(*ALL, body=(ECHO * 8000).encode()),
    "refused token": broken(PROFILE, status=403, content_type="text/html"),
    "another issuer": foreign(iss="https://evil.example.net/oauth2"),
    "another nonce": foreign(nonce="n"),
    "another audience": foreign(aud="another"),
    "another access token": foreign(at_hash="x"),
    "another person": foreign(sub="2"),
    "another kind of nonce": foreign(nonce=[ECHO]),
    "expired": foreign(exp=1),
    "echoing dates": foreign(exp=ECHO, iat=ECHO),
}


def test_a_login_writes_no_secret(portal, server, everything):
    succeeded, secrets = use(portal, server, everything, nothing)
    assert (succeeded, http.client.HTTPConnection.debuglevel) == (6, 0)
    assert any(
        '"POST /oauth2/token/ HTTP/1.1" 200' in text for text in everything.written
    )  # logging was on
    assert everything.secrets_in(secrets) == []


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failed_login_writes_no_secret(portal, server, everything, failure):
    succeeded, secrets = use(portal, server, everything, FAILURES[failure])
    assert succeeded < 6
    assert everything.secrets_in(secrets) == []


def test_a_content_type_that_echoes_is_not_repeated(portal, server, everything):
    _, secrets = use(
        portal, server, everything, broken(*ALL, content_type=f"text/{SECRETS['access_token']}")
    )
    assert everything.secrets_in(secrets) == []


def test_messages_hide_what_they_carry():
    request = HTTPRequest(
        url="https://auth.peeringdb.com/", form=SECRETS, bearer=SECRETS["access_token"]
    )
    response = HTTPResponse(status=200, headers={"x": ECHO}, body=ECHO.encode())
    assert not [secret for secret in SECRETS.values() if secret in repr((request, response))]
