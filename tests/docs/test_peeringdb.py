"""docs/peeringdb.md names recordings that exist and show what it says."""

import json
import re
from pathlib import Path

import pytest
from recordings import read_recording

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "peeringdb.md").read_text("utf-8")
MEASURED = [
    name
    for names in re.findall(r"\[M: ([^\]]+)\]", PAGE)
    for name in re.findall(r"`([^`]+)`", names)
]
ROWS = re.findall(r"^\| .+ \| (\d{3}) \| (.+) \| (`[^|]+`) \|$", PAGE, re.MULTILINE)


def test_every_recording_on_the_page_exists():
    known = {
        path.stem for directory in ("wire", "wire-2") for path in (TESTS / directory).iterdir()
    }
    assert len(MEASURED) > 90
    assert set(MEASURED) <= known


def test_the_table_of_the_token_endpoint_is_what_was_recorded():
    assert len(ROWS) == 21
    for status, answer, names in ROWS:
        for name in re.findall(r"`([^`]+)`", names):
            recorded = read_recording(name)
            assert recorded.status == int(status), name
            if word := re.fullmatch(r"`([a-z_]+)`", answer):
                assert recorded.json["error"] == word[1], name


@pytest.mark.parametrize(
    ("name", "claim", "value"),
    [
        ("idtoken-claims-refresh", "amr", []),
        ("idtoken-claims-member", "amr", ["pwd", "otp", "mfa"]),
        ("idtoken-claims-emailunconf", "amr", ["pwd"]),
        ("idtoken-claims-nonets", "networks", []),
    ],
)
def test_the_claims_are_those_of_the_page(name, claim, value):
    assert json.loads((TESTS / "wire" / f"{name}.json").read_text())[claim] == value
