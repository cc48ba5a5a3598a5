"""When PeeringDB is to be asked for somebody's rights again."""

from types import SimpleNamespace

import pytest

from peeringdb_oauth.budget import UsedUp, shortest_recheck
from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.web import SessionPolicy
from peeringdb_oauth.web.sessions.pace import Pace, refresh_ahead

USED_UP = UsedUp("", retry_after=60)
START = 1_700_000_000.0


@pytest.fixture
def pace():
    return Pace(SessionPolicy(recheck_every=1000))


def login(age, now=START, failed_at=None):
    return SimpleNamespace(now=now, checked_at=now - age, failed_at=failed_at, csrf_token="a")


def is_due(pace, age, **arguments):
    return pace.is_due(login(age, **arguments))


def refuse(pace, times, error, age=100_000):
    """Refuse so many re-checks, each as soon as the process asks; the time after it."""
    now = START
    for _ in range(times):
        pace.postpone(login(age, now), error)
        now = pace.postponed_until
    return now


@pytest.mark.parametrize(
    ("recheck_every", "ahead"),
    [(None, 60), (1, 60), (60, 60), (61, 61), (900, 900), (18_000, 18_000), (40_000, 18_000)],
)
def test_a_token_is_refreshed_before_it_could_expire_until_the_next_recheck(recheck_every, ahead):
    assert refresh_ahead(SessionPolicy(recheck_every=recheck_every)) == ahead


def test_a_recheck_comes_at_its_time_or_a_little_early(pace):
    assert not is_due(pace, 899)
    assert is_due(pace, 1000)
    assert pace.earliest(START) == 900


def test_without_rechecks_none_is_ever_due():
    pace = Pace(SessionPolicy(recheck_every=None))
    assert not is_due(pace, 1e9)
    assert pace.earliest(START) == float("inf")


def test_a_recheck_that_failed_is_tried_again_soon(pace):
    assert not is_due(pace, 5000, failed_at=START - 9)
    assert is_due(pace, 5000, failed_at=START - 10)


@pytest.mark.parametrize(("wait", "pause"), [(60, 5), (2, 2)])
def test_a_process_whose_recheck_was_refused_asks_nothing_for_a_while(pace, wait, pause):
    pace.postpone(login(5000), RateLimited("", retry_after=wait))
    assert not is_due(pace, 5000, now=START + pause - 0.1)
    assert is_due(pace, 5000, now=START + pause)


def test_a_budget_that_refuses_for_long_stretches_the_time_between_rechecks(pace):
    now = refuse(pace, 120, USED_UP)  # ten minutes
    assert not is_due(pace, 1900, now=now)
    assert is_due(pace, 3300, now=now)
    assert 1700 < pace.earliest(now) < 3300


def test_a_short_rush_changes_little(pace):
    now = refuse(pace, 24, USED_UP)  # two minutes
    assert is_due(pace, 1300, now=now)


def test_several_refusals_at_a_time_count_as_one(pace):
    for _ in range(1000):
        pace.postpone(login(100_000), USED_UP)
    assert is_due(pace, 1010, now=START + 5)


def test_the_time_between_rechecks_is_short_again_when_nothing_is_refused(pace):
    now = refuse(pace, 120, USED_UP) + 3 * 3600
    assert is_due(pace, 1010, now=now)


def test_the_time_is_not_stretched_beyond_the_rights_that_had_to_wait(pace):
    now = refuse(pace, 1000, USED_UP, age=3000)
    assert is_due(pace, 3400, now=now)  # a tenth more, for what comes early
    assert not is_due(pace, 2600, now=now)


def test_young_rights_that_had_to_wait_stretch_nothing(pace):
    now = refuse(pace, 10, USED_UP, age=10)
    assert is_due(pace, 1000, now=now)


def test_an_outage_or_a_pause_stretches_nothing(pace):
    now = refuse(pace, 120, RateLimited("", retry_after=60))
    assert is_due(pace, 1000, now=now)


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        ((450, 100), 900),
        ((1000, 100), 2000),
        ((1000, 50), 4000),
        ((1000, None), 0),
        ((10, 2), 300),  # some re-checks are always allowed
    ],
)
def test_the_shortest_time_between_rechecks_can_be_asked_for(arguments, seconds):
    assert shortest_recheck(*arguments) == seconds


def test_more_addresses_make_it_shorter():
    assert shortest_recheck(1000, 100, addresses=4) == 500
