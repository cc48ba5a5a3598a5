"""The command line with all its commands."""

import click

from peeringdb_oauth._version import __version__
from peeringdb_oauth.cli.sandbox import sandbox
from peeringdb_oauth.cli.sessions import sessions


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="peeringdb-oauth", message="%(prog)s %(version)s")
def program() -> None:
    """Log network operators in with PeeringDB: tools for developers."""


program.add_command(sandbox)
program.add_command(sessions)
