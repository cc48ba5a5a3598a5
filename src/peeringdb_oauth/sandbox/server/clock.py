"""The clock of the sandbox: the real time plus the seconds that `advance` has added.

`install` makes Django, django-oauth-toolkit and oauthlib use it. The sandbox has a
process of its own, so no other program gets a wrong time.
"""

import time
from datetime import UTC, datetime

from django.utils import timezone

_TEN_YEARS = 10 * 365 * 86400  # seconds
_real_time = time.time
_ahead = 0.0  # seconds


def now() -> float:
    """The time in the sandbox, in Unix seconds."""
    return _real_time() + _ahead


def advance(seconds: float) -> None:
    """Let time pass, for codes, tokens, sessions and limits.

    Raises:
        ValueError: ``seconds`` is not more than 0, or more than ten years.
    """
    if not 0 < seconds <= _TEN_YEARS:
        raise ValueError(
            f"time only goes forward: seconds must be more than 0 and at most {_TEN_YEARS} (ten"
            " years)"
        )
    global _ahead  # noqa: PLW0603 - a process has one clock
    _ahead += seconds


def reset() -> None:
    """Go back to the real time. Tokens that were issued later must not be used then."""
    global _ahead  # noqa: PLW0603
    _ahead = 0.0


def seconds_ahead() -> float:
    """How many seconds the sandbox is ahead of the real time."""
    return _ahead


def install() -> None:
    """Make this the clock of the process."""
    time.time = now
    timezone.now = lambda: datetime.fromtimestamp(now(), tz=UTC)
