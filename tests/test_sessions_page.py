"""docs/sessions.md says what the code does."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from peeringdb_oauth.budget import CEILINGS
from peeringdb_oauth.cost import Purpose
from peeringdb_oauth.web import EndReason, SessionPolicy, shortest_recheck
from peeringdb_oauth.web.sessions import in_store, pace

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "sessions.md").read_text()


def rows(head):
    """The rows of the table with this head, each a list of its cells."""
    _, _, after = PAGE.partition(f"| {head} |")
    table = after.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table]


def test_each_reason_has_a_row_and_nothing_else_has():
    assert [row[0].strip("`") for row in rows("`reason`")] == list(get_args(EndReason))


def test_the_policy_has_these_defaults():
    described = {row[0].strip("`"): float(row[1]) for row in rows("name | default")}
    assert described == {field.name: field.default for field in fields(SessionPolicy)}


def test_the_times_are_those_of_the_code():
    policy = SessionPolicy()
    assert in_store.REMEMBERED == 12 * 3600
    assert f"a lease of {in_store.LEASE:.0f} seconds" in PAGE
    assert f"is tried every {pace.RETRY:.0f} seconds" in PAGE.replace("\n", " ")
    stands_for = (policy.recheck_every + policy.stale_for) / 60
    assert f"{stands_for:.0f} minutes by\ndefault" in PAGE
    assert f"re-checks take at most {CEILINGS[Purpose.RECHECK] * 100:.0f} of these" in PAGE


def test_the_example_runs():
    example = r"<!-- run by tests/test_sessions_page.py -->\n```python\n(.*?)```"
    [code] = re.findall(example, PAGE, re.DOTALL)
    exec(compile(code, "docs/sessions.md", "exec"), {})  # noqa: S102


def test_the_sessions_that_one_address_keeps_true():
    policy = SessionPolicy()
    assert "One address keeps 450 sessions true within 15 minutes" in PAGE
    assert shortest_recheck(450) == policy.recheck_every == 15 * 60


@pytest.mark.parametrize("row", rows("sessions | addresses"), ids=lambda row: " ".join(row[:2]))
def test_the_simulated_figures_belong_to_what_can_be_asked_for(row):
    sessions, addresses = (int(cell.replace(",", "")) for cell in row[:2])
    units = {"s": 1, "min": 60, "h": 3600, "d": 86400}
    number, unit = row[6].split()
    shortest = shortest_recheck(sessions, 100, addresses=addresses)
    assert float(number) * units[unit] == pytest.approx(shortest, rel=0.05, abs=1)
    assert int(row[7]) <= 100


@pytest.mark.parametrize("name", ["flask", "fastapi", "django", "limits", "README"])
def test_the_guides_lead_here(name):
    assert "(sessions.md" in (ROOT / "docs" / f"{name}.md").read_text()


def test_the_plot_is_there():
    assert "images/sessions.svg" in PAGE
    assert (ROOT / "docs" / "images" / "sessions.svg").read_text().startswith("<svg")
