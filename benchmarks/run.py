"""How fast peeringdb_oauth is beside others and beside the least, and how it grows.

It prints tables, and writes the figures as JSON. Then it draws the charts and fills in
the figures in the documentation: see `figures`.

The two figures of a line were measured side by side in one run. The ratio is the median
over the rounds, and half of the rounds are between the two figures in brackets. A goal
that is missed is shown, but it is no error.
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import async_logins
import django_project
import figures
import first_steps
import gateway
import gateway_memory
import growth_by_logins
import growth_by_networks
import growth_by_sessions
import id_tokens
import logins
import machine
import pages
import results
from curves import Curve
from measure import Row
from provider import Provider, serve

LINE = "{:<37} {:<24} {:>9}   {:<28} {:>9}   {:>6}  {:<16} {:>7}  {}"
HOLDS = {True: "yes", False: "MISSED", None: ""}
CURVE = "{:<20} {:<33} {:>9}  {:>6}  {:<14} {:>6}  {}"


def main() -> None:
    """Measure everything, print it, and write it to files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40, help="default: %(default)s")
    parser.add_argument(
        "--output", type=Path, help="write the JSON there, and leave the documentation as it is"
    )
    arguments = parser.parse_args()
    start = time.monotonic()
    result = {
        "date": datetime.now(UTC).date().isoformat(),
        "command": "make bench",
        "rounds": arguments.rounds,
        "machine": machine.describe(),
        "versions": machine.versions(),
    }
    with tempfile.TemporaryDirectory() as directory, serve(Path(directory)) as provider:
        _settle(provider.bundle)
        django_project.set_up(directory, provider.base_url)
        result |= _measure(provider, arguments.rounds)
    result["seconds"] = round(time.monotonic() - start)
    output = results.save("bench", result, arguments.output)
    if arguments.output is None:
        figures.update()
    judged = [one["holds"] for kind in ("rows", "counts", "curves") for one in result[kind]]
    goals = [holds for holds in judged if holds is not None]
    print(f"\n{goals.count(False)} of {len(goals)} goals missed; {result['seconds']} s; {output}")


def _measure(provider: Provider, rounds: int) -> dict[str, Any]:
    connections = logins.count_connections(provider)
    print(LINE.format("", "ours", "time", "against", "time", "ratio", "", "goal", "holds"))
    rows, title = [], ""
    for row in _rows(provider, rounds):
        rows.append(asdict(row) | {"holds": row.holds})
        print(_line(row, title="" if row.title == title else row.title), flush=True)
        title = row.title
    print("\n" + CURVE.format("growth", "who", "at the end", "ratio", "", "goal", "holds"))
    grown = []
    for curve in _curves(provider, rounds):
        grown.append(asdict(curve) | {"holds": curve.holds})
        print(_curve(curve), flush=True)
    counts = [
        _count(
            "connections",
            "new connections for a login, each with a TLS handshake",
            connections,
            most=0,
            ours=(logins.OURS, logins.OPENID),
        ),
        _count(
            "round-trips", "round trips to the store for a page", pages.count_round_trips(), most=2
        ),
        _count(
            "memory",
            "megabytes of the gateway, and how many more with sessions in use",
            memory := gateway_memory.measure(),
            most=gateway_memory.MOST,
            ours=[*memory][1:],
        ),
    ]
    for count in counts:
        said = "; ".join(f"{name}: {value:.3g}" for name, value in count["values"].items())
        holds = "yes" if count["holds"] else "MISSED"
        print(f"\n{count['title']}; the goal is at most {count['goal']}: {holds}\n{said}")
    return {"rows": rows, "curves": grown, "counts": counts}


def _count(
    name: str,
    title: str,
    values: Mapping[str, float],
    *,
    most: float,
    ours: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Figures of which ours must be at most so large.

    ``ours``: their names; None for all.
    """
    largest = max(values[name] for name in ours or values)
    return {
        "name": name,
        "title": title,
        "values": dict(values),
        "goal": most,
        "holds": largest <= most,
    }


def _settle(bundle: Path) -> None:
    """Give all candidates the same conditions.

    There are no proxies, there is one bundle of certificate authorities, and the
    garbage collector skips what was imported.
    """
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["REQUESTS_CA_BUNDLE"] = str(bundle)
    gc.collect()
    gc.freeze()


def _rows(provider: Provider, rounds: int) -> Iterator[Row]:
    yield from id_tokens.measure(rounds)
    yield from logins.measure(provider, rounds)
    yield from async_logins.measure(provider, rounds)
    yield from first_steps.measure(rounds)
    yield from pages.measure(rounds)
    yield from gateway.measure(rounds)


def _curves(provider: Provider, rounds: int) -> Iterator[Curve]:
    some = max(3, rounds // 2)
    yield from growth_by_networks.measure(provider, some)
    yield from growth_by_sessions.measure(some)
    yield from growth_by_logins.measure(provider, max(3, rounds // 8))


def _line(row: Row, *, title: str) -> str:
    goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:.3g}"
    return LINE.format(
        title,
        row.name,
        _time(row.seconds),
        row.other,
        _time(row.other_seconds),
        f"{row.ratio:.3g}",
        "({:.3g} to {:.3g})".format(*row.ratio_quartiles),
        goal,
        HOLDS[row.holds],
    ).rstrip()


def _curve(curve: Curve) -> str:
    return CURVE.format(
        curve.title,
        curve.name,
        _time(curve.seconds[-1]),
        f"{curve.growth:.3g}",
        "({:.3g} to {:.3g})".format(*curve.growth_quartiles),
        "" if curve.goal is None else f"≤ {curve.goal:.3g}",
        HOLDS[curve.holds],
    ).rstrip()


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.1f} µs"


if __name__ == "__main__":
    main()
