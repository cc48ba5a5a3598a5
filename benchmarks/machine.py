"""The machine and the programs that figures belong to."""

import os
import platform
import re
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "cryptography",
    "requests",
    "aiohttp",
    "joserfc",
    "PyJWT",
    "Authlib",
    "python-jose",
    "requests-oauthlib",
    "httpx-oauth",
    "social-auth-core",
    "httpx",
    "httpx2",
    "Flask",
    "Flask-Session",
    "Django",
    "django-allauth",
    "SQLAlchemy",
    "redis",
    "granian",
)
# What tells the version, and where it stands in the answer.
PROGRAMS: Mapping[str, tuple[str, ...]] = {
    "nginx": ("nginx", "-v"),
    "Apache": ("apache2", "-v"),
    "mod_auth_openidc": ("dpkg-query", "-W", "libapache2-mod-auth-openidc"),
    "Redis": ("redis-server", "--version"),
    "wrk": ("wrk", "-v"),
}
_VERSION = re.compile(r"\d+\.\d+[\d.]*")


def describe() -> dict[str, str | float]:
    """What the machine is, and how busy it is now.

    ``load``: how many processes wanted a processor, on average over the last minute.
    """
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory": f"{gigabytes:.1f} GB",
        "system": _system(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION.split(" ")[1],
        "load": round(os.getloadavg()[0], 1),
    }


def versions() -> dict[str, str]:
    """The versions of libraries and programs."""
    programs = {name: _program(*command) for name, command in PROGRAMS.items()}
    return {name: version(name) for name in LIBRARIES} | programs


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except OSError:
        return ""


def _program(name: str, *options: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        return "unknown"
    done = subprocess.run([path, *options], capture_output=True, text=True, check=False)  # noqa: S603
    found = _VERSION.search(done.stdout + done.stderr)
    return found[0] if found else "unknown"
