"""Change the code in small ways with mutmut, and see whether a unit test notices.

Each change to a function is a mutant: ``<`` becomes ``<=``, ``and`` becomes ``or``, an
argument becomes None. A mutant that no test notices has survived. Either a test is
missing, or the code is not needed, or nobody can see the change: `explained.toml` says
so, with the reason. A module's score is the percentage of the other mutants that were
noticed. It must not be below that in `scores.json`.

mutmut changes neither the code outside of functions nor functions with a decorator
other than ``staticmethod`` and ``classmethod``.
"""

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import mutant_scores as scores
from mutant_scores import COLUMNS, HERE, MODULES

ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "mutants"
PACKAGE = "src/peeringdb_oauth"

# mutmut reads pyproject.toml in the directory in which it runs.
SETTINGS = """

[tool.mutmut]
source_paths = ["src"]
also_copy = ["docs"]  # a test reads a page
only_mutate = {files}
pytest_add_cli_args = [
  "-p", "_hypothesis_pytestplugin", "-p", "in_each_mutant", "--hypothesis-profile=mutants",
  "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-p", "no:threadexception",
]
pytest_add_cli_args_test_selection = {tests}
# Each mutant has a process of its own, forked from one that has imported other packages
# but neither the tests nor the library: a test may call a mutant when it is imported.
process_isolation = "forkserver"
forkserver_warmup = "import"
preload_modules_file = "preload"
track_dependencies = false
use_git_change_detection = false
timeout_constant = 3.0  # seconds
timeout_multiplier = 8.0
"""
PRELOAD = """\
_pytest.fixtures
aiohttp
cryptography.fernet
cryptography.hazmat.primitives.asymmetric.rsa
cryptography.hazmat.primitives.kdf.hkdf
hypothesis.strategies
jinja2
joserfc.jwt
jwt
pytest
requests
sqlalchemy
starlette.applications
starlette.testclient
trustme
"""
# A slow test that explores every order of steps, and one that reads the code itself.
LEFT_OUT = ["tests/web/sessions/test_every_order.py", "tests/web/test_catalogues.py"]

# A test could not be imported with the mutant. mutmut takes these for other things.
ENDED_AT_IMPORT = (2, 255)

SHOWN_LINES = 100  # about why mutmut failed
ROW = "{:<28} {:>7} {:>7} {:>7} {:>11} {:>8} {:>9} {:>7}"


def main():
    arguments = parse_arguments()
    say(ROW.format("module", *(column.replace("_", " ") for column in COLUMNS)))
    measure = functools.partial(measure_group, arguments=arguments)
    measured, problems = scores.measure_groups(measure, arguments.modules)
    say(ROW.format("all of these", *scores.total(measured.values()).values()))
    say(f"The survivors are in {BUILD.relative_to(ROOT)}/*/*.survivors")
    recorded = scores.read_records()
    if arguments.record:
        today = datetime.now(UTC).date().isoformat()
        scores.write_records(scores.record(recorded, measured, date=today))
        # The documentation has the scores, too.
        subprocess.run([sys.executable, ROOT / "benchmarks" / "figures.py"], check=True)
    else:
        problems += scores.fallen(recorded, measured)
    sys.exit("\n".join(problems) or 0)


def measure_group(modules, group, arguments):
    """Return the figures of modules of a group, and a sentence for each problem."""
    directory = run_mutmut(modules, selection(group), arguments)
    measured, problems = {}, []
    for module in modules:
        counts, survivors, stale = scores.count(module, *results_of(directory, module))
        say(ROW.format(module, *counts.values()))
        measured[module] = counts
        problems += [f"{module}: no survivor is {entry['was']!r}" for entry in stale]
        (directory / f"{Path(module).name}.survivors").write_text("\n".join(survivors))
    return measured, problems


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modules", nargs="*", metavar="module", help="such as access; default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="default: %(default)s")
    parser.add_argument(
        "--again", action="store_true", help="only what survived the last run, with today's tests"
    )
    parser.add_argument("--record", action="store_true", help="write the scores into scores.json")
    arguments = parser.parse_args()
    if unknown := set(arguments.modules) - set(MODULES):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    arguments.modules = arguments.modules or MODULES
    return arguments


def selection(group):
    """Return which tests pytest is to run for a group."""
    marks = [] if group.get("servers") else ["-m", "not server"]
    return [*marks, *group["tests"], *(f"--ignore={path}" for path in LEFT_OUT)]


def run_mutmut(modules, tests, arguments):
    """Run mutmut in a directory of its own, and return the directory.

    Raises:
        GroupFailedError: mutmut ended with an error.
    """
    directory = BUILD / modules[0].replace("/", "-")
    if arguments.again and directory.exists():
        forget_survivors(directory)
    else:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        for name in ("docs", "src", "tests"):
            (directory / name).symlink_to(ROOT / name)
    settings = SETTINGS.format(
        files=json.dumps([f"{PACKAGE}/{module}.py" for module in modules]), tests=json.dumps(tests)
    )
    (directory / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)
    (directory / "preload").write_text(PRELOAD)
    command = [Path(sys.executable).with_name("mutmut"), "run", f"--max-children={arguments.jobs}"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(HERE)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # each mutant would compile them again
    with (directory / "output").open("wb") as output:
        ended = subprocess.run(
            command, check=False, cwd=directory, env=environment, stdout=output, stderr=output
        )
    if ended.returncode:
        failed = directory / "mutants" / "failed"
        seen = failed if failed.exists() else directory / "output"
        say("\n".join(seen.read_text().splitlines()[-SHOWN_LINES:]))
        raise scores.GroupFailedError(f"mutmut failed: see {seen.relative_to(ROOT)}")
    shutil.rmtree(directory / "mutants" / "temporary", ignore_errors=True)
    return directory


def forget_survivors(directory):
    """Have mutmut try again what was not killed; it keeps the other results."""
    # Otherwise mutmut would not know what a test that has changed runs now.
    for name in ("mutmut-stats.json", "failed"):
        (directory / "mutants" / name).unlink(missing_ok=True)
    for path in (directory / "mutants" / "src").rglob("*.meta"):
        results = json.loads(path.read_text())
        codes = results["exit_code_by_key"]
        results["exit_code_by_key"] = {
            name: code if status_of(code) == "killed" else None for name, code in codes.items()
        }
        path.write_text(json.dumps(results))


def results_of(directory, module):
    """Return the status of each mutant, and the diff of each that was not killed."""
    os.chdir(directory)
    path = Path(PACKAGE, f"{module}.py")
    codes = json.loads(Path("mutants", f"{path}.meta").read_text())["exit_code_by_key"]
    statuses = {name: status_of(code) for name, code in codes.items()}
    diffs = {
        name: get_diff_for_mutant(name, path=path)
        for name, status in statuses.items()
        if status != "killed"
    }
    return statuses, diffs


def status_of(code):
    return "killed" if code in ENDED_AT_IMPORT else status_by_exit_code[code]


def say(text):
    print(text, flush=True)  # noqa: T201 - a program that is run by hand


if __name__ == "__main__":
    main()
