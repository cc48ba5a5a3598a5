"""The sandbox as a Django application."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Tells Django where the models are."""

    name = "peeringdb_oauth.sandbox.server"
    label = "sandbox"  # the names of the tables begin with it
