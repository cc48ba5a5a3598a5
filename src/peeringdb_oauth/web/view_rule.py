"""What one view asks of people, beyond what the login asked of everybody."""

from dataclasses import replace
from typing import Any

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.profile import Permission


def view_rule(
    login_rule: AccessRule,
    asn: Any,
    *,
    perms: Permission,
    manage_sessions: bool,
    mfa: bool,
) -> AccessRule:
    """The rule of a view: who must be verified is as for the login.

    ``asn``: constants are part of the rule; a name or a function, with which the view
    finds the number for each request, is not.

    Raises: `ConfigurationError` for conditions that nobody can meet.
    """
    if asn is None and (manage_sessions or perms != Permission.READ):
        raise ConfigurationError("asn: missing, and perms and manage_sessions are about a network")
    found_by_request = isinstance(asn, str) or callable(asn)
    return replace(
        login_rule,
        asn=None if found_by_request else asn,
        perms=perms,
        manage_sessions=manage_sessions,
        mfa=mfa,
    )
