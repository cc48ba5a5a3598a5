"""Elapsed time, with a clock that goes on and with one that is set back."""

import math

from hypothesis import given
from hypothesis import strategies as st

from peeringdb_oauth.clock import elapsed

NOW = 1_800_000_000  # Unix seconds
LIFETIME = 600  # seconds
SECONDS = st.integers(0, 10**9)


@given(SECONDS)
def test_a_clock_that_goes_on(seconds):
    assert elapsed(NOW, NOW + seconds) == seconds


@given(SECONDS, SECONDS)
def test_a_clock_that_was_set_back_prolongs_nothing(later, back):
    """Nothing that counts for ten minutes counts by a clock that is further away."""
    now = NOW + later - back
    is_alive = elapsed(NOW, now) < LIFETIME
    assert elapsed(NOW, now) >= 0
    assert is_alive == (NOW - LIFETIME < now < NOW + LIFETIME)


@given(SECONDS)
def test_what_never_happened_was_long_ago(now):
    assert elapsed(-math.inf, now) == math.inf
