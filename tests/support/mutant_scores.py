"""The scores of `make mutants`: `tests/mutants/run.py` runs it and says what counts."""

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parents[1] / "mutants"
GROUPS = tomllib.loads((HERE / "modules.toml").read_text())["group"]
MODULES = [module for group in GROUPS for module in group["modules"]]
EXPLAINED = tomllib.loads((HERE / "explained.toml").read_text())
RECORDED = HERE / "scores.json"

COLUMNS = ("mutants", "killed", "timeout", "not_covered", "survived", "explained", "score")
COLUMN_OF = {"timeout": "timeout", "no tests": "not_covered"}


class GroupFailedError(Exception):
    """mutmut cannot measure a group: perhaps a test fails without a mutant."""


def measure_groups(measure, modules, groups=GROUPS):
    """Return the figures of the modules, and a sentence for each problem.

    ``measure``: returns both for some modules of a group. If it fails for one group,
    the others are measured all the same.
    """
    measured, problems = {}, []
    for group in groups:
        chosen = [module for module in group["modules"] if module in modules]
        if not chosen:
            continue
        try:
            figures, found = measure(chosen, group)
        except GroupFailedError as error:
            problems.append(f"{', '.join(chosen)}: not measured: {error}")
        else:
            measured |= figures
            problems += found
    return measured, problems


def count(module, statuses, diffs, explained=EXPLAINED):
    """Return a module's figures, its survivors, and explanations that fit none.

    ``statuses``: mutmut's word for each mutant. ``diffs``: of each that was not killed.
    """
    entries = [entry for entry in explained["mutant"] if entry["module"] == module]
    used, survivors, counts = [], [], Counter(mutants=len(statuses))
    for name, status in statuses.items():
        if status == "killed":
            counts["killed"] += 1
            continue
        was, becomes = changed_lines(diffs[name])
        found = [entry for entry in entries if (entry["was"], entry["becomes"]) == (was, becomes)]
        used += found
        if found or is_the_same(was, becomes, explained["no_difference"]):
            counts["explained"] += 1
        else:
            counts[COLUMN_OF.get(status, "survived")] += 1
            survivors.append(f"{status}: {name}\n  was     {was}\n  becomes {becomes}\n")
    return figures(counts), survivors, [entry for entry in entries if entry not in used]


def changed_lines(diff):
    """Return the changed lines as one text, and what they become as another."""
    lines = diff.splitlines()[3:]
    return tuple(
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )


def is_the_same(was, becomes, rules):
    return any(
        re.sub(rule["pattern"], "", was) == re.sub(rule["pattern"], "", becomes) for rule in rules
    )


def figures(counts):
    """Return all columns. A mutant that ended by the time limit was noticed."""
    columns = {column: counts[column] for column in COLUMNS[:-1]}
    noticed = counts["killed"] + counts["timeout"]
    noticeable = counts["mutants"] - counts["explained"]
    return columns | {"score": round(100 * noticed / noticeable, 2) if noticeable else 100.0}


def total(measured):
    sums = Counter()
    for counts in measured:
        sums.update({column: counts[column] for column in COLUMNS[:-1]})
    return figures(sums)


def fallen(recorded, measured):
    """Return a sentence for each module that is worse than its record."""
    return [
        f"{module}: the score fell from {recorded[module]['score']} to {counts['score']}"
        for module, counts in measured.items()
        if recorded.get(module) and counts["score"] < recorded[module]["score"]
    ]


def record(recorded, measured, *, date):
    """Return all records in order, with None for a module that never ran."""
    new = {
        module: counts | {"date": date, "command": f'make mutants ARGS="{module}"'}
        for module, counts in measured.items()
    }
    return {module: (recorded | new).get(module) for module in MODULES}


def read_records():
    return json.loads(RECORDED.read_text())


def write_records(records):
    RECORDED.write_text(json.dumps(records, indent=2) + "\n")
