"""How `make bench` makes medians, ratios and curves of what it has measured."""

from itertools import count

import pytest
from benchmark_modules import imported


@pytest.fixture(scope="module")
def modules():
    with imported("measure", "curves") as modules:
        yield modules


@pytest.fixture(scope="module")
def measure(modules):
    return modules[0]


@pytest.fixture
def samples(measure):
    """In the third round the machine was busy with something else."""
    return measure.Samples(seconds={"ours": [1.0, 2.0, 30.0], "theirs": [2.0, 4.0, 60.0]})


def test_a_ratio_is_made_in_each_round(measure, samples):
    row = measure.at_most(0.5, "title", samples, "ours", "theirs")
    assert (row.seconds, row.other_seconds) == (2.0, 4.0)
    assert (row.ratio, row.ratio_quartiles, row.rounds) == (0.5, (0.5, 0.5), 3)
    assert row.holds


def test_faster_is_the_other_way_round(measure, samples):
    row = measure.faster(2.1, "title", samples, "ours", "theirs")
    assert row.ratio == 2.0
    assert row.holds is False
    assert measure.faster(None, "title", samples, "ours", "theirs").holds is None


def test_half_of_the_rounds_are_between_the_quartiles(measure):
    assert measure.quartiles([5.0, 1.0, 2.0, 4.0, 3.0]) == (2.0, 4.0)
    assert measure.quartiles([7.0]) == (7.0, 7.0)


def test_each_candidate_is_called_in_each_round(measure):
    ticks, calls = count(), []
    samples = measure.interleave(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")},
        rounds=3,
        calls={"a": 2, "b": 1},
        clock=lambda: float(next(ticks)),
        size=4,
    )
    assert samples.seconds == {"a": [1 / 8] * 3, "b": [1 / 4] * 3}
    assert (calls.count("a"), calls.count("b")) == (1 + 6, 1 + 3)  # the first does not count


def test_a_curve_tells_growth_and_what_one_more_costs(modules):
    now = [0.0]

    def takes(seconds):
        def call():
            now[0] += seconds

        return call

    [curve] = modules[1].curves(
        "things",
        "title",
        {"ours": {1: takes(3.0), 2: takes(5.0), 10: takes(21.0)}},
        goals={"ours": 6.9},
        rounds=3,
        clock=lambda: now[0],
    )
    assert (curve.at, curve.seconds) == ([1, 2, 10], [3.0, 5.0, 21.0])
    assert (curve.growth, curve.holds) == (7.0, False)
    assert (curve.each, curve.fit) == pytest.approx((2.0, 1.0))
