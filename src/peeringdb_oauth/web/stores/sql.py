"""Records in a database: an SQLite file, PostgreSQL, MySQL or MariaDB."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.extras import needs
from peeringdb_oauth.records import Record, RecordsUnavailable
from peeringdb_oauth.workers import NO_ANSWER, PATIENCE, Workers

with needs("sql"):
    from sqlalchemy import (
        ColumnElement,
        Connection,
        Engine,
        Float,
        Row,
        Select,
        bindparam,
        delete,
        func,
        insert,
        literal_column,
        select,
        update,
    )
    from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError

    from peeringdb_oauth.web.stores.sql_engine import KINDS, make_engine, parse_url
    from peeringdb_oauth.web.stores.sql_schema import STEPS, Step, prepare, records

T = TypeVar("T")

_SAME_KEY = records.c.key == bindparam("the_key")
_SAME_VERSION = records.c.version == bindparam("expected")
_OF_OWNER = select(records).where(records.c.owner == bindparam("the_owner"))
_OF_HANDLE = select(records).where(records.c.handle == bindparam("the_handle"))
_VALUE = select(records.c.value).where(_SAME_KEY)
_INSERT = insert(records)
_UPDATE = update(records).where(_SAME_KEY, _SAME_VERSION)
_DELETE = delete(records).where(_SAME_KEY, _SAME_VERSION)


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

    def __init__(
        self, url: str, *, patience: float = PATIENCE, steps: Sequence[Step] = STEPS
    ) -> None:
        self._url = parse_url(url)
        self._kind = KINDS[self._url.drivername]
        clock: ColumnElement[float] = literal_column(self._kind.clock)
        self._now = select(clock.label("now"))
        self._get = _select_with_time(self._now)
        self._due = (
            self._now.add_columns(*records.c)
            .where(records.c.due_at <= clock + bindparam("ahead", type_=Float))
            .order_by(records.c.due_at)
            .limit(bindparam("most"))
        )
        self._count = (
            select(func.count())
            .select_from(records)
            .where(records.c.handle.is_not(None), records.c.due_at > clock)
        )
        self._steps = steps
        self._patience = patience
        self._workers = Workers(patience=patience)
        make_in_each_process(self, SQLRecords._make)

    def _make(self) -> None:
        self._engine = make_engine(self._url, self._patience * 0.75)
        self._is_prepared = False

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the database in Unix seconds."""
        (row,) = self._rows(self._get, the_key=key)
        return _record(row) if row.key is not None else None, float(row.now)

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``."""
        return self._ask(partial(_put, record, expected))

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""
        return self._ask(partial(_delete, key, expected))

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""
        return [_record(row) for row in self._rows(_OF_OWNER, the_owner=owner)]

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""
        rows = self._rows(_OF_HANDLE, the_handle=handle)
        return _record(rows[0]) if rows else None

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time."""
        rows = self._rows(self._due, most=limit, ahead=ahead)
        (first, *_) = rows or self._rows(self._now)
        return [_record(row) for row in rows], float(first.now)

    def count(self) -> int:
        """How many records have a handle and are not yet due."""
        return int(self._rows(self._count)[0][0])

    def close(self) -> None:
        """Close the connections of this process."""
        self._workers.close()
        self._engine.dispose()

    def _rows(self, statement: Select[Any], **values: str | float) -> Sequence[Row[Any]]:
        return self._ask(lambda connection, _: connection.execute(statement, values).all())

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
        values |= {"the_key": values.pop("key"), "expected": expected}
        written = connection.execute(_UPDATE, values).rowcount == 1
    if is_repeated and not written:  # the first try may have been ours
        return bool(connection.scalar(_VALUE, {"the_key": record.key}) == record.value)
    return written


def _insert(connection: Connection, values: dict[str, Any]) -> bool:
    try:
        connection.execute(_INSERT, values)
    except IntegrityError:
        return False
    return True


def _delete(
    key: str,
    expected: int,
    connection: Connection,
    is_repeated: bool,  # noqa: FBT001 - see `SQLRecords._ask`
) -> bool:
    if connection.execute(_DELETE, {"the_key": key, "expected": expected}).rowcount == 1:
        return True
    return is_repeated and connection.scalar(_VALUE, {"the_key": key}) is None


def _select_with_time(now: Select[Any]) -> Select[Any]:
    """One row with the time, and the columns of the record if there is one."""
    time = now.subquery()
    return select(time.c.now, records).select_from(time.outerjoin(records, _SAME_KEY))


def _record(row: Row[Any]) -> Record:
    return Record(
        key=row.key,
        value=row.value,
        version=row.version,
        due_at=row.due_at,
        owner=row.owner,
        handle=row.handle,
    )
