"""Django's system check: whether the rule and the scope of the settings fit."""

from typing import Any

from allauth.socialaccount import app_settings
from django.core.checks import CheckMessage, Error, Tags, register

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.config import parse_scope
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.integrations.social_login import SCOPE, check_rule


@register(Tags.security)
def check_settings(**_: Any) -> list[CheckMessage]:
    """E001 for each problem of ``SOCIALACCOUNT_PROVIDERS["peeringdb"]``."""
    settings = app_settings.PROVIDERS.get("peeringdb", {})
    try:
        check_rule(
            settings.get("ACCESS_RULE", AccessRule()), parse_scope(settings.get("SCOPE", SCOPE))
        )
    except ConfigurationError as error:
        return [
            Error(
                f'SOCIALACCOUNT_PROVIDERS["peeringdb"]: {problem}',
                id="peeringdb_oauth_allauth.E001",
            )
            for problem in error.problems
        ]
    return []
