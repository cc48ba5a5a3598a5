"""Every Python block of the documentation is run by a test, or mypy checks it."""

import ast
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import pytest

import peeringdb_oauth

ROOT = Path(__file__).parents[2]
PAGES = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"]
BLOCK = re.compile(
    r"(?:<!-- run by (?P<test>[\w/.]+\.py)[^>]*-->\n+)?^(?P<indent> *)```python\n(?P<code>.*?)```",
    re.DOTALL | re.MULTILINE,
)
# Pages whose blocks are all compared with a program that a test runs.
QUOTED = {"membership.md": "tests/demo/test_docs.py"}
# What a block leaves out is another block's, or the reader's.
LEFT_OUT = ("name-defined", "no-redef", "top-level-await", "empty-body", "misc", "import-untyped")

# What mypy says and is not wrong: files of the reader, and types that Django lacks.
STATED = (
    'module named "portal.',
    "missing-imports",
    "EditTest",
    '"ResolverMatch | None"',
    '"HttpRequest" has no attribute "peeringdb"',
    'expected "URLResolver"',
    'Argument 1 to "end"',
)


@dataclass(frozen=True)
class Block:
    page: str
    number: int
    code: str
    test: str | None

    @property
    def name(self):
        return f"{Path(self.page).stem.replace('-', '_')}_{self.number}"


def complete(code):
    """Add what a block leaves out: a view below decorators, a function around it."""
    if code.rstrip().splitlines()[-1].startswith("@"):
        return f"{code}def view(request): ...\n"
    if "return " in code and "def " not in code:
        return f"def body():\n{indent(code, '    ')}"
    return code


def blocks_of(page):
    return [
        Block(
            page.name,
            number,
            complete(dedent(found["code"])),
            found["test"] or QUOTED.get(page.name),
        )
        for number, found in enumerate(BLOCK.finditer(page.read_text("utf-8")), 1)
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
CHECKED = [block for block in BLOCKS if block.test is None]


def test_every_block_is_found():
    assert len(BLOCKS) == sum(page.read_text("utf-8").count("```python\n") for page in PAGES) > 90


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_block_is_python(block):
    compile(block.code, block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_names_of_the_package_exist():
    # mypy cannot see that, because the package loads them when they are asked for.
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block.code)):
            if isinstance(node, ast.ImportFrom) and node.module == "peeringdb_oauth":
                names = {name.name for name in node.names}
                assert names <= set(peeringdb_oauth.__all__), block.name


@pytest.mark.parametrize(
    "test", sorted({block.test for block in BLOCKS if block.test}), ids=lambda test: test
)
def test_the_test_that_runs_blocks_reads_the_page(test):
    text = (ROOT / test).read_text("utf-8")
    for page in {block.page for block in BLOCKS if block.test == test}:
        assert page in text or page.removesuffix(".md") in text, page


def complaints(directory):
    """What mypy says of the files, but for the `STATED`."""
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file=", "--check-untyped-defs"),
            *("--python-executable", sys.executable, "--follow-imports=silent"),
            *(f"--disable-error-code={code}" for code in LEFT_OUT),
            *("--cache-dir", directory / "cache", directory),
        ],
        cwd=ROOT / "src",
        env=os.environ | {"MYPYPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    said = [line for line in ended.stdout.splitlines() if ".py:" in line]
    return [line for line in said if not any(words in line for words in STATED)]


@pytest.mark.server  # mypy reads all of the library first
def test_the_types_of_the_other_blocks_are_right(tmp_path):
    for block in CHECKED:
        (tmp_path / f"{block.name}.py").write_text(block.code, "utf-8")
    wrong = "from peeringdb_oauth.web import Rule\nimport peeringdb_oauth as p\np.AccessRule(a=1)\n"
    (tmp_path / "wrong.py").write_text(wrong)
    said = complaints(tmp_path)
    assert [line for line in said if "wrong.py" not in line] == []
    assert len(said) == 2  # so mypy does find a wrong name, and a wrong argument


def test_every_page_is_in_the_list_of_pages():
    listed = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    included = {"README.md", "index.md", "start.md", "security.md", "changelog.md"}
    assert {page for page in pages if f"({page})" not in listed} <= included | {
        "contributing.md",
        "reference.md",
    }
