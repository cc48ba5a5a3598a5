"""The command ``peeringdb-oauth``, with one file for each of its commands."""

import sys
from collections.abc import Callable
from typing import NoReturn

from peeringdb_oauth.errors import ConfigurationError, PeeringDBOAuthError, TransportError

# The exit statuses besides 0, for all is well. docs/command-line.md lists them.
NO = 1  # the answer is no: nobody is logged in, or a check has failed
CORRECT = 2  # the command, the settings or a file must be corrected
LATER = 3  # PeeringDB, or the store of the sessions, cannot be asked now


def main() -> None:
    """Run the command line.

    If it fails, standard error says why, and what to do.
    """
    try:
        _program()()
    except ConfigurationError as error:
        _end(CORRECT, *error.problems)
    except TransportError as error:
        _end(LATER, str(error))
    except PeeringDBOAuthError as error:
        _end(NO, str(error))


def _end(status: int, *problems: str) -> NoReturn:
    for problem in problems:
        print(f"peeringdb-oauth: {problem}", file=sys.stderr)  # noqa: T201 - click may not be installed
    sys.exit(status)


def _program() -> Callable[[], None]:
    try:
        from peeringdb_oauth.cli.program import program  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f'{missing_package(error, "cli")}, or "peeringdb-oauth[sandbox]" for the sandbox'
        ) from error
    return program


def missing_package(error: ModuleNotFoundError, extra: str) -> str:
    """What to install for a command; ``extra`` has it."""
    package = str(error.name).partition(".")[0]
    return (
        f"this command needs more packages ({package} is missing): pip install"
        f' "peeringdb-oauth[{extra}]"'
    )
