"""A pytest plugin for `run.py`: which tests a mutant needs, and how they stay short.

The fastest tests run first, since most mutants die in the first one. A property is
tried with fewer examples, and one that fails is not made smaller.
"""

import json
import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from mutmut.state import state

settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    max_examples=50,
    phases=[Phase.explicit, Phase.generate],
    database=None,
)
# mutmut notes which functions run in a test. These ran when tests were imported, or in
# a fixture that several tests share, and any test may depend on them.
needed_by_all = set()


def pytest_configure(config):
    """Give each mutant temporary files of its own: none of them tidies up."""
    directory = Path("temporary").resolve()
    directory.mkdir(exist_ok=True)
    config.option.basetemp = str(directory / str(os.getpid()))


def pytest_runtest_logreport(report):
    """Write down what fails without a mutant: mutmut only says that something does."""
    if report.failed and not Path("mutmut-stats.json").exists():
        with Path("failed").open("a") as file:
            file.write(f"{report.nodeid}\n{report.longreprtext}\n")


pytest_collectreport = pytest_runtest_logreport


def pytest_collection_modifyitems(items):
    if Path("mutmut-stats.json").exists():
        seconds = json.loads(Path("mutmut-stats.json").read_text())["duration_by_test"]
        items.sort(key=lambda item: seconds.get(item.nodeid, 0))


def pytest_collection_finish():
    needed_by_all.update(state()._stats)
    state()._stats.clear()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef):
    if fixturedef.scope == "function":
        return (yield)
    of_this_test = set(state()._stats)
    state()._stats.clear()
    try:
        return (yield)
    finally:
        needed_by_all.update(state()._stats)
        state()._stats.update(of_this_test)


def pytest_sessionfinish(session):
    for function in needed_by_all:
        state().tests_by_mangled_function_name[function] |= {item.nodeid for item in session.items}
