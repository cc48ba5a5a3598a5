"""The tables of a database of records, which the first process makes or upgrades."""

from collections.abc import Callable, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Double,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT, VARCHAR
from sqlalchemy.types import TypeEngine

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.records import MAX_KEY, RecordsUnavailable
from peeringdb_oauth.web.stores.sql_engine import Kind
from peeringdb_oauth.workers import NO_ANSWER

Step = Callable[[Connection], object]


def _exact(length: int) -> TypeEngine[str]:
    """Text in which case matters, also in MySQL."""
    return String(length).with_variant(
        VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql", "mariadb"
    )


_tables = MetaData()
records = Table(
    "peeringdb_oauth_records",
    _tables,
    Column("key", _exact(MAX_KEY), primary_key=True),
    Column(
        "value",
        Text().with_variant(MEDIUMTEXT(charset="ascii"), "mysql", "mariadb"),
        nullable=False,
    ),
    Column("version", BigInteger, nullable=False),
    Column("due_at", Double, nullable=False, index=True),
    Column("owner", _exact(MAX_KEY), index=True),
    Column("handle", _exact(MAX_KEY), index=True),
    mysql_engine="InnoDB",
)
schema = Table(
    "peeringdb_oauth_schema",
    MetaData(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    mysql_engine="InnoDB",
)
# Each step leads to the next version of the schema. It may run twice: MySQL cannot take
# it back if the process dies before the version is written.
STEPS: tuple[Step, ...] = (_tables.create_all,)


def prepare(connection: Connection, kind: Kind, steps: Sequence[Step] = STEPS) -> None:
    """Make or upgrade the tables, if that is needed.

    Raises:
        ConfigurationError: the tables are of a newer release.
    """
    if _version(connection, len(steps)) == len(steps):
        return
    try:
        _lock(connection, kind)
        for step in steps[_version(connection, len(steps)) :]:
            step(connection)
        schema.create(connection, checkfirst=True)
        connection.execute(delete(schema))
        connection.execute(insert(schema).values(version=len(steps)))
        connection.exec_driver_sql(kind.unlock)
    except BaseException:
        connection.invalidate()  # to close it releases the lock
        raise


def _lock(connection: Connection, kind: Kind) -> None:
    for statement in kind.lock:
        result = connection.exec_driver_sql(statement)
        if result.returns_rows and not result.scalar():
            raise RecordsUnavailable(f"{NO_ANSWER}: another process makes its tables")


def _version(connection: Connection, newest: int) -> int:
    """How many steps the tables have taken, 0 if there are none."""
    tables = inspect(connection)
    if not tables.has_table(schema.name) or not tables.has_table(records.name):
        return 0
    version = connection.scalar(select(schema.c.version)) or 0
    if version > newest:
        raise ConfigurationError(
            f"sessions: the tables of the store have version {version}, and this release of"
            f" peeringdb-oauth knows up to {newest}: upgrade it here too"
        )
    return version
