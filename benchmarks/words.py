"""Numbers, durations and tables as text."""

from collections.abc import Iterable, Sequence

TIMES = "\N{MULTIPLICATION SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
HYPHEN = "\N{NON-BREAKING HYPHEN}"
MARK = {True: "yes", False: "**missed**"}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, length in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{short(seconds / length)}{SPACE}{unit}"
    return f"{short(seconds * 1e6)}{SPACE}µs"


def day(date: str) -> str:
    """A date in one piece, however narrow a column is."""
    return date.replace("-", HYPHEN)


def times(ratio: float) -> str:
    """A ratio."""
    return f"{short(ratio)}{TIMES}"


def between(low: float, high: float) -> str:
    """Two ends."""
    return f"{short(low)}{SPACE}to{SPACE}{short(high)}"


def goal(sign: str, value: float | None, holds: bool | None) -> str:  # noqa: FBT001 - as it is stored
    """What a ratio must be, and whether it is; empty for no goal."""
    if value is None or holds is None:
        return ""
    return f"{sign}{SPACE}{times(value)}:{SPACE}{MARK[holds]}"


def short(number: float) -> str:
    """A number with three digits, or all of those before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def in_words(seconds: float) -> str:
    """Seconds as a person would say them."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
