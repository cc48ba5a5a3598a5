"""The option ``--config`` of the commands that act as the application."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

from peeringdb_oauth.config import ClientConfig

F = TypeVar("F", bound=Callable[..., Any])
# Reads the settings. A command calls it when its other arguments are right: a mistyped
# one is then named first.
LoadConfig = Callable[[], ClientConfig]


def config_option(command: F) -> F:
    """Decorator of a command with the argument ``load_config``, see `LoadConfig`."""
    return click.option(
        "--config",
        "load_config",
        metavar="FILE",
        callback=lambda _context, _option, path: partial(ClientConfig.load, path),
        help=(
            "The ini file with the settings. By default $PEERINGDB_OAUTH_CONFIG or"
            " /etc/peeringdb_oauth.ini; variables PEERINGDB_OAUTH_... come first."
        ),
    )(command)
