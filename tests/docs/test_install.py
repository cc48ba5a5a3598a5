"""What the pages say about the installation."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
INSTALLS = re.compile(r'pip install "?peeringdb-oauth\b')
FROM_A_CLONE = "[from a clone](../README.md#install)"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_a_page_that_says_pip_install_says_what_to_do_before_the_first_release(page):
    text = page.read_text()
    assert FROM_A_CLONE in text or not INSTALLS.search(text)
