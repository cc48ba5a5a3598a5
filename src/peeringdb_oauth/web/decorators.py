"""What the decorators of all frameworks share: arguments, and wrapped functions."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from types import FunctionType
from typing import Any


def refuse_positional(arguments: tuple[object, ...], call: str) -> None:
    """Refuse arguments without a name, as a decorator without its parentheses gets.

    ``call``: what to write, with ``{}`` for the arguments.

    Raises:
        TypeError: there are such arguments.
    """
    if arguments:
        raise TypeError(
            f"there are no positional arguments: write {call.format('')}, with parentheses, or"
            f""" {call.format('asn="asn"')}"""
        )


def wrapped_in(function: Callable[..., Any] | None) -> Iterator[Callable[..., Any]]:
    """A function, and those that decorators with ``functools.wraps`` put into it."""
    while function is not None:
        yield function
        function = getattr(function, "__wrapped__", None)


def enclosed_in(function: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """The functions that decorators of any kind put into a function.

    Without ``functools.wraps`` they are in a closure, in a ``functools.partial`` or in
    an attribute of an object. Other functions may be there, too.
    """
    pending, seen = [*_kept_by(function)], set[int]()
    while pending:
        found = pending.pop()
        if isinstance(found, FunctionType | partial) and id(found) not in seen:
            seen.add(id(found))
            yield found
            pending += _kept_by(found)


def _kept_by(function: Callable[..., Any]) -> Iterator[Any]:
    if isinstance(function, partial):
        yield function.func
        return
    attributes: dict[str, Any] = getattr(function, "__dict__", {})
    yield from attributes.values()
    # Of a view that Flask or Django made of a class.
    yield from getattr(attributes.get("view_class"), "__dict__", {}).values()
    for cell in getattr(function, "__closure__", None) or ():
        with suppress(ValueError):  # the variable has no value yet
            yield cell.cell_contents
