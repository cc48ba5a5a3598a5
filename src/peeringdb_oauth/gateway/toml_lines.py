"""The line of each key in a TOML file, which ``tomllib`` does not tell.

``tomllib`` reads the file first, so everything here may take it for correct.
"""

import re
import tomllib

Where = tuple[str | int, ...]

_KEY = r"""(?:"(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)"""
# The start of a line: "[[", "[" or nothing, and a key with dots.
_START = re.compile(rf"[ \t]*(\[\[?)?[ \t]*({_KEY}(?:[ \t]*\.[ \t]*{_KEY})*)")
# What is skipped at once in a value, and single characters.
_PIECE = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|.",
    re.DOTALL,
)


def lines_of(text: str) -> dict[Where, int]:
    """The line of each table and key, from 1.

    A key is the names that lead to it. A number stands for the place in an array of
    tables, from 0: ``("rule", 0, "path")``.
    """
    lines: dict[Where, int] = {}
    counts: dict[Where, int] = {}
    table: Where = ()
    at = 0
    while at < len(text):
        start = _START.match(text, at)
        if start:
            bracket, names = start[1], _names(start[2])
            if bracket:
                table = where = _table(names, counts, is_array=bracket == "[[")
            else:
                where = (*table, *names)
            line = text.count("\n", 0, start.start(2)) + 1
            for length in range(len(table) + 1, len(where) + 1):
                lines.setdefault(where[:length], line)
            lines.setdefault(where, line)
            at = start.end() + (len(bracket) if bracket else 0)
        at = _end_of_statement(text, at)
    return lines


def _names(dotted: str) -> tuple[str, ...]:
    return tuple(next(iter(tomllib.loads(f"{key} = 0"))) for key in re.findall(_KEY, dotted))


def _table(names: tuple[str, ...], counts: dict[Where, int], *, is_array: bool) -> Where:
    """The table that a header names; ``counts``: how long each array is by now."""
    where: Where = ()
    for name in names[:-1]:
        where = _with_place((*where, name), counts)
    where = (*where, names[-1])
    if is_array:
        counts[where] = counts.get(where, 0) + 1
    return _with_place(where, counts)


def _with_place(where: Where, counts: dict[Where, int]) -> Where:
    return (*where, counts[where] - 1) if where in counts else where


def _end_of_statement(text: str, at: int) -> int:
    """Where the next statement begins."""
    depth = 0
    for piece in _PIECE.finditer(text, at):
        found = piece[0]
        depth += (found in "[{") - (found in "]}")
        if found == "\n" and depth <= 0:
            return piece.end()
    return len(text)
