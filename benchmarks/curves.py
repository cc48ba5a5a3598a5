"""Curves: what something costs, by how much there is of something else."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from measure import Quartiles, interleave, quartiles

Call = Callable[[], object]
FLAT = 1.25  # no growth, if the last point costs at most so many times the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The points of a curve.

    ``along``: what there is more and more of. ``title``: what is done. ``name``: by
    whom. ``at``: how many there are at each point. ``seconds``: the medians.
    ``quartiles``: half of the rounds are between the two. ``growth``: how many times as
    much the last point costs as the first, the median over the rounds. ``each``: the
    seconds that one more costs, by the straight line through all points. ``fit``: how
    well the points are on that line, 1 for exactly. ``goal``: the most that ``growth``
    may be; None for no goal.
    """

    along: str
    title: str
    name: str
    at: Sequence[int]
    seconds: Sequence[float]
    quartiles: Sequence[Quartiles]
    growth: float
    growth_quartiles: Quartiles
    each: float
    fit: float
    rounds: int
    goal: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the goal is reached, None if there is no goal."""
        return None if self.goal is None else self.growth <= self.goal


def curves(
    along: str,
    title: str,
    candidates: Mapping[str, Mapping[int, Call]],
    *,
    goals: Mapping[str, float] | None = None,
    **how: Any,
) -> Iterator[Curve]:
    """Measure each candidate at each point, all of them in each round.

    ``goals``: the most that a curve may grow, by its name. ``how``: see `interleave`.
    """
    flat = {f"{name} {at}": call for name, each in candidates.items() for at, call in each.items()}
    samples = interleave(flat, **how)
    for name, each in candidates.items():
        measured = {at: samples.seconds[f"{name} {at}"] for at in each}
        yield _curve(measured, along=along, title=title, name=name, goal=(goals or {}).get(name))


def _curve(measured: Mapping[int, Sequence[float]], **others: Any) -> Curve:
    """A curve through what the rounds took at each point."""
    at, rounds = list(measured), list(measured.values())
    seconds = [statistics.median(each) for each in rounds]
    growth = [last / first for first, last in zip(rounds[0], rounds[-1], strict=True)]
    return Curve(
        at=at,
        seconds=seconds,
        quartiles=[quartiles(each) for each in rounds],
        growth=statistics.median(growth),
        growth_quartiles=quartiles(growth),
        each=statistics.linear_regression(at, seconds).slope,
        fit=statistics.correlation(at, seconds) ** 2,
        rounds=len(growth),
        **others,
    )
