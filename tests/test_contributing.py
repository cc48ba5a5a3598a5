"""The map in CONTRIBUTING.md names the files that there are."""

import re
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "peeringdb_oauth"
NAMED = set(re.findall(r"`([\w/*]+(?:\.py|/))`", (ROOT / "CONTRIBUTING.md").read_text()))
PATTERNS = {"x.py", "tests/test_x.py", "utils.py"}
LEFT_OUT = {"__init__.py", "_version.py"}


def test_every_file_on_the_map_exists():
    for name in NAMED - PATTERNS:
        assert [*SOURCE.glob(name), *ROOT.glob(name)], name


def test_every_part_of_the_library_is_on_the_map():
    parts = {path.name for path in SOURCE.glob("*.py")} | {
        f"{path.name}/" for path in SOURCE.iterdir() if (path / "__init__.py").exists()
    }
    missing = {part for part in parts if not any(fnmatch(part, name) for name in NAMED)}
    assert missing <= LEFT_OUT
