"""Records in a database: an SQLite file, PostgreSQL, MySQL or MariaDB."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    delete,
    insert,
    literal,
    literal_column,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.records import Record, RecordsUnavailable
from peeringdb_oauth.web.stores.sql_engine import KINDS, make_engine, parse_url
from peeringdb_oauth.web.stores.sql_schema import STEPS, Step, prepare, records
from peeringdb_oauth.workers import NO_ANSWER, Workers

T = TypeVar("T")


class SQLRecords:
    """The records in the table ``peeringdb_oauth_records``, which we make.

    ``url``: of the database, as SQLAlchemy writes it. ``patience``: how many seconds
    each method takes at most. ``steps``: those of the schema.

    Raises:
        ConfigurationError: the URL is wrong. The methods raise it too, if the tables
            are of a newer release.
    """

    _engine: Engine
    _is_prepared: bool

    def __init__(self, url: str, *, patience: float = 4.0, steps: Sequence[Step] = STEPS) -> None:
        self._url = parse_url(url)
        self._kind = KINDS[self._url.drivername]
        self._clock: ColumnElement[float] = literal_column(self._kind.clock).label("now")
        self._steps = steps
        self._patience = patience
        self._workers = Workers(patience=patience)
        make_in_each_process(self, SQLRecords._make)

    def _make(self) -> None:
        self._engine = make_engine(self._url, self._patience * 0.75)
        self._is_prepared = False

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the database in Unix seconds."""
        now = select(self._clock).subquery()
        joined = now.outerjoin(records, records.c.key == literal(key))
        statement = select(now.c.now, records).select_from(joined)
        row = self._ask(lambda connection, _: connection.execute(statement).one())
        return _record(row) if row.key is not None else None, float(row.now)

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``."""
        return self._ask(partial(_put, record, expected))

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""
        return self._ask(partial(_delete, key, expected))

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""
        return self._select(select(records).where(records.c.owner == owner))

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""
        found = self._select(select(records).where(records.c.handle == handle))
        return found[0] if found else None

    def due(self, limit: int) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time."""
        statement = (
            select(self._clock, records)
            .where(records.c.due_at <= literal_column(self._kind.clock))
            .order_by(records.c.due_at)
            .limit(limit)
        )

        def ask(connection: Connection, _: bool) -> tuple[list[Record], float]:  # noqa: FBT001
            rows = connection.execute(statement).all()
            now = rows[0].now if rows else connection.execute(select(self._clock)).scalar_one()
            return [_record(row) for row in rows], float(now)

        return self._ask(ask)

    def close(self) -> None:
        """Close the connections of this process."""
        self._workers.close()
        self._engine.dispose()

    def _select(self, statement: Any) -> list[Record]:
        rows = self._ask(lambda connection, _: connection.execute(statement).all())
        return [_record(row) for row in rows]

    def _ask(self, function: Callable[[Connection, bool], T]) -> T:
        """Call a function with a connection, and whether it was called before."""
        return self._workers.run(partial(self._try, function, is_repeated=False))

    def _try(self, function: Callable[[Connection, bool], T], *, is_repeated: bool) -> T:
        try:
            with self._engine.connect() as connection:
                if not self._is_prepared:
                    prepare(connection, self._kind, self._steps)
                    self._is_prepared = True
                return function(connection, is_repeated)
        except SQLAlchemyError as error:
            if is_repeated or not _may_succeed_now(error):
                raise RecordsUnavailable(f"{NO_ANSWER}: {self._reason(error)}") from None
        self._is_prepared = False
        return self._try(function, is_repeated=True)

    def _reason(self, error: SQLAlchemyError) -> str:
        """The first line of what the driver says, without a password."""
        cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
        first, *_ = str(cause.args[-1] if cause.args else cause).splitlines() or [""]
        return first.replace(str(self._url.password or "\n"), "***")


def _may_succeed_now(error: SQLAlchemyError) -> bool:
    """Whether the server was restarted, or its tables have to be made."""
    return (
        isinstance(error, ProgrammingError)
        or (isinstance(error, DBAPIError) and error.connection_invalidated)
        or "no such table" in str(error)  # SQLite
    )


def _put(
    record: Record,
    expected: int | None,
    connection: Connection,
    is_repeated: bool,  # noqa: FBT001 - see `SQLRecords._ask`
) -> bool:
    values = asdict(record)
    if expected is None:
        written = _insert(connection, values)
    else:
        same = (records.c.key == record.key, records.c.version == expected)
        written = connection.execute(update(records).where(*same).values(values)).rowcount == 1
    if is_repeated and not written:  # the first try may have been ours
        stored = select(records.c.value).where(records.c.key == record.key)
        return bool(connection.scalar(stored) == record.value)
    return written


def _insert(connection: Connection, values: dict[str, Any]) -> bool:
    try:
        connection.execute(insert(records).values(values))
    except IntegrityError:
        return False
    return True


def _delete(
    key: str,
    expected: int,
    connection: Connection,
    is_repeated: bool,  # noqa: FBT001 - see `SQLRecords._ask`
) -> bool:
    same = (records.c.key == key, records.c.version == expected)
    if connection.execute(delete(records).where(*same)).rowcount == 1:
        return True
    left = select(records.c.version).where(records.c.key == key)
    return is_repeated and connection.scalar(left) is None


def _record(row: Row[Any]) -> Record:
    return Record(
        key=row.key,
        value=row.value,
        version=row.version,
        due_at=row.due_at,
        owner=row.owner,
        handle=row.handle,
    )
