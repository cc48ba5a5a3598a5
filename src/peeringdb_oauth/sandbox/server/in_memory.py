"""What one running sandbox holds in memory beside the database."""

import secrets
from dataclasses import dataclass, field

from peeringdb_oauth.sandbox.options import Options
from peeringdb_oauth.sandbox.server.faults import Faults
from peeringdb_oauth.sandbox.server.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """Found at ``settings.SANDBOX``."""

    options: Options
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    control_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
