"""PeeringDB as a provider of django-allauth. See docs/allauth.md.

Add ``"peeringdb_oauth.integrations.allauth"`` to ``INSTALLED_APPS``.
"""

from peeringdb_oauth.integrations.social_login import user_from_extra_data

__all__ = ["user_from_extra_data"]
