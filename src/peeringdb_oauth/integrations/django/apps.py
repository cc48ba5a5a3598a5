"""The Django application."""

from django.apps import AppConfig

from peeringdb_oauth.web import TEMPLATES


class PeeringDBConfig(AppConfig):
    """For ``INSTALLED_APPS``: ``"peeringdb_oauth.integrations.django"``."""

    name = "peeringdb_oauth.integrations.django"
    label = "peeringdb_oauth"
    verbose_name = "PeeringDB login"
    default_auto_field = (
        # whatever the project has, or it would have to migrate us
        "django.db.models.BigAutoField"
    )
    path = str(
        TEMPLATES.parent,
    )  # where Django looks for an application's templates; Python's modules it finds by their names

    def ready(self) -> None:
        """Connect what listens, register what checks."""
        from peeringdb_oauth.integrations.django import checks, receivers  # noqa: F401, PLC0415 - receivers needs the models
