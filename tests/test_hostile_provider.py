"""Both clients and a provider that wants to hurt them: each answer ends, with an error.

What a mere fault may look like is in test_client.py.
"""

import gzip
import logging
import socket
import threading
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from socketserver import StreamRequestHandler

import pytest
import trustme
from canned_server import far_url
from client_config import CLIENT_SECRET
from error_reports import everything_about
from hostile_answers import HEAD, WITHOUT_END, EndlessAnswer
from in_threads import within

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import InvalidResponse, PeeringDBOAuthError, TransportError
from peeringdb_oauth.messages import MAX_BODY, HTTPRequest
from peeringdb_oauth.steps import send

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
ACCESS_TOKEN, REFRESH_TOKEN = "the-access-token", "the-refresh-token"
TIMEOUT = 0.1  # seconds for each part of a request
MOST = 2  # seconds for all of it, on a busy machine


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


@contextmanager
def bounded_memory():
    """Check that no more than 24 times the largest body is in use at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 24 * MAX_BODY
    finally:
        tracemalloc.stop()


# --- answers without an end -----------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "tls"),
    [*((part, False) for part in WITHOUT_END), ("header value", True), ("chunk size", True)],
)
def test_a_part_that_drips_has_an_end(make_client, make_server, part, tls):
    server, answer = make_server(tls=tls), EndlessAnswer(*WITHOUT_END[part], pause=0.01)
    server.answers[PROFILE] = answer
    client = make_client(server, timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises(TransportError, match=r"0\.1 s"):
        client.fetch_user("t")


@pytest.mark.parametrize("part", WITHOUT_END)
def test_a_flood_has_an_end(make_client, server, part):
    answer = server.answers[PROFILE] = EndlessAnswer(*WITHOUT_END[part], pause=0)
    client = make_client(server, timeout=TIMEOUT)
    with (
        answer.given_up(),
        within(MOST),
        bounded_memory(),
        pytest.raises((TransportError, InvalidResponse)),
    ):
        client.fetch_user("t")


def test_a_handshake_that_drips_has_an_end(make_client, make_server):
    """A TLS record of 16 KiB that comes a byte at a time."""
    answer = EndlessAnswer(b"\x16\x03\x03\x40\x00", b"\x02", pause=0.01)

    class Handler(StreamRequestHandler):
        def handle(self):
            answer(self)

    server = make_server(handler_of=lambda _: Handler)
    client = make_client(server, base_url=server.url.replace("http:", "https:"), timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises(TransportError):
        client.fetch_user("t")


@contextmanager
def slow_to_take_connections():
    """A server that takes connections late, and then says nothing: its port.

    The first attempt to connect is lost, and the system makes the next a second later.
    """
    over = threading.Event()
    with (
        ExitStack() as connections,
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        ThreadPoolExecutor() as pool,
    ):
        for _ in range(2):
            filler = connections.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - the standard library's
            filler.connect_ex(full.getsockname())

        def take_all():
            over.wait(0.3)
            full.settimeout(0.05)
            while not over.is_set():
                with suppress(TimeoutError):
                    connections.enter_context(full.accept()[0])

        pool.submit(take_all)
        try:
            yield full.getsockname()[1]
        finally:
            over.set()


def test_the_connection_and_its_handshake_have_one_time_limit(make_client, server):
    with slow_to_take_connections() as port:
        client = make_client(server, base_url=f"https://127.0.0.1:{port}", timeout=1.5)
        with within(2.2), pytest.raises(TransportError):
            client.fetch_user("t")


@pytest.mark.parametrize("part", ["status line", "header value", "headers"])
def test_a_proxy_whose_answer_drips_has_an_end(make_client, make_server, monkeypatch, part):
    far_server, proxy = make_server(tls=True), make_server()
    answer = EndlessAnswer(*WITHOUT_END[part], pause=0.01)
    proxy.answers[far_url(far_server).removeprefix("https://")] = answer
    monkeypatch.setenv("https_proxy", proxy.url)
    client = make_client(far_server, base_url=far_url(far_server), timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises(TransportError):
        client.fetch_user("t")
    assert far_server.received == []


USES = {
    "/oauth2/token/": lambda client, _: client.refresh(REFRESH_TOKEN),
    "/oauth2/introspect/": lambda client, _: client.introspect(ACCESS_TOKEN),
    "/oauth2/revoke_token/": lambda client, _: client.revoke(REFRESH_TOKEN),
    "/oauth2/.well-known/openid-configuration": lambda client, id_token: client.verify_id_token(
        id_token
    ),
    "/oauth2/.well-known/jwks.json": lambda client, id_token: client.verify_id_token(id_token),
}


@pytest.mark.parametrize("path", USES)
@pytest.mark.parametrize("part", ["headers", "body"])
def test_each_endpoint_may_drip(make_client, server, recording, path, part):
    metadata = {"issuer": f"{server.url}/oauth2"}
    server.answer("/oauth2/.well-known/openid-configuration", metadata)
    answer = server.answers[path] = EndlessAnswer(*WITHOUT_END[part], pause=0.01)
    client = make_client(server, timeout=TIMEOUT)
    with answer.given_up(), within(MOST), pytest.raises(TransportError, match=r"0\.1 s"):
        USES[path](client, recording("token-success-openid").json["id_token"])


@pytest.mark.parametrize("part", ["headers", "body", "chunk size", "trailers"])
def test_all_parts_of_a_request_together_end_in_time(make_client, server, part):
    """The time limit of one request, where each part may take much longer."""
    answer = server.answers[PROFILE] = EndlessAnswer(*WITHOUT_END[part], pause=0.01)
    request = HTTPRequest(url=f"{server.url}{PROFILE}", within=0.5)
    client = make_client(server, timeout=20)
    with answer.given_up(), within(MOST), pytest.raises(TransportError):
        client.run(send(request))


def test_after_a_hostile_answer_the_next_one_is_read(make_client, server):
    client = make_client(server, timeout=TIMEOUT)
    for part in ("headers", "trailers"):
        answer = EndlessAnswer(*WITHOUT_END[part], pause=0.01)
        server.answers[PROFILE] = answer
        with answer.given_up(), pytest.raises(TransportError):
            client.fetch_user("t")
    server.replay(PROFILE, "profile-orgadmin")
    assert client.fetch_user("t").id == 1


# --- bodies ---------------------------------------------------------------------------

NETWORK = {"id": 1, "asn": 64496, "name": "Example", "perms": 1}
BOMB = b"[" + b" " * 50 * MAX_BODY + b"]"
BODIES = {
    "100,000 networks": ({"id": 1, "networks": [NETWORK] * 100_000}, "size"),
    "100,000 numbers": ({"id": 1, "networks": [7] * 100_000}, "networks"),
    "100,000 fields": ({str(field): 0 for field in range(50_000)}, "id"),
    "deep lists": (b'{"id": 1, "networks": ' + b"[" * 500_000, "json"),
    "deep objects": (b'{"id":' * 170_000, "json"),
    "deep and closed": (b'{"id": 1, "x": ' + b"[" * 400_000 + b"]" * 400_000 + b"}", "json"),
    "an integer of a million digits": (b'{"id": ' + b"9" * 1_000_000 + b"}", "json"),
    "an id of 100 digits": ({"id": 10**99}, "id"),
    "an infinite id": (b'{"id": 1e999}', "id"),
    "no number": (b'{"id": NaN}', "json"),
    "Latin-1": ('{"id": 1, "name": "Zo\xeb"}'.encode("latin-1"), "json"),
    "UTF-16": ('{"id": 1}'.encode("utf-16"), "json"),
    "UTF-7": (b"+AHs-", "json"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "json"),
    "overlong UTF-8": (b'{"id": 1, "name": "\xc0\xaf"}', "json"),
    "zeros": (b"\0" * 1000, "json"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_hostile_body_is_refused(make_client, server, name):
    body, check = BODIES[name]
    server.answer(PROFILE, body)
    client = make_client(server)
    with within(MOST), bounded_memory(), pytest.raises(InvalidResponse) as caught:
        client.fetch_user("t")
    assert (caught.value.check, server.paths()) == (check, [PROFILE])


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(BOMB)),
        ("deflate", zlib.compress(BOMB)),
        ("gzip, gzip", gzip.compress(gzip.compress(BOMB))),
        ("br", b"\x21\x00\x00\x04\x20\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
        ("x" * 1000, b"x"),
    ],
    ids=["gzip", "deflate", "gzip twice", "br", "zstd", "unknown"],
)
def test_nothing_is_unpacked(make_client, server, encoding, bomb):
    server.answer(PROFILE, bomb, Content_Encoding=encoding)
    client = make_client(server)
    with within(MOST), bounded_memory(), pytest.raises(InvalidResponse) as caught:
        client.fetch_user("t")
    assert caught.value.check == "json"


@pytest.mark.parametrize(
    "content_type",
    ["", "text/html", "text/json", "application/jsonx", "x" * 5000, "multipart/mixed; boundary=b"],
)
def test_a_wrong_content_type_is_refused(make_client, server, content_type):
    server.answer(PROFILE, {"id": 1}, content_type=content_type)
    with pytest.raises(InvalidResponse) as caught:
        make_client(server).fetch_user("t")
    assert caught.value.check == "content-type"


# --- redirects ------------------------------------------------------------------------


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["itself", "another host", "file:///etc/passwd", "//[::1:::/"])
def test_a_token_follows_no_redirect(make_client, server, make_server, status, where):
    other = make_server()
    location = {"itself": PROFILE, "another host": f"{other.url}{PROFILE}"}.get(where, where)
    server.answer(PROFILE, status=status, Location=location, Refresh=f"0; url={location}")
    with pytest.raises(InvalidResponse) as caught:
        make_client(server).fetch_user("t")
    assert (caught.value.check, server.paths(), other.connections) == ("status", [PROFILE], 0)


# --- certificates ---------------------------------------------------------------------

NOW = datetime.now(UTC)
CERTIFICATES = {
    "another name": lambda ca: ca.issue_cert("peeringdb.example.net"),
    "expired": lambda ca: ca.issue_cert("127.0.0.1", not_after=NOW - timedelta(days=1)),
    "not valid yet": lambda ca: ca.issue_cert("127.0.0.1", not_before=NOW + timedelta(days=1)),
    "another authority": lambda _: trustme.CA().issue_cert("127.0.0.1"),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_bad_certificate_gets_no_request(make_client, make_server, authority, kind):
    server = make_server(tls=True, certificate=CERTIFICATES[kind](authority))
    client = make_client(server, timeout=1)
    with within(MOST), pytest.raises(TransportError, match=r"no TLS connection to .*: .*ca_file"):
        client.fetch_user("t")
    assert server.received == []


# --- what leaks -----------------------------------------------------------------------

ECHO = f"{ACCESS_TOKEN} {REFRESH_TOKEN} {CLIENT_SECRET}".encode()
ECHOES = {
    "as the status line": ECHO + b"\r\n\r\n",
    "as the status": b"HTTP/1.1 " + ECHO + b"\r\n\r\n",
    "as the version": b"HTTP/" + ECHO + b" 200 OK\r\n\r\n",
    "as a header line": HEAD + ECHO + b"\r\nContent-Length: 2\r\n\r\n{}",
    "as a header name": HEAD + ECHO + b": x\r\nContent-Length: 2\r\n\r\n{}",
    "as the first header line": b"HTTP/1.1 200 OK\r\n " + ECHO + b"\r\n\r\n",
    "as the length": HEAD + b"Content-Length: " + ECHO + b"\r\n\r\n{}",
    "as two lengths": HEAD + b"Content-Length: 2, " + ECHO + b"\r\n\r\n{}",
    "as the transfer encoding": HEAD + b"Transfer-Encoding: " + ECHO + b"\r\n\r\n{}",
    "as a chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + ECHO + b"\r\n",
    "after a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{" + ECHO + b"\r\n",
    "as the content type": b"HTTP/1.1 200 OK\r\nContent-Type: " + ECHO + b"\r\n\r\n",
    "as a redirect": b"HTTP/1.1 302 x\r\nLocation: http://" + ECHO + b"\r\n\r\n",
    "as a cookie": HEAD + b"Set-Cookie: " + ECHO + b"; domain=x\r\n\r\n",
    "as the body": HEAD + b"\r\n" + ECHO,
}


@pytest.mark.parametrize("how", ECHOES)
def test_secrets_that_come_back_are_not_repeated(make_client, server, caplog, how):
    def answer(handler):
        handler.close_connection = True
        handler.wfile.write(ECHOES[how])

    caplog.set_level(logging.DEBUG)
    server.answers[TOKEN] = server.answers[PROFILE] = answer
    client, said = make_client(server), ""
    for use in (lambda: client.refresh(REFRESH_TOKEN), lambda: client.fetch_user(ACCESS_TOKEN)):
        with pytest.raises(PeeringDBOAuthError) as caught:
            use()
        said += everything_about(caught.value)
    said += caplog.text + repr([vars(record) for record in caplog.records])
    for secret in (ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_SECRET):
        assert secret not in said
