"""Sessions under load and through random faults, with real servers on loopback.

It ends by itself, within five minutes for each store, and ends what it has started.

First a crowd: many requests at once in several processes need new tokens for one
session. There must be one refresh, and all must be answered. Then a storm: sessions of
many people go through random faults of PeeringDB, restarts of the store and kills of
the site's processes. No session may be lost that PeeringDB honours, and none kept that
it does not. No token may be in a log or in the store's files.

Both notice if the lease does not work. With `StoreSessions.claim` and ``renew`` that
always succeed, each process of the crowd refreshes, and the storm loses sessions.
"""

import argparse
import json
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from one_refresh import send_crowd
from random_faults import Storm
from store_servers import SERVERS

from peeringdb_oauth.sandbox import Sandbox

CROWD = "{:<12} {:>9} {:>9} {:>10} {:>8}  {}"
STORM = "{:<12} {:>8} {:>8} {:>9} {:>7} {:>6} {:>6} {:>6} {:>5} {:>5} {:>10} {:>6}  {}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--stores", default=",".join(SERVERS), help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of the faults; default: %(default)s")
    parser.add_argument("--sessions", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--seconds", type=int, default=60, help="of faults; default: %(default)s")
    parser.add_argument("--only", choices=("crowd", "storm"), help="one of the two parts")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    started, stores = time.monotonic(), arguments.stores.split(",")
    figures = {"date": datetime.now(UTC).date().isoformat(), "crowd": [], "storm": []}
    if arguments.only != "storm":
        say(CROWD.format("crowd", "requests", "answered", "refreshes", "seconds", "holds"))
        figures["crowd"] = [run(name, crowd) for name in stores]
    if arguments.only != "crowd":
        heads = (
            "requests",
            "refreshes",
            "faults",
            "alive",
            "ended",
            "spent",
            "lost",
            "kept",
            "unsettled",
        )
        say("\n" + STORM.format("storm", "answers", *heads, "leaks", "holds"))
        figures["storm"] = [run(name, lambda *given: storm(*given, arguments)) for name in stores]
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    holds = all(row["holds"] for row in (*figures["crowd"], *figures["storm"]))
    say(f"\n{'all holds' if holds else 'FAILED'}; {time.monotonic() - started:.0f} s")
    return 0 if holds else 1


def run(name, part):
    server = SERVERS[name]()
    try:
        server.wipe()
        with (
            tempfile.TemporaryDirectory(prefix="soak-") as directory,
            Sandbox(tls=False, limits=False) as pdb,
        ):
            return part(name, server, pdb, directory)
    finally:
        server.end()


def crowd(name, server, pdb, directory):
    """8 processes with 50 requests each."""
    found = send_crowd(pdb, server.url, directory)
    answered = found.statuses[200]
    holds = answered == 400 and found.refreshes == [200]
    count = len(found.refreshes)
    say(CROWD.format(name, 400, answered, count, f"{found.seconds:.1f}", _word(holds)))
    if not holds:
        say(f"    {dict(found.statuses)}, refreshes {found.refreshes}")
    return {
        "store": name,
        "requests": 400,
        "answered": answered,
        "refreshes": count,
        "seconds": found.seconds,
        "holds": holds,
    }


def storm(name, server, pdb, directory, arguments):
    """Four processes."""
    found = Storm(pdb, server, directory, arguments.seed).run(
        sessions=arguments.sessions, seconds=arguments.seconds, processes=4
    )
    faults = sum(count for fault, count in found.faults.items() if fault)
    counts = (found.alive, found.ended, found.spent)
    problems = (found.lost, found.kept, found.unsettled, found.leaks)
    say(
        STORM.format(
            name,
            found.statuses.total(),
            found.requests,
            found.refreshes,
            faults,
            *counts,
            *map(len, problems),
            _word(found.holds),
        )
    )
    say(f"    answers {_counts(found.statuses)}; faults {_counts(found.faults)}")
    for word, problem in zip(("lost", "kept", "unsettled", "leaks"), problems, strict=True):
        if problem:
            say(f"    {word}: {problem[:5]}")
    return {
        "store": name,
        "answers": found.statuses.total(),
        "requests": found.requests,
        "refreshes": found.refreshes,
        "faults": faults,
        "sessions": arguments.sessions,
        "ended": found.ended,
        "spent": found.spent,
        "lost": len(found.lost),
        "kept": len(found.kept),
        "unsettled": len(found.unsettled),
        "leaks": len(found.leaks),
        "holds": found.holds,
    }


def _counts(counter):
    return ", ".join(f"{key}: {count}" for key, count in counter.most_common() if key is not None)


def _word(holds):
    return "yes" if holds else "NO"


def say(line):
    print(line, flush=True)  # noqa: T201 - for people


if __name__ == "__main__":
    sys.exit(main())
