"""The signals of the login, for Flask's receivers."""

from blinker import Namespace

from peeringdb_oauth.integrations.flask.extension import extension
from peeringdb_oauth.web import Event

_signals = Namespace()
# The application sends each with ``event=``, an `Event` of `peeringdb_oauth.web`.
logged_in = _signals.signal("logged-in")
login_refused = _signals.signal("login-refused")
logged_out = _signals.signal("logged-out")
rights_changed = _signals.signal("rights-changed")
_SIGNALS = {
    "login": logged_in,
    "refused": login_refused,
    "logout": logged_out,
    "rights_changed": rights_changed,
}


def send(event: Event) -> None:
    """Send the signal for an event."""
    app = extension().app
    _SIGNALS[event.kind].send(app, _async_wrapper=app.ensure_sync, event=event)
