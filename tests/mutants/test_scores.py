"""The scores of `make mutants`: what counts, and what does not."""

from pathlib import Path

import pytest
from mutant_scores import (
    EXPLAINED,
    MODULES,
    GroupFailedError,
    count,
    fallen,
    measure_groups,
    read_records,
    record,
)

ROOT = Path(__file__).parents[2]


def diff(was, becomes):
    return f"--- access.py\n+++ access.py\n@@ -1 +1 @@\n def f():\n-    {was}\n+    {becomes}"


DIFFS = {"a": diff("x < 5", "x <= 5"), "b": diff('x("utf-8")', 'x("UTF-8")')}
ENTRY = {"module": "access", "was": "x < 5", "becomes": "x <= 5", "why": "x is even."}
CODECS = [{"pattern": '(?i)"utf-8"', "why": "either way"}]


def explained(*entries, rules=()):
    return {"mutant": entries, "no_difference": rules}


def test_the_score_is_the_percentage_that_was_noticed():
    statuses = {"a": "survived", "b": "no tests", "c": "killed", "d": "killed", "e": "timeout"}
    counts, survivors, _ = count("access", statuses, DIFFS | {"e": DIFFS["a"]}, explained())
    assert counts == {
        "mutants": 5,
        "killed": 2,
        "timeout": 1,
        "not_covered": 1,
        "survived": 1,
        "explained": 0,
        "score": 60.0,
    }
    assert survivors[0] == "survived: a\n  was     x < 5\n  becomes x <= 5\n"


def test_an_explained_mutant_does_not_count():
    statuses = {"a": "survived", "b": "survived", "c": "killed"}
    counts, survivors, stale = count("access", statuses, DIFFS, explained(ENTRY, rules=CODECS))
    assert (counts["explained"], counts["score"], survivors, stale) == (2, 100.0, [], [])


@pytest.mark.parametrize("status", ["killed", "survived"])
def test_an_explanation_that_fits_no_survivor_is_found(status):
    entry = ENTRY | {"becomes": "x >= 5"}
    assert count("access", {"a": status}, DIFFS, explained(entry))[2] == [entry]
    assert count("tokens", {"a": status}, DIFFS, explained(entry))[2] == []


def test_a_group_that_cannot_be_measured_does_not_keep_the_others_from_it():
    def measure(modules, group):
        if group["tests"] == "wrong":
            raise GroupFailedError("a test fails")
        return dict.fromkeys(modules, 1), [f"{group['tests']}: stale"]

    groups = [
        {"modules": ["a", "b"], "tests": "wrong"},
        {"modules": ["c", "d"], "tests": "right"},
        {"modules": ["e"], "tests": "of no module that was asked for"},
    ]
    assert measure_groups(measure, ["a", "b", "d"], groups) == (
        {"d": 1},
        ["a, b: not measured: a test fails", "right: stale"],
    )


def test_a_score_below_its_record_has_fallen():
    recorded = {"access": {"score": 97.5}, "tokens": None}
    assert fallen(recorded, {"access": {"score": 97.5}, "tokens": {"score": 1.0}}) == []
    assert fallen(recorded, {"access": {"score": 97.4}}) == [
        "access: the score fell from 97.5 to 97.4"
    ]


def test_a_module_that_never_ran_has_no_record():
    records = record({"tokens": {"score": 1.0}}, {"access": {"score": 2.0}}, date="2026-11-26")
    assert records["access"]["command"] == 'make mutants ARGS="access"'
    assert (records["tokens"], records["flows"]) == ({"score": 1.0}, None)


def test_the_records_name_every_module():
    assert [*read_records()] == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_every_module_exists(module):
    assert (ROOT / "src" / "peeringdb_oauth" / f"{module}.py").is_file()


def test_every_explanation_gives_its_reason():
    assert all(entry["why"].endswith(".") for entry in EXPLAINED["mutant"])
