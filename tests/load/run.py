"""10,000 logins from 200 threads, and as many from 2,000 tasks, against a sandbox.

All threads share one `Client`, all tasks one `AsyncClient`. People with different
networks log in in turn, and each login must be that of its person. Connections, memory,
open files and threads are bounded. Meanwhile the process is forked again and again, and
each child logs somebody in.

PeeringDB is one sandbox process, without limits. The people's browsers are another one.
The client connects through a proxy that counts connections.

It prints a table and writes the same as JSON to benchmarks/load.json.
"""

import argparse
import asyncio
import json
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from many_logins import Load
from many_people import Site

from peeringdb_oauth import AsyncClient, Client

RESULTS = Path(__file__).parents[2] / "benchmarks" / "load.json"
LINE = "{:<13} {:>7} {:>8} {:>9} {:>8} {:>8} {:>6} {:>12} {:>14}  {}"
HEADS = (
    "",
    "logins",
    "seconds",
    "CPU each",
    "slowest",
    "people",
    "forks",
    "connections",
    "memory",
    "holds",
)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    number = {"type": int, "help": "default: %(default)s"}
    parser.add_argument("--logins", default=10_000, **number)
    parser.add_argument("--threads", default=200, **number)
    parser.add_argument("--tasks", default=2000, **number)
    parser.add_argument("--people", default=600, **number)
    parser.add_argument("--forks", default=200, **number)
    parser.add_argument("--seed", default=1, **number)
    arguments = parser.parse_args()
    say(LINE.format(*HEADS))
    written = {
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "people": arguments.people,
    }
    with (
        tempfile.TemporaryDirectory(prefix="load-") as directory,
        Site(directory, people=arguments.people) as site,
    ):
        for name, run in (("threads", in_threads), ("tasks", in_tasks)):
            figures = run(site, arguments)
            written[name] = figures.to_dict()
            say(line(f"{figures.at_once} {name}", figures, arguments))
            for problem in figures.problems():
                say(f"    {problem}")
    RESULTS.write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    return 1 if written["threads"]["problems"] or written["tasks"]["problems"] else 0


def in_threads(site, arguments):
    load = Load(site, at_once=arguments.threads, forks=arguments.forks, seed=arguments.seed)
    with Client(site.config()) as client:
        return load.run_threads(client, **parts(arguments))


def in_tasks(site, arguments):
    load = Load(site, at_once=arguments.tasks, forks=arguments.forks, seed=arguments.seed)

    async def run():
        async with AsyncClient(site.config()) as client:
            return await load.run_tasks(client, **parts(arguments))

    return asyncio.run(run())


def parts(arguments):
    """A fifth of the logins is the warm-up."""
    warm_up = arguments.logins // 5
    return {"warm_up": warm_up, "logins": arguments.logins - warm_up}


def line(name, figures, arguments):
    grown = figures.after.memory - figures.before.memory
    return LINE.format(
        name,
        arguments.logins,
        f"{figures.seconds:.0f}",
        f"{1000 * figures.cpu_seconds / figures.logins:.1f} ms",
        f"{figures.slowest:.1f} s",
        arguments.people,
        figures.forks,
        f"{figures.opened}, {figures.most_open} open",
        f"{figures.before.memory / 1e6:.0f} MB {grown / 1e6:+.1f}",
        "NO" if figures.problems() else "yes",
    )


def say(text):
    print(text, flush=True)  # noqa: T201 - for people


if __name__ == "__main__":
    sys.exit(main())
