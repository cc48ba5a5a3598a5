"""The Django application."""

from django.apps import AppConfig


class PeeringDBConfig(AppConfig):
    """With a label of its own: allauth itself has the one that Django would make up."""

    name = "peeringdb_oauth.integrations.allauth"
    label = "peeringdb_oauth_allauth"
    verbose_name = "PeeringDB login"
