"""How fast peeringdb_oauth is in comparison with others.

It prints a table and writes the same as JSON to results.json beside this file.

The two figures of a line were measured side by side in one run. The ratio is the median
over the rounds. A goal that is missed is shown, but it is no error.
"""

import argparse
import gc
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import async_logins
import first_steps
import gateway
import gateway_memory
import id_tokens
import logins
import pages
from measure import Row
from provider import Provider, serve

RESULTS = Path(__file__).with_name("results.json")
LIBRARIES = (
    "cryptography",
    "requests",
    "aiohttp",
    "joserfc",
    "PyJWT",
    "Authlib",
    "python-jose",
    "requests-oauthlib",
    "httpx",
    "httpx2",
    "Flask",
    "Flask-Session",
    "django-allauth",
    "redis",
    "granian",
)
LINE = "{:<37} {:<24} {:>9}   {:<28} {:>9}   {:>6}  {:>7}  {}"


def main() -> None:
    """Measure everything, print it and write it to a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=40, help="the number of rounds (default: %(default)s)"
    )
    rounds = parser.parse_args().rounds
    print(LINE.format("", "ours", "time", "against", "time", "ratio", "goal", "holds"))
    start, title, rows = time.monotonic(), "", []
    with tempfile.TemporaryDirectory() as directory, serve(Path(directory)) as provider:
        _settle(provider.bundle)
        connections = logins.count_connections(provider)
        for row in _measure(provider, rounds):
            rows.append(row)
            print(_line(row, title="" if row.title == title else row.title), flush=True)
            title = row.title
    kept = "yes" if connections[logins.OURS] == connections[logins.OPENID] == 0 else "MISSED"
    print(
        "\nnew connections for a login, each with a TLS handshake; the goal is that ours makes"
        f" none: {kept}"
    )
    print("; ".join(f"{name}: {count:g}" for name, count in connections.items()))
    trips = pages.count_round_trips()
    few = "yes" if max(trips.values()) <= 2 else "MISSED"
    print(f"\nround trips to the store for a page; the goal is at most 2: {few}")
    print("; ".join(f"{name}: {count:g}" for name, count in trips.items()))
    memory = gateway_memory.measure()
    _, *grown = memory.values()
    bounded = "yes" if max(grown) <= gateway_memory.MOST else "MISSED"
    print(
        "\nmemory of the gateway, and what sessions in use add; the goal is at most"
        f" {gateway_memory.MOST} MB more: {bounded}"
    )
    print("; ".join(f"{name}: {megabytes:.0f} MB" for name, megabytes in memory.items()))
    written = {
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "rows": [asdict(row) | {"holds": row.holds} for row in rows],
        "connections": connections,
        "round_trips": trips,
        "gateway_memory": memory,
    }
    RESULTS.write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    missed = sum(row.holds is False for row in rows)
    print(
        f"\n{missed} of {sum(row.goal is not None for row in rows)} goals missed;"
        f" {time.monotonic() - start:.0f} s; {RESULTS}"
    )


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


def _measure(provider: Provider, rounds: int) -> Iterator[Row]:
    yield from id_tokens.measure(rounds)
    yield from logins.measure(provider, rounds)
    yield from async_logins.measure(provider, rounds)
    yield from first_steps.measure(rounds)
    yield from pages.measure(rounds)
    yield from gateway.measure(rounds)


def _line(row: Row, *, title: str) -> str:
    goal = "" if row.goal is None else f"{'≥' if row.at_least else '≤'} {row.goal:.3g}"
    holds = {True: "yes", False: "MISSED", None: ""}[row.holds]
    return LINE.format(
        title,
        row.name,
        _time(row.seconds),
        row.other,
        _time(row.other_seconds),
        f"{row.ratio:.3g}",
        goal,
        holds,
    ).rstrip()


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.1f} µs"


if __name__ == "__main__":
    main()
