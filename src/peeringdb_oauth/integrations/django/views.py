"""The views of login, callback and logout."""

from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_POST

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.integrations.django.access import end_incomplete_login
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.settings import refuse_awaitable
from peeringdb_oauth.integrations.django.visits import to_response, to_visit
from peeringdb_oauth.profile import User


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
    flow = application().flow
    answer = application().run(
        flow.callback(to_visit(request, rotate=django_login.log_in), django_login.admit), request
    )
    end_incomplete_login(request)
    if auth.SESSION_KEY not in request.session:
        # The page for a refused person must not name the one who was logged in before.
        request.user = AnonymousUser()
    return to_response(request, answer)


@login_not_required
@require_POST
@csrf_protect  # also in a project without CsrfViewMiddleware
def logout(request: HttpRequest) -> HttpResponse:
    """End the login and revoke its tokens, then go to ``LOGOUT_REDIRECT_URL``."""
    auth.logout(request)
    location = (
        resolve_url(settings.LOGOUT_REDIRECT_URL)
        if settings.LOGOUT_REDIRECT_URL
        else f"{to_visit(request).root}/"
    )
    return HttpResponse(status=303, headers={"Location": location, "Cache-Control": "no-store"})


class _DjangoLogin:
    """Django's half of one login: find the account, ask the project, log in."""

    _account: Any

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def admit(self, user: User) -> None:
        """Find or create the account of ``user``, and ask the project's ``ON_LOGIN``.

        If the project refuses a new person, nothing of that person stays. For a known
        person, what ``ON_LOGIN`` has changed stays.

        Raises:
            AccessDenied: the backend or the project refuses the login.
            ConfigurationError: ``ON_LOGIN`` is async.
        """
        on_login = application().settings.on_login
        is_new = (
            on_login is not None
            and not PeeringDBIdentity.objects.filter(peeringdb_id=user.id).exists()
        )
        with transaction.atomic() if is_new else nullcontext():
            self._account = auth.authenticate(self._request, peeringdb_user=user)
            if self._account is None:
                raise AccessDenied(
                    "this site lets nobody in with PeeringDB: ask the people who run it"
                )
            if on_login is not None:
                refuse_awaitable("ON_LOGIN", on_login(self._request, user, self._account))

    def log_in(self) -> None:
        """Log the account in. The session always gets another id.

        Django keeps the id if the same account is logged in already.
        """
        self._request.session.cycle_key()
        auth.login(self._request, self._account)
