"""The views of the login, and of the connection of an account to PeeringDB."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required, login_required
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.integrations.django import sessions
from peeringdb_oauth.integrations.django.access import end_incomplete_login, is_by_peeringdb
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.backends import DISABLED, IS_NEW, peeringdb_backend
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.settings import refuse_awaitable
from peeringdb_oauth.integrations.django.visits import to_response, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import NO_OTHER_LOGIN, STYLE_SHEET, STYLE_SHEET_HEADERS, Event

_CLOSED = Reason("this site lets nobody in with PeeringDB: ask the people who run it")
_NO_OTHER_LOGIN = Reason("you log in to this account with PeeringDB only", code=NO_OTHER_LOGIN.code)


@login_not_required
@require_GET
def login(request: HttpRequest) -> HttpResponse:
    """Send the browser to PeeringDB. ``?next=`` is the page to come back to."""
    return to_response(request, application().flow.start(to_visit(request)))


@login_not_required
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Log in the person that PeeringDB sends back, or show why not."""
    django_login = _DjangoLogin(request)
    flow = application().flow.callback(
        to_visit(request, rotate=django_login.log_in),
        django_login.admit,
        account=_key_of(request.user),
        connect=django_login.connect,
    )
    answer = application().run(flow, request)
    end_incomplete_login(request)
    if auth.SESSION_KEY not in request.session:
        # The page for a refused person must not name the one who was logged in before.
        request.user = AnonymousUser()
    return to_response(request, answer)


@login_not_required
@require_GET
def style(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The style sheet of our pages and of the login button."""
    return HttpResponse(STYLE_SHEET, headers=STYLE_SHEET_HEADERS)


@login_not_required
@require_POST
@csrf_protect  # also in a project without CsrfViewMiddleware
def logout(request: HttpRequest) -> HttpResponse:
    """End the login and revoke its tokens, then go to ``LOGOUT_REDIRECT_URL``."""
    auth.logout(request)
    return _redirect(_after_logout(request))


@login_required
@csrf_protect
def connect(request: HttpRequest) -> HttpResponse:
    """The page about the connection of the account; a POST connects it.

    ``?next=`` is the page to come back to.
    """
    flow, visit = application().flow, to_visit(request)
    identity = _identity_of(request.user)
    if request.method == "POST" and identity is None:
        return to_response(request, flow.connect(visit, _key_of(request.user) or ""))
    user = None if identity is None else identity.to_user()
    # A model may have the email address as user name, and an account without one.
    name = request.user.get_username() or f"number {request.user.pk}"
    answer = flow.connection(visit, account=name, user=user)
    return to_response(request, answer)


@login_required
@require_POST
@csrf_protect
def disconnect(request: HttpRequest) -> HttpResponse:
    """Disconnect the account, and end where the person is logged in with PeeringDB.

    If nobody could log in to the account any more, the answer says so.
    """
    flow, visit = application().flow, to_visit(request)
    identity, ours = _identity_of(request.user), peeringdb_backend()
    if identity is not None:
        if ours is None or not ours[0].has_other_login(request.user):
            return to_response(
                request, flow.refusals.fail(visit, AccessDenied(_NO_OTHER_LOGIN), has_account=True)
            )
        user = identity.to_user()
        identity.delete()
        visit.tell(Event(kind="disconnected", user=user))
        if application().store is not None:
            sessions.end_all(user.id)
        if is_by_peeringdb(request):
            auth.logout(request)
    is_known = request.user.is_authenticated
    page = reverse("peeringdb:connect") if is_known else _after_logout(request)
    return _redirect(flow.return_path(visit, default=page))


def _redirect(location: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": location, "Cache-Control": "no-store"})


def _after_logout(request: HttpRequest) -> str:
    if settings.LOGOUT_REDIRECT_URL:
        return resolve_url(settings.LOGOUT_REDIRECT_URL)
    return f"{to_visit(request).root}/"


def _key_of(account: Any) -> str | None:
    """What stands for an account while it is connected; None for nobody."""
    return str(account.pk) if account.is_authenticated else None


def _identity_of(account: Any) -> PeeringDBIdentity | None:
    return PeeringDBIdentity.objects.filter(account=account).first()


class _DjangoLogin:
    """Django's half of one login: find the account, ask the project, log in."""

    _account: Any

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def admit(self, user: User) -> None:
        """Find or create the account of ``user``, and ask the project's ``ON_LOGIN``.

        Raises:
            AccessDenied: the backend or the project refuses the login.
            ConfigurationError: ``ON_LOGIN`` is async.
        """
        self._decide(user, self._find)

    def connect(self, user: User) -> None:
        """Connect the account that is logged in to ``user``, and ask ``ON_LOGIN``.

        Raises:
            AccessDenied: one of the two is connected to another one, or the project
                refuses the login.
            ConfigurationError: ``ON_LOGIN`` is async.
        """
        self._decide(user, self._connect)

    def _decide(self, user: User, find: Callable[[User], Any]) -> None:
        """Ask the project about a user and the account that ``find`` returns.

        What ``ON_LOGIN`` has written stays, also if it refuses. But a new account goes
        then, and so does a new link to an account.
        """
        is_new = not PeeringDBIdentity.objects.filter(peeringdb_id=user.id).exists()
        with transaction.atomic() if is_new else nullcontext():
            self._account = find(user)
            refusal = self._ask_project(user)
            if refusal is not None and is_new:
                _forget(user, self._account)
        if refusal is not None:
            raise refusal

    def _find(self, user: User) -> Any:
        account = auth.authenticate(self._request, peeringdb_user=user)
        if account is None:
            raise AccessDenied(_CLOSED)
        return account

    def _connect(self, user: User) -> Any:
        ours = peeringdb_backend()
        if ours is None:
            raise AccessDenied(_CLOSED)
        backend, path = ours
        account = backend.get_user(self._request.user.pk)
        if account is None:
            raise AccessDenied(DISABLED)
        account = backend.connect(account, user)
        account.backend = path
        return account

    def log_in(self) -> None:
        """Log the account in. The session always gets another id.

        Django keeps the id if the same account is logged in already.
        """
        self._request.session.cycle_key()
        auth.login(self._request, self._account)

    def _ask_project(self, user: User) -> AccessDenied | None:
        """Why ``ON_LOGIN`` refuses the login; None if it does not."""
        on_login = application().settings.on_login
        if on_login is not None:
            try:
                refuse_awaitable("ON_LOGIN", on_login(self._request, user, self._account))
            except AccessDenied as refusal:
                return refusal
        return None


def _forget(user: User, account: Any) -> None:
    """Delete the new link of a person to an account, and the account if it is new."""
    PeeringDBIdentity.objects.filter(peeringdb_id=user.id).delete()
    if getattr(account, IS_NEW, False):
        type(account)._base_manager.filter(pk=account.pk).delete()  # noqa: SLF001
