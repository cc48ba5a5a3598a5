"""A client that was used before its process forked, as under a preloading application
server.
"""

import os
import threading
from functools import partial

import pytest

from peeringdb_oauth.client import _connect_anew
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.tls import tls_context


def in_a_child(work):
    """Whether ``work`` ended well in a forked process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = b"failed"
        try:
            work()
            said = b"done"
        finally:
            os.write(writer, said)
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        return pipe.read() == b"done"


@pytest.fixture(params=[False, True], ids=["http", "tls"])
def server(request, make_server):
    server = make_server(tls=request.param)
    server.answer("/profile/v1", {"id": 1, "verified_user": True})
    return server


def test_a_forked_process_opens_connections_of_its_own(server, make_client):
    client = make_client(server)
    client.fetch_user("of-the-parent")
    assert in_a_child(lambda: client.fetch_user("of-the-child"))
    client.fetch_user("of-the-parent")
    assert server.connections == 2


def test_what_was_under_way_in_the_parent_holds_nobody_up_in_the_child(server, make_client):
    client = make_client(server)
    for _ in range(10):
        assert client._budget.admit(
            HTTPRequest(url=server.url),
            0.0,
        )  # never settled: their threads stayed behind
    assert in_a_child(lambda: client.fetch_user("of-the-child"))


def test_a_lock_that_a_thread_of_the_parent_holds_is_free_in_the_child(server, make_client):
    client, held, ended = make_client(server), threading.Event(), threading.Event()

    def hold():
        with client._budget_changed:
            held.set()
            ended.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        assert in_a_child(lambda: client.fetch_user("of-the-child"))
    finally:
        ended.set()
        thread.join()


def test_connecting_anew_leaves_the_old_connections_to_the_parent(server, make_client):
    client = make_client(server)
    client.fetch_user("before")
    _connect_anew()  # as in a child; here it can be measured
    client.fetch_user("after")
    assert server.connections == 2


def test_a_client_whose_certificates_are_gone_holds_up_no_other(
    make_server,
    make_client,
    tmp_path,
    authority,
):
    other, bundle = make_server(tls=True), tmp_path / "ca.pem"
    bundle.write_bytes(authority.cert_pem.bytes())
    for server in (first := make_server(tls=True), other):
        server.answer("/profile/v1", {"id": 1, "verified_user": True})
    clients = [make_client(first, ca_file=str(bundle)), make_client(other)]
    for client in clients:
        client.fetch_user("of-the-parent")
    bundle.unlink()
    tls_context.cache_clear()
    for client in clients:
        assert in_a_child(partial(client.fetch_user, "of-the-child"))
    assert (first.connections, other.connections) == (2, 2)
