"""Puts a guard before a view, which may be a coroutine function."""

import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from itertools import chain
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary, WeakSet

from flask import Response, after_this_request, current_app, request

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.flask.current import remember, send
from peeringdb_oauth.integrations.flask.extension import extension
from peeringdb_oauth.integrations.flask.visits import to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web import (
    Guard,
    Refused,
    bearer_token,
    enclosed_in,
    private,
    require_token,
    wrapped_in,
)

P = ParamSpec("P")
R = TypeVar("R")

# The name of the view's argument, one number, several of which one suffices, or a
# function without arguments.
ASN = str | int | Iterable[int] | Callable[[], object] | None
Check = Callable[[Guard, object], None]

BLUEPRINT = "peeringdb"  # of the login's pages
_LOGIN_PAGES = tuple(
    f"{BLUEPRINT}.{name}"
    for name in (
        *("login", "callback", "logout", "status", "style"),
        *("connection", "connect", "disconnect"),
    )
)
_guarded: WeakSet[Callable[..., object]] = WeakSet()  # the functions behind a guard
# Functions that a decorator without ``functools.wraps`` may have put behind a guard,
# with what `protect` returned.
_perhaps_guarded: WeakKeyDictionary[Callable[..., object], WeakSet[Callable[..., object]]] = (
    WeakKeyDictionary()
)


def check_login(guard: Guard, asn: object) -> None:
    """Check who is logged in. If they may not see the view, end the request."""
    pdb = extension()
    guard.check_scope(pdb.client.config.scope, where=f"the view {request.endpoint}")
    flow = pdb.flow.require(to_visit(), guard.rule, asn=asn, max_age=guard.max_age)
    remember(_run(flow))
    after_this_request(_keep_private)


def check_token(guard: Guard, asn: object) -> None:
    """Check the bearer token. If it does not open the view, end the request."""
    token = bearer_token(request.headers.get("Authorization"))
    flow = require_token(
        extension().verifier,
        token,
        guard,
        asn=asn,
        address=request.remote_addr,
        path=request.script_root + request.path,
        debug=current_app.debug,
    )
    remember(_run(flow), by_token=True)
    after_this_request(_keep_private)


def protect(guard: Guard, check: Check, view: Callable[P, R]) -> Callable[P, R]:
    """The view behind a guard.

    ``check``: `check_login` or `check_token`, called before the view.
    """
    protected = _protected(guard, check, view)
    _guarded.update(wrapped_in(view))
    for function in filter(inspect.isfunction, enclosed_in(view)):
        _perhaps_guarded.setdefault(function, WeakSet()).add(protected)
    return protected


def _protected(guard: Guard, check: Check, view: Callable[P, R]) -> Callable[P, R]:
    signature = inspect.signature(view) if isinstance(guard.asn, str) else None

    def passes(*args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether to call the view.

        A function before every request of an application is not called for the login's
        own pages, nor for preflights that Flask answers.
        """
        if request.endpoint in _LOGIN_PAGES or _is_preflight():
            return False
        arguments = {} if signature is None else _arguments(signature, *args, **kwargs)
        where = f"the arguments of the function and the URL of {request.endpoint}"
        check(guard, guard.asn_of(arguments, where=where))
        return True

    if inspect.iscoroutinefunction(view):

        @wraps(view)
        async def protected_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
            return await view(*args, **kwargs) if passes(*args, **kwargs) else None

        return cast("Callable[P, R]", protected_coroutine)

    @wraps(view)
    def protected(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs) if passes(*args, **kwargs) else cast("R", None)

    return protected


def check_order() -> None:
    """Find a decorator in the wrong place, before each request.

    Above Flask's decorator it protects nothing: Flask calls the function without it.

    Raises:
        ConfigurationError: a decorator of ours stands above Flask's.
    """
    before = (
        current_app.before_request_funcs.get(name, ()) for name in (None, *request.blueprints)
    )
    called = (current_app.view_functions.get(request.endpoint or ""), *chain.from_iterable(before))
    if any(map(_is_bare, called)):
        raise ConfigurationError(
            f"{request.endpoint}: @pdb.require and @pdb.bearer protect nothing above Flask's"
            " decorator: put them below"
        )


def _keep_private(response: Response) -> Response:
    response.headers["Cache-Control"] = private(response.headers.get("Cache-Control"))
    return response


def _is_bare(function: Callable[..., object] | None) -> bool:
    """Whether Flask calls a function without the guard that it has."""
    if function is None:
        return False
    return function in _guarded or (
        function in _perhaps_guarded and _perhaps_guarded[function].isdisjoint(_used_functions())
    )


def _used_functions() -> Iterator[Callable[..., object]]:
    """All functions that Flask calls, with those that decorators put into them."""
    before = chain.from_iterable(current_app.before_request_funcs.values())
    for function in chain(current_app.view_functions.values(), before):
        yield function
        yield from enclosed_in(function)


def _is_preflight() -> bool:
    """Whether a browser asks what another site may do, and Flask itself answers.

    Browsers send no cookies with it (Fetch standard, CORS-preflight fetch).
    """
    return (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and getattr(request.url_rule, "provide_automatic_options", False)
    )


def _run(flow: Flow[User]) -> User:
    try:
        return extension().client.run(flow)
    except Refused as refused:
        send(refused.answer)


def _arguments(signature: inspect.Signature, /, *args: Any, **kwargs: Any) -> dict[str, object]:
    """The arguments of the view by name.

    Flask calls a function before requests without arguments. So the URL's arguments
    count too.
    """
    given = signature.bind_partial(*args, **kwargs).arguments
    defaults = {
        each.name: each.default
        for each in signature.parameters.values()
        if each.default is not each.empty
    }
    return {**defaults, **(request.view_args or {}), **kwargs, **given}
