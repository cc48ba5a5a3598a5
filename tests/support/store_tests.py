"""What is true of each store, wherever its records are.

A test module names a class of its own after it, and has these fixtures. ``server``: the
server or file, empty. ``open_store()``: the store as another process sees it;
``patience`` may be given. ``proxied``: such a store and the `CuttingProxy` before it.
"""

import math
import time
from dataclasses import replace
from functools import partial

import pytest
from forks import in_a_child
from hypothesis import given, settings
from hypothesis import strategies as st
from in_threads import run_all, until, within
from store_servers import PASSWORD

from peeringdb_oauth.records import MemoryRecords, Record, RecordsUnavailable
from peeringdb_oauth.web import Change, Sealer, Vault

FIRST = Record(
    key="session:a",
    value="sealed",
    version=1_795_653_244_624_999,
    due_at=1795653244.625,
    owner="user:7",
    handle="h",
)
PLAIN = Record(key="purge", value="", version=1, due_at=0.0)
SECRET = "portal-secret-0123456789"
SHORT = 1.0  # seconds that a method may take where a test waits for it

some_text = st.sampled_from(["a", "A", "b"])
some_version = st.integers(1, 3)
some_expected = st.none() | some_version
some_record = st.builds(
    Record,
    key=some_text,
    value=st.text("xy", max_size=3),
    version=some_version,
    due_at=st.sampled_from([0.0, 1.5, 4e9]),
    owner=st.none() | some_text,
    handle=st.none(),
)
some_step = st.one_of(
    st.tuples(st.just("put"), some_record, some_expected),
    st.tuples(st.just("delete"), some_text, some_version),
)


def take(records, step):
    name, what, expected = step
    return getattr(records, name)(what, expected=expected)


def everything(records):
    """All that can be asked of a store, without its clock."""
    return (
        [records.get(key)[0] for key in ("a", "A", "b")],
        [sorted(records.of_owner(owner), key=lambda row: row.key) for owner in ("a", "A", "b")],
        sorted(row.key for row in records.due(9)[0]),
    )


def has_first(store):
    try:
        return store.get("session:a")[0] == FIRST
    except RecordsUnavailable:
        return False


def add_one(vault):
    return vault.change("counter", lambda value, now: Change(value=(value or 0) + 1, due_at=now))


class StoreTests:
    def test_a_record_is_read_as_it_was_written(self, open_store):
        store = open_store()
        assert store.put(FIRST, expected=None)
        assert store.put(PLAIN, expected=None)
        other = open_store()
        assert other.get("session:a")[0] == FIRST
        assert other.get("purge")[0] == PLAIN
        assert other.of_owner("user:7") == [FIRST]
        assert other.of_handle("h") == FIRST

    def test_an_empty_store_finds_nothing_and_tells_the_time(self, open_store):
        store = open_store()
        assert store.get("session:a")[0] is None
        assert (store.of_owner("user:7"), store.of_handle("h"), store.due(5)[0]) == ([], None, [])
        for now in (store.get("a")[1], store.due(5)[1]):
            assert math.isclose(now, time.time(), abs_tol=5)

    def test_records_that_are_due_soon_are_found_too(self, open_store):
        store = open_store()
        now = store.due(5)[1]
        for key, seconds in (("now", -60), ("soon", 600), ("later", 6000)):
            store.put(Record(key=key, value="v", version=1, due_at=now + seconds), expected=None)
        assert [row.key for row in store.due(9)[0]] == ["now"]
        assert [row.key for row in store.due(9, ahead=3600)[0]] == ["now", "soon"]
        assert [row.key for row in store.due(9, ahead=1e9)[0]] == ["now", "soon", "later"]
        assert [row.key for row in store.due(1, ahead=1e9)[0]] == ["now"]

    def test_the_clock_goes_on_between_two_reads(self, open_store):
        store = open_store()
        store.put(FIRST, expected=None)
        (_, first), (_, second), (_, third) = store.get("session:a"), store.due(5), store.get("b")
        assert first <= second <= third
        until(lambda: store.get("session:a")[1] > third)

    def test_a_long_value_is_stored_whole(self, open_store):
        store, long = open_store(), replace(FIRST, value="x" * 300_000)
        store.put(long, expected=None)
        assert store.get("session:a")[0] == long

    def test_keys_owners_and_handles_in_another_case_are_others(self, open_store):
        store = open_store()
        upper = replace(FIRST, key="session:A", owner="USER:7", handle="H", value="upper")
        assert store.put(FIRST, expected=None)
        assert store.put(upper, expected=None)
        assert store.get("session:a")[0] == FIRST
        assert store.get("session:A")[0] == upper
        assert store.of_owner("USER:7") == [upper]
        assert store.of_handle("H") == upper

    @pytest.mark.parametrize("expected", [None, FIRST.version - 1, FIRST.version + 1])
    def test_a_record_with_another_version_stays(self, open_store, expected):
        store = open_store()
        store.put(FIRST, expected=None)
        assert not store.put(replace(FIRST, value="late"), expected=expected)
        assert not store.delete("session:a", expected=expected or 0)
        assert store.get("session:a")[0] == FIRST

    def test_the_same_write_does_not_succeed_twice(self, open_store):
        store, second = open_store(), replace(FIRST, version=FIRST.version + 1)
        assert [store.put(FIRST, expected=None) for _ in range(2)] == [True, False]
        assert [store.put(second, expected=FIRST.version) for _ in range(2)] == [True, False]
        assert [store.delete("session:a", expected=second.version) for _ in range(2)] == [
            True,
            False,
        ]

    def test_the_earliest_due_records_come_first(self, open_store):
        store = open_store()
        now = store.get("a")[1]
        for due_at in (now - 1, now - 3, now + 100, now - 2):
            store.put(replace(FIRST, key=f"k{due_at}", due_at=due_at), expected=None)
        found, told = store.due(9)
        assert [row.due_at for row in found] == [now - 3, now - 2, now - 1]
        assert told >= now
        assert [row.due_at for row in store.due(2)[0]] == [now - 3, now - 2]

    def test_counts_what_has_a_handle_and_is_not_due(self, open_store):
        store = open_store()
        assert store.count() == 0
        now = store.get("x")[1]
        for name, handle, due_in in (
            ("a", "a", 60),
            ("b", "b", 60),
            ("c", "c", -1),
            ("d", None, 60),
        ):
            record = replace(FIRST, key=name, handle=handle, due_at=now + due_in)
            assert store.put(record, expected=None)
        assert store.count() == 2
        unnamed = replace(FIRST, key="a", version=FIRST.version + 1, handle=None, due_at=now + 60)
        assert store.put(unnamed, expected=FIRST.version)
        assert store.count() == 1
        assert store.delete("b", expected=FIRST.version)
        assert store.count() == 0

    def test_a_record_moves_to_another_owner_and_handle(self, open_store):
        store = open_store()
        store.put(FIRST, expected=None)
        moved = replace(FIRST, version=FIRST.version + 1, owner="user:8", handle="i")
        assert store.put(moved, expected=FIRST.version)
        assert (store.of_owner("user:7"), store.of_handle("h")) == ([], None)
        assert (store.of_owner("user:8"), store.of_handle("i")) == ([moved], moved)
        assert store.delete("session:a", expected=moved.version)
        assert (store.of_owner("user:8"), store.of_handle("i")) == ([], None)
        assert store.due(5)[0] == []

    def test_does_the_same_as_the_store_in_memory(self, open_store):
        store = open_store()

        @settings(max_examples=15)
        @given(st.lists(some_step, max_size=12))
        def compare(steps):
            memory = MemoryRecords(time.time)
            for row in filter(None, everything(store)[0]):
                assert store.delete(row.key, expected=row.version)
            for step in steps:
                assert take(store, step) == take(memory, step)
            assert everything(store) == everything(memory)

        compare()

    def test_of_many_threads_one_is_first(self, open_store):
        # A busy machine may take longer than the usual patience.
        store, other = open_store(patience=10.0), open_store(patience=10.0)
        rows = [replace(FIRST, value=f"{number}") for number in range(8)]

        def put():
            row = rows.pop()
            return (store if len(rows) % 2 else other).put(row, expected=None) and row

        (first,) = [row for row in run_all(put, 8) if row]
        assert store.get("session:a")[0] == first

    def test_eight_processes_start_at_once_and_lose_no_write(self, open_store):
        vault = Vault(open_store(patience=10.0), Sealer(SECRET))  # on a busy machine too

        def work():
            for _ in range(3):
                add_one(vault)

        assert run_all(lambda: in_a_child(work), 8) == [True] * 8
        assert vault.read("counter").value == 24

    def test_a_forked_process_has_connections_of_its_own(self, open_store):
        store = open_store()
        store.put(FIRST, expected=None)

        def read():
            assert store.get("session:a")[0] == FIRST
            assert store.delete("session:a", expected=FIRST.version)

        assert in_a_child(read)
        assert store.get("session:a")[0] is None

    def test_a_store_that_was_closed_can_be_used(self, open_store):
        store = open_store()
        store.put(FIRST, expected=None)
        store.close()
        assert store.get("session:a")[0] == FIRST

    def test_nothing_secret_can_be_read_in_the_store(self, open_store, server):
        vault = Vault(open_store(), Sealer(SECRET))
        vault.change("session:a", lambda _, now: Change(value="t0ken-in-clear", due_at=now))
        assert vault.read("session:a").value == "t0ken-in-clear"
        files = [path for path in server.directory.rglob("*") if path.is_file()]
        dump = b"".join(path.read_bytes() for path in files)
        assert b"session:a" in dump
        assert b"t0ken-in-clear" not in dump
        assert SECRET.encode() not in dump

    def test_a_new_key_seals_and_the_old_one_still_opens(self, open_store):
        store = open_store()
        add_one(Vault(store, Sealer("old-secret-0123456789")))
        both = Vault(store, Sealer(SECRET, "old-secret-0123456789"))
        assert both.read("counter").value == 1
        assert add_one(both).value == 2
        assert Vault(store, Sealer(SECRET)).read("counter").value == 2
        assert Vault(store, Sealer("unknown-0123456789")).read("counter") is None

    def test_a_frozen_store_is_unavailable_until_it_answers(self, open_store, server):
        store, later = open_store(patience=SHORT), open_store(patience=SHORT)
        store.put(FIRST, expected=None)
        server.freeze()
        try:
            for frozen in (store, later, store):
                with within(SHORT + 1), pytest.raises(RecordsUnavailable, match="not answer"):
                    frozen.put(replace(FIRST, key="session:b"), expected=None)
        finally:
            server.thaw()
        for thawed in (store, later):
            until(partial(has_first, thawed))


class ServerTests(StoreTests):
    """What is true of each store that is a server."""

    def test_an_emptied_store_can_be_used(self, open_store, server):
        store = open_store()
        store.put(FIRST, expected=None)
        self.empty(server)
        assert store.get("session:a")[0] is None
        assert store.put(FIRST, expected=None)
        assert open_store().get("session:a")[0] == FIRST

    def empty(self, server):
        server.wipe()

    def test_after_a_restart_everything_is_there_at_once(self, open_store, server):
        store = open_store()
        store.put(FIRST, expected=None)
        run_all(lambda: store.get("session:a"), 4)
        server.restart()
        outcomes = run_all(lambda: store.get("session:a")[0], 8)
        assert outcomes == [FIRST] * 8

    def test_a_store_that_is_down_is_unavailable_until_it_is_up(self, open_store, server):
        store, later = open_store(), open_store()
        store.put(FIRST, expected=None)
        server.stop()
        try:
            for down in (store, later):
                with within(5), pytest.raises(RecordsUnavailable, match="not answer") as caught:
                    down.get("session:a")
                assert PASSWORD not in str(caught.value)
                assert caught.value.__suppress_context__ or caught.value.__context__ is None
        finally:
            server.start()
        assert store.get("session:a")[0] == FIRST
        assert later.get("session:a")[0] == FIRST

    def test_a_slow_store_is_unavailable_in_time(self, proxied):
        store, proxy = proxied
        store.get("session:a")
        proxy.delay = 20
        with within(5), pytest.raises(RecordsUnavailable, match="not answer"):
            store.get("session:a")

    def test_a_write_whose_answer_is_lost_counts(self, proxied):
        store, proxy = proxied
        store.get("session:a")
        proxy.cut = True
        assert store.put(FIRST, expected=None)
        second = replace(FIRST, value="second", version=FIRST.version + 1)
        proxy.cut = True
        assert store.put(second, expected=FIRST.version)
        proxy.cut = True
        assert not store.put(replace(second, value="third"), expected=FIRST.version)
        proxy.cut = True
        assert not store.delete("session:a", expected=FIRST.version)
        proxy.cut = True
        assert store.delete("session:a", expected=second.version)
        assert not proxy.cut
