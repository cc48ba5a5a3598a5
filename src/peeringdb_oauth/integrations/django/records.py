"""Records in the project's own database.

A view may run in a transaction that is rolled back, and a record must stay. So records
are written through connections of their own, in threads of their own.

SQLite lets only one connection write. There a record is written in the transaction of
the view, and written once more if that is rolled back.
"""

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, fields
from functools import partial
from typing import Any, TypeVar

from django.core.signals import request_finished
from django.db import Error, IntegrityError, connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from peeringdb_oauth.integrations.django.in_test_case import is_in_test_case
from peeringdb_oauth.integrations.django.models import PeeringDBRecord
from peeringdb_oauth.records import Record, RecordsUnavailable
from peeringdb_oauth.workers import NO_ANSWER, PATIENCE, Workers

T = TypeVar("T")

Rows = models.QuerySet[PeeringDBRecord]
Function = Callable[[Rows, bool], T]  # is it called for the second time?

_FIELDS = [field.name for field in fields(Record)]
_TABLE = PeeringDBRecord._meta.db_table  # noqa: SLF001 - it is documented
_DELETE = "DELETE FROM {} WHERE {} = %s AND {} = %s"
_CLOCKS = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "CAST(EXTRACT(EPOCH FROM statement_timestamp()) AS double precision)",
    "mysql": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1E6)",
}


class _Unsure(threading.local):
    """Writes of this thread that are lost if its transaction is rolled back."""

    def __init__(self) -> None:
        self.writes: list[Function[bool]] = []


class DjangoRecords:
    """The records in the table of `PeeringDBRecord`.

    ``patience``: how many seconds each method takes at most.
    """

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._workers = Workers(patience=patience, idle=1.0, at_end=connections.close_all)
        self._unsure = _Unsure()
        request_finished.connect(self._repeat_lost_writes)

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the database in Unix seconds."""
        return self._ask(partial(_get, key))

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``."""
        return self._write(partial(_put, record, expected))

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""
        return self._write(partial(_delete, key, expected))

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""
        return self._ask(lambda rows, _: [_record(row) for row in rows.filter(owner=owner)])

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""
        found = self._ask(lambda rows, _: [_record(row) for row in rows.filter(handle=handle)])
        return found[0] if found else None

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time."""
        return self._ask(partial(_due, limit, ahead))

    def count(self) -> int:
        """How many records have a handle and are not yet due."""
        return self._ask(
            lambda rows, _: rows.filter(handle__isnull=False, due_at__gt=_Clock()).count()
        )

    def close(self) -> None:
        """Close the connections of this process."""
        self._workers.close()

    def _write(self, function: Function[bool]) -> bool:
        written = self._ask(function)
        alias = _alias()
        if _may_roll_back(connections[alias]):
            self._unsure.writes.append(function)
            transaction.on_commit(partial(self._unsure.writes.remove, function), using=alias)
        return written

    def _ask(self, function: Function[T]) -> T:
        """Call a function in a connection of its own, where that is possible."""
        alias = _alias()
        if _must_share(connections[alias]):
            return _call(alias, function, is_repeated=False)
        self._repeat_lost_writes()
        return self._workers.run(partial(_call_in_own_connection, alias, function))

    def _repeat_lost_writes(self, **_: object) -> None:
        """Write once more what may have been rolled back; what was not stays."""
        alias, writes = _alias(), self._unsure.writes
        while writes and not connections[alias].in_atomic_block:
            self._workers.run(partial(_call_in_own_connection, alias, writes[0]))
            del writes[0]


class _Clock(models.Func):
    """The time by the database in Unix seconds; of other databases, by this machine."""

    output_field = models.FloatField()

    def as_sql(
        self,
        compiler: SQLCompiler,  # noqa: ARG002 - the name is Django's
        connection: BaseDatabaseWrapper,
        *_: Any,
        **__: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        return _clock(connection), ()


def _clock(connection: BaseDatabaseWrapper) -> str:
    return _CLOCKS.get(connection.vendor, repr(time.time()))


def _alias() -> str:
    # Never a replica, which may be late.
    return router.db_for_write(PeeringDBRecord)


def _must_share(connection: Any) -> bool:
    """Whether a second connection could not write, or would see another database."""
    if is_in_test_case(connection):
        return True
    return connection.vendor == "sqlite" and bool(
        connection.in_atomic_block or connection.is_in_memory_db()
    )


def _may_roll_back(connection: Any) -> bool:
    is_in_transaction = connection.vendor == "sqlite" and connection.in_atomic_block
    return bool(is_in_transaction) and not is_in_test_case(connection)


def _call_in_own_connection(alias: str, function: Function[T]) -> T:
    connection = connections[alias]
    used = connection.connection
    try:
        return _call(alias, function, is_repeated=False)
    except RecordsUnavailable:
        if connection.connection is used and used is not None and connection.is_usable():
            raise
        connection.close()  # it was from before a restart
    return _call(alias, function, is_repeated=True)


def _call(alias: str, function: Function[T], *, is_repeated: bool) -> T:
    try:
        return function(PeeringDBRecord.objects.using(alias), is_repeated)
    except Error as error:
        first, *_ = str(error).splitlines() or [""]
        password = connections[alias].settings_dict.get("PASSWORD")
        reason = first.replace(password or "\n", "***")
    raise RecordsUnavailable(f"{NO_ANSWER}: {reason}")


def _get(key: str, rows: Rows, _: bool) -> tuple[Record | None, float]:  # noqa: FBT001
    found = list(rows.filter(key=key).annotate(now=_Clock()))
    return (_record(found[0]), found[0].now) if found else (None, _now(rows.db))


def _due(limit: int, ahead: float, rows: Rows, _: bool) -> tuple[list[Record], float]:  # noqa: FBT001
    due = (
        rows.filter(due_at__lte=_Clock() + models.Value(ahead))
        .order_by("due_at")
        .annotate(now=_Clock())
    )
    found = list(due[:limit])
    return [_record(row) for row in found], found[0].now if found else _now(rows.db)


def _now(alias: str) -> float:
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_clock(connection)}{connection.features.bare_select_suffix}")
        return float(cursor.fetchone()[0])


def _put(record: Record, expected: int | None, rows: Rows, is_repeated: bool) -> bool:  # noqa: FBT001
    values = asdict(record)
    if expected is None:
        written = _insert(rows.db, values)
    else:
        written = rows.filter(key=values.pop("key"), version=expected).update(**values) == 1
    if is_repeated and not written:  # the first try may have been ours
        return rows.filter(key=record.key, value=record.value).exists()
    return written


def _insert(alias: str, values: dict[str, Any]) -> bool:
    is_inside = connections[alias].in_atomic_block
    try:
        with transaction.atomic(using=alias) if is_inside else nullcontext():
            PeeringDBRecord(**values).save(force_insert=True, using=alias)
    except IntegrityError:
        return False
    return True


def _delete(key: str, expected: int, rows: Rows, is_repeated: bool) -> bool:  # noqa: FBT001
    with connections[rows.db].cursor() as cursor:
        # The ORM would make a transaction of it.
        names = map(connections[rows.db].ops.quote_name, (_TABLE, "key", "version"))
        cursor.execute(_DELETE.format(*names), [key, expected])
        if cursor.rowcount == 1:
            return True
    return is_repeated and not rows.filter(key=key).exists()


def _record(row: PeeringDBRecord) -> Record:
    return Record(**{name: getattr(row, name) for name in _FIELDS})
