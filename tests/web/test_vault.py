"""Values in a store of records: sealed or open, and none of several changes is lost."""

from dataclasses import replace

import pytest
from in_threads import run_all

from peeringdb_oauth.records import MemoryRecords, Record, RecordsUnavailable
from peeringdb_oauth.web import Change, Sealer, Vault

OLD, NEW = "old-secret-0123456789", "new-secret-0123456789"
KEY = "session:a"


@pytest.fixture
def records(clock):
    return MemoryRecords(clock)


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def vault(records, pauses):
    return Vault(records, Sealer(NEW), sleep=pauses.append)


@pytest.fixture
def entry(vault, clock):
    """A session that is in the store."""
    return vault.change(
        KEY, lambda *_: Change(value={"n": 1}, due_at=clock() - 1, owner="user:7", handle="h")
    )


def add_one(value, now):
    return Change(value=(value or 0) + 1, due_at=now + 60)


def test_a_value_is_read_as_it_was_written(vault, entry, clock):
    read = vault.read(KEY)
    assert read == entry
    assert (read.key, read.value, read.read_at) == (KEY, {"n": 1}, clock())
    assert (read.owner, read.handle, read.due_at) == ("user:7", "h", clock() - 1)


def test_nothing_can_be_read_in_the_store(records, entry):
    assert entry.value == {"n": 1}
    assert '"n"' not in records.get(KEY)[0].value


def test_what_is_not_there_reads_as_none(vault):
    assert vault.read(KEY) is None
    assert vault.of_handle("h") is None
    assert vault.of_owner("user:7") == []


def test_a_change_gets_the_value_and_the_stores_clock(vault, entry, clock):
    given = []
    clock.now += 5
    assert vault.change(KEY, lambda *arguments: given.append(arguments)) == replace(
        entry, read_at=clock()
    )
    assert given == [({"n": 1}, clock())]


def test_a_function_that_changes_nothing_leaves_nothing_behind(vault):
    assert vault.change(KEY, lambda *_: None) is None
    assert vault.read(KEY) is None


def test_each_change_has_a_higher_version_and_keeps_owner_and_handle(vault, entry, clock):
    changed = vault.change(KEY, lambda _, now: Change(value=2, due_at=now + 60))
    assert changed.version > entry.version
    assert (changed.owner, changed.handle, changed.due_at) == ("user:7", "h", clock() + 60)
    moved = vault.change(KEY, lambda *_: Change(value=3, due_at=0, owner="user:8", handle="i"))
    assert (moved.owner, moved.handle) == ("user:8", "i")


def test_a_record_made_anew_does_not_get_an_old_version(vault, entry, clock):
    assert vault.delete(entry)
    clock.now += 0.001
    assert vault.change(KEY, add_one).version > entry.version
    assert vault.write(entry, "late", due_at=0) is None


def test_a_write_succeeds_only_if_the_record_is_as_it_was_read(vault, entry):
    written = vault.write(entry, 2, due_at=9.0)
    assert (written.value, written.due_at, written.owner) == (2, 9.0, "user:7")
    assert written.read_at == entry.read_at
    assert vault.write(entry, 3, due_at=9.0) is None
    assert not vault.delete(entry)
    assert vault.read(KEY).value == 2
    assert vault.delete(written)
    assert vault.read(KEY) is None


def test_of_many_changes_at_once_none_is_lost(vault):
    run_all(lambda: vault.change(KEY, add_one), 8)
    assert vault.read(KEY).value == 8


def test_a_change_that_others_overtake_is_tried_once_more(vault, pauses):
    def overtaken(value, now):
        if not pauses:
            vault.change(KEY, add_one)
        return add_one(value, now)

    assert vault.change(KEY, overtaken).value == 2
    assert len(pauses) == 1
    assert 0 <= pauses[0] <= 0.01


@pytest.fixture
def overtaken(vault):
    """A change that others overtake each time."""

    def overtaken(value, now):
        vault.change(KEY, add_one, is_open=True)
        return add_one(value, now)

    return overtaken


def test_a_change_that_others_overtake_each_time_gives_up(vault, pauses, overtaken):
    with pytest.raises(RecordsUnavailable) as caught:
        vault.change(KEY, overtaken, is_open=True)
    assert str(caught.value) == "too many write the same record of the sessions at once"
    assert len(pauses) == 8


def test_the_pauses_of_many_writers_grow_and_stay_short(vault, pauses, overtaken):
    for _ in range(30):
        with pytest.raises(RecordsUnavailable):
            vault.change(KEY, overtaken, is_open=True)
    for attempt in range(8):
        assert 0.005 * 2**attempt < max(pauses[attempt::8]) <= 0.01 * 2**attempt


def test_a_change_is_not_tried_once_more_after_three_seconds(records, clock, overtaken):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        clock.now += 1.5

    slow = Vault(records, Sealer(NEW), sleep=sleep, monotonic=clock)
    with pytest.raises(RecordsUnavailable):
        slow.change(KEY, overtaken, is_open=True)
    assert len(pauses) == 3


def test_an_old_key_opens_and_the_new_one_seals(records, vault):
    Vault(records, Sealer(OLD)).change(KEY, add_one)
    both = Vault(records, Sealer(NEW, OLD))
    assert both.read(KEY).value == 1
    assert both.change(KEY, add_one).value == 2
    assert vault.read(KEY).value == 2


def test_what_no_key_opens_reads_as_missing_and_is_overwritten(records, vault, clock):
    stranger = Vault(records, Sealer(OLD))
    old = stranger.change(KEY, lambda _, now: Change(value=5, due_at=now, owner="user:7"))
    assert vault.read(KEY) is None
    assert vault.change(KEY, lambda *_: None) is None
    assert vault.due(5) == ([replace(old, value=None)], clock())
    assert vault.of_owner("user:7") == [replace(old, value=None, read_at=0.0)]
    assert vault.change(KEY, add_one).value == 1


def test_an_open_value_is_read_and_changed_with_any_key(records, vault):
    stranger = Vault(records, Sealer(OLD))
    assert stranger.change("budget:a", add_one, is_open=True).value == 1
    assert vault.change("budget:a", add_one, is_open=True).value == 2
    assert records.get("budget:a")[0].value == "2"
    assert vault.read("budget:a") is None  # it is not sealed


def test_an_open_value_is_short_json_with_the_time_when_it_was_read(records, vault, clock):
    value = {"a": [1, 2], "b": None}
    vault.change("budget:a", lambda *_: Change(value=value, due_at=0.0), is_open=True)
    assert records.get("budget:a")[0].value == '{"a":[1,2],"b":null}'
    read = vault.change("budget:a", lambda *_: None, is_open=True)
    assert (read.value, read.read_at) == (value, clock())


def test_an_open_value_that_is_no_json_reads_as_missing(vault):
    vault.change(KEY, add_one)
    assert vault.change(KEY, add_one, is_open=True).value == 1


@pytest.mark.parametrize("value", ["[" * 100_000, "NaN", "\ud800"])
def test_an_open_value_that_only_python_reads_or_chokes_on_is_missing(records, vault, value):
    """Another site may have written it."""
    records.put(Record(key=KEY, value=value, version=1, due_at=0.0), expected=None)
    assert vault.change(KEY, add_one, is_open=True).value == 1


def test_a_hidden_name_is_the_same_for_the_same_name_and_key(records, vault):
    hidden = vault.hide("198.51.100.1")
    assert hidden == vault.hide("198.51.100.1")
    assert "198.51" not in hidden
    others = (vault.hide("198.51.100.2"), Vault(records, Sealer(OLD)).hide("198.51.100.1"))
    assert hidden not in others


@pytest.mark.usefixtures("entry")
def test_a_value_copied_to_another_record_reads_as_missing(records, vault):
    records.put(replace(records.get(KEY)[0], key="session:b"), expected=None)
    assert vault.read("session:b") is None


def test_entries_are_found_by_owner_handle_and_time(vault, entry, clock):
    vault.change("session:later", lambda _, now: Change(value=1, due_at=now + 1))
    assert vault.of_owner("user:7") == [replace(entry, read_at=0.0)]
    assert vault.of_handle("h") == replace(entry, read_at=0.0)
    assert vault.due(5) == ([entry], clock())


def test_of_the_entries_that_are_due_or_soon_will_be_the_earliest_are_found(vault, entry):
    keys = ["session:later", "session:last"]
    for seconds, key in enumerate(keys, 10):
        vault.change(key, lambda _, now, after=seconds: Change(value=1, due_at=now + after))
    assert [found.key for found in vault.due(5, ahead=10)[0]] == [KEY, "session:later"]
    assert [found.key for found in vault.due(2, ahead=60)[0]] == [KEY, "session:later"]
    assert vault.due(1, ahead=60)[0] == [entry]


def test_the_time_is_the_stores(vault, clock):
    assert vault.now() == clock()


def test_the_representations_hide_the_value(entry):
    assert "'n'" not in repr(entry)
    assert "'n'" not in repr(Change(value={"n": 1}, due_at=0))


def test_closes_the_store(clock):
    closed = []

    class Closing(MemoryRecords):
        def close(self):
            closed.append(1)

    Vault(Closing(clock), Sealer(NEW)).close()
    assert closed == [1]
