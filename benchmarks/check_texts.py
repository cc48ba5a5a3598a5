"""The documentation's figures of fuzzing, mutants, load, soak, simulation and models.

Each has a JSON file of its own, which its command writes.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from results import load
from words import MARK, SPACE, day, duration, in_words, short, table

NOT_YET = "Not measured yet."


def make() -> dict[str, str]:
    """Each figure by its name."""
    makers: Mapping[str, Callable[[Any], str]] = {
        "fuzz": _fuzz,
        "mutants": _mutants,
        "load": _load,
        "soak": _soak,
        "simulate": _simulate,
        "models": _models,
    }
    made = {}
    for name, maker in makers.items():
        figures = load(name)
        made[f"table.{name}"] = NOT_YET if figures is None else maker(figures)
        if isinstance(figures, dict) and "date" in figures:  # else each row has its own
            made[f"table.{name}"] += f"\n\nMeasured on {figures['date']}."
    return made


def _fuzz(rows: Sequence[Mapping[str, Any]]) -> str:
    return table(
        ("target", "executions", "CPU time", "inputs kept", "open findings", "date"),
        [
            (
                row["target"],
                f"{row['executions']:,}",
                f"{row['seconds']:,}{SPACE}s",
                f"{row['inputs']:,}",
                f"{row['findings']}",
                day(row["date"]),
            )
            for row in rows
        ],
    )


def _load(figures: Mapping[str, Any]) -> str:
    return table(
        ("at once", "logins", "wrong", "people", "forks", "connections", "memory", "CPU each"),
        [
            (
                f"{part['at_once']:,} {name}",
                f"{part['logins']:,}",
                f"{part['wrong']}",
                f"{figures['people']:,}",
                f"{part['forks']:,}",
                f"{part['most_open']} at a time",
                f"{(part['after']['memory'] - part['before']['memory']) / 1e6:+.1f} MB",
                duration(part["cpu_seconds"] / part["logins"]),
            )
            for name, part in figures.items()
            if name in ("threads", "tasks")
        ],
    )


def _soak(figures: Mapping[str, Any]) -> str:
    crowd = table(
        ("store", "requests at once", "answered", "refreshes", "seconds", "holds"),
        [
            (
                row["store"],
                f"{row['requests']:,}",
                f"{row['answered']:,}",
                f"{row['refreshes']}",
                short(row["seconds"]),
                MARK[row["holds"]],
            )
            for row in figures["crowd"]
        ],
    )
    storm = table(
        ("store", "answers", "faults", "refreshes", "sessions", "lost", "wrongly kept", "holds"),
        [
            (
                row["store"],
                f"{row['answers']:,}",
                f"{row['faults']:,}",
                f"{row['refreshes']:,}",
                f"{row['sessions']:,}",
                f"{row['lost']}",
                f"{row['kept']}",
                MARK[row["holds"]],
            )
            for row in figures["storm"]
        ],
    )
    return f"{crowd}\n\n{storm}"


def _simulate(figures: Mapping[str, Any]) -> str:
    heads = (
        *("sessions", "addresses", "logins wanted a minute, and served", "refreshes a minute"),
        *("median rights", "oldest rights", "a re-check at best every", "most requests a minute"),
    )
    return table(
        heads,
        [
            (
                f"{row['sessions']:,}",
                f"{row['addresses']}",
                f"{short(row['logins'])}, {row['served']:.1%}",
                f"{row['refreshes']:,.2g}",
                in_words(row["median"]),
                in_words(row["oldest"]),
                in_words(row["shortest"]),
                f"{row['busiest']}",
            )
            for row in figures["results"]
        ],
    )


def _models(figures: Mapping[str, Any]) -> str:
    return table(
        ("model", "faults", "orders tried", "states", "CPU time"),
        [
            (
                row["model"],
                f"{row['faults']}",
                f"{row['orders']:,}",
                f"{row['states']:,}",
                f"{row['seconds']:,.0f} s",
            )
            for row in figures["results"]
        ],
    )


def _mutants(scores: Mapping[str, Mapping[str, Any] | None]) -> str:
    rows = {module: row for module, row in scores.items() if row is not None}
    if not rows:
        return NOT_YET
    return table(
        ("module", "mutants", "noticed", "explained", "score", "date"),
        [(module, *_mutants_row(row)) for module, row in rows.items()],
    )


def _mutants_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    noticed = row["killed"] + row["timeout"]
    return (
        f"{row['mutants']:,}",
        f"{noticed:,}",
        f"{row['explained']:,}",
        f"{row['score']:g}{SPACE}%",
        day(row["date"]),
    )
