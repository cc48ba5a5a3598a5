"""PeeringDB as a provider of django-allauth. See docs/allauth.md.

Add ``"peeringdb_oauth.integrations.allauth"`` to ``INSTALLED_APPS``.
"""

from peeringdb_oauth.extras import needs
from peeringdb_oauth.integrations.social_login import user_from_extra_data

with needs("allauth"):
    import allauth  # noqa: F401 - here it is known what to install

__all__ = ["user_from_extra_data"]
