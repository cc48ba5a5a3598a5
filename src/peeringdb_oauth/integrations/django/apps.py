"""The Django application ``peeringdb_oauth``."""

from django.apps import AppConfig

from peeringdb_oauth.web import TEMPLATES


class PeeringDBConfig(AppConfig):
    """The configuration of the application, for ``INSTALLED_APPS``.

    The name to list there is ``"peeringdb_oauth.integrations.django"``.
    """

    name = "peeringdb_oauth.integrations.django"
    label = "peeringdb_oauth"
    verbose_name = "PeeringDB login"
    # The same in every project, or some projects would need migrations of their own.
    default_auto_field = "django.db.models.BigAutoField"
    # Django looks for an application's templates here. It finds modules by their names.
    path = str(TEMPLATES.parent)

    def ready(self) -> None:
        """Connect the receivers, and register the checks."""
        from peeringdb_oauth.integrations.django import checks, receivers  # noqa: F401, PLC0415 - receivers needs the models
