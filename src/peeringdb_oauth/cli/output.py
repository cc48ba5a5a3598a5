"""What the commands have in common: JSON, and a console for people."""

import json

import click
from rich.console import Console

json_option = click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")


def write_json(value: object) -> None:
    """Write a value as JSON to standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def clean(text: object) -> str:
    """Text that somebody else wrote, without what a terminal takes for a command."""
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(text)
    )


def plain_console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is: a person's name may look like markup."""
    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False, emoji=False)
