"""Packages of npm, for tests beside other software."""

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def install(source, cache):
    """Return the folder with the installed packages of a ``package-lock.json``.

    They are installed once, and again when one of the files in ``source`` changes.
    """
    files = sorted(source.iterdir())
    folder = cache / hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    if folder.exists():
        return folder
    if not shutil.which("npm"):
        pytest.fail(
            "This needs Node.js 18 or later, and npm. On Debian or Ubuntu: sudo apt-get install"
            " nodejs npm"
        )
    unfinished = Path(tempfile.mkdtemp(dir=cache))
    for file in files:
        shutil.copy(file, unfinished)
    npm = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund"],
        cwd=unfinished,
        capture_output=True,
        text=True,
        check=False,
    )
    if npm.returncode:
        pytest.fail(f"npm could not install {source.name}: {npm.stderr}")
    return unfinished.rename(folder)
