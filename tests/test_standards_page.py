"""docs/standards.md: the tests that it names exist, and each row has one."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "standards.md").read_text("utf-8")
# A row without a test says plainly that there is nothing to test.
ROWS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith("| section ") and not line.endswith("| |")
]
NAMED = sorted(set(re.findall(r"`([a-z_/]+[.]py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_named_test_exists(path, name):
    tree = ast.parse((TESTS / path).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
    assert name in names if name else names


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_each_row_names_a_test(row):
    assert re.search(r"`[a-z_/]+[.]py(::\w+)?` \|$", row)


def test_nothing_else_is_without_a_test():
    without = [line for line in PAGE.splitlines() if line.startswith("| ") and line.endswith("| |")]
    assert [line.split("|")[1].split()[0] for line in without] == ["2.2.1", "2.5", "4.8", "4.17"]


def test_all_standards_are_there():
    for standard in ("6749", "6750", "7009", "7519", "7636", "7662", "8414", "9207", "9700"):
        assert re.search(rf"^## RFC .*{standard}", PAGE, re.MULTILINE)
    assert "## OpenID Connect Core" in PAGE
    assert "## OpenID Connect Discovery" in PAGE
