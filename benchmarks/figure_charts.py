"""The charts of the documentation, made of the JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from charts import KINDS, Bar, Line, bars, lines
from figure_texts import in_our_terms
from results import load

# The groups of the comparison: the title of its rows, and what stands over it.
GROUPS = {
    "verify an ID token, 2 networks": "Verify an ID token",
    "a repeated bearer token": "The same bearer token, a second time",
    "log in, CPU": "Log in: from the code to the user",
    "log in, async, CPU": "Log in with asyncio",
    "log in, async, 50 in flight, clock": "Log in with asyncio, 50 at a time",
    "a page, 3 networks, from the store": "A page, the session read from the store",
    "gateway": "The gateway",
}


# The charts of growth: by the number of what, which curves, and the title.
GROWTH = {
    "growth-networks-login.svg": (
        "networks of a person",
        ("log in", "verify an ID token"),
        "A login, by the number of networks of the person",
    ),
    "growth-networks-check.svg": (
        "networks of a person",
        ("a page", "the gateway's check"),
        "A page, by the number of networks of the person",
    ),
    "growth-sessions.svg": (
        "sessions in the store",
        ("a page", "the gateway's check"),
        "A page, by the number of sessions in the store",
    ),
    "growth-logins.svg": (
        "logins at a time",
        ("log in, threads", "log in, tasks"),
        "The CPU time of a login, by the number of logins at a time",
    ),
}

AGES = (900.0, 3600.0, 7200.0, 18_000.0, 43_200.0)  # seconds


def draw() -> dict[str, str]:
    """Each chart by the name of its file."""
    bench, simulated = load("bench"), load("simulate")
    drawn = {"comparison.svg": _comparison(bench["rows"])}
    for file, (along, titles, title) in GROWTH.items():
        curves = [
            curve
            for curve in bench["curves"]
            if curve["along"] == along and curve["title"] in titles
        ]
        drawn[file] = lines(title, along, _lines(curves))
    if simulated:
        drawn["sessions.svg"] = sessions(simulated["results"])
    return drawn


def sessions(results: Sequence[Mapping[str, Any]]) -> str:
    """How old rights become, by the number of sessions, a line for each site."""
    counts = sorted({row["addresses"] for row in results})
    drawn = [
        Line(
            name=f"{count} address{'es' if count > 1 else ''}",
            kind=kind,
            at=[row["sessions"] for row in results if row["addresses"] == count],
            seconds=[row["oldest"] for row in results if row["addresses"] == count],
        )
        for count, kind in zip(counts, KINDS, strict=False)
    ]
    return lines("The oldest rights in any session", "sessions in use", drawn, AGES)


def _comparison(rows: list[dict[str, Any]]) -> str:
    groups = [
        (name, [_bar(row) for row in rows if row["title"] == title])
        for title, name in GROUPS.items()
    ]
    return bars("How many times as long as ours it takes", groups)


def _bar(row: dict[str, Any]) -> Bar:
    ours = in_our_terms(row)
    return Bar(name=row["other"], times=ours["times"], low=ours["low"], high=ours["high"])


def _lines(curves: list[dict[str, Any]]) -> list[Line]:
    """A colour for each curve. Ours are drawn through, and the others are dashed."""
    return [
        Line(
            name=f"{curve['title']}: {curve['name']}",
            kind=kind,
            at=curve["at"],
            seconds=curve["seconds"],
            is_peer=not curve["name"].startswith("peeringdb_oauth"),
        )
        for curve, kind in zip(curves, KINDS, strict=False)
    ]
