from dataclasses import replace

import pytest
from in_threads import run_all

from peeringdb_oauth.records import MemoryRecords, Record

FIRST = Record(key="session:a", value="sealed", version=1, due_at=50.0, owner="user:7", handle="h")


@pytest.fixture
def records(clock):
    clock.now = 100.0
    return MemoryRecords(clock)


def test_a_record_is_found_by_key_owner_and_handle(records):
    assert records.put(FIRST, expected=None)
    assert records.get("session:a") == (FIRST, 100.0)
    assert records.of_owner("user:7") == [FIRST]
    assert records.of_handle("h") == FIRST


def test_an_empty_store_tells_the_time(records):
    assert records.get("session:a") == (None, 100.0)
    assert records.due(5) == ([], 100.0)
    assert (records.of_owner("user:7"), records.of_handle("h")) == ([], None)


@pytest.mark.parametrize("expected", [0, 2, None])
def test_a_record_with_another_version_is_not_overwritten_or_deleted(records, expected):
    records.put(FIRST, expected=None)
    assert not records.put(replace(FIRST, value="other", version=2), expected=expected)
    assert not records.delete("session:a", expected=expected)
    assert records.get("session:a")[0] == FIRST


def test_a_record_that_does_not_exist_is_not_replaced_or_deleted(records):
    assert not records.put(FIRST, expected=1)
    assert not records.delete("session:a", expected=1)
    assert records.get("session:a")[0] is None


def test_a_record_with_the_expected_version_is_overwritten_and_deleted(records):
    records.put(FIRST, expected=None)
    second = replace(FIRST, version=2)
    assert records.put(second, expected=1)
    assert records.get("session:a")[0] == second
    assert records.delete("session:a", expected=2)
    assert records.get("session:a")[0] is None


def test_the_earliest_due_records_come_first(records):
    rows = [replace(FIRST, key=f"k{due}", due_at=due) for due in (100.0, 30.0, 100.5, 40.0)]
    for row in rows:
        records.put(row, expected=None)
    assert [row.due_at for row in records.due(9)[0]] == [30.0, 40.0, 100.0]
    assert [row.due_at for row in records.due(2)[0]] == [30.0, 40.0]


def test_of_many_writers_one_is_first(records):
    assert sorted(run_all(lambda: records.put(FIRST, expected=None), 8)) == [False] * 7 + [True]
    records.close()


def test_the_representation_hides_the_value():
    assert "sealed" not in repr(FIRST)


def test_counts_what_has_a_handle_and_is_not_due(records, clock):
    records.put(replace(FIRST, due_at=clock.now + 1), expected=None)
    records.put(replace(FIRST, key="budget", handle=None, due_at=clock.now + 1), expected=None)
    assert records.count() == 1
    clock.wait(1)
    assert records.count() == 0
