"""Views behind a check: which network is this about, then may they, then the view
itself, be it a function or a coroutine function.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from itertools import chain
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakSet

from flask import current_app, request

from peeringdb_oauth.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")

# The name of the view's argument, a constant, several of which one suffices, or a
# function without arguments.
ASN = str | int | Iterable[int] | Callable[[], object] | None

BLUEPRINT = "peeringdb"  # of the pages of the login
_OF_THE_LOGIN = tuple(f"{BLUEPRINT}.{name}" for name in ("login", "callback", "logout"))
_guarded: WeakSet[Callable[..., object]] = WeakSet()  # what is behind a check
# no rule takes this for an AS number, and none for the wish not to have one named
NO_ASN = ""


def guard(asn: ASN, check: Callable[[object], None], view: Callable[P, R]) -> Callable[P, R]:
    """``view`` behind ``check``, which is given the AS number, None where none is asked
    for.
    """
    find = _asn_finder(asn, view)
    _guarded.update(_unwrapped(view))

    def go_on(*args: P.args, **kwargs: P.kwargs) -> bool:
        if (
            request.endpoint in _OF_THE_LOGIN
        ):  # before every request: but these pages are the way in
            return False
        check(find(*args, **kwargs))
        return True

    if inspect.iscoroutinefunction(view):

        @wraps(view)
        async def guarded_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
            return await view(*args, **kwargs) if go_on(*args, **kwargs) else None

        return cast("Callable[P, R]", guarded_coroutine)

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs) if go_on(*args, **kwargs) else cast("R", None)

    return guarded


def check_order() -> None:
    """Before each request: raise `ConfigurationError` for a decorator above that of
    Flask, which then knows only what is behind it.
    """
    before = (
        current_app.before_request_funcs.get(name, ()) for name in (None, *request.blueprints)
    )
    called = (current_app.view_functions.get(request.endpoint or ""), *chain.from_iterable(before))
    if any(function in _guarded for function in called):
        raise ConfigurationError(
            f"{request.endpoint}: @pdb.require and @pdb.bearer protect nothing above Flask's"
            " decorator: put them below",
        )


def _unwrapped(view: Callable[..., object] | None) -> Iterator[Callable[..., object]]:
    """A view, and what other decorators have wrapped in it."""
    while view is not None:
        yield view
        view = getattr(view, "__wrapped__", None)


def _asn_finder(asn: ASN, view: Callable[..., object]) -> Callable[..., object]:
    if callable(asn):
        return lambda *_, **__: asn  # to be called when it is known who asks
    if isinstance(asn, str):
        return partial(_argument, asn, inspect.signature(view))
    return lambda *_, **__: None


def _argument(name: str, signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> object:
    """What the view itself will see; a function before requests has no arguments, and
    the URL's count.
    """
    given = signature.bind_partial(*args, **kwargs).arguments
    defaults = {
        each.name: each.default
        for each in signature.parameters.values()
        if each.default is not each.empty
    }
    arguments = {**defaults, **(request.view_args or {}), **kwargs, **given}
    if name not in arguments:
        raise ConfigurationError(
            f"asn: neither the function nor the URL of {request.endpoint} has an argument {name!r}",
        )
    return NO_ASN if arguments[name] is None else arguments[name]
