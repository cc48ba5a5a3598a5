"""Fuzzes one target: ``fuzz_target.py NAME [OPTION...]``, with options of libFuzzer.

`run.py` starts this, once for each target.
"""

import sys
from importlib import import_module
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "support")]

with atheris.instrument_imports(include=["peeringdb_oauth"]):
    from targets.inputs import run

    target = import_module(f"targets.{sys.argv[1]}")

atheris.Setup([sys.argv[0], *sys.argv[2:]], lambda data: run(target.check, data))
atheris.Fuzz()
