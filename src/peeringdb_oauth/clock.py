"""How much time has passed by a clock that may be set back, as the clock of day is.

Reads no clock: the times are arguments.
"""


def elapsed(since: float, now: float) -> float:
    """The seconds between two readings of a clock, also if it was set back in between.

    A clock that was set back counts as time that has passed. Otherwise what was
    remembered before would count until the clock has caught up, perhaps for years: a
    refusal, a key, somebody's rights. Two threads may also come with their readings in
    the wrong order; the moment between them counts as a moment.
    """
    return abs(now - since)
