"""The command line with all its commands."""

from importlib import import_module

import click

from peeringdb_oauth._version import __version__
from peeringdb_oauth.cli import missing_package
from peeringdb_oauth.errors import ConfigurationError

# Where each command is, and the extra that it needs. A command is imported when it is
# called, because some need many packages.
_COMMANDS = {
    "completion": ("completion", "cli"),
    "demo": ("demo", "cli"),
    "doctor": ("doctor", "cli"),
    "explain": ("users", "cli"),
    "gateway": ("gateway", "gateway"),
    "init": ("init", "cli"),
    "login": ("login", "cli"),
    "logout": ("login", "cli"),
    "sandbox": ("sandbox", "sandbox"),
    "sessions": ("sessions", "sql"),
    "token": ("id_token", "cli"),
    "whoami": ("users", "cli"),
}


class Commands(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of all commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A command; None if there is none of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module, extra = _COMMANDS[cmd_name]
        try:
            command: click.Command = getattr(
                import_module(f"peeringdb_oauth.cli.{module}"), cmd_name
            )
        except ModuleNotFoundError as error:
            return _not_installed(cmd_name, missing_package(error, extra), extra)
        return command


def _not_installed(name: str, problem: str, extra: str) -> click.Command:
    """A command that says what to install; the help of all commands lists it too."""

    @click.command(
        name,
        add_help_option=False,
        context_settings={"ignore_unknown_options": True},
        short_help=f'Not installed: pip install "peeringdb-oauth[{extra}]".',
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def command(arguments: tuple[str, ...]) -> None:  # noqa: ARG001 - nothing can read them
        raise ConfigurationError(problem)

    return command


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="peeringdb-oauth", message="%(prog)s %(version)s")
def program() -> None:
    """Log network operators in with PeeringDB: from nothing to production."""
