"""The sandbox as a Django application."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Its models only; the label is short because it becomes part of table names."""

    name = "peeringdb_oauth.sandbox.server"
    label = "sandbox"
