"""SECURITY.md: each row of its table names tests, and they exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = [
    line
    for line in (ROOT / "SECURITY.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| attack |")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_each_row_names_tests_that_exist(row):
    named = re.findall("`(tests/[a-z_/]+[.]py)`", row)
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_there_are_rows():
    assert len(ROWS) > 20
