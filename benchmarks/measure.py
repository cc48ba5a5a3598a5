"""Measure candidates side by side: each in turn, round after round.

So whatever else the machine does happens to all of them.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Clock = Callable[[], float]  # seconds
Quartiles = tuple[float, float]
cpu = time.process_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What was measured.

    ``seconds``: for each candidate the seconds per call, one figure for each round.
    """

    seconds: Mapping[str, list[float]]

    def median(self, name: str) -> float:
        """The median of the seconds per call."""
        return statistics.median(self.seconds[name])

    def quartiles(self, name: str) -> Quartiles:
        """Half of the rounds took between these two."""
        return quartiles(self.seconds[name])

    def ratios(self, name: str, other: str) -> list[float]:
        """How many times as long ``name`` takes as ``other``, in each round.

        In a round they are neighbours.
        """
        return [
            mine / theirs
            for mine, theirs in zip(self.seconds[name], self.seconds[other], strict=True)
        ]

    def fastest(self, *names: str) -> str:
        """The best of them."""
        return min(names, key=self.median)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    ``title``: what was done. ``name``: ours. ``other``: what it is compared with.
    ``seconds`` and ``other_seconds``: their medians. ``ratio``: how many times as fast
    ours is if ``at_least``, otherwise how many times as long ours takes: the median
    over the rounds. ``goal``: what the ratio must be at least or at most; None for no
    goal. ``quartiles``, ``other_quartiles``, ``ratio_quartiles``: half of the rounds
    are between the two. ``rounds``: how many there were.
    """

    title: str
    name: str
    other: str
    seconds: float
    other_seconds: float
    ratio: float
    quartiles: Quartiles
    other_quartiles: Quartiles
    ratio_quartiles: Quartiles
    rounds: int
    goal: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached, None if there is no goal."""
        if self.goal is None:
            return None
        return self.ratio >= self.goal if self.at_least else self.ratio <= self.goal


def interleave(
    candidates: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    calls: Mapping[str, int] | int = 1,
    clock: Clock = cpu,
    size: int = 1,
) -> Samples:
    """Call each candidate ``calls`` times in each round, and measure the time.

    The order differs from round to round. One call before the first round does not
    count. ``size``: of how many things one call consists; the figures are for one.
    """
    for call in candidates.values():
        call()
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    order, chance = list(candidates), random.Random(1)  # noqa: S311 - no secret
    for _ in range(rounds):
        chance.shuffle(order)
        for name in order:
            call, times = candidates[name], range(calls if isinstance(calls, int) else calls[name])
            start = clock()
            for _ in times:
                call()
            seconds[name].append((clock() - start) / len(times) / size)
    return Samples(seconds=seconds)


def quartiles(values: Sequence[float]) -> Quartiles:
    """Half of the values are between these two."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def at_most(goal: float | None, title: str, samples: Samples, name: str, other: str) -> Row:
    """``name`` takes at most ``goal`` times as long as ``other``."""
    return _row(title, samples, name, other, ratios=samples.ratios(name, other), goal=goal)


def faster(goal: float | None, title: str, samples: Samples, name: str, other: str) -> Row:
    """``name`` is at least ``goal`` times as fast as ``other``."""
    return _row(
        title, samples, name, other, ratios=samples.ratios(other, name), goal=goal, at_least=True
    )


def _row(
    title: str,
    samples: Samples,
    name: str,
    other: str,
    *,
    ratios: list[float],
    goal: float | None,
    at_least: bool = False,
) -> Row:
    return Row(
        title=title,
        name=name,
        other=other,
        seconds=samples.median(name),
        other_seconds=samples.median(other),
        ratio=statistics.median(ratios),
        quartiles=samples.quartiles(name),
        other_quartiles=samples.quartiles(other),
        ratio_quartiles=quartiles(ratios),
        rounds=len(ratios),
        goal=goal,
        at_least=at_least,
    )
