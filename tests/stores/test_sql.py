"""The tables and the file of a database."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from in_threads import run_all, within
from sqlalchemy import text

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.records import Record, RecordsUnavailable
from peeringdb_oauth.web.stores.sql import SQLRecords
from peeringdb_oauth.web.stores.sql_schema import STEPS

ROW = Record(key="purge", value="sealed", version=1, due_at=0.0)
DATABASES = ["sqlite", "postgresql", "mariadb"]


@pytest.fixture(params=DATABASES)
def server_name(request):
    return request.param


@pytest.fixture
def query(open_store):
    """``query("SELECT ...")``: the first value in the database of a store."""

    def query(statement, store=None):
        with (store or open_store())._engine.connect() as connection:
            result = connection.execute(text(statement))
            return result.scalar() if result.returns_rows else None

    return query


def test_the_tables_know_their_version(open_store, query):
    open_store().get("purge")
    assert query("SELECT version FROM peeringdb_oauth_schema") == len(STEPS)


def add_note(connection):
    connection.execute(text("ALTER TABLE peeringdb_oauth_records ADD COLUMN note VARCHAR(20)"))


def test_tables_of_an_older_release_are_upgraded_once(server, open_store, query):
    open_store().put(ROW, expected=None)
    newer = [SQLRecords(server.url, steps=[*STEPS, add_note]) for _ in range(2)]
    found = run_all(lambda: [store.get("purge")[0] for store in newer], 4)
    assert found == [[ROW, ROW]] * 4
    assert query("SELECT version FROM peeringdb_oauth_schema") == len(STEPS) + 1
    assert query("SELECT count(*) FROM peeringdb_oauth_records WHERE note IS NULL") == 1
    for store in newer:
        store.close()


def test_tables_of_a_newer_release_are_refused(open_store, query):
    open_store().get("purge")
    query("UPDATE peeringdb_oauth_schema SET version = 99")
    with pytest.raises(ConfigurationError, match=r"version 99.*knows up to 1: upgrade") as caught:
        open_store().get("purge")
    assert caught.value.problems[0].startswith("sessions: ")


def test_an_upgrade_that_fails_is_tried_another_time(server, open_store, query):
    open_store().get("purge")
    fails = [True]

    def step(connection):
        add_note(connection) if not fails else connection.execute(text("SELECT nonsense"))

    store = SQLRecords(server.url, steps=[*STEPS, step])
    with pytest.raises(RecordsUnavailable, match="nonsense"):
        store.get("purge")
    fails.clear()
    assert store.get("purge")[0] is None
    assert query("SELECT version FROM peeringdb_oauth_schema") == len(STEPS) + 1
    store.close()


def test_a_version_that_is_missing_is_written(open_store, query):
    open_store().put(ROW, expected=None)
    query("DELETE FROM peeringdb_oauth_schema")
    assert open_store().get("purge")[0] == ROW
    assert query("SELECT version FROM peeringdb_oauth_schema") == len(STEPS)


@pytest.mark.parametrize("server_name", ["postgresql", "mariadb"])
def test_a_row_that_somebody_has_locked_is_unavailable_in_time(open_store):
    store = open_store(patience=2.0)
    store.put(ROW, expected=None)
    with store._engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("UPDATE peeringdb_oauth_records SET version = 5"))
        with within(4), pytest.raises(RecordsUnavailable, match=r"timeout|longer than"):
            open_store(patience=2.0).delete("purge", expected=1)
        connection.exec_driver_sql("ROLLBACK")
    assert store.get("purge")[0] == ROW


@pytest.mark.parametrize("server_name", ["mariadb"])
def test_nobody_waits_long_for_another_process_that_makes_the_tables(open_store):
    with open_store()._engine.connect() as connection:
        connection.exec_driver_sql("SELECT GET_LOCK('peeringdb_oauth', 1)")
        with within(5), pytest.raises(RecordsUnavailable, match="another process makes"):
            open_store().get("purge")


@pytest.mark.parametrize("server_name", ["postgresql", "mariadb"])
def test_few_connections_are_open(open_store):
    store = open_store()
    run_all(lambda: store.get("purge"), 20)
    assert store._engine.pool.checkedin() <= 4
    assert store._engine.pool.checkedout() == 0


@pytest.mark.parametrize("server_name", ["sqlite"])
def test_the_files_are_readable_for_their_owner_only(server, open_store):
    store = open_store()
    store.put(ROW, expected=None)
    files = [path for path in server.directory.iterdir() if path.name.startswith(server.file.name)]
    assert len(files) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


@pytest.mark.parametrize("server_name", ["sqlite"])
def test_a_new_connection_leaves_the_locks_of_the_others(server, open_store):
    """Without them the last writer of another process would delete our log."""
    open_store().put(ROW, expected=None)
    open_store().get("purge")
    log = server.file.with_name(f"{server.file.name}-wal")
    program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version')"
    subprocess.run([sys.executable, "-c", program, server.file], check=True)
    assert log.exists()


@pytest.mark.parametrize("server_name", ["sqlite"])
def test_rows_can_be_read_while_somebody_writes(server, open_store):
    store = open_store()
    store.put(ROW, expected=None)
    with closing(sqlite3.connect(server.file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert store.get("purge")[0] == ROW


@pytest.mark.parametrize("server_name", ["sqlite"])
def test_an_emptied_file_can_be_used(server, open_store, query):
    store = open_store()
    store.put(ROW, expected=None)
    query("DROP TABLE peeringdb_oauth_records")
    assert store.get("purge")[0] is None
    assert store.put(ROW, expected=None)
    assert server.file.exists()
