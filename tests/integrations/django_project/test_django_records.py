"""The store in the project's own database: the common tests, and transactions."""
# ruff: noqa: PLC0415, S608 - models can be imported only after Django is set up; own SQL

import copy
import sqlite3
import time
import unittest
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cutting_proxy import CuttingProxy
from store_servers import PASSWORD, PostgreSQL
from store_tests import FIRST, ServerTests, StoreTests

from peeringdb_oauth.records import RecordsUnavailable

ROWS = "peeringdb_oauth_peeringdbrecord"
SECOND = replace(FIRST, value="second", version=FIRST.version + 1)


class ProjectFile:
    """The SQLite file of the project."""

    alias = "default"

    def __init__(self):
        from django.db import connection

        self.file = Path(connection.settings_dict["NAME"])
        self.directory = self.file.parent

    def wipe(self):
        from peeringdb_oauth.integrations.django.models import PeeringDBRecord

        PeeringDBRecord.objects.all().delete()

    def freeze(self):
        self._lock = sqlite3.connect(self.file, isolation_level=None)
        self._lock.execute("BEGIN EXCLUSIVE")

    def thaw(self):
        self._lock.close()


class ProjectServer(PostgreSQL):
    """A PostgreSQL with the tables of the project."""

    alias = "postgresql"

    def wipe(self):
        from django.db import connections

        connections["postgresql"].close()  # it may be from before a restart
        self.ask(f"DELETE FROM {ROWS}")


@contextmanager
def other_database(alias, **settings):
    """Another database of the project."""
    from django.db import connections

    both = connections.configure_settings({"default": {}, alias: settings})
    connections.databases[alias] = both[alias]
    try:
        yield
    finally:
        connections[alias].close()
        if connections[alias].connection:  # Django does not close one in memory
            connections[alias].connection.close()
        del connections[alias], connections.databases[alias]


@pytest.fixture(scope="module")
def postgresql():
    from django.core.management import call_command

    server = ProjectServer()
    settings = {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": server.port,
        "NAME": "postgres",
        "USER": "portal",
        "PASSWORD": PASSWORD,
    }
    with other_database("postgresql", **settings):
        call_command("migrate", verbosity=0, database="postgresql")
        yield server
    server.end()


class Router:
    """Sends the records to a database."""

    def __init__(self, alias):
        self._alias = alias

    def db_for_write(self, model, **_):
        return self._alias if model._meta.db_table == ROWS else None


@contextmanager
def routed_to(alias):
    from django.test import override_settings

    with override_settings(DATABASE_ROUTERS=[Router(alias)]):
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def server_name(request):
    return request.param


@pytest.fixture
def server(request, server_name):
    server = request.getfixturevalue("postgresql") if server_name != "sqlite" else ProjectFile()
    server.wipe()
    with routed_to(server.alias):
        yield server
    server.wipe()


@pytest.fixture
def open_store(server):  # noqa: ARG001 - the stores are routed to it
    from peeringdb_oauth.integrations.django.records import DjangoRecords

    with ExitStack() as stores:

        def open_one(**options):
            store = DjangoRecords(**options)
            stores.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def proxied(server, open_store):
    from django.db import connections

    proxy = CuttingProxy(server.port)
    settings = connections.databases[server.alias]
    settings["PORT"] = proxy.port
    yield open_store(), proxy
    settings["PORT"] = server.port
    proxy.end()


@pytest.mark.parametrize("server_name", ["sqlite"])
class TestFile(StoreTests):
    pass


@pytest.mark.parametrize("server_name", ["postgresql"])
class TestServer(ServerTests):
    pass


class Lost(Exception):
    """Ends a transaction that is to be rolled back."""


@contextmanager
def rolled_back(alias):
    from django.db import transaction

    with suppress(Lost), transaction.atomic(using=alias):
        yield
        raise Lost


def stored(server):
    """The record as another process sees it now."""
    import psycopg

    columns = "key, value, version, due_at, owner, handle"
    if server.alias == "postgresql":
        address = f"host=127.0.0.1 port={server.port} user=portal dbname=postgres"
        with psycopg.connect(address) as connection:
            rows = connection.execute(f"SELECT {columns} FROM {ROWS}").fetchall()
    else:
        with closing(sqlite3.connect(server.file)) as connection:
            rows = connection.execute(f"SELECT {columns} FROM {ROWS}").fetchall()
    return [type(FIRST)(**dict(zip(columns.split(", "), row, strict=True))) for row in rows]


def test_a_record_stays_when_the_view_is_rolled_back(server, open_store):
    from django.contrib.auth.models import User

    store = open_store()
    with rolled_back(server.alias):
        User.objects.using(server.alias).create(username="ada")
        assert store.put(FIRST, expected=None)
        assert store.get("session:a")[0] == FIRST
        assert store.put(SECOND, expected=FIRST.version)
    assert not User.objects.using(server.alias).exists()
    assert store.get("session:a")[0] == SECOND
    assert stored(server) == [SECOND]


def test_the_end_of_the_request_brings_a_lost_record_back(server, open_store):
    from django.core.signals import request_finished

    store = open_store()
    with rolled_back(server.alias):
        store.put(FIRST, expected=None)
    request_finished.send(None)
    assert stored(server) == [FIRST]


def test_what_was_committed_is_not_written_again(server, open_store):
    from django.db import transaction

    store = open_store()
    with transaction.atomic(using=server.alias):
        store.put(FIRST, expected=None)
        assert not store.put(FIRST, expected=None)
    assert open_store().delete("session:a", expected=FIRST.version)
    assert store.get("session:a")[0] is None
    assert stored(server) == []


def test_a_deleted_record_stays_deleted(server, open_store):
    store = open_store()
    store.put(FIRST, expected=None)
    with rolled_back(server.alias):
        assert store.delete("session:a", expected=FIRST.version)
    assert store.get("session:a")[0] is None


def test_a_part_of_a_transaction_may_be_rolled_back(server, open_store):
    from django.db import transaction

    store = open_store()
    with transaction.atomic(using=server.alias):
        store.put(FIRST, expected=None)
        with rolled_back(server.alias):
            store.put(SECOND, expected=FIRST.version)
    assert store.get("session:a")[0] == SECOND


@pytest.mark.parametrize("server_name", ["postgresql"])
def test_in_a_transaction_a_record_is_written_at_once_and_not_locked(server, open_store):
    from django.db import transaction

    store = open_store()
    with transaction.atomic(using=server.alias):
        assert store.put(FIRST, expected=None)
        assert stored(server) == [FIRST]
        assert open_store().put(SECOND, expected=FIRST.version)


def test_a_record_stays_when_a_view_with_atomic_requests_fails(server, open_store):
    from django.db import connections
    from django.http import HttpRequest
    from django.test import Client, override_settings
    from django.urls import path

    store = open_store()

    def view(_: HttpRequest):
        assert connections[server.alias].in_atomic_block
        assert store.put(FIRST, expected=None)
        raise Lost

    class Urls:
        urlpatterns = (path("", view),)

    connections.databases[server.alias]["ATOMIC_REQUESTS"] = True
    try:
        with override_settings(ROOT_URLCONF=Urls, MIDDLEWARE=[]):
            answer = Client(raise_request_exception=False, SERVER_NAME="localhost").get("/")
    finally:
        connections.databases[server.alias]["ATOMIC_REQUESTS"] = False
    assert answer.status_code == 500
    assert stored(server) == [FIRST]


def test_a_test_case_rolls_records_back(server, open_store):
    from django.test import TestCase

    store = open_store()

    class Case(TestCase):
        databases = (server.alias,)

        def runTest(self):  # noqa: N802 - the name is unittest's
            assert store.put(FIRST, expected=None)
            assert not store.put(FIRST, expected=None)
            assert store.get("session:a")[0] == FIRST

    outcome = unittest.TestResult()
    unittest.TestSuite([Case()]).run(outcome)
    assert (outcome.testsRun, outcome.errors, outcome.failures) == (1, [], [])
    assert store.get("session:a")[0] is None
    assert stored(server) == []


def test_a_database_in_memory_is_used_through_its_only_connection(open_store, server):
    from django.db import connections

    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    del server
    engine = "django.db.backends.sqlite3"
    with other_database("memory", ENGINE=engine, NAME=":memory:"), routed_to("memory"):
        with connections["memory"].schema_editor() as editor:
            editor.create_model(PeeringDBRecord)
        store = open_store()
        assert store.put(FIRST, expected=None)
        assert store.get("session:a")[0] == FIRST
        assert store.delete("session:a", expected=FIRST.version)


@pytest.mark.parametrize("server_name", ["postgresql"])
def test_a_table_that_was_not_migrated_is_named(server, open_store):
    store = open_store()
    store.get("session:a")
    server.ask(f"ALTER TABLE {ROWS} RENAME TO elsewhere")
    try:
        with pytest.raises(RecordsUnavailable, match=f'"{ROWS}" does not exist') as caught:
            store.get("session:a")
    finally:
        server.ask(f"ALTER TABLE elsewhere RENAME TO {ROWS}")
    assert "\n" not in str(caught.value)


@pytest.fixture
def other_vendor():
    """``other_vendor("mysql")``: a connection that says it is to such a database."""
    from django.db import connections

    def make(vendor):
        other = copy.copy(connections["default"])
        other.vendor = vendor
        return other

    return make


def test_in_mysql_the_columns_have_a_collation_in_which_case_matters(other_vendor):
    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    for name, collation in (("mysql", "utf8mb4_bin"), ("sqlite", None)):
        for field in ("key", "owner", "handle"):
            column = PeeringDBRecord._meta.get_field(field)
            assert column.db_parameters(other_vendor(name))["collation"] == collation


def test_the_clock_of_an_unknown_database_is_that_of_the_machine(other_vendor):
    from peeringdb_oauth.integrations.django.records import _clock

    assert time.time() - 5 < float(_clock(other_vendor("oracle"))) <= time.time()


def test_a_record_is_named_by_its_key():
    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    assert str(PeeringDBRecord(key="purge")) == "purge"
