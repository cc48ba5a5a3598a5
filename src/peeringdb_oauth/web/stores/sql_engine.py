"""Connections to a database that never wait for long, and the database's clock."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.workers import LIMIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of database is used.

    ``clock``: SQL for the time in Unix seconds. ``arguments``: those of the driver, for
    a number of seconds that it may wait. ``begin``: SQL for the arguments of a
    connection. ``lock``: SQL that lets only one process make the tables; a truth if it
    is a question. ``unlock``: SQL that lets the next one.
    """

    clock: str
    arguments: Callable[[float], Mapping[str, Any]]
    begin: Callable[[float], tuple[str, ...]]
    lock: tuple[str, ...]
    unlock: str


KINDS = {
    "sqlite": Kind(
        clock="(julianday('now') - 2440587.5) * 86400.0",
        arguments=lambda seconds: {"timeout": seconds},
        begin=lambda _: ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"),
        lock=("BEGIN IMMEDIATE",),
        unlock="COMMIT",
    ),
    "postgresql+psycopg": Kind(
        # Of the statement's begin: unlike clock_timestamp it allows to use an index.
        clock="CAST(EXTRACT(EPOCH FROM statement_timestamp()) AS double precision)",
        arguments=lambda seconds: {
            "connect_timeout": 2,  # the shortest that there is
            "tcp_user_timeout": int(seconds * 1000),
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "prepare_threshold": None,  # PgBouncer may not know prepared statements
        },
        begin=lambda seconds: (
            f"SET statement_timeout = {int(seconds * 1000)}",
            f"SET lock_timeout = {int(seconds * 1000)}",
            "SET default_transaction_isolation = 'read committed'",
        ),
        lock=("BEGIN", "SELECT true FROM pg_advisory_xact_lock(7363682)"),
        unlock="COMMIT",
    ),
    "mysql+pymysql": Kind(
        # UNIX_TIMESTAMP would be wrong for an hour in autumn, in some time zones.
        clock="(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1E6)",
        arguments=lambda seconds: {
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "write_timeout": seconds,
            "charset": "utf8mb4",
        },
        begin=lambda seconds: (
            "SET sql_mode = 'STRICT_ALL_TABLES'",
            f"SET innodb_lock_wait_timeout = {max(1, int(seconds))}",
            f"SET lock_wait_timeout = {max(1, int(seconds))}",
        ),
        lock=("SELECT GET_LOCK('peeringdb_oauth', 1)",),
        unlock="DO RELEASE_LOCK('peeringdb_oauth')",
    ),
}


_NO_URL = (
    "sessions: must be a URL such as postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME or"
    " sqlite:////var/lib/portal/sessions.sqlite3; write special characters of the password as %40"
    " and the like"
)


def parse_url(text: str) -> URL:
    """The URL of a database.

    Raises:
        ConfigurationError: it is no such URL, or for a database that we do not support.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None:
        raise ConfigurationError(_NO_URL)
    if url.drivername not in KINDS:
        raise ConfigurationError(
            f"sessions: must begin with one of {', '.join(f'{kind}://' for kind in KINDS)}"
        )
    if url.drivername == "sqlite":
        return _checked_file(url)
    if not url.database:
        raise ConfigurationError("sessions: must name a database, as in .../NAME")
    return url


def _checked_file(url: URL) -> URL:
    if url.query or url.database in (None, "", ":memory:") or url.database.startswith("file:"):
        raise ConfigurationError(
            "sessions: must name a file, as in sqlite:////var/lib/portal/sessions.sqlite3"
        )
    file = Path(url.database).absolute()
    if not file.parent.is_dir():
        raise ConfigurationError(f"sessions: the directory {file.parent} does not exist")
    return url.set(database=str(file))


def make_engine(url: URL, seconds: float) -> Engine:
    """Connections to a database; ``seconds``: how long each step may take."""
    kind = KINDS[url.drivername]
    engine = create_engine(
        url,
        connect_args=dict(kind.arguments(seconds)),
        # Each statement is a transaction of its own: no lock is held in between.
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
        pool_size=LIMIT,
        max_overflow=LIMIT,  # of threads that hang, see `Workers`
        pool_timeout=seconds,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def begin(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for statement in kind.begin(seconds):
            cursor.execute(statement)
        cursor.close()

    if url.drivername == "sqlite":
        file, lock = Path(url.database or ""), ForkSafeLock()

        @event.listens_for(engine, "do_connect")
        def make_private_file(*_: object) -> None:
            # Only before the first connection: a process that closes any descriptor of
            # the file loses the locks of all its connections, and the file is damaged.
            with lock:
                if not file.exists():
                    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))

    return engine
