"""Draws the charts and fills in the figures of the documentation.

The figures are the JSON files beside this one. In the documentation a figure stands
between two comments. The first names what `figure_texts` makes of the JSON::

    <!-- figure NAME -->here<!-- end -->

Run it after one of the JSON files has changed.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import figure_charts
import figure_texts

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
FIGURE = re.compile(r"(<!-- figure ([\w.-]+) -->).*?(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """The texts that may have figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def filled(text: str, made: Mapping[str, str]) -> str:
    """A text with its figures as they are now."""

    def fill(found: re.Match[str]) -> str:
        start, name, end = found.groups()
        figure = made[name]
        return f"{start}\n\n{figure}\n\n{end}" if "\n" in figure else f"{start}{figure}{end}"

    return FIGURE.sub(fill, text)


def update() -> None:
    """Write the charts and the pages."""
    for name, chart in figure_charts.draw().items():
        (IMAGES / name).write_text(chart, "utf-8")
    made = figure_texts.make()
    for page in pages():
        text = page.read_text("utf-8")
        if (now := filled(text, made)) != text:
            page.write_text(now, "utf-8")


if __name__ == "__main__":
    update()
