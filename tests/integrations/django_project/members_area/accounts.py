"""Accounts as other projects have them."""

from django.contrib.auth.models import User


class WithoutEmail(User):
    EMAIL_FIELD = "nowhere"

    class Meta:
        """No table of its own."""

        proxy = True
        app_label = "auth"


class ByAddress(User):
    """They log in with it, so it is there once."""

    EMAIL_FIELD = "username"

    class Meta:
        """No table of its own."""

        proxy = True
        app_label = "auth"
