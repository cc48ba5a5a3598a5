"""Charts of the figures as SVG, light or dark as the reader's system is.

Both kinds have logarithmic axes: what is twice as far from 1 is squared, not doubled.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from words import duration, times

WIDTH, MARGIN = 720, 16
STYLE = """<style>
.paper { fill: #ffffff } .ink { fill: #1f2328 } .quiet { fill: #59636e }
.grid { stroke: #d8dee4 } .one { stroke: #1f2328; stroke-width: 1.5 } .range { stroke: #1f2328 }
.slower { fill: #57a0e5 } .faster { fill: #e0a046 }
.a { stroke: #0969da } .b { stroke: #cf222e } .c { stroke: #8250df } .d { stroke: #1a7f37 }
.e { stroke: #bc4c00 } .f { stroke: #57606a }
line.peer { stroke-dasharray: 6 4 } line { stroke-linecap: round }
text { font-family: sans-serif; font-size: 13px } .title { font-weight: 600; font-size: 15px }
@media (prefers-color-scheme: dark) {
.paper { fill: #1a1c1e } .ink { fill: #e6edf3 } .quiet { fill: #9da7b1 }
.grid { stroke: #373e47 } .one { stroke: #e6edf3 } .range { stroke: #e6edf3 }
.slower { fill: #2f6fb0 } .faster { fill: #9a6518 }
.a { stroke: #58a6ff } .b { stroke: #ff7b72 } .c { stroke: #bc8cff } .d { stroke: #3fb950 }
.e { stroke: #f0883e } .f { stroke: #8b949e }
}
</style>"""
KINDS = "abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """How many times as long as we somebody takes. ``low``, ``high``: the quartiles."""

    name: str
    times: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Seconds at each point. ``kind``: one of `KINDS`. ``is_peer``: it is not ours."""

    name: str
    kind: str
    at: Sequence[int]
    seconds: Sequence[float]
    is_peer: bool = False


class Scale:
    """Where a value is between two ends, on a logarithmic axis."""

    def __init__(self, values: tuple[float, float], places: tuple[float, float]) -> None:
        self._low, high = map(math.log10, values)
        self._start, end = places
        self._step = (end - self._start) / (high - self._low)

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self._start + (math.log10(value) - self._low) * self._step


def bars(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    """Bars to both sides of 1, which is what we take."""
    left, row = 236, 22
    all_bars = [bar for _, group in groups for bar in group]
    low, high = min(bar.low for bar in all_bars), max(bar.high for bar in all_bars)
    x = Scale((min(low, 1) / 1.3, high * 1.3), (left, WIDTH - 66))
    height = 84 + sum(34 + row * len(group) for _, group in groups)
    shapes, y = [_text(MARGIN, 28, title, "ink title")], 58
    for ticks in (0.1, 1, 10, 100):
        if min(low, 1) / 1.3 < ticks < high * 1.3:
            shapes.append(_line((x(ticks), 64), (x(ticks), height - 20), "grid"))
            shapes.append(_text(x(ticks), 56, times(ticks), "quiet", "middle"))
    for name, group in groups:
        y += 32
        shapes.append(_text(MARGIN, y, name, "ink title"))
        for bar in group:
            y += row
            shapes += _bar(bar, x, y)
        y += 2
    shapes.append(_line((x(1), 64), (x(1), height - 20), "one"))
    return _svg(height, title, shapes)


def _bar(bar: Bar, x: Scale, y: float) -> Iterator[str]:
    start, end = sorted((x(1), x(bar.times)))
    kind = "slower" if bar.times >= 1 else "faster"
    yield _text(MARGIN + 12, y, bar.name, "ink")
    yield (
        f'<rect class="{kind}" x="{start:.1f}" y="{y - 12:.1f}"'
        f' width="{max(end - start, 1):.1f}" height="15" rx="2"/>'
    )
    yield _line((x(bar.low), y - 4.5), (x(bar.high), y - 4.5), "range")
    yield _text(max(x(bar.high), x(1)) + 8, y, times(bar.times), "ink")


def lines(
    title: str, along: str, drawn: Sequence[Line], ticks: Sequence[float] | None = None
) -> str:
    """Curves with a legend below. ``ticks``: seconds; None for those that fit."""
    top, bottom, left, right = 66, 356, 70, WIDTH - 44
    at = [count for line in drawn for count in line.at]
    seconds = [second for line in drawn for second in line.seconds]
    x = Scale((min(at), max(at)), (left, right))
    low, high = min(seconds) / 1.5, max(seconds) * 1.5
    y = Scale((low, high), (bottom, top))
    shapes = [_text(MARGIN, 28, title, "ink title")]
    for tick in _ticks(low, high) if ticks is None else ticks:
        shapes.append(_line((left, y(tick)), (right, y(tick)), "grid"))
        shapes.append(_text(left - 8, y(tick) + 4, duration(tick), "quiet", "end"))
    shapes += [
        _text(x(count), bottom + 20, f"{count:,}", "quiet", "middle") for count in sorted(set(at))
    ]
    shapes.append(_text((left + right) / 2, bottom + 42, along, "ink", "middle"))
    for number, line in enumerate(drawn):
        places = [(x(a), y(b)) for a, b in zip(line.at, line.seconds, strict=True)]
        look = f"{line.kind}{' peer' if line.is_peer else ''}"
        shapes += [_line(*pair, look, 2) for pair in pairwise(places)]
        if not line.is_peer:
            shapes += [_line(place, place, look, 7) for place in places]
        below = bottom + 70 + 22 * number
        shapes.append(_line((left, below - 4), (left + 34, below - 4), look, 2))
        shapes.append(_text(left + 44, below, line.name, "ink"))
    return _svg(bottom + 64 + 22 * len(drawn), title, shapes)


def _ticks(low: float, high: float) -> Iterator[float]:
    for exponent in range(-7, 3):
        for digit in (1, 2, 5):
            tick = digit * 10.0**exponent
            if low <= tick <= high and (digit == 1 or high / low < 300):
                yield tick


def _svg(height: float, title: str, shapes: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">\n'
        f"{STYLE}\n<title>{escape(title)}</title>\n"
        f'<rect class="paper" width="{WIDTH}" height="{height:.0f}" rx="8"/>\n'
        + "\n".join(shapes)
        + "\n</svg>\n"
    )


def _line(start: tuple[float, float], end: tuple[float, float], look: str, width: float = 1) -> str:
    return (
        f'<line class="{look}" x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}"'
        f' y2="{end[1]:.1f}" stroke-width="{width:g}"/>'
    )


def _text(x: float, y: float, text: str, look: str, anchor: str = "start") -> str:
    return (
        f'<text class="{look}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )
