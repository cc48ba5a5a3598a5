"""Our pages and buttons have nothing that a strict Content-Security-Policy refuses."""

import re

import pytest

from peeringdb_oauth.web import STYLE_SHEET, TEMPLATES

REFUSED = re.compile(r"<style|<script|\sstyle=|\son\w+=|javascript:")


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.glob("peeringdb_oauth/*.html")), ids=lambda path: path.name
)
def test_no_template_has_styles_or_scripts_in_it(path):
    assert not REFUSED.search(path.read_text())


def test_the_search_finds_them():
    for text in ("<style>", "<script src=x>", '<p style="a">', "<a onclick=b>", "javascript:c"):
        assert REFUSED.search(text)


def test_the_style_sheet_asks_for_nothing_else():
    assert not re.search(r"@import|url\(|</", STYLE_SHEET)
