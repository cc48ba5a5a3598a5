"""Both clients over real sockets: what they send and accept, and how they fail.

Each test runs for `Client` and for `AsyncClient`, unless it is marked `only_for` one.
"""

import ast
import asyncio
import gzip
import secrets
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import suppress
from itertools import count
from types import SimpleNamespace
from urllib.parse import urlsplit

import aiohttp
import certifi
import pytest
import requests
from canned_server import FAR, far_url
from client_config import config_of
from docstring_example import example_of
from forward_proxy import forward_proxy_handler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_threads import PATIENCE, Calls, Gate, run_all, within

from peeringdb_oauth import __version__, flows
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.authorization import AuthorizationRequest
from peeringdb_oauth.client import Client
from peeringdb_oauth.cost import Cost, Purpose
from peeringdb_oauth.errors import (
    ConfigurationError,
    InvalidIDToken,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RateLimited,
    StateMismatch,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.messages import MAX_BODY, HTTPRequest
from peeringdb_oauth.steps import call, send
from peeringdb_oauth.tls import tls_context
from peeringdb_oauth.tokens import checked_token
from peeringdb_oauth.transport import RECHECK_WAIT

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
INTROSPECT, REVOKE = "/oauth2/introspect/", "/oauth2/revoke_token/"


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


def only_for(client_class, *, because):
    """A test that holds for one of the clients only, and why."""
    assert because
    return pytest.mark.parametrize("client_class", [client_class], ids=lambda kind: kind.__name__)


@pytest.fixture
def session(client_class, loop_thread):
    """A session of the caller's own, of the kind that the client takes."""
    if client_class is Client:
        with requests.Session() as session:
            yield session
    else:
        session = loop_thread.run(lambda: aiohttp.ClientSession(trust_env=True))
        yield session
        loop_thread.run(session.close)


@pytest.fixture(params=["its own session", "the caller's session"])
def make_client_with(request, make_client):
    """``make_client_with(server)``: with each kind of session that there may be."""
    if request.param == "its own session":
        return make_client
    session = request.getfixturevalue("session")
    return lambda server: make_client(server, arguments={"session": session})


def log_in(client, code="a-code"):
    request = client.authorization_request()
    return client.log_in(request, {"code": code, "state": request.state})


# --- what goes out --------------------------------------------------------------------


def test_logs_in(client, server):
    login = log_in(client)
    assert (login.user.name, login.user.asns) == ("Ada Admin", (64500, 64501, 65550))
    assert [(request.method, request.path) for request in server.received] == [
        ("POST", TOKEN),
        ("GET", PROFILE),
    ]


class ComesBack(dict):
    """A session whose browser has come back by the time that the login is read."""

    def get(self, name):
        names = self["names"]
        names["callback_url"] = f"https://x/?code=c&state={self[name]['state']}"
        return super().get(name)


def test_the_example_of_the_docstring_logs_in(client_class, client, server, capsys):
    names = {
        "AuthorizationRequest": AuthorizationRequest,
        "AsyncClient": AsyncClient,
        "Client": lambda _: client,
        "ClientConfig": SimpleNamespace(load=lambda: config_of(server)),
    }
    names["session"] = ComesBack(names=names)
    example = compile(example_of(client_class), "", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    awaitable = eval(example, names)  # noqa: S307 - our own documentation
    if client_class is AsyncClient:
        asyncio.run(awaitable)
    assert capsys.readouterr().out == "Ada Admin (64500, 64501, 65550)\n"


def test_one_callback_twice_at_once_logs_in_twice(client, server):
    """A person reloads the page while their login is on its way."""
    request = client.authorization_request()
    callback = {"code": "c", "state": request.state}
    gate = Gate()
    gate.hold(server, TOKEN)
    calls = Calls(lambda: client.log_in(request, callback), 2)
    gate.arrive()
    assert gate.nobody_arrives()
    gate.open()
    first, second = calls.outcomes()
    assert first is second
    assert sum(request.path == TOKEN for request in server.received) == 1


def test_callback_may_be_the_full_url(client):
    request = client.authorization_request()
    assert (
        client.log_in(request, f"https://app.test/callback?code=c&state={request.state}").user.id
        == 1
    )


def test_credentials_go_into_the_body_and_never_into_a_header(make_client, server):
    log_in(make_client(server, client_secret="the+secret/with=more&more %"))
    post = server.received[0]
    assert "authorization" not in post.headers
    assert post.headers["content-type"] == "application/x-www-form-urlencoded"
    assert post.form["client_secret"] == "the+secret/with=more&more %"
    assert (post.form["client_id"], post.form["code"]) == ("conf-rs256", "a-code")


def test_the_token_goes_into_the_header_as_bearer_and_nowhere_else(client, server):
    login = log_in(client)
    get = server.received[1]
    assert get.headers["authorization"] == f"Bearer {login.token.access_token}"
    assert (get.path, get.body) == (PROFILE, b"")


def test_names_itself_and_asks_for_an_uncompressed_answer(client, server):
    log_in(client)
    for request in server.received:
        assert request.headers["user-agent"] == f"peeringdb-oauth/{__version__}"
        assert (request.headers["accept-encoding"], request.headers["accept"]) == (
            "identity",
            "application/json",
        )


def test_refresh_introspect_fetch_and_revoke(client, server):
    token = client.refresh("a-refresh-token")
    assert client.introspect(token.access_token).active
    assert client.fetch_user(token.access_token).id == 1
    assert client.revoke(token) is None
    assert server.paths() == [TOKEN, INTROSPECT, PROFILE, REVOKE]


@pytest.mark.parametrize("name", ["fetch_user", "introspect", "refresh", "revoke"])
@pytest.mark.parametrize("token", ["", "two words", "a\r\nX-Evil: 1", None, 7])
def test_what_is_no_token_is_not_sent(client, server, name, token):
    with pytest.raises(TokenRejected):
        getattr(client, name)(token)
    assert server.connections == 0


def test_verifies_id_tokens(client, server, recording):
    server.answer("/oauth2/.well-known/openid-configuration", {"issuer": f"{server.url}/oauth2"})
    server.replay("/oauth2/.well-known/jwks.json", "jwks")
    with pytest.raises(InvalidIDToken) as caught:
        client.verify_id_token(recording("token-success-openid").json["id_token"])
    assert caught.value.check == "iss"  # the signature is right, but this server has another name


def test_an_authorization_request_sends_nothing(client, server):
    request = client.authorization_request(scope=("openid", "profile"), prompt="login")
    assert (request.scope, request.url.startswith(f"{server.url}/oauth2/authorize/?")) == (
        ("openid", "profile"),
        True,
    )
    assert (server.connections, "prompt=login" in request.url) == (0, True)


def test_a_forged_callback_sends_nothing(client, server):
    with pytest.raises(StateMismatch):
        client.log_in(client.authorization_request(), {"code": "c", "state": "forged"})
    assert server.connections == 0


def test_repr_has_no_secret(client, client_class):
    assert repr(client) == f"{client_class.__name__}({client.config!r})"
    assert "secret-rs256" not in repr(client)


# --- connections ----------------------------------------------------------------------


def test_logins_share_one_connection(client, server):
    for _ in range(3):
        log_in(client)
    assert (len(server.received), server.connections) == (6, 1)


def test_logins_share_one_tls_connection(make_server, make_client):
    server = make_server(tls=True)
    server.replay(TOKEN, "token-success-no-openid")
    server.replay(PROFILE, "profile-member")
    client = make_client(server, allow_http=False)
    for _ in range(3):
        assert log_in(client).user.name == "Mel Member"
    assert server.connections == 1


def test_an_answer_without_a_body_keeps_the_connection(client, server):
    server.answer("/oauth2/revoke_token/", b"", content_type="text/html")
    for _ in range(3):
        client.revoke("t")
    assert server.connections == 1


def test_twenty_threads_share_ten_connections(client, server):
    gate = Gate()
    gate.hold(server, INTROSPECT)
    calls = Calls(lambda: client.introspect("t"), 20)
    gate.arrive(10)
    assert gate.nobody_arrives()  # eleven in flight could be eleven refusals
    gate.open()
    assert [answer.active for answer in calls.outcomes()] == [True] * 20
    assert server.connections == 10


def test_five_tokens_that_may_be_dead_are_tried_at_once(client, server):
    """The other refusals of a minute are kept for logins."""
    gate = Gate()
    gate.hold(server, PROFILE)
    calls = Calls(lambda: client.fetch_user(secrets.token_hex(4)), 8)
    gate.arrive(5)
    assert gate.nobody_arrives()
    assert client.introspect("t").active
    gate.open()
    assert [user.id for user in calls.outcomes()] == [1] * 8


def test_less_important_requests_that_wait_hold_up_no_login(client, server):
    gate = Gate()
    gate.hold(server, PROFILE)
    recheck = HTTPRequest(url=f"{server.url}{PROFILE}", cost=Cost(purpose=Purpose.RECHECK))
    calls = Calls(lambda: client.run(send(recheck)).status, 5)
    gate.arrive(3)
    assert gate.nobody_arrives()  # the other places are for logins
    assert client.introspect("t").active
    gate.open()
    assert calls.outcomes() == [200] * 5


def test_close_closes_the_kept_connections(make_client, server):
    with make_client(server) as client:
        client.fetch_user("t")
    client.fetch_user("t")  # with a new connection: a closed client can be used
    assert server.connections == 2


# --- answers that are no answers ------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_follows_no_redirect(make_client_with, server, make_server, status):
    other = make_server()
    server.answer(TOKEN, b"", status=status, Location=f"{other.url}{TOKEN}")
    with pytest.raises(InvalidResponse) as caught:
        log_in(make_client_with(server))
    assert (caught.value.check, server.paths(), other.connections) == ("status", [TOKEN], 0)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_post_is_not_repeated_after_5xx(client, server, status):
    server.answer(
        TOKEN,
        b"<h1>Server Error (500)</h1>",
        status=status,
        content_type="text/html",
        Retry_After="0",
    )
    with pytest.raises(TransportError) as caught:
        log_in(client)
    assert (caught.value.status, len(server.received)) == (status, 1)


def cut(handler):
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_a_post_is_not_repeated_when_the_connection_is_cut(client, server):
    server.answers[TOKEN] = cut
    with pytest.raises(TransportError, match=r"connection to 127\.0\.0\.1:[0-9]+ failed") as caught:
        log_in(client)
    assert (caught.value.status, server.paths()) == (None, [TOKEN])


def test_a_post_over_a_kept_connection_is_not_repeated_either(client, server):
    client.refresh("r")
    server.answers[TOKEN] = cut
    with pytest.raises(TransportError):
        client.refresh("r")
    assert server.paths() == [TOKEN, TOKEN]


def raw(*chunks, close=True):
    """Answer with exactly these bytes."""

    def write(handler):
        handler.close_connection = close
        for chunk in chunks:
            handler.wfile.write(chunk)

    return write


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def test_accepts_an_answer_of_1_mib(client, server, recording):
    server.answer(PROFILE, recording("profile-orgadmin").body.ljust(MAX_BODY))
    assert client.fetch_user("t").id == 1


@pytest.mark.parametrize(
    "answer",
    [
        raw(HEAD + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), b"{}".ljust(MAX_BODY + 1)),
        raw(HEAD + b"Content-Length: %d\r\n\r\n" % 10**12, b" " * (MAX_BODY + 65536)),
        raw(HEAD + b"\r\n", b" " * (MAX_BODY + 65536)),
        raw(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 17,
        ),
    ],
    ids=["with its length", "with a longer length", "without a length", "chunked"],
)
def test_refuses_a_larger_answer(client, server, answer):
    server.answers[PROFILE] = answer
    with pytest.raises(InvalidResponse, match="1048576 bytes") as caught:
        client.fetch_user("t")
    assert caught.value.check == "size"


def test_accepts_a_chunked_answer(client, server):
    server.answers["/oauth2/introspect/"] = raw(
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n11\r\n{"active": false}\r\n0\r\n\r\n',
        close=False,
    )
    assert [client.introspect("t").active for _ in range(2)] == [False, False]
    assert server.connections == 1


def test_does_not_unpack_what_it_did_not_ask_for(client, server):
    bomb = gzip.compress(b'{"id": 1, "name": "' + b" " * 5 * MAX_BODY + b'"}')
    server.answer(PROFILE, bomb, Content_Encoding="gzip")
    with pytest.raises(InvalidResponse) as caught:
        client.fetch_user("t")
    assert caught.value.check == "json"


@pytest.mark.parametrize(
    "answer",
    [
        raw(b""),
        raw(b"\r\n\r\n"),
        raw(b"SSH-2.0-OpenSSH_9.9\r\n"),
        raw(b"HTTP/1.1 abc\r\n\r\n"),
        raw(HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n"),
        raw(HEAD + b"X: y\r\n" * 200 + b"\r\n"),
        raw(HEAD + b'Content-Length: 100\r\n\r\n{"active": false}'),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(HEAD + b'Transfer-Encoding: chunked\r\n\r\n11\r\n{"active'),
    ],
    ids=[
        "nothing",
        "empty lines",
        "ssh",
        "no status",
        "long header",
        "headers",
        "cut short",
        "no chunk",
        "cut chunk",
    ],
)
def test_garbage_and_cut_answers_are_transport_errors(client, server, answer):
    server.answers["/oauth2/introspect/"] = answer
    with pytest.raises(TransportError):
        client.introspect("t")
    assert len(server.received) == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"HTTP/1.1 200 OK\r\n", HEAD + b"\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"]
    ),
)
def test_any_bytes_are_read_or_raise_one_of_our_errors(client, server, garbage, head):
    server.answers["/oauth2/introspect/"] = raw(head + garbage)
    with suppress(PeeringDBOAuthError):
        client.introspect("t")


def test_plain_text_and_html_are_not_json(client, server):
    server.answer(PROFILE, b"<html>", content_type="text/html")
    with pytest.raises(InvalidResponse) as caught:
        client.fetch_user("t")
    assert caught.value.check == "content-type"


# --- time -----------------------------------------------------------------------------


@pytest.fixture
def over():
    """Set when the test is over, so that servers stop waiting."""
    event = threading.Event()
    yield event
    event.set()


def test_gives_up_a_server_that_does_not_answer(make_client, server, over):
    server.answers[TOKEN] = lambda _: over.wait(PATIENCE)
    client = make_client(server, timeout=0.2)
    with within(2), pytest.raises(TransportError, match=r"did not answer within 0\.2 s"):
        log_in(client)
    assert len(server.received) == 1


def test_gives_up_a_server_that_sends_a_byte_at_a_time(make_client, server, over):
    def drip(handler):
        handler.wfile.write(HEAD + b"Content-Length: 100000\r\n\r\n")
        while not over.wait(0.02):
            handler.wfile.write(b" ")

    server.answers[PROFILE] = drip
    client = make_client(server, timeout=0.3)
    with within(2), pytest.raises(TransportError, match=r"(took longer than|within) 0\.3 s"):
        client.fetch_user("t")


def test_gives_up_a_server_that_stops_half_way(make_client, server, over):
    def stop(handler):
        handler.wfile.write(HEAD + b"Content-Length: 100000\r\n\r\n{")
        over.wait(PATIENCE)

    server.answers[PROFILE] = stop
    client = make_client(server, timeout=0.2)
    with within(2), pytest.raises(TransportError, match=r"did not answer within 0\.2 s"):
        client.fetch_user("t")


def test_gives_up_a_host_that_does_not_take_the_connection(make_client, server):
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        socket.socket() as first,
        socket.socket() as second,
    ):
        for filler in (first, second):  # further connections are neither taken nor refused
            filler.setblocking(False)  # noqa: FBT003 - the standard library's
            filler.connect_ex(full.getsockname())
        client = make_client(
            server, base_url=f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.2
        )
        with within(2), pytest.raises(TransportError, match=r"did not answer within 0\.2 s"):
            client.fetch_user("t")


@pytest.fixture
def unused_address():
    """An address that is taken, and where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def test_a_host_that_is_not_there_is_a_transport_error(make_client, server, unused_address):
    with pytest.raises(TransportError, match=f"the connection to {unused_address} failed"):
        make_client(server, base_url=f"http://{unused_address}").fetch_user("t")


# --- limits ---------------------------------------------------------------------------


def test_keeps_silent_after_a_401_and_tries_again_after_61_seconds(make_client, server, clock):
    client = make_client(server, arguments={"monotonic": clock})
    server.replay(TOKEN, "negcache-1-wrong-secret")
    with pytest.raises(ProviderError) as refused:
        log_in(client)
    assert (refused.value.error, refused.value.status) == ("invalid_client", 401)
    server.replay(TOKEN, "token-success-no-openid")
    for method in (
        log_in,
        lambda c: c.refresh("r"),
        lambda c: c.revoke("r"),
        lambda c: c.introspect("t"),
    ):
        with pytest.raises(RateLimited, match="401") as caught:
            method(client)
        assert caught.value.retry_after == 61
    assert len(server.received) == 1  # the second login sent nothing
    assert client.fetch_user("t").id == 1  # the profile is not affected
    clock.now += 61
    assert log_in(client).user.id == 1


def test_a_401_counts_even_if_its_body_never_arrives(make_client, server, clock):
    client = make_client(server, arguments={"monotonic": clock})
    server.answers[TOKEN] = raw(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\n{")
    with pytest.raises(TransportError):
        client.refresh("r")
    with pytest.raises(RateLimited) as caught:
        client.refresh("r")
    assert (caught.value.retry_after, len(server.received)) == (61, 1)


def test_after_three_dead_tokens_the_next_ones_are_introspected_first(make_client, server, clock):
    """PeeringDB counts dead tokens at the profile, but not at introspection."""
    client = make_client(server, arguments={"monotonic": clock})
    server.answer(PROFILE, b"", status=403, content_type="text/html")
    server.answer(INTROSPECT, {"active": False})
    for number in range(20):
        with pytest.raises(TokenRejected):
            client.fetch_user(f"token-{number}")
    assert server.paths() == [PROFILE] * 3 + [INTROSPECT] * 17
    server.replay(PROFILE, "profile-orgadmin")
    assert log_in(client).user.id == 1
    clock.now += 60
    assert client.fetch_user("another").id == 1
    assert server.paths()[-2:] == [PROFILE, PROFILE]


def test_stops_before_the_eleventh_refusal(make_client, server, clock):
    """Even if introspection says that all tokens are alive."""
    client = make_client(server, arguments={"monotonic": clock})
    server.replay(PROFILE, "profile-error-bad-token")
    for number in range(10):
        with pytest.raises(TokenRejected):
            client.fetch_user(f"token-{number}")
    with pytest.raises(RateLimited) as caught:
        client.fetch_user("an-eleventh")
    assert (caught.value.retry_after, server.paths().count(PROFILE)) == (60, 10)


def test_a_refused_token_is_dead_for_ten_hours(make_client, server, clock):
    client = make_client(server, arguments={"clock": clock})
    server.replay(PROFILE, "profile-error-bad-token")
    outcomes = run_all(lambda: client.fetch_user("dead"), 14)
    assert {type(error) for error in outcomes} == {TokenRejected}
    assert len({str(error) for error in outcomes}) == 1
    server.replay(PROFILE, "profile-orgadmin")
    clock.now += 35_999
    with pytest.raises(TokenRejected, match="refused the access token"):
        client.fetch_user("dead")
    assert len(server.received) == 1
    assert client.fetch_user("another").id == 1
    clock.now += 1
    assert client.fetch_user("dead").id == 1


def test_a_token_that_was_revoked_here_is_dead_at_once(client, server):
    token = log_in(client).token
    client.revoke(token)
    for dead in (token.access_token, token.refresh_token):
        with pytest.raises(TokenRejected, match="revoked"):
            client.fetch_user(dead)
    assert server.paths() == [TOKEN, PROFILE, REVOKE]


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("ratelimit-429-token", 14), ("ratelimit-429-profile", 61), ("throttle-429", 61)],
)
def test_pauses_after_a_429(make_client, server, clock, name, seconds):
    client = make_client(server, arguments={"monotonic": clock})
    server.replay(PROFILE, name)
    for status in (429, None):  # PeeringDB's refusal, then our own
        with pytest.raises(RateLimited) as caught:
            client.fetch_user("t")
        assert (caught.value.retry_after, caught.value.status) == (seconds, status)
    assert len(server.received) == 1
    server.replay(PROFILE, "profile-orgadmin")
    clock.now += seconds
    assert client.fetch_user("t").id == 1


def test_keeps_to_its_requests_a_minute(make_client, server, clock):
    client = make_client(server, arguments={"monotonic": clock}, requests_per_minute=4)
    log_in(client)
    log_in(client)
    with pytest.raises(RateLimited) as caught:
        log_in(client)
    assert (caught.value.retry_after, len(server.received)) == (60, 4)


def test_those_who_wait_fail_at_once_when_the_silence_begins(client, server):
    """Ten are in flight and get a 401. The twelve behind them fail at once."""
    server.replay(TOKEN, "token-error-wrong-secret")
    gate = Gate()
    gate.hold(server, TOKEN)
    numbers = count()
    calls = Calls(lambda: client.refresh(f"r{next(numbers)}"), 22)
    gate.arrive(10)
    assert gate.nobody_arrives()
    with within(2):
        gate.open()
        outcomes = calls.outcomes()
    assert (
        sorted(type(outcome).__name__ for outcome in outcomes)
        == ["ProviderError"] * 10 + ["RateLimited"] * 12
    )
    assert len(server.received) == 10


def test_waiting_for_the_budget_has_a_timeout(make_client, server):
    client = make_client(server, timeout=0.2)
    request = HTTPRequest(url=server.url)
    for _ in range(10):
        assert client._ledger.budget.admit(request, time.monotonic())
    with within(2), pytest.raises(RateLimited, match="waiting for their answers") as caught:
        client.fetch_user("t")
    assert (caught.value.retry_after, server.connections) == (0.2, 0)


def test_a_recheck_does_not_wait_long_for_those_of_others(client, server):
    """A slow PeeringDB makes nobody queue behind strangers."""
    for _ in range(10):
        assert client._ledger.budget.admit(HTTPRequest(url=server.url), time.monotonic())
    cost = Cost(purpose=Purpose.RECHECK)
    flow = flows.fetch_user(client.provider, checked_token("t"), cost=cost)
    with within(5), pytest.raises(RateLimited, match="waiting for their answers") as caught:
        client.run(flow)
    assert (caught.value.retry_after, server.connections) == (RECHECK_WAIT, 0)


# --- run ------------------------------------------------------------------------------


def test_a_flow_may_ask_nothing(client):
    def flow():
        return 7
        yield

    assert client.run(flow()) == 7


def test_a_flow_hears_of_errors_and_may_go_on(client, server):
    def flow(path):
        try:
            yield HTTPRequest(url=f"{server.url}{path}")
        except TransportError:
            return (yield HTTPRequest(url=f"{server.url}{PROFILE}")).status

    server.answers["/cut"] = cut
    assert client.run(flow("/cut")) == 200


def test_a_flow_may_call_a_function_of_the_application(client):
    assert client.run(call(lambda: 7)) == 7


class Later:
    """An awaitable that is no coroutine."""

    def __await__(self):
        return 7
        yield


async def coroutine_function():
    return 7


@only_for(Client, because="an AsyncClient awaits it")
@pytest.mark.parametrize("function", [coroutine_function, Later])
def test_a_function_that_must_be_awaited_is_refused(client, function):
    with pytest.raises(ConfigurationError, match="needs an AsyncClient"):
        client.run(call(function))


class StoppingAdapter(requests.adapters.BaseAdapter):
    """A broken adapter, as a caller's session may have."""

    def send(self, *_args, **_kwargs):
        raise StopIteration("not a result")

    def close(self):
        pass


@only_for(Client, because="the adapter is one of requests")
def test_a_stop_iteration_of_an_adapter_is_an_error_and_leaves_nothing_in_flight(
    make_client, server, session
):
    session.mount("http://", StoppingAdapter())
    client = make_client(server, arguments={"session": session})
    for _ in range(11):
        with pytest.raises(StopIteration):
            client.fetch_user("t")


# --- a session of the caller's own ----------------------------------------------------


@only_for(Client, because="test_async_client.py has the same with a session of aiohttp")
def test_uses_the_callers_session_as_it_is_and_leaves_it_open(make_client, server, session):
    session.headers["X-From"] = "its owner"
    session.auth = ("user", "password")
    client = make_client(server, arguments={"session": session})
    log_in(client)
    client.close()
    session.get(f"{server.url}{PROFILE}", auth=lambda request: request)
    assert server.connections == 1
    assert [request.headers.get("x-from") for request in server.received] == ["its owner"] * 3
    assert "authorization" not in server.received[0].headers
    assert server.received[1].headers["authorization"].startswith("Bearer ")
    assert server.received[1].headers["user-agent"].startswith("peeringdb-oauth/")


@only_for(Client, because="requests reads a redirect before it gives it away")
def test_the_size_of_a_redirect_is_bounded_in_the_callers_session(make_client, server, session):
    heard = []
    server.answer(PROFILE, b"x" * (MAX_BODY + 1), status=302, Location="http://[::1:::/")
    session.hooks["response"] = [lambda answer, **_: heard.append(answer.status_code)]
    with pytest.raises(InvalidResponse) as caught:
        make_client(server, arguments={"session": session}).fetch_user("t")
    assert (caught.value.check, heard) == ("size", [302])


def test_keeps_no_cookies(client, server, recording):
    server.answer(PROFILE, recording("profile-orgadmin").body, Set_Cookie="sessionid=abc; Path=/")
    for _ in range(2):
        client.fetch_user("t")
    assert ["cookie" in request.headers for request in server.received] == [False, False]


def test_does_not_look_into_netrc(make_client_with, server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth(server.url) == ("somebody", "else")
    log_in(make_client_with(server))
    assert "authorization" not in server.received[0].headers
    assert server.received[1].headers["authorization"].startswith("Bearer ")


# --- proxies --------------------------------------------------------------------------


@pytest.fixture
def proxy(make_server):
    """A forward proxy. ``proxy.received``: what it was asked for."""
    return make_server(handler_of=forward_proxy_handler)


@pytest.fixture
def far_server(make_server):
    """A server that is not on this machine, if a client uses its `far_url`."""
    server = make_server(tls=True)
    server.replay(PROFILE, "profile-orgadmin")
    return server


def test_goes_through_the_environments_proxy(proxy, make_client, far_server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    client = make_client(far_server, base_url=far_url(far_server))
    assert [client.fetch_user("t").id for _ in range(2)] == [1, 1]
    assert proxy.received == [("CONNECT", urlsplit(far_url(far_server)).netloc)]


def test_no_proxy_goes_around_it(proxy, make_client, far_server, monkeypatch):
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", FAR)
    # There is no other way to this host.
    with pytest.raises(TransportError, match=f"the connection to {FAR}:[0-9]+ failed"):
        make_client(far_server, base_url=far_url(far_server)).fetch_user("t")
    assert proxy.received == []


def name_proxy(monkeypatch, proxy):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)


def test_a_loopback_host_is_asked_directly(proxy, make_client_with, server, monkeypatch):
    """A proxy could read the client_secret and the tokens: they go over http here."""
    name_proxy(monkeypatch, proxy)
    assert log_in(make_client_with(server)).user.id == 1
    assert (proxy.received, len(server.received)) == ([], 2)


def test_a_loopback_host_with_tls_is_asked_directly(proxy, make_client, far_server, monkeypatch):
    name_proxy(monkeypatch, proxy)
    monkeypatch.setenv("no_proxy", FAR)
    assert make_client(far_server).fetch_user("t").id == 1
    assert (proxy.received, len(far_server.received)) == ([], 1)


def test_a_proxy_that_is_not_there_is_named_as_the_cause(
    make_client, far_server, monkeypatch, unused_address
):
    monkeypatch.setenv("https_proxy", f"http://user:pa55word@{unused_address}")
    with pytest.raises(TransportError, match="the proxy between here and") as caught:
        make_client(far_server, base_url=far_url(far_server)).fetch_user("t")
    assert "pa55word" not in repr(caught.value) + repr(caught.value.__cause__)


# --- certificates ---------------------------------------------------------------------


@pytest.fixture
def tls_server(make_server):
    server = make_server(tls=True)
    server.replay(PROFILE, "profile-orgadmin")
    return server


def test_accepts_its_own_certificate_authority(make_client, tls_server):
    assert make_client(tls_server).fetch_user("t").id == 1


def test_refuses_an_unknown_certificate_authority_and_says_what_to_do(make_client, tls_server):
    with pytest.raises(
        TransportError, match=r"unable to get local issuer certificate; .* name its file as ca_file"
    ):
        make_client(tls_server, ca_file=None).fetch_user("t")
    assert tls_server.received == []


def test_refuses_a_certificate_for_another_host_and_says_so(make_client, tls_server):
    with pytest.raises(TransportError, match="certificate is not valid for 'localhost'"):
        make_client(
            tls_server, base_url=tls_server.url.replace("127.0.0.1", "localhost")
        ).fetch_user("t")


def test_a_server_without_tls_is_not_said_to_have_a_bad_certificate(make_client, server):
    with pytest.raises(TransportError, match=r"no TLS connection to 127\.0\.0\.1:[0-9]+$"):
        make_client(server, base_url=server.url.replace("http:", "https:")).fetch_user("t")


@pytest.fixture
def _no_tls_context_yet(monkeypatch):
    """A process loads each certificate bundle once; this test has its own."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    tls_context.cache_clear()
    yield
    tls_context.cache_clear()


@pytest.mark.usefixtures("_no_tls_context_yet")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_honours_the_environments_certificate_bundle(
    make_client, tls_server, monkeypatch, tmp_path, variable
):
    monkeypatch.setenv(variable, tls_server.ca_file)
    assert make_client(tls_server, ca_file=None).fetch_user("t").id == 1
    tls_context.cache_clear()
    monkeypatch.setenv(variable, str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError, match=f"^{variable}: {tmp_path}/none.pem: No such file"):
        make_client(tls_server, ca_file=None)


@pytest.mark.usefixtures("_no_tls_context_yet")
def test_honours_the_environments_directory_of_certificates(
    make_client, tls_server, monkeypatch, tmp_path
):
    """OpenSSL finds the system's authorities in the same way."""
    shutil.copy(tls_server.ca_file, tmp_path)
    subprocess.run(["openssl", "rehash", tmp_path], check=True)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert make_client(tls_server, ca_file=None).fetch_user("t").id == 1
    # A file comes in addition.
    tls_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert make_client(tls_server, ca_file=None).fetch_user("t").id == 1


@pytest.mark.usefixtures("_no_tls_context_yet")
def test_without_any_setting_the_authorities_of_certifi_are_trusted():
    of_certifi = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)
    assert set(of_certifi) <= set(tls_context(None).get_ca_certs(binary_form=True))


@pytest.mark.usefixtures("_no_tls_context_yet")
@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_replaces_the_other_authorities(make_client, tls_server, monkeypatch, variable):
    monkeypatch.setenv("SSL_CERT_FILE", tls_server.ca_file)
    monkeypatch.setenv(variable, certifi.where())
    with pytest.raises(TransportError, match="certificate"):
        make_client(tls_server, ca_file=None).fetch_user("t")


def test_a_bundle_may_be_a_directory(make_client, tls_server, tmp_path):
    shutil.copy(tls_server.ca_file, tmp_path)
    with pytest.raises(
        TransportError
    ):  # OpenSSL finds only files with the names that "openssl rehash" gives
        make_client(tls_server, ca_file=str(tmp_path)).fetch_user("t")


@only_for(Client, because="it looks inside, as does test_async_client.py")
def test_clients_share_one_tls_context(make_client, tls_server):
    contexts = {id(make_client(tls_server)._connections._adapter._context) for _ in range(3)}
    assert len(contexts) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "no certificates"), (b"\x00\x01", "no certificates")],
)
def test_a_bad_ca_file_is_a_configuration_error(make_client, server, tmp_path, content, reason):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"ca_file: {path}: .*{reason}"):
        make_client(server, ca_file=str(path))


def test_says_how_many_requests_were_taken(server):
    server.replay(PROFILE, "profile-orgadmin")
    with Client(config_of(server)) as client:
        assert sum(client.usage().used.values()) == 0
        client.fetch_user("t")
        assert sum(client.usage().used.values()) == 1
