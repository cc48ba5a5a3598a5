"""The exceptions of social-core 7, also where an older social-core is installed.

NetBox, Nautobot and Peering Manager have social-core 4 and 5. There are fewer
exceptions there, and a person reads their messages, so these have one sentence each.
"""

from typing import TYPE_CHECKING, Any

from peeringdb_oauth.extras import needs

with needs("social-core"):
    from social_core import exceptions

IS_VERSION_7 = hasattr(exceptions, "AuthPolicyError")  # social-core 7

if TYPE_CHECKING or IS_VERSION_7:
    from social_core.exceptions import (
        AuthConfigurationError,
        AuthPolicyError,
        AuthProviderError,
        AuthResponseError,
    )
else:

    class _Error(exceptions.AuthException):
        """Has the arguments of social-core 7. ``detail``: is not for people."""

        sentence = ""

        def __init__(self, backend: Any, *details: str, **fields: Any) -> None:
            super().__init__(backend)
            vars(self).update(fields, detail=" ".join(details))

        def __str__(self) -> str:
            return self.sentence

    class AuthConfigurationError(_Error):
        """A setting is missing or wrong."""

        sentence = "The login with PeeringDB is not set up right. The log says why."

    class AuthPolicyError(_Error, exceptions.AuthForbidden):
        """The person is not let in."""

        sentence = "This site does not let you in."

    class AuthProviderError(_Error, exceptions.AuthUnreachableProvider):
        """PeeringDB refused, gave no answer, or must not be asked now."""

        sentence = "PeeringDB gave no answer or refused. Try again in a few minutes."

    class AuthResponseError(_Error, exceptions.AuthUnknownError):
        """The callback or an answer is malformed."""

        sentence = "PeeringDB's answer cannot be used. Try again in a few minutes."


__all__ = [
    "IS_VERSION_7",
    "AuthConfigurationError",
    "AuthPolicyError",
    "AuthProviderError",
    "AuthResponseError",
]
