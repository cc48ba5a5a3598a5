"""The command ``peeringdb-oauth``, with one file for each of its commands."""

import sys
from collections.abc import Callable
from typing import NoReturn

from peeringdb_oauth.errors import ConfigurationError, RecordsUnavailable


def main() -> None:
    """Run the command line.

    With exit status 2 something must be corrected; standard error says what.
    """
    try:
        _program()()
    except ConfigurationError as error:
        _end(*error.problems)
    except RecordsUnavailable as error:
        _end(str(error))


def _end(*problems: str) -> NoReturn:
    for problem in problems:
        print(f"peeringdb-oauth: {problem}", file=sys.stderr)  # noqa: T201 - click may not be installed
    sys.exit(2)


def _program() -> Callable[[], None]:
    try:
        from peeringdb_oauth.cli.program import program  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the command line needs more packages ({error.name} is missing): pip install"
            ' "peeringdb-oauth[cli]", or "peeringdb-oauth[sandbox]" for the sandbox'
        ) from error
    return program
