"""What happens by itself: a logout of Django's is one of PeeringDB's, and changed
rights are remembered.
"""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.signals import rights_changed
from peeringdb_oauth.integrations.django.visits import to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web.session import KEY


@receiver(user_logged_out)
def end_peeringdb_login(request: HttpRequest, **_: Any) -> None:
    """Forget the login and revoke its tokens, whichever way the logout came: whether it
    may was Django's to say.
    """
    if KEY in getattr(request, "session", ()):
        flow = application().flow
        application().client.run(flow.log_out(to_visit(request, own=True)))


@receiver(rights_changed)
def remember_rights(user: User, **_: Any) -> None:
    """In the database, too."""
    identity = PeeringDBIdentity.objects.filter(peeringdb_id=user.id).first()
    if identity is not None:
        identity.refresh(user)
