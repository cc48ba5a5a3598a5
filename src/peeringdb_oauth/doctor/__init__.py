"""Why a login with PeeringDB does not work: what was seen, why it matters, what to do.

Each check gives a `Finding`. The command ``peeringdb-oauth doctor`` shows them.
"""

from peeringdb_oauth.doctor.application import examine_application
from peeringdb_oauth.doctor.callback import examine_callback
from peeringdb_oauth.doctor.environment import examine_environment
from peeringdb_oauth.doctor.findings import Finding, Status
from peeringdb_oauth.doctor.gateway import examine_gateway, examine_hosts
from peeringdb_oauth.doctor.provider import examine_provider
from peeringdb_oauth.doctor.settings import examine_settings
from peeringdb_oauth.doctor.tokens import examine_login

__all__ = [
    "Finding",
    "Status",
    "examine_application",
    "examine_callback",
    "examine_environment",
    "examine_gateway",
    "examine_hosts",
    "examine_login",
    "examine_provider",
    "examine_settings",
]
