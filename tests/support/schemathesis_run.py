"""Runs Schemathesis against an API, as its users do on the command line."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("st")
# An operation that answers everything with 401 or 403 was not tested.
MUST_MAY = """
[warnings]
display = ["missing_auth"]
fail-on = ["missing_auth"]
"""


def check_api(document, directory, *options, auth="", headers=None, excluded=()):
    """Fail if an API does not do what its OpenAPI document says.

    The same requests are sent in each run. ``document``: its URL or file.
    ``directory``: an empty one. ``options``: of the command. ``auth``: TOML for
    ``[auth.openapi]``, with the credentials of a caller who may. ``headers``: of all
    requests. ``excluded``: checks that are left out.
    """
    (directory / "schemathesis.toml").write_text(
        f"{MUST_MAY}[auth.openapi]\n{auth}" if auth else ""
    )
    command = [
        *(PROGRAM, "run", str(document)),
        "--generation-deterministic",
        "--phases=examples,coverage,fuzzing",
        "--max-examples=10",
        "--no-color",
        *(f"--header={name}: {value}" for name, value in (headers or {}).items()),
        *(f"--exclude-checks={name}" for name in excluded),
        *options,
    ]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
