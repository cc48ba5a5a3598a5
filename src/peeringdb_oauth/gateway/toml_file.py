"""Reads TOML and collects what is wrong in it, each with the file and the line."""

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.toml_lines import Where, lines_of

T = TypeVar("T")
D = TypeVar("D")

# What is most often behind an error of tomllib.
_HINTS = {
    "Invalid value": "; text must be in quotes, and a switch is true or false",
    "Expected newline": "; text must be in quotes",
    "Illegal character": "; perhaps a quote is missing",
    "Cannot overwrite": "; each key may be there once",
}
_MAX_BYTES = 1_000_000  # of a file with a secret, a logo or the like


class TomlFile:
    """A TOML file.

    ``path``: as it was given. ``values``: what is in it.

    Raises:
        ConfigurationError: the file cannot be read or is no TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._problems: list[tuple[int, str]] = []
        try:
            text = path.read_text("utf-8-sig")
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{path}: not text in UTF-8") from None
        try:
            self.values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(_located(path, text, str(error))) from None
        # As tomllib does.
        self._lines = lines_of(text.replace("\r\n", "\n"))

    def problem(self, text: str, where: Where = ()) -> None:
        """Note a problem. ``where``: the key, or the nearest table that there is."""
        while where and where not in self._lines:
            where = where[:-1]
        self._problems.append((self._lines.get(where, 0), text))

    def problems(self) -> list[str]:
        """All problems, in the order of their lines. Those of no line come first."""
        return [
            f"{self.path}:{line}: {text}" if line else f"{self.path}: {text}"
            for line, text in dict.fromkeys(sorted(self._problems, key=lambda one: one[0]))
        ]

    def resolve(self, file: str) -> Path:
        """The path of a file that is named in this one."""
        return self.path.parent / file

    def read_bytes(self, file: str) -> bytes:
        """What is in a file that is named in this one.

        Raises:
            ConfigurationError: it cannot be read, or is very large.
        """
        path = self.resolve(file)
        try:
            with path.open("rb") as opened:
                content = opened.read(_MAX_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        if len(content) > _MAX_BYTES:
            raise ConfigurationError(f"{path}: has more than {_MAX_BYTES:,} bytes")
        return content


def _located(path: Path, text: str, message: str) -> str:
    """What tomllib says of a text, with the line in front."""
    problem, _, place = message.partition(" (at ")
    found = re.match(r"line (\d+)", place)
    line = found[1] if found else text.count("\n") + 1  # the end of the text
    hint = next((hint for start, hint in _HINTS.items() if problem.startswith(start)), "")
    return f"{path}:{line}: this is no TOML: {problem}{hint}"


class Table:
    """One table of a TOML file, whose keys are checked while they are read.

    ``values``: what is in it. ``where``: its own place. ``is_wrong``: whether a problem
    of one of its keys was noted. ``names``: the keys that there are, and each other key
    is a problem; None where all names will do. ``forbidden``: what to say of some keys
    that are not among them. ``outer``: the keys of the file's top.
    """

    def __init__(
        self,
        file: TomlFile,
        values: Mapping[str, Any],
        where: Where = (),
        names: Iterable[str] | None = None,
        *,
        forbidden: Mapping[str, str] = MappingProxyType({}),
        outer: Iterable[str] = (),
    ) -> None:
        self.file = file
        self.values = values
        self.where = where
        self.is_wrong = False
        known = tuple(values if names is None else names)
        for name in values:
            if name not in known:
                self.problem(name, forbidden.get(name) or _unknown(name, known, outer))
        self._names = known

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def problem(self, name: str, text: str) -> None:
        """Note a problem of a key."""
        self.is_wrong = True
        self.file.problem(f"{name}: {text}", (*self.where, name))

    def read(self, name: str, check: Callable[[Any], T], default: D) -> T | D:
        """The value of a key; ``default`` if it is missing or wrong.

        ``check``: returns the value, or raises a `ConfigurationError` that says what it
        must be.
        """
        if name not in self.values:
            return default
        try:
            return check(self.values[name])
        except ConfigurationError as error:
            for problem in error.problems:
                self.problem(name, problem)
            return default

    def table(
        self,
        name: str,
        names: Iterable[str] | None = None,
        forbidden: Mapping[str, str] = MappingProxyType({}),
    ) -> "Table":
        """The table below a key; an empty one if it is missing or wrong."""
        values: Mapping[str, Any] = self.read(name, _table, {})
        where = (*self.where, name)
        return Table(self.file, values, where, names, forbidden=forbidden, outer=self._names)

    def tables(self, name: str, names: Iterable[str]) -> "list[Table]":
        """The tables of an array, ``[[name]]``."""
        found: list[Mapping[str, Any]] = self.read(name, partial(_tables, name), [])
        return [
            Table(self.file, values, (*self.where, name, place), names, outer=self._names)
            for place, values in enumerate(found)
        ]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """What to write in place of an unknown name."""
    known = tuple(names)
    same = {one.lower(): one for one in known}
    similar = [same[one] for one in get_close_matches(name.lower(), same, 1)]
    return f"did you mean {similar[0]}?" if similar else f"there are {', '.join(known)}"


def _unknown(name: str, known: Iterable[str], outer: Iterable[str]) -> str:
    if name in outer:
        return "must be at the top of the file, before the first line in brackets"
    return f"there is no such key here; {did_you_mean(name, known)}"


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError("must be a table: its name in brackets, and below it its keys")
    return value


def _tables(name: str, value: Any) -> list[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        raise ConfigurationError(f"must have two brackets: [[{name}]]")
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise ConfigurationError(f"must be tables: each begins with a line [[{name}]]")
    return value
