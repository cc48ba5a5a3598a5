"""Fuzzes what strangers, browsers and PeeringDB send: ``make fuzz``.

Each target has a process of its own, which ends after so many executions, or at the
first finding. Fuzzing begins with the inputs in tests/fuzz/corpus. What it finds is in
build/fuzz: inputs that reach something new in ``corpus``, and those that break a
property in ``findings``. A finding becomes a test as soon as its input is copied to
tests/fuzz/corpus.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from targets import TARGETS

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
FOUND = ROOT / "build" / "fuzz"
MEMORY = 1024  # megabytes
TIMEOUT = 60  # seconds for one input, on a busy machine
MAX_LENGTH = {"callback": 16_384, "return_path": 16_384, "gateway_rule": 512}  # bytes
say = partial(print, flush=True)
ROW = "{:<18} {:>11} {:>8} {:>7} {:>7} {:>9}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=1_000_000, help="default: %(default)s")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    arguments = parser.parse_args()
    if unknown := set(arguments.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
    say(ROW.format("target", "executions", "seconds", "per s", "inputs", "findings"))
    found = 0
    for name in arguments.targets or TARGETS:
        row = fuzz(name, arguments.runs)
        found += row["findings"]
        if arguments.json:
            write_figures(arguments.json, row)
    say(f"\nwhat was found is in {FOUND.relative_to(ROOT)}")
    for path in sorted((FOUND / "findings").glob("*")):
        say(f"FINDING {path.relative_to(ROOT)}")
    return 1 if found else 0


def fuzz(name, runs):
    """Fuzz one target, and print its line of the table."""
    corpus, findings = FOUND / "corpus" / name, FOUND / "findings"
    for folder in (corpus, findings, FOUND / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
    earlier = set(findings.glob(f"{name}-*"))
    log = FOUND / "logs" / f"{name}.txt"
    started = processor_seconds()
    with log.open("wb") as output, tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        ended = subprocess.run(
            [*command(name, runs, corpus, findings)],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": scratch},
            stdout=output,
            stderr=output,
            check=False,
        )
    seconds = processor_seconds() - started
    said = log.read_text("utf-8", "replace")
    executions = [int(count) for count in re.findall(r"number_of_executed_units: (\d+)", said)]
    found = len(set(findings.glob(f"{name}-*")) - earlier)
    row = {
        "target": name,
        "executions": sum(executions),
        "seconds": round(seconds),
        "inputs": len([*corpus.iterdir(), *(FOLDER / "corpus" / name).iterdir()]),
        "findings": found or int(ended.returncode != 0),
        "date": datetime.now(UTC).date().isoformat(),
        "command": f'make fuzz ARGS="{name} --runs {runs}"',
    }
    rate = round(row["executions"] / max(seconds, 0.01))
    shown = (f"{row['executions']:,}", row["seconds"], f"{rate:,}", row["inputs"], row["findings"])
    say(ROW.format(name, *shown))
    if row["findings"]:
        say("\n".join(f"    {line}" for line in trace(said)), f"\n    all of it: {log}")
    return row


def processor_seconds():
    """What all ended processes have used, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command(name, runs, corpus, findings):
    """How to start libFuzzer for a target."""
    dictionary = FOLDER / "dictionaries" / f"{name}.txt"
    yield from (sys.executable, str(FOLDER / "fuzz_target.py"), name)
    yield from (str(corpus), str(FOLDER / "corpus" / name))
    yield from (f"-runs={runs}", f"-timeout={TIMEOUT}", f"-rss_limit_mb={MEMORY}")
    yield from (f"-artifact_prefix={findings}/{name}-", "-print_final_stats=1")
    yield f"-max_len={MAX_LENGTH.get(name, 4096)}"
    if dictionary.exists():
        yield f"-dict={dictionary}"


def trace(said):
    """The end of the Python traceback in the output of libFuzzer."""
    lines = said.partition("=== Uncaught Python exception: ===")[2].partition("\n==")[0]
    return lines.strip().splitlines()[-8:] or said.splitlines()[-8:]


def write_figures(path, row):
    """Write the figures of a target to a file, which keeps those of others."""
    known = json.loads(path.read_text()) if path.exists() else []
    figures = {one["target"]: one for one in (*known, row)}
    ordered = [figures[name] for name in TARGETS if name in figures]
    path.write_text(json.dumps(ordered, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
