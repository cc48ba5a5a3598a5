"""The code in docs/membership.md is that of the examples."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(
    r"^```(?:python|sql)\n(.*?)^```$",
    (ROOT / "docs/membership.md").read_text(),
    re.DOTALL | re.MULTILINE,
)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("(")[0].split()[-1])
def test_each_piece_of_code_stands_in_the_examples_or_their_tests(block):
    assert any(
        block in path.read_text()
        for directory in ("examples", "tests/demo")
        for path in (ROOT / directory).rglob("*.py")
    )


def test_there_is_code():
    assert len(BLOCKS) > 5
