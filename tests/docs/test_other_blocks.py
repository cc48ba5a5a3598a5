"""The blocks of the documentation that are no Python: data, templates and commands."""

import configparser
import json
import re
import tomllib
from pathlib import Path
from textwrap import dedent

import click
import jinja2
import pytest
from django.template import Engine

from peeringdb_oauth.cli.program import program

ROOT = Path(__file__).parents[2]
PAGES = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "SECURITY.md"]
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
BLOCKS = [
    (f"{page.stem}-{number}", language, dedent(code))
    for page in PAGES
    for number, (language, code) in enumerate(BLOCK.findall(page.read_text("utf-8")), 1)
]
CONTEXT = click.Context(program)


def read_template(code):
    """Read a template, in the language of Jinja or in that of Django."""
    if "{% url" in code or "{% csrf_token" in code:
        return Engine().from_string(code)
    return jinja2.Environment(autoescape=True).from_string(code)


READERS = {
    "json": json.loads,
    "toml": tomllib.loads,
    "ini": configparser.RawConfigParser(strict=False).read_string,
    "html": read_template,
}


@pytest.mark.parametrize(
    ("language", "code"),
    [pytest.param(*block[1:], id=block[0]) for block in BLOCKS if block[1] in READERS],
)
def test_block_can_be_read(language, code):
    READERS[language](code)


def command_of(words):
    """The command that ``words`` name, and how many of them do."""
    command, used = program, 0
    while isinstance(command, click.Group) and words[used:]:
        following = command.get_command(CONTEXT, words[used])
        if following is None:
            break
        command, used = following, used + 1
    return command, used


@pytest.mark.parametrize(
    "line",
    sorted(
        {
            found
            for _, language, code in BLOCKS
            if language == "console"
            for found in re.findall(
                r"^\$ peeringdb-oauth ([a-z-].*)", code.replace("\\\n", " "), re.MULTILINE
            )
        }
    ),
)
def test_command_exists_with_its_options(line):
    words = line.partition(" #")[0].partition(" >")[0].split()
    command, used = command_of(words)
    known = {option for each in command.params for option in each.opts} | {"--help"}
    assert used or words[0] in known
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_there_are_such_blocks():
    assert set(READERS) < {language for _, language, _ in BLOCKS}
