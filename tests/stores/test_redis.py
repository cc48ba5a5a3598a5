"""What is special about Redis and Valkey."""

from contextlib import suppress
from dataclasses import replace

import pytest
import redis
from in_threads import run_all
from ports import free_port
from store_servers import PASSWORD, RedisServer
from store_tests import FIRST

from peeringdb_oauth.records import RecordsUnavailable

WEEK = 7 * 24 * 60 * 60  # seconds
DATABASE = 3


@pytest.fixture
def server_name():
    return "redis"


@pytest.fixture
def client(server):
    with redis.Redis(
        port=server.port, password=PASSWORD, db=DATABASE, decode_responses=True
    ) as client:
        yield client


def test_everything_expires_a_week_after_it_is_due(open_store, client):
    store = open_store()
    now = store.get("a")[1]
    store.put(replace(FIRST, due_at=now + 60), expected=None)
    names = client.keys()
    assert sorted(names) == [
        "{peeringdb_oauth}:due",
        "{peeringdb_oauth}:handle:h",
        "{peeringdb_oauth}:named",
        "{peeringdb_oauth}:owner:user:7",
        "{peeringdb_oauth}:record:session:a",
    ]
    for name in names:
        assert WEEK <= client.ttl(name) <= WEEK + 62


def test_what_is_long_due_still_has_a_week(open_store, client):
    store = open_store()
    store.put(replace(FIRST, due_at=5.0), expected=None)
    assert WEEK - 60 <= client.ttl("{peeringdb_oauth}:record:session:a") <= WEEK + 2


def test_a_shared_name_expires_with_the_last_record(open_store, client):
    store = open_store()
    now = store.get("a")[1]
    store.put(replace(FIRST, due_at=now + 1000), expected=None)
    store.put(replace(FIRST, key="session:b", due_at=now), expected=None)
    for name in ("due", "named", "owner:user:7"):
        assert client.ttl(f"{{peeringdb_oauth}}:{name}") > WEEK + 900


def test_a_record_that_has_expired_leaves_nothing_behind(open_store, client):
    store = open_store()
    store.put(replace(FIRST, due_at=5.0), expected=None)
    client.delete("{peeringdb_oauth}:record:session:a")
    assert store.of_handle("h") is None
    assert store.of_owner("user:7") == []
    assert store.due(5)[0] == []
    assert client.keys() == ["{peeringdb_oauth}:handle:h"]
    assert store.put(FIRST, expected=None)
    assert store.get("session:a")[0] == FIRST


def test_a_read_only_replica_is_named_and_may_become_the_primary(open_store, server):
    store = open_store()
    store.put(FIRST, expected=None)
    server.ask("REPLICAOF 127.0.0.1 1")
    try:
        with pytest.raises(RecordsUnavailable, match="it is a read-only replica"):
            store.delete("session:a", expected=FIRST.version)
    finally:
        server.ask("REPLICAOF NO ONE")
    assert store.delete("session:a", expected=FIRST.version)


def test_a_wrong_password_is_a_reason_that_does_not_show_it(open_store, server):
    store = open_store(server.url.replace(PASSWORD, "another-password"))
    with pytest.raises(RecordsUnavailable, match=r"does not answer: .*password") as caught:
        store.get("a")
    assert "another-password" not in str(caught.value)


def test_few_connections_are_open(open_store, client):
    before = len(client.client_list())
    store = open_store()
    assert run_all(lambda: store.get("a")[0], 20) == [None] * 20
    assert len(client.client_list()) - before <= 4


def test_valkey_is_another_name(open_store, server):
    open_store().put(FIRST, expected=None)
    store = open_store(server.url.replace("redis://", "valkey://"))
    assert store.get("session:a")[0] == FIRST


class Cluster(RedisServer):
    """A cluster of one server, which refuses scripts that use two slots."""

    def command(self):
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-port", str(free_port())]

    def url_at(self, port):
        return f"redis://:{PASSWORD}@127.0.0.1:{port}"

    def ask(self, *commands):
        with redis.Redis(port=self.port, password=PASSWORD) as client:
            with suppress(redis.exceptions.ResponseError):  # it has them
                client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            if client.cluster("info")["cluster_state"] != "ok":
                raise redis.exceptions.ConnectionError("not yet")
        return super().ask(*commands)


def test_all_names_are_in_one_slot_of_a_cluster(open_store, server):
    del server
    cluster = Cluster()
    try:
        store = open_store(cluster.url)
        second = replace(FIRST, version=FIRST.version + 1, due_at=1.0)
        assert store.put(FIRST, expected=None)
        assert store.put(second, expected=FIRST.version)
        assert store.get("session:a")[0] == second
        assert store.of_owner("user:7") == store.due(5)[0] == [second]
        assert store.of_handle("h") == second
        assert store.delete("session:a", expected=second.version)
    finally:
        cluster.end()
