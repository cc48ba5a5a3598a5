"""Draws the table of the simulation as an SVG file, without a package."""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 80, 45, 30, 60
LEAST, MOST = 60.0, 100_000.0  # seconds on the vertical axis
COLOURS = {1: "#b3261e", 4: "#9a6700", 16: "#1a7f37"}
TICKS = {60: "1 min", 900: "15 min", 3600: "1 h", 36000: "10 h"}


def draw(results: Iterable[Any]) -> str:
    """How old rights become, by the number of sessions, a line for each site."""
    rows = list(results)
    sessions = sorted({row.sessions for row in rows})
    first, last = math.log10(sessions[0]), math.log10(sessions[-1])

    def x(count: float) -> float:
        part = (math.log10(count) - first) / (last - first)
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(seconds: float) -> float:
        bounded = min(max(seconds, LEAST), MOST)
        part = math.log10(bounded / LEAST) / math.log10(MOST / LEAST)
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)

    def shapes() -> Iterator[str]:
        for seconds, text in TICKS.items():
            yield _line((LEFT, y(seconds)), (WIDTH - RIGHT, y(seconds)), "#d0d7de")
            yield _text(LEFT - 8, y(seconds) + 4, text, "end")
        for count in sessions:
            yield _text(x(count), HEIGHT - BOTTOM + 20, f"{count:,}", "middle")
        yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "sessions in use", "middle")
        yield _text(LEFT, 18, "the oldest rights in any session", "start")
        for index, (addresses, colour) in enumerate(COLOURS.items()):
            points = [(x(r.sessions), y(r.oldest)) for r in rows if r.addresses == addresses]
            yield from (_line(*pair, colour, 2) for pair in pairwise(points))
            yield from (f'<circle cx="{a:.0f}" cy="{b:.0f}" r="3.5" fill="{colour}"/>'
                        for a, b in points)  # fmt: skip
            name = f"{addresses} address{'es' if addresses > 1 else ''}"
            yield _text(WIDTH - RIGHT, TOP + 235 + 18 * index, name, "end", colour)

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        ' font-family="sans-serif" font-size="12">\n'
        "<title>How old rights become, by the number of sessions and addresses</title>\n"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n'
        + "\n".join(shapes())
        + "\n</svg>\n"
    )


def _line(
    start: tuple[float, float], end: tuple[float, float], colour: str, width: float = 1
) -> str:
    return (
        f'<line x1="{start[0]:.0f}" y1="{start[1]:.0f}" x2="{end[0]:.0f}" y2="{end[1]:.0f}"'
        f' stroke="{colour}" stroke-width="{width}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#1f2328") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
