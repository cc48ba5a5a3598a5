"""Checks of the single values in the settings. Each returns the value."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.toml_file import did_you_mean

T = TypeVar("T")


def text(value: Any) -> str:
    """A text.

    Raises:
        ConfigurationError: it is none, or empty.
    """
    if not isinstance(value, str) or not value:
        raise ConfigurationError("must be text in quotes")
    return value


def switch(value: Any) -> bool:
    """True or false.

    Raises:
        ConfigurationError: it is neither.
    """
    if not isinstance(value, bool):
        raise ConfigurationError("must be true or false, without quotes")
    return value


def word(value: Any, words: Iterable[str]) -> Any:
    """One of several words.

    Raises:
        ConfigurationError: it is none of them.
    """
    if value in (known := tuple(words)):
        return value
    if not isinstance(value, str):
        raise ConfigurationError(f"must be a word in quotes; there are {', '.join(known)}")
    if all(one.strip() in known for one in value.split(",")):
        several = ", ".join(f'"{one.strip()}"' for one in value.split(","))
        raise ConfigurationError(f"must be a list if there are several: [{several}]")
    raise ConfigurationError(f'"{value}" is not possible here; {did_you_mean(value, known)}')


def number(value: Any, least: int, most: int) -> int:
    """A whole number.

    Raises:
        ConfigurationError: it is none, or out of range.
    """
    if type(value) is not int or not least <= value <= most:
        raise ConfigurationError(f"must be a whole number from {least} to {most}")
    return value


def one_or_several(value: Any, check: Callable[[Any], T]) -> tuple[T, ...]:
    """One value or a list of them, each checked.

    Raises:
        ConfigurationError: the list is empty, or a value is wrong.
    """
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ConfigurationError("must not be empty")
    return tuple(map(check, values))
