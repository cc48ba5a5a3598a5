"""What templates know of the login."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from peeringdb_oauth.profile import User


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContext:
    """What templates know as ``peeringdb``.

    The templates ``login_button.html`` and ``logout_button.html`` need it too.
    ``user``: who is logged in; None for nobody. ``login_url``: where a login starts.
    ``logout_url``: where the logout form is posted. ``csrf_field`` and ``csrf_token``:
    name and value of the hidden field in a form. ``labels``: what the buttons say.
    ``style_url``: the style sheet.
    """

    user: User | None
    login_url: str
    logout_url: str
    csrf_field: str
    csrf_token: str = field(repr=False)
    labels: Mapping[str, str] = field(repr=False)
    style_url: str
