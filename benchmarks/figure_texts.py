"""What stands in the documentation for each figure, made of the JSON."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import check_texts
from results import load
from words import MARK, between, duration, goal, short, table, times

Row = Mapping[str, Any]
# The tables of the comparison: a title begins with one of these.
TABLES = {
    "tokens": ("verify an ID token", "a repeated bearer token"),
    "logins": ("log in",),
    "first-steps": ("authorization_request()", "import"),
    "pages": ("a page",),
    "gateway": ("gateway", "the same, CPU", "the same on", "99 %"),
}


def make() -> dict[str, str]:
    """Each figure by its name. Tables have several lines, all others have one."""
    bench = load("bench")
    made = {
        "machine": _machine(bench),
        "versions": ", ".join(f"{name} {version}" for name, version in bench["versions"].items()),
        "missed": _missed(bench),
        "counts": _counts(bench["counts"]),
    }
    for name, titles in TABLES.items():
        rows = [row for row in bench["rows"] if row["title"].startswith(titles)]
        made[f"table.{name}"] = _comparison(rows)
    for along in dict.fromkeys(curve["along"] for curve in bench["curves"]):
        curves = [curve for curve in bench["curves"] if curve["along"] == along]
        made[f"growth.{slug(along)}"] = _growth(curves)
    return made | dict(_words(bench)) | check_texts.make()


def slug(text: str) -> str:
    """A text as part of a name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _words(bench: Row) -> Iterator[tuple[str, str]]:
    """Single figures, for sentences.

    ``times.TITLE.OTHER``: how many times as long as ours the other takes.
    ``ours.TITLE.OTHER`` and ``other.TITLE.OTHER``: how long we and they take.
    ``count.COUNT.NAME``: a number.
    """
    for row in bench["rows"]:
        name = f"{slug(row['title'])}.{slug(row['other'])}"
        yield f"times.{name}", short(in_our_terms(row)["times"])
        yield f"ours.{name}", duration(row["seconds"])
        yield f"other.{name}", duration(row["other_seconds"])
    for count in bench["counts"]:
        for name, value in count["values"].items():
            yield f"count.{count['name']}.{slug(name)}", short(value)


def in_our_terms(row: Row) -> dict[str, Any]:
    """How many times as long as ours the other takes, in every row.

    ``times``, ``low`` and ``high``: the median and the quartiles. ``goal``: the least.
    """
    low, high = row["ratio_quartiles"]
    if row["at_least"]:
        return {"times": row["ratio"], "low": low, "high": high, "goal": row["goal"]}
    goal = row["goal"] and 1 / row["goal"]
    return {"times": 1 / row["ratio"], "low": 1 / high, "high": 1 / low, "goal": goal}


def _comparison(rows: Sequence[Row]) -> str:
    heads = ("what, and ours", "beside", "times ours", "half of the rounds", "goal")
    return table(heads, _comparison_rows(rows))


def _comparison_rows(rows: Sequence[Row]) -> Iterator[Sequence[str]]:
    last = ""
    for row in rows:
        ours = in_our_terms(row)
        first = f"{row['title']}: {row['name']}, {duration(row['seconds'])}"
        yield (
            "" if first == last else first,
            f"{row['other']}, {duration(row['other_seconds'])}",
            times(ours["times"]),
            between(ours["low"], ours["high"]),
            goal("≥", ours["goal"], row["holds"]),
        )
        last = first


def _growth(curves: Sequence[Row]) -> str:
    at = [f"{count:,}" for count in curves[0]["at"]]
    heads = ("what, and who", *at, "last beside first", "half of the rounds", "one more", "goal")
    return table(heads, map(_growth_row, curves))


def _growth_row(curve: Row) -> Sequence[str]:
    is_straight = curve["fit"] >= 0.95 and curve["growth"] > 1.25
    return (
        f"{curve['title']}: {curve['name']}",
        *map(duration, curve["seconds"]),
        times(curve["growth"]),
        between(*curve["growth_quartiles"]),
        duration(curve["each"]) if is_straight else "",
        goal("≤", curve["goal"], curve["holds"]),
    )


def _counts(counts: Sequence[Row]) -> str:
    return table(
        ("what", "how many", "goal"),
        (
            (
                count["title"],
                "; ".join(f"{name}: {short(value)}" for name, value in count["values"].items()),
                f"≤ {short(count['goal'])}: {MARK[count['holds']]}",
            )
            for count in counts
        ),
    )


def _missed(bench: Row) -> str:
    rows = [row for row in bench["rows"] if row["holds"] is False]
    curves = [row for row in bench["curves"] if row["holds"] is False]
    counts = [row for row in bench["counts"] if row["holds"] is False]
    said = [f"{row['title']}, beside {row['other']}" for row in rows]
    said += [f"{row['title']} ({row['name']}), by {row['along']}" for row in curves]
    said += [row["title"] for row in counts]
    kinds = ("rows", "curves", "counts")
    goals = sum(row["holds"] is not None for kind in kinds for row in bench[kind])
    if not said:
        return f"All {goals} goals are reached."
    return f"{len(said)} of {goals} goals are missed: {'; '.join(said)}."


def _machine(bench: Row) -> str:
    machine = bench["machine"]
    busy = machine["load"] > 0.5
    return table(
        ("", ""),
        (
            ("date", bench["date"]),
            ("command", f"`{bench['command']}`, {bench['rounds']} rounds, {bench['seconds']} s"),
            ("processor", f"{machine['processor']}, {machine['cores']} cores"),
            ("memory", machine["memory"]),
            ("system", machine["system"]),
            ("Python, OpenSSL", f"{machine['python']}, {machine['openssl']}"),
            (
                "other load at the start",
                f"{machine['load']:g} processes"
                + (": **busy, so these figures are preliminary**" if busy else ""),
            ),
        ),
    )
