"""The files of docs/tutorial.md, as they are after each of its steps."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(
    r"<!-- run by tests/docs/test_tutorial.py: (\S+) -->\n```(?:python|html)\n(.*?)```\n", re.DOTALL
)


def write_steps(directory, last):
    """Write what a reader has written at the end of the step with this number."""
    text = PAGE.read_text("utf-8")
    files: dict[str, str] = {}
    for name, code in BLOCK.findall(text.partition(f"\n## {last + 1}. ")[0]):
        files[name] = f"{files[name]}\n\n{code}" if name in files else code
    for name, code in files.items():
        path = Path(directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(code, "utf-8")
