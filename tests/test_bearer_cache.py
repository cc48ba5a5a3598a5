"""How long the result of a bearer token counts."""

import pytest

from peeringdb_oauth.bearer.cache import CachedResult

NOW = 1_800_000_000.0


def result(**fields):
    return CachedResult(outcome=None, checked_at=NOW, **fields)


def test_a_result_counts_for_a_minute():
    assert result().is_fresh(NOW)
    assert result().is_fresh(NOW + 59.9)
    assert not result().is_fresh(NOW + 60)


def test_a_result_does_not_count_until_a_clock_that_was_set_back_has_caught_up():
    assert not result().is_fresh(NOW - 3600)


def test_a_result_never_counts_beyond_the_expiry_of_its_token():
    assert result(expires_at=NOW + 10).is_fresh(NOW + 9.9)
    assert not result(expires_at=NOW + 10).is_fresh(NOW + 10)


@pytest.mark.parametrize(("age", "is_fresh"), [(0, True), (4.9, True), (5, False)])
def test_a_call_may_ask_for_a_newer_result(age, is_fresh):
    assert result().is_fresh(NOW + age, max_age=5) is is_fresh


def test_the_claims_of_an_id_token_do_not_change():
    assert result(issued_at=NOW - 99).is_fresh(NOW + 30, max_age=5)
    assert not result(issued_at=NOW - 99).is_fresh(NOW + 60, max_age=5)
