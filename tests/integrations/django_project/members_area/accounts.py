"""Account models as other projects have them."""

from django.contrib.auth.models import User


class WithoutEmail(User):
    EMAIL_FIELD = "nowhere"

    class Meta:
        """The table is that of `User`."""

        proxy = True
        app_label = "auth"


class ByAddress(User):
    """An account that logs in with its address, which is therefore unique."""

    EMAIL_FIELD = "username"

    class Meta:
        """The table is that of `User`."""

        proxy = True
        app_label = "auth"
