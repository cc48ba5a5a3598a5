"""``peeringdb-oauth completion``: the names of commands and options for a shell."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

_PROGRAM = "peeringdb-oauth"
_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print a script that completes commands and options in a shell.

    \b
    bash:  eval "$(peeringdb-oauth completion bash)"   in ~/.bashrc
    zsh:   eval "$(peeringdb-oauth completion zsh)"    in ~/.zshrc
    fish:  peeringdb-oauth completion fish | source   in ~/.config/fish/config.fish
    """  # noqa: D301 - click does not wrap a paragraph that begins with \b
    root = context.find_root().command
    click.echo(_SHELLS[shell](root, {}, _PROGRAM, "_PEERINGDB_OAUTH_COMPLETE").source())
