"""Who is logged in.

A login has two parts, Django's and PeeringDB's. If one of them has ended, the other one
ends too.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.functional import SimpleLazyObject
from django.utils.module_loading import import_string

from peeringdb_oauth.errors import (
    AccessDenied,
    InvalidResponse,
    PeeringDBOAuthError,
    ProviderError,
    RecordsUnavailable,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.backends import PeeringDBBackend
from peeringdb_oauth.integrations.django.visits import name_of_view, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.steps import Flow
from peeringdb_oauth.web import (
    SESSION_KEY,
    Ending,
    EndReason,
    Guard,
    Refused,
    SessionInfo,
    Visit,
    without_impostors,
)

T = TypeVar("T")


def peeringdb_user(request: HttpRequest, *, max_age: float | None = None) -> User | None:
    """Who is logged in with PeeringDB; None for nobody.

    ``max_age``: PeeringDB is asked if its last answer is older, in seconds; None: it is
    asked when ``SESSION_POLICY`` says so. `PeeringDBMiddleware` answers each of these
    errors with a page.

    Raises:
        TokenRejected: PeeringDB has ended the login.
        AccessDenied: the project's rule no longer lets the user in.
        TransportError: PeeringDB cannot be asked now.
        InvalidResponse: PeeringDB's answer is not what it must be.
    """
    _raise_noted_error(request)
    end_incomplete_login(request)
    return _run(request, application().flow.user(to_visit(request), max_age=max_age))


def peeringdb_login(request: HttpRequest) -> SessionInfo | None:
    """The session of whoever is logged in with PeeringDB; None for nobody.

    ``request.peeringdb_login`` is the same. In an async view that is not guarded, call
    this function with ``sync_to_async``.

    Raises:
        PeeringDBOAuthError: as `peeringdb_user`.
    """
    _raise_noted_error(request)
    end_incomplete_login(request)
    return _run(request, application().flow.session(to_visit(request)))


def require(request: HttpRequest, guard: Guard, *, asn: object, visit: Visit | None = None) -> User:
    """Who is logged in, if the guard lets them in.

    ``asn``: from `Guard.asn_of`. ``visit``: instead of the one that the request makes.

    Raises:
        Refused: with the answer to send.
        ConfigurationError: the scope lacks what the guard reads.
    """
    app = application()
    guard = guard.under(app.settings.rule)
    guard.check_scope(
        app.client.config.scope, where=f"the view {name_of_view(request) or request.path}"
    )
    visit = visit or to_visit(request)
    try:
        _raise_noted_error(request)
        ending = end_incomplete_login(request)
    except (AccessDenied, TokenRejected, RecordsUnavailable) as error:
        raise Refused(app.flow.refusals.fail(visit, error, rule=guard.rule)) from None
    if ending is not None:
        raise Refused(app.flow.refusals.ask_to_log_in(visit, ending))
    return _run(request, app.flow.require(visit, guard.rule, asn=asn, max_age=guard.max_age))


def use_genuine_cookies(request: HttpRequest) -> None:
    """Ignore cookies that another host of the domain has planted.

    The request gets the session of the cookie that this site has set, or an empty one.
    Nothing is deleted.
    """
    header = clean = request.META.get("HTTP_COOKIE", "")
    for name in (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME):
        clean = without_impostors(clean, name)
    if clean == header:
        return
    request.META["HTTP_COOKIE"] = clean
    request.COOKIES = parse_cookie(clean)
    request.session = type(request.session)(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    # Middleware above ours has perhaps read the planted cookies already.
    request.META.pop("CSRF_COOKIE", None)
    CsrfViewMiddleware(lambda _: HttpResponse()).process_request(request)
    user: Any = SimpleLazyObject(partial(auth.get_user, request))
    request.user = user


def end_incomplete_login(request: HttpRequest, *, recheck: bool = False) -> Ending | None:
    """End Django's login and PeeringDB's if one of the two has ended.

    The session may be over, the account may be disabled, its password may have changed,
    or PeeringDB may have ended the login. The result is how the session of PeeringDB's
    login has ended; None if it lives, or if there is none. ``recheck``: whether to ask
    PeeringDB for the rights if they are as old as the policy allows.

    Raises:
        RecordsUnavailable: the store of the sessions does not answer.
        TokenRejected: PeeringDB has just ended the login.
        AccessDenied: the project's rule no longer lets the user in.
    """
    if not is_by_peeringdb(request):
        return None
    visit = to_visit(request)
    if not visit.is_trusted:
        return None
    app = application()
    is_known = request.user.is_authenticated  # before the session is cleared
    flow = app.visitors.current(visit) if recheck else app.visitors.load(visit)
    try:
        login = app.run(flow, request)
    except (AccessDenied, TokenRejected) as error:
        auth.logout(request)
        request._peeringdb_error = error  # type: ignore[attr-defined]  # noqa: SLF001 - ours
        raise
    except RecordsUnavailable:
        raise
    except (TransportError, ProviderError, InvalidResponse):
        # The rights are not known now. A view that needs them says so.
        login = app.run(app.visitors.load(visit), request)
    ending = None if login is None else login.ending
    if ending is not None:
        app.flow.refusals.let_log_in(visit, ending)
    if login is None or ending is not None or not is_known:
        auth.logout(request)
    return ending


def note_login(request: HttpRequest) -> None:
    """Note the login of a request, for `end_dropped_login`."""
    request._peeringdb_noted = request.session.get(SESSION_KEY)  # type: ignore[attr-defined]  # noqa: SLF001 - ours


def end_dropped_login(request: HttpRequest) -> None:
    """End the login that a request had, if it is no longer in the session.

    Django drops it when a view logs in another account, and so does a view that flushes
    the session. It does nothing to one that has ended already.
    """
    noted = getattr(request, "_peeringdb_noted", None)
    if noted is None or _name_in(request.session.get(SESSION_KEY)) == _name_in(noted):
        return
    app, visit = application(), replace(to_visit(request), session={SESSION_KEY: noted})
    reason: EndReason = "replaced" if auth.SESSION_KEY in request.session else "logout"
    with suppress(RecordsUnavailable):  # then it ends when it is over
        app.run(app.visitors.drop(visit, reason), request)


def _name_in(value: Any) -> Any:
    """What stays the same in a session's value for as long as a login lives."""
    return value.get("csrf_token") if isinstance(value, Mapping) else None


def _run(request: HttpRequest, flow: Flow[T]) -> T:
    """Run a flow. If it ends PeeringDB's login, end Django's before the next line."""
    was_logged_in = SESSION_KEY in request.session
    try:
        return application().run(flow, request)
    finally:
        if was_logged_in and SESSION_KEY not in request.session:
            auth.logout(request)


def _raise_noted_error(request: HttpRequest) -> None:
    """Raise the error with which the middleware has ended the login, once."""
    error: PeeringDBOAuthError | None = vars(request).pop("_peeringdb_error", None)
    if error is not None:
        raise error


def is_by_peeringdb(request: HttpRequest) -> bool:
    """Whether somebody has logged in with PeeringDB in this session."""
    if SESSION_KEY in request.session:
        return True
    path = request.session.get(auth.BACKEND_SESSION_KEY, "")
    return path in settings.AUTHENTICATION_BACKENDS and issubclass(
        import_string(path), PeeringDBBackend
    )
