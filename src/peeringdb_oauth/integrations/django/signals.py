"""What happened to whom, for a project's own receivers.

Each is sent with ``request``, ``event`` (`peeringdb_oauth.web.Event`) and ``user``,
PeeringDB's `User` or None; the sender is `Event`.
"""

from django.dispatch import Signal
from django.http import HttpRequest

from peeringdb_oauth.web import Event

logged_in = Signal()
login_refused = Signal()
logged_out = Signal()
rights_changed = Signal()

_OF_KIND = {
    "login": logged_in,
    "refused": login_refused,
    "logout": logged_out,
    "rights_changed": rights_changed,
}


def send(request: HttpRequest, event: Event) -> None:
    """Tell the project."""
    _OF_KIND[event.kind].send(sender=Event, request=request, event=event, user=event.user)
