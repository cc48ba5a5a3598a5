"""Real stores of records for tests that move the clock."""

import time
from dataclasses import replace

from peeringdb_oauth.errors import RecordsUnavailable

ALL = 1e12  # seconds, in which every record is due


class ClockedRecords:
    """The records of a real store, in which the time is that of a test's clock.

    The clock of a real store cannot be moved. So times are stored later by as much as
    the test's clock was behind at first, and what is due is asked for with the time by
    which the test has moved its clock since then.

    ``down_after``: how many writes the store still takes before it goes down; None for
    any number. ``reads``, ``writes``: how often a session was read and written.
    ``gate``: each such read waits at it, if there is one.
    """

    def __init__(self, store, clock):
        self._store, self._clock = store, clock
        self._later = int(time.time() - clock())
        self.down_after, self.reads, self.writes, self.gate = None, 0, 0, None

    def get(self, key):
        self._check(self.down_after is None or self.down_after > 0)
        if key.startswith("session:"):
            self.reads += 1
            if self.gate:
                self.gate.wait()
        record, _ = self._store.get(key)
        return record and self._read(record), self._clock()

    def put(self, record, *, expected):
        if self.down_after is not None:
            self._check(self.down_after > 0)
            self.down_after -= 1
        self.writes += record.key.startswith("session:")
        stored = replace(record, due_at=record.due_at + self._later)
        return self._store.put(stored, expected=expected)

    def delete(self, key, *, expected):
        return self._store.delete(key, expected=expected)

    def of_owner(self, owner):
        return [self._read(record) for record in self._store.of_owner(owner)]

    def of_handle(self, handle):
        record = self._store.of_handle(handle)
        return record and self._read(record)

    def due(self, limit, *, ahead=0.0):
        now = self._clock()
        moved = now + self._later - time.time()
        # A second more, since time goes on meanwhile.
        found, _ = self._store.due(limit, ahead=ahead + moved + 1)
        records = [self._read(record) for record in found]
        return [record for record in records if record.due_at <= now + ahead], now

    def count(self):
        return self._store.count()

    def close(self):
        """Do nothing: other tests use the store, too."""

    def all(self):
        """All records."""
        return [self._read(record) for record in self._store.due(100_000, ahead=ALL)[0]]

    def clear(self):
        """Delete all records."""
        for record in self.all():
            assert self._store.delete(record.key, expected=record.version)

    def _read(self, record):
        return replace(record, due_at=record.due_at - self._later)

    def _check(self, is_up):
        if not is_up:
            raise RecordsUnavailable("the store of the sessions does not answer")
