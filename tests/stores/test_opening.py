"""URLs that are wrong, and packages that are missing."""

import builtins
import socket
import time

import pytest

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.records import RecordsUnavailable
from peeringdb_oauth.web import open_records
from peeringdb_oauth.web.stores.sql_engine import parse_url
from peeringdb_oauth.workers import PATIENCE

PASSWORD = "s3cret-password"
NOWHERE = f"x:{PASSWORD}@127.0.0.1:1"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "must begin with one of sqlite://, postgresql"),
        (f"oracle://{NOWHERE}/db", "must begin with one of"),
        (f"postgres://{NOWHERE}/db", "must begin with one of"),
        (f"postgresql+psycopg2://{NOWHERE}/db", "must begin with one of"),
        ("sessions.sqlite3", "must begin with one of"),
        (f"postgresql+psycopg:{NOWHERE}/db", "must be a URL such as postgresql"),
        (f"postgresql+psycopg://x:{PASSWORD}@host:{PASSWORD}/db", "must be a URL such as postgres"),
        ("sqlite:sessions.sqlite3", "must be a URL such as .* sqlite:////"),
        (f"postgresql+psycopg://{NOWHERE}", "must name a database"),
        (f"mysql+pymysql://{NOWHERE}", "must name a database"),
        ("sqlite://", "must name a file"),
        ("sqlite:///", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:sessions?mode=memory&uri=true", "must name a file"),
        ("sqlite:///file:sessions", "must name a file"),
        ("sqlite:////nowhere/sessions.sqlite3", "directory /nowhere does not exist"),
        (f"redis://x:{PASSWORD}@/0", "must be a URL such as"),
        (f"redis://{NOWHERE}/portal", "must be a URL such as"),
        (f"redis://x:{PASSWORD}@127.0.0.1:{PASSWORD}/0", "must be a URL such as"),
        (f"redis://{NOWHERE}/0?unknown=1", "must be a URL such as"),
        (f"redis://{NOWHERE}/0?health_check_interval=often", "must be a URL such as"),
        ("valkey:", "must be a URL such as"),
    ],
)
def test_a_wrong_url_is_one_problem_that_does_not_show_the_password(url, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        open_records(url)
    (problem,) = caught.value.problems
    assert problem.startswith("sessions: ")
    assert PASSWORD not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("sqlite:///x", "sqlalchemy", "sql"),
        ("postgresql+psycopg://x/db", "psycopg", "sql"),
        ("mysql+pymysql://x/db", "pymysql", "sql"),
        ("redis://x", "redis", "redis"),
        ("valkeys://x", "redis", "redis"),
    ],
)
def test_says_what_to_install(monkeypatch, url, package, extra):
    real = builtins.__import__

    def without(name, *arguments, **more):
        if name.startswith((package, f"peeringdb_oauth.web.stores.{extra}")):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=rf'pip install "peeringdb-oauth\[{extra}\]"'):
        open_records(url)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://{NOWHERE}/db",
        f"mysql+pymysql://{NOWHERE}/db",
        f"redis://{NOWHERE}/0",
        f"rediss://{NOWHERE}/0",
        f"valkeys://{NOWHERE}/0",
    ],
)
def test_a_store_that_is_nowhere_does_not_show_its_password(url):
    store = open_records(url)
    with pytest.raises(RecordsUnavailable, match=r"does not answer: .*refused") as caught:
        store.get("a")
    for text in (repr(store), repr(vars(store)), str(caught.value)):
        assert PASSWORD not in text
    store.close()


@pytest.fixture
def silent():
    """The address of a server that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_the_patience_with_a_database_that_never_answers_can_be_short(silent):
    store = open_records(f"postgresql+psycopg://{silent}/db", patience=0.5)
    with pytest.raises(RecordsUnavailable, match=r"longer than 0\.5 seconds"):
        store.get("a")
    store.close()


def test_the_patience_with_a_redis_that_never_answers_can_be_long(silent):
    store = open_records(f"redis://{silent}/0", patience=2 * PATIENCE)
    asked_at = time.monotonic()
    with pytest.raises(RecordsUnavailable):
        store.get("a")
    assert time.monotonic() - asked_at > PATIENCE / 3  # a quarter of the patience is for reading
    store.close()


def test_a_relative_file_stays_where_it_was_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = open_records("sqlite:///sessions.sqlite3")
    monkeypatch.chdir("/")
    assert store.due(1)[0] == []
    assert (tmp_path / "sessions.sqlite3").exists()
    store.close()


def test_a_database_that_is_not_supported_is_refused_by_its_name():
    with pytest.raises(ConfigurationError, match="must begin with one of sqlite://"):
        parse_url("oracle://example.net")
