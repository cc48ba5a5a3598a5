"""The Django application."""

from django.apps import AppConfig


class PeeringDBConfig(AppConfig):
    """The application. Its label differs from that of allauth, as it must."""

    name = "peeringdb_oauth.integrations.allauth"
    label = "peeringdb_oauth_allauth"
    verbose_name = "PeeringDB login"

    def ready(self) -> None:
        """Register the system check."""
        from peeringdb_oauth.integrations.allauth import checks  # noqa: F401, PLC0415 - allauth's settings can be read only now
