"""What `make simulate` shows, in small."""

from dataclasses import asdict

import pytest
from benchmark_modules import imported


@pytest.fixture(scope="module")
def modules():
    with imported("simulate", "figure_charts") as modules:
        yield modules


@pytest.fixture
def simulate(modules):
    return modules[0]


@pytest.fixture
def thousand(simulate):
    """1,000 sessions at one address: twice as many as it can re-check in time."""
    return simulate.Simulation(1000, 1, seed=1).run(3 * 3600)


def test_rights_are_hardly_older_than_can_be_asked_for(thousand):
    assert 0.5 * thousand.shortest < thousand.median < thousand.shortest
    assert thousand.shortest < thousand.oldest < 1.75 * thousand.shortest


def test_sessions_that_are_too_many_cost_no_login_and_break_no_limit(thousand):
    assert thousand.served == 1
    assert 30 <= thousand.busiest <= 100


def test_the_tokens_of_each_session_are_refreshed_once_in_its_life(simulate, thousand):
    assert thousand.refreshes == pytest.approx(1000 / (simulate.LIFE / 60), rel=0.1)


def test_the_plot_has_a_line_for_each_number_of_addresses(modules, simulate, thousand):
    results = [thousand, simulate.Simulation(10, 1, seed=1).run(60)]
    drawing = modules[1].sessions([asdict(result) for result in results])
    assert drawing.startswith("<svg")
    assert ">1 address</text>" in drawing
    assert ">1,000</text>" in drawing
