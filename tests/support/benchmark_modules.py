"""The modules of the folder benchmarks, which is no package.

Their names are common ones. So they are known only as long as a test uses them.
"""

import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@contextmanager
def imported(*names):
    """The modules with these names."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield [import_module(name) for name in names]
    finally:
        sys.path.remove(str(BENCHMARKS))
        for name, module in [*sys.modules.items()]:
            if BENCHMARKS in Path(getattr(module, "__file__", None) or "/").parents:
                del sys.modules[name]
