from peeringdb_oauth.web.stores import MemoryStore


def test_a_value_is_stored_for_its_time(clock):
    store = MemoryStore(9, monotonic=clock)
    store.set("a", "1", timeout=60)
    assert store.get("a") == "1"
    clock.now += 60
    assert store.get("a") is None


def test_a_new_store_is_empty(clock):
    assert MemoryStore(9, monotonic=clock).get("a") is None


def test_a_value_can_be_deleted_twice(clock):
    store = MemoryStore(9, monotonic=clock)
    store.set("a", "1", timeout=60)
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None


def test_a_full_store_deletes_its_oldest_value(clock):
    store = MemoryStore(2, monotonic=clock)
    for key in ("a", "b", "a", "c"):
        store.set(key, key, timeout=60)
    assert [store.get(key) for key in ("a", "b", "c")] == ["a", None, "c"]


def test_a_value_that_is_replaced_pushes_no_other_out(clock):
    store = MemoryStore(2, monotonic=clock)
    for key in ("a", "b", "b"):
        store.set(key, key, timeout=60)
    assert [store.get(key) for key in ("a", "b")] == ["a", "b"]


def test_a_value_that_is_replaced_has_the_new_time(clock):
    store = MemoryStore(9, monotonic=clock)
    store.set("a", "1", timeout=60)
    clock.now += 50
    store.set("a", "2", timeout=60)
    clock.now += 50
    assert store.get("a") == "2"


def test_the_default_clock_works():
    store = MemoryStore(9)
    store.set("a", "1", timeout=60)
    assert store.get("a") == "1"
