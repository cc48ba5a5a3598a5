"""Login, callback, logout."""

import inspect
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

from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.integrations.django.access import end_half_login
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.visits import to_response, to_visit
from peeringdb_oauth.profile import User


@login_not_required
@require_GET
def login(request: HttpRequest) -> HttpResponse:
    """To PeeringDB. ``?next=`` is the page to come back to."""
    return to_response(request, application().flow.start(to_visit(request)))


@login_not_required
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Back from PeeringDB."""
    arrival = _Arrival(request)
    flow = application().flow
    answer = application().client.run(
        flow.callback(to_visit(request, rotate=arrival.log_in), arrival.admit),
    )
    end_half_login(request)
    if (
        auth.SESSION_KEY not in request.session
    ):  # of who was logged in before, nothing stays on the page for who is refused
        request.user = AnonymousUser()
    return to_response(request, answer)


@login_not_required
@require_POST
@csrf_protect  # wherever the middleware is
def logout(request: HttpRequest) -> HttpResponse:
    """End the login, here and at PeeringDB."""
    auth.logout(request)
    location = (
        resolve_url(settings.LOGOUT_REDIRECT_URL)
        if settings.LOGOUT_REDIRECT_URL
        else f"{to_visit(request).root}/"
    )
    return HttpResponse(status=303, headers={"Location": location, "Cache-Control": "no-store"})


class _Arrival:
    """Somebody who comes back from PeeringDB, and their account once they are let in."""

    _account: Any

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def admit(self, user: User) -> None:
        """Find their account, and ask the project. Where that refuses somebody new,
        nothing of them stays.
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
                    "this site lets nobody in with PeeringDB: ask the people who run it",
                )
            if on_login is not None and inspect.isawaitable(
                result := on_login(self._request, user, self._account),
            ):
                getattr(result, "close", lambda: None)()
                raise ConfigurationError(
                    "ON_LOGIN: must not be async: nobody would wait for what it refuses",
                )

    def log_in(self) -> None:
        """Django's half of the login. The session gets another id in any case: Django
        keeps it for who was logged in already.
        """
        self._request.session.cycle_key()
        auth.login(self._request, self._account)
