"""The tests of `log_in` with Django, in a process of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_login_tests_pass_with_django_too():
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "one_page",
        "PYTHONPATH": str(HERE / "in_django"),
    }
    files = [HERE / "test_log_in.py", HERE / "in_django" / "clients.py"]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "django",
        "-p",
        "no:cacheprovider",
        *files,
    ]
    done = subprocess.run(
        command, env=environ, cwd=HERE.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 20
