"""The code in a docstring, to be run by a test."""

import inspect
import re
import textwrap


def example_of(documented):
    """Return the code blocks of a docstring, each of which follows a ``::``."""
    blocks = re.findall(r"::\n\n((?:    .*\n|\n)+)", f"{inspect.getdoc(documented)}\n")
    assert blocks
    return textwrap.dedent("".join(blocks))
