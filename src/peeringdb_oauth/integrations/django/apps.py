"""The Django application ``peeringdb_oauth``."""

from functools import cached_property

from django.apps import AppConfig, apps
from django.http import HttpRequest

from peeringdb_oauth.web import TEMPLATES

ADMIN_LOGIN = "peeringdb_oauth/admin_login.html"


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
        """Connect the receivers, register the checks, and add to Django what we add.

        That is ``request.peeringdb_login``, and a button on the admin's login page. A
        project's own ``login_template`` stays.
        """
        from peeringdb_oauth.integrations.django import access, checks, receivers  # noqa: F401, PLC0415 - receivers needs the models

        # Read when it is first used: most requests do not need it.
        login = cached_property(access.peeringdb_login)
        login.__set_name__(HttpRequest, "peeringdb_login")
        HttpRequest.peeringdb_login = login  # type: ignore[attr-defined]  # our addition
        if apps.is_installed("drf_spectacular"):
            from peeringdb_oauth.integrations.django import spectacular  # noqa: F401, PLC0415 - only where it is installed
        if apps.is_installed("django.contrib.admin"):
            from django.contrib.admin import AdminSite  # noqa: PLC0415 - needs the models

            # For all sites, but the choice of a subclass or of a site counts.
            AdminSite.login_template = AdminSite.login_template or ADMIN_LOGIN
