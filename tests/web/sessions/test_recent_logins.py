"""What a process remembers of the store for a second."""

from dataclasses import replace

import pytest
from stored_sessions import stored_login

from peeringdb_oauth.web.sessions.recent_logins import RecentLogin, RecentLogins

LOGIN = stored_login(key="session:a", now=500.0)
CHANGED = replace(LOGIN, seen_at=499.0)


@pytest.fixture
def recent(clock):
    return RecentLogins(clock)


def test_a_login_is_remembered_for_less_than_a_second(recent, clock):
    recent.put(LOGIN, clock())
    assert recent.get("session:a") == LOGIN
    clock.now += 0.75
    assert recent.get("session:a").now == LOGIN.now + 0.75
    clock.now += 0.25
    assert recent.get("session:a") is None
    assert recent.entry("session:a") is None


def test_the_second_begins_when_the_store_is_asked(recent, clock):
    since = recent.now()
    clock.now += 0.75  # the store was slow
    recent.put(LOGIN, since)
    assert recent.get("session:a").now == LOGIN.now + 0.75
    clock.now += 0.25
    assert recent.get("session:a") is None


def test_nothing_is_remembered_of_a_login_that_nobody_has_read(recent):
    assert (recent.get("session:a"), recent.entry("session:a")) == (None, None)
    recent.drop("session:a")


def test_a_login_that_was_read_without_a_time_was_read_now(clock):
    entry = RecentLogin(LOGIN, clock)
    assert (entry.login, entry.since, entry.age) == (LOGIN, clock.now, 0)
    assert entry.is_current()


def test_a_login_that_was_read_in_the_future_does_not_count(clock):
    assert not RecentLogin(LOGIN, clock, clock.now + 0.5).is_current()


def test_of_two_answers_the_one_that_was_asked_for_later_counts(recent, clock):
    recent.put(LOGIN, clock())
    recent.put(CHANGED, clock() - 0.1)
    assert recent.get("session:a").seen_at == LOGIN.seen_at
    recent.put(CHANGED, clock())
    assert recent.get("session:a").seen_at == CHANGED.seen_at


def test_what_is_known_anew_replaces_what_others_have_in_their_hands(recent, clock):
    recent.put(LOGIN, clock())
    entry = recent.entry("session:a")
    recent.put(CHANGED, clock())
    assert not entry.is_current()
    entry = recent.entry("session:a")
    assert entry.is_current()
    recent.drop("session:a")
    assert not entry.is_current()
    assert recent.get("session:a") is None


def test_a_login_that_was_changed_is_remembered_since_the_store_was_asked(recent, clock):
    since = recent.now()
    clock.now += 0.5  # the store was slow
    recent.put_changed(CHANGED, since)
    clock.now += 0.25
    assert recent.get("session:a") == replace(CHANGED, now=CHANGED.now + 0.75)
    clock.now += 0.25
    assert recent.get("session:a") is None


def test_a_login_that_was_read_while_it_was_changed_is_forgotten(recent, clock):
    recent.put(LOGIN, clock())
    entry = recent.entry("session:a")
    recent.put_changed(CHANGED, recent.now())
    assert recent.get("session:a") is None
    assert not entry.is_current()
    recent.put_changed(CHANGED, recent.now())
    assert recent.get("session:a") == CHANGED


def test_the_oldest_of_too_many_logins_is_forgotten(recent, clock):
    for number in range(10_000):
        recent.put(replace(LOGIN, key=str(number)), clock())
    assert recent.get("0").key == "0"
    recent.put(replace(LOGIN, key="10000"), clock())
    assert [recent.get(key) and recent.get(key).key for key in ("0", "1", "10000")] == [
        None,
        "1",
        "10000",
    ]
