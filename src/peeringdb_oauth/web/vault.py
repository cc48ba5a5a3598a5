"""JSON values in a store of records: sealed, and changed by one process at a time."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from peeringdb_oauth.messages import parse_json
from peeringdb_oauth.records import Change, Record, Records, RecordsUnavailable
from peeringdb_oauth.web.seal import Sealer

__all__ = ["Change", "Entry", "Vault"]

_PURPOSE = "records"
_TRIES = 8  # of a change, if others are faster each time
_LONGEST = 3.0  # seconds after which a change is not tried once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record that was read or written, with its value as JSON.

    ``value``: None if none of our keys opens it. ``read_at``: the time by the store's
    clock, in Unix seconds. The other fields are those of `Record`.
    """

    key: str
    value: Any = field(repr=False)
    version: int
    read_at: float
    due_at: float
    owner: str | None = None
    handle: str | None = None


class Vault:
    """Reads and writes the values of a store's records.

    ``sleep``: waits for so many seconds, between two tries of a change. ``monotonic``:
    gives seconds that only grow.

    All methods raise `RecordsUnavailable` if the store does not answer.
    """

    def __init__(
        self,
        records: Records,
        sealer: Sealer,
        *,
        sleep: Callable[[float], object] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = records
        self._sealer = sealer
        self._sleep = sleep
        self._monotonic = monotonic

    def read(self, key: str) -> Entry | None:
        """The entry with a key; None if there is none or none of our keys opens it.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        record, now = self._records.get(key)
        entry = self._open(record, now) if record else None
        return entry if entry and entry.value is not None else None

    def change(
        self, key: str, function: Callable[[Any, float], Change | None], *, is_open: bool = False
    ) -> Entry | None:
        """Change a value with a function, called once more if others are faster.

        ``function``: takes the value and the time by the store's clock. The value is
        None if there is no record or none of our keys opens it. It returns a `Change`,
        or None to leave the record as it is. ``is_open``: the value is not sealed, so
        that sites with other secret keys can read and change it. Returns the entry as
        it is now.

        Raises:
            RecordsUnavailable: the store does not answer, or others were faster each
                time.
        """
        give_up_at = self._monotonic() + _LONGEST
        for attempt in range(_TRIES):
            record, now = self._records.get(key)
            entry = self._open(record, now, is_open=is_open) if record else None
            change = function(entry.value if entry else None, now)
            if change is None:
                return entry if entry and entry.value is not None else None
            written = self._put(key, entry, change, now, is_open=is_open)
            if written or self._monotonic() > give_up_at:
                break
            # 50 writers at once need pauses that grow.
            self._sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - no secret
        if not written:
            raise RecordsUnavailable("too many write the same record of the sessions at once")
        return written

    def write(self, entry: Entry, value: Any, *, due_at: float) -> Entry | None:
        """Write a value if the record is as it was read; None if somebody was faster.

        ``due_at``: in Unix seconds by the store's clock.

        Raises:
            RecordsUnavailable: the store does not answer; the value may have been
                written or not.
        """
        return self._put(entry.key, entry, Change(value=value, due_at=due_at), entry.read_at)

    def hide(self, name: str) -> str:
        """Another name in its place, for an open value; the same for the same name."""
        return self._sealer.hide(name)

    def delete(self, entry: Entry) -> bool:
        """Delete a record if it is as it was read; whether it was deleted.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        return self._records.delete(entry.key, expected=entry.version)

    def of_owner(self, owner: str) -> list[Entry]:
        """All entries of an owner. ``read_at`` is 0, and ``value`` may be None.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        return [self._open(record, 0.0) for record in self._records.of_owner(owner)]

    def of_handle(self, handle: str) -> Entry | None:
        """The entry with a handle, or None.

        ``read_at`` is 0, and ``value`` may be None.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        record = self._records.of_handle(handle)
        return self._open(record, 0.0) if record else None

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Entry], float]:
        """The entries that are due, the earliest first, and the time by the store.

        ``ahead``: those too that are due within so many seconds. ``value`` is None if
        none of our keys opens it. Such entries are here so that somebody deletes them.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        records, now = self._records.due(limit, ahead=ahead)
        return [self._open(record, now) for record in records], now

    def count(self) -> int:
        """How many entries have a handle and are not yet due.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        return self._records.count()

    def now(self) -> float:
        """The time by the store's clock, in Unix seconds.

        Raises:
            RecordsUnavailable: the store does not answer.
        """
        return self._records.get("clock")[1]

    def close(self) -> None:
        """Close the connections to the store."""
        self._records.close()

    def _open(self, record: Record, now: float, *, is_open: bool = False) -> Entry:
        if is_open:
            return _entry(record, _parse(record.value), now)
        opened = self._sealer.open(_PURPOSE, record.value)
        # The key is sealed too: a value copied to another record does not count.
        key, value = opened if isinstance(opened, list) else (None, None)
        return _entry(record, value if key == record.key else None, now)

    def _put(
        self, key: str, entry: Entry | None, change: Change, now: float, *, is_open: bool = False
    ) -> Entry | None:
        record = Record(
            key=key,
            value=(
                json.dumps(change.value, separators=(",", ":"))
                if is_open
                else self._sealer.seal(_PURPOSE, [key, change.value])
            ),
            # Starts with the time, so that a record that is deleted and made anew does
            # not get a version that somebody has already read.
            version=entry.version + 1 if entry else int(now * 1_000_000),
            due_at=change.due_at,
            owner=change.owner or (entry.owner if entry else None),
            handle=(entry.handle if entry and change.handle is None else change.handle) or None,
        )
        if self._records.put(record, expected=entry.version if entry else None):
            return _entry(record, change.value, now)
        return None


def _parse(text: str) -> Any:
    """An open value, or None if it is no JSON: another site may have written it."""
    try:
        return parse_json(text.encode())
    except ValueError:
        return None


def _entry(record: Record, value: Any, now: float) -> Entry:
    return Entry(
        key=record.key,
        value=value,
        version=record.version,
        read_at=now,
        due_at=record.due_at,
        owner=record.owner,
        handle=record.handle,
    )
