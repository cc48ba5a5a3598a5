"""Signals for a project's receivers: logins, refusals, rights, sessions, connections.

The sender of each is `Event`. Each is sent with ``request``, ``event`` (an `Event` of
`peeringdb_oauth.web`) and ``user`` (PeeringDB's `User`, or None). ``request`` is None
for what happens behind an answer or without a request: a re-check, or an end by an
operator.
"""

from django.dispatch import Signal
from django.http import HttpRequest

from peeringdb_oauth.web import Event

logged_in = Signal()
login_refused = Signal()
logged_out = Signal()
rights_changed = Signal()
session_ended = Signal()
connected = Signal()
disconnected = Signal()

_SIGNALS = {
    "login": logged_in,
    "refused": login_refused,
    "logout": logged_out,
    "rights_changed": rights_changed,
    "session_ended": session_ended,
    "connected": connected,
    "disconnected": disconnected,
}


def send(request: HttpRequest | None, event: Event) -> None:
    """Send the signal for ``event``."""
    _SIGNALS[event.kind].send(sender=Event, request=request, event=event, user=event.user)
