"""docs/command-line.md says what the command line does."""

import re
from pathlib import Path

import click
import pytest

from peeringdb_oauth import cli
from peeringdb_oauth.cli.program import program

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
CONTEXT = click.Context(program)


def options(command):
    return {option for each in command.params for option in each.opts} | {"--help"}


def test_the_page_lists_all_commands():
    listed = re.findall(r"^\| `([a-z]+)` \|.*\[.*\]` .*\|$", PAGE, re.MULTILINE)
    assert sorted(listed) == program.list_commands(CONTEXT)


def test_each_command_on_the_page_exists_with_its_options():
    lines = re.findall(r"^\$ peeringdb-oauth ([a-z]+)(.*)$", PAGE, re.MULTILINE)
    assert len(lines) >= 8
    for name, rest in lines:
        command = program.get_command(CONTEXT, name)
        assert set(re.findall(r"--[a-z-]+", rest)) <= options(command), name


@pytest.mark.parametrize(
    "name", ["doctor", "login", "whoami", "explain", "token", "logout", "sandbox"]
)
def test_each_command_that_shows_something_has_json(name):
    assert "--json" in options(program.get_command(CONTEXT, name))


def test_the_exit_statuses_are_those_of_the_page():
    assert [int(found) for found in re.findall(r"^\| ([0-9]) \|", PAGE, re.MULTILINE)] == [
        *(0, cli.NO, cli.CORRECT, cli.LATER)
    ]
