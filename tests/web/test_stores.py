from peeringdb_oauth.web import MemoryStore


def test_keeps_a_value_for_its_time(clock):
    store = MemoryStore(monotonic=clock)
    store.set("a", "1", timeout=60)
    assert store.get("a") == "1"
    clock.now += 60
    assert store.get("a") is None


def test_has_nothing_by_itself(clock):
    assert MemoryStore(monotonic=clock).get("a") is None


def test_forgets_what_is_deleted_and_does_not_mind_what_is_not_there(clock):
    store = MemoryStore(monotonic=clock)
    store.set("a", "1", timeout=60)
    store.delete("a")
    store.delete("a")
    assert store.get("a") is None


def test_the_oldest_goes_when_it_is_full(clock):
    store = MemoryStore(2, monotonic=clock)
    for key in ("a", "b", "a", "c"):
        store.set(key, key, timeout=60)
    assert [store.get(key) for key in ("a", "b", "c")] == ["a", None, "c"]


def test_writing_again_takes_the_new_time(clock):
    store = MemoryStore(monotonic=clock)
    store.set("a", "1", timeout=60)
    clock.now += 50
    store.set("a", "2", timeout=60)
    clock.now += 50
    assert store.get("a") == "2"


def test_its_usual_clock_runs():
    store = MemoryStore()
    store.set("a", "1", timeout=60)
    assert store.get("a") == "1"
