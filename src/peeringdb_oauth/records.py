"""Records that processes and machines share: a sealed text under a key, with a version.

Everything that is shared is built on one write, which fails if somebody else was
faster. The stores are elsewhere; here is only what they must do.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from peeringdb_oauth.after_fork import ForkSafeLock
from peeringdb_oauth.errors import RecordsUnavailable

__all__ = [
    "MAX_KEY",
    "Change",
    "Documents",
    "MemoryRecords",
    "Record",
    "Records",
    "RecordsUnavailable",
]

MAX_KEY = 200  # characters of a key, an owner and a handle


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a store.

    ``key``: what it is about, such as ``session:`` with a hash. ``value``: sealed text.
    ``version``: grows with each write, so it also tells an old writer from a new one.
    ``due_at``: when the purge looks at the record, in Unix seconds by the store's
    clock. ``owner``: finds all records of a person, such as ``user:7``. ``handle``: the
    public id of a session.
    """

    key: str
    value: str = field(repr=False)
    version: int
    due_at: float
    owner: str | None = None
    handle: str | None = None


class Records(Protocol):
    """What a store does. Each method asks it once, and ends within 5 seconds.

    All methods raise `RecordsUnavailable` if the store does not answer in time. They
    block, and threads may call them at once.
    """

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the store's clock in Unix seconds."""

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``.

        ``expected``: None if there must be none. Returns whether it was written. After
        `RecordsUnavailable` it may have been written or not.
        """

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time.

        ``ahead``: those too that are due within so many seconds.
        """

    def count(self) -> int:
        """How many records have a handle and are not yet due: the living sessions."""

    def close(self) -> None:
        """Close the connections of this process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a record is to become.

    ``due_at``: in Unix seconds by the store's clock. ``owner``, ``handle``: None leaves
    them as they are. An empty ``handle`` is none.
    """

    value: Any = field(repr=False)
    due_at: float
    owner: str | None = None
    handle: str | None = None


class Documents(Protocol):
    """Values in JSON that processes share, one for each key. `Vault` has it."""

    def change(
        self, key: str, function: Callable[[Any, float], Change | None], /, *, is_open: bool = False
    ) -> Any:
        """Change a value with a function, called once more if others are faster.

        ``function``: takes the value, None if there is none, and the time by the
        store's clock. It returns a `Change`, or None to leave the value as it is.
        ``is_open``: the value is not sealed, so that sites with other secret keys can
        read and change it.

        Raises:
            RecordsUnavailable: the store does not answer.
        """

    def hide(self, name: str) -> str:
        """Another name in its place, for an open value; the same for the same name."""


class MemoryRecords:
    """Records in the memory of this process, for tests.

    ``clock``: the store's clock, in Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._lock = ForkSafeLock()

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the store's clock in Unix seconds."""
        return self._records.get(key), self._clock()

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``."""
        with self._lock:
            stored = self._records.get(record.key)
            if (stored.version if stored else None) != expected:
                return False
            self._records[record.key] = record
            return True

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""
        with self._lock:
            stored = self._records.get(key)
            if stored is None or stored.version != expected:
                return False
            del self._records[key]
            return True

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""
        return [record for record in self._all() if record.owner == owner]

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""
        return next((record for record in self._all() if record.handle == handle), None)

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time."""
        now = self._clock()
        due = [record for record in self._all() if record.due_at <= now + ahead]
        return sorted(due, key=lambda record: record.due_at)[:limit], now

    def count(self) -> int:
        """How many records have a handle and are not yet due."""
        now = self._clock()
        return sum(record.handle is not None and record.due_at > now for record in self._all())

    def close(self) -> None:
        """Do nothing: there are no connections."""

    def _all(self) -> list[Record]:
        with self._lock:
            return list(self._records.values())
