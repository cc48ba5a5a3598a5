"""The command ``peeringdb-oauth``: one file per command. This one only turns errors
into sentences and an exit status.
"""

import sys
from collections.abc import Callable

from peeringdb_oauth.errors import ConfigurationError


def main() -> None:
    """Run the command line. Exit status 2: there is something to correct, and it is
    said what.
    """
    try:
        _program()()
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"peeringdb-oauth: {problem}", file=sys.stderr)  # noqa: T201 - click may not be there to say it
        sys.exit(2)


def _program() -> Callable[[], None]:
    try:
        from peeringdb_oauth.cli.program import (  # noqa: PLC0415
            program,
        )
    except ModuleNotFoundError as error:
        # the sandbox is the only command, and brings what the command line needs
        raise ConfigurationError(
            f"the command line needs more packages ({error.name} is missing): pip install"
            ' "peeringdb-oauth[sandbox]"',
        ) from error
    return program
