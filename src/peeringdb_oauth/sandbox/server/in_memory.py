"""What a running sandbox holds in memory; everything else is in the database."""

import secrets
from dataclasses import dataclass, field

from peeringdb_oauth.sandbox.options import Options
from peeringdb_oauth.sandbox.server.faults import Faults
from peeringdb_oauth.sandbox.server.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """What the views and the middleware share; they find it at ``settings.SANDBOX``.

    ``options``: how the sandbox was started. ``limits``: what is remembered against
    client addresses. ``faults``: those that are switched on. ``control_token``: opens
    the JSON control endpoint.
    """

    options: Options
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    control_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
