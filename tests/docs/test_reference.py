"""The page with the reference has every public name."""

import re
from pathlib import Path

import peeringdb_oauth
from peeringdb_oauth import errors

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text("utf-8")


def test_every_public_name_is_in_the_reference():
    listed = set(re.findall(r"^\.\. auto\w+:: (?:[\w.]+\.)?(\w+)$", PAGE, re.MULTILINE))
    assert "errors" in listed  # the whole module
    assert {name for name in peeringdb_oauth.__all__ if not hasattr(errors, name)} <= listed
