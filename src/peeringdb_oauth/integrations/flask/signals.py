"""The signals of the login, for Flask's receivers."""

from blinker import Namespace
from flask import Flask

from peeringdb_oauth.integrations.flask.extension import extension
from peeringdb_oauth.web import Event

_signals = Namespace()
# The application sends each with ``event=``, an `Event` of `peeringdb_oauth.web`.
logged_in = _signals.signal("logged-in")
login_refused = _signals.signal("login-refused")
logged_out = _signals.signal("logged-out")
rights_changed = _signals.signal("rights-changed")
session_ended = _signals.signal("session-ended")
connected = _signals.signal("connected")
disconnected = _signals.signal("disconnected")
_SIGNALS = {
    "login": logged_in,
    "refused": login_refused,
    "logout": logged_out,
    "rights_changed": rights_changed,
    "session_ended": session_ended,
    "connected": connected,
    "disconnected": disconnected,
}


def send(event: Event) -> None:
    """Call the hooks and send the signal for an event."""
    pdb = extension()
    if event.previous is not None and event.user is not None:
        pdb.on_rights_changed(event.previous, event.user)
    _SIGNALS[event.kind].send(pdb.app, _async_wrapper=pdb.app.ensure_sync, event=event)


def tell_outside(app: Flask, event: Event) -> None:
    """Send the signal for an event that no request has caused."""
    with app.app_context():
        send(event)
