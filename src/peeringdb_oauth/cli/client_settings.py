"""The option ``--config`` of the commands that act as the application."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from peeringdb_oauth.config import ClientConfig

F = TypeVar("F", bound=Callable[..., Any])


def config_option(command: F) -> F:
    """Decorator of a command with the argument ``config``, a `ClientConfig`."""
    return click.option(
        "--config",
        metavar="FILE",
        callback=lambda _context, _option, path: ClientConfig.load(path),
        help=(
            "The ini file with the settings. By default $PEERINGDB_OAUTH_CONFIG or"
            " /etc/peeringdb_oauth.ini; variables PEERINGDB_OAUTH_... come first."
        ),
    )(command)
