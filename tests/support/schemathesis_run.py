"""Runs Schemathesis against an API, as its users do on the command line."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("st")
# A warning that an operation answered 401 and 403 only is a failure: it was not tested.
CONFIG = """
[warnings]
display = ["missing_auth"]
fail-on = ["missing_auth"]
"""


def check_api(document, directory, *, headers, url=None, examples=10, excluded=()):
    """Fail if an API does not do what its OpenAPI document says.

    The same requests are sent in each run. ``document``: its URL or file.
    ``directory``: an empty one. ``url``: where the API is, if ``document`` is a file.
    ``headers``: of a caller who may. ``excluded``: checks that are left out.
    """
    (directory / "schemathesis.toml").write_text(CONFIG)
    options = [f"--header={name}: {value}" for name, value in headers.items()]
    if url is not None:
        options.append(f"--url={url}")
    if excluded:
        options.append(f"--exclude-checks={','.join(excluded)}")
    ended = subprocess.run(
        [
            PROGRAM,
            "run",
            str(document),
            "--generation-deterministic",
            "--phases=examples,coverage,fuzzing",
            f"--max-examples={examples}",
            "--no-color",
            *options,
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
