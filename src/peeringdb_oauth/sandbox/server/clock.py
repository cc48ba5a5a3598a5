"""The sandbox's clock: the real one plus what `advance` has added.

`install` puts it where Django, django-oauth-toolkit and oauthlib look for the time. The
sandbox has a process of its own, so nobody else is told a wrong time.
"""

import time
from datetime import UTC, datetime

from django.utils import timezone

MAX_SECONDS = 10 * 365 * 86400
_real_time = time.time
_ahead = 0.0  # seconds


def now() -> float:
    """The sandbox's time, in Unix seconds."""
    return _real_time() + _ahead


def advance(seconds: float) -> None:
    """Let `seconds` pass: codes, tokens, sessions and limits all see it."""
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(
            f"time only goes forward: seconds must be more than 0, and at most {MAX_SECONDS}"
            " (ten years)",
        )
    global _ahead  # noqa: PLW0603 - one process has one clock
    _ahead += seconds


def reset() -> None:
    """Back to the real time: only for a sandbox whose tokens are forgotten with it."""
    global _ahead  # noqa: PLW0603
    _ahead = 0.0


def seconds_ahead() -> float:
    """How many seconds the sandbox is ahead of the real time."""
    return _ahead


def install() -> None:
    """Make it the clock of this process."""
    time.time = now
    timezone.now = lambda: datetime.fromtimestamp(now(), tz=UTC)
