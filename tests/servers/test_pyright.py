"""Programs of users type-check with pyright too. mypy: tests/packaging."""

import json
import os
import subprocess
import sys
from pathlib import Path

from npm import install

PROGRAMS = Path(__file__).parents[1] / "packaging" / "programs"


def test_programs_of_users_type_check(pytestconfig):
    folder = install(Path(__file__).parent / "pyright", pytestconfig.cache.mkdir("pyright"))
    ended = subprocess.run(
        [
            folder / "node_modules" / ".bin" / "pyright",
            "--outputjson",
            "--pythonpath",
            sys.executable,
            PROGRAMS,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    report = json.loads(ended.stdout)
    assert report["summary"]["filesAnalyzed"] >= 4
    found = [(found["file"], found["message"]) for found in report["generalDiagnostics"]]
    assert found == []
