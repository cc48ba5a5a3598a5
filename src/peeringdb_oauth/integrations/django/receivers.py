"""Receivers: a logout from Django ends the session, and changed rights are saved."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest

from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.settings import refuse_awaitable
from peeringdb_oauth.integrations.django.signals import rights_changed
from peeringdb_oauth.integrations.django.visits import note_cookies, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import SESSION_KEY, Event


@receiver(user_logged_out)
def end_peeringdb_login(request: HttpRequest, **_: Any) -> None:
    """End the PeeringDB login and revoke its tokens after any logout from Django.

    Django has already decided that the logout may happen, so there is no second check
    against forged requests.

    Raises:
        RecordsUnavailable: the store of the sessions does not answer. Django then keeps
            its login, too.
    """
    if SESSION_KEY in getattr(request, "session", ()):
        app = application()
        note_cookies(request, app.run(app.flow.end(to_visit(request)), request))
        vars(request).pop("peeringdb_login", None)


@receiver(rights_changed)
def save_changed_rights(user: User, event: Event, **_: Any) -> None:
    """Save the changed rights in `PeeringDBIdentity`, and call ``ON_RIGHTS_CHANGED``.

    Both in one transaction.
    """
    hook = application().settings.on_rights_changed
    with transaction.atomic():
        identity = PeeringDBIdentity.objects.filter(peeringdb_id=user.id).first()
        if identity is not None:
            identity.refresh(user)
        if hook is not None and event.previous is not None:
            refuse_awaitable("ON_RIGHTS_CHANGED", hook(event.previous, user))
