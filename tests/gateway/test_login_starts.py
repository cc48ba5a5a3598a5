"""How many logins may start from one address."""

import pytest

from peeringdb_oauth.errors import RateLimited
from peeringdb_oauth.gateway.login_starts import MOST, MOST_OF_PROXY, LoginStarts


@pytest.fixture
def starts(clock):
    return LoginStarts(clock)


def use_up(starts, address):
    for _ in range(MOST):
        starts.count(address)
    with pytest.raises(RateLimited) as refused:
        starts.count(address)
    assert refused.value.for_caller
    return refused.value.retry_after


def test_one_more_may_start_each_two_seconds(starts, clock):
    assert use_up(starts, "192.0.2.1") == 2
    clock.wait(1.5)
    with pytest.raises(RateLimited) as refused:
        starts.count("192.0.2.1")
    assert refused.value.retry_after == 1
    clock.wait(0.5)
    starts.count("192.0.2.1")
    clock.wait(60)
    use_up(starts, "192.0.2.1")


def test_those_who_are_refused_wait_no_longer_for_it(starts, clock):
    use_up(starts, "192.0.2.1")
    for _ in range(100):
        with pytest.raises(RateLimited):
            starts.count("192.0.2.1")
    clock.wait(2)
    starts.count("192.0.2.1")


def test_each_address_has_its_own(starts):
    use_up(starts, "192.0.2.1")
    use_up(starts, "192.0.2.2")
    use_up(starts, "2001:db8::1")
    with pytest.raises(RateLimited):
        starts.count("2001:db8::2")  # of the same /64
    starts.count("2001:db8:0:1::1")


def test_a_proxy_that_hides_its_visitors_has_more(starts):
    for _ in range(MOST_OF_PROXY):
        starts.count("172.17.0.1")
    with pytest.raises(RateLimited):
        starts.count("172.17.0.1")


def test_an_unknown_address_is_not_counted(starts):
    for _ in range(MOST + 1):
        starts.count(None)


def test_the_memory_is_bounded():
    starts = LoginStarts(lambda: 0.0, most_addresses=3)
    use_up(starts, "192.0.2.1")
    for number in range(2, 5):
        starts.count(f"192.0.2.{number}")
    starts.count("192.0.2.1")  # forgotten
