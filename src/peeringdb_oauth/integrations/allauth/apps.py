"""The Django application."""

from django.apps import AppConfig


class PeeringDBConfig(AppConfig):
    """The application. Its label differs from that of allauth, as it must."""

    name = "peeringdb_oauth.integrations.allauth"
    label = "peeringdb_oauth_allauth"
    verbose_name = "PeeringDB login"
