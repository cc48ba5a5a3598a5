"""`Finding`: the result of one check."""

from dataclasses import dataclass
from typing import Literal

# "ok": as it should be. "info": worth knowing. "warning": works, but with a trap.
# "problem": logins fail, or will. "skipped": could not be checked.
Status = Literal["ok", "info", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    ``check``: a stable name of the check, for programs. ``status``: one of `Status`.
    ``seen``: what was seen, a sentence. ``why``: why it breaks logins; empty where that
    is clear or nothing breaks. ``remedy``: what to do; empty if nothing is to be done.
    """

    check: str
    status: Status
    seen: str
    why: str = ""
    remedy: str = ""


def ok(check: str, seen: str) -> Finding:
    """A check that found all well."""
    return Finding(check=check, status="ok", seen=seen)


def skipped(check: str, seen: str) -> Finding:
    """A check that could not be made; ``seen`` says why."""
    return Finding(check=check, status="skipped", seen=seen)


def sentence(problem: str) -> str:
    """A problem as a whole sentence: one that ends in a question needs no full stop."""
    return problem if problem.endswith("?") else f"{problem}."
