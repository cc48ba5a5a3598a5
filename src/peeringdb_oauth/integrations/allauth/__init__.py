"""PeeringDB for projects on django-allauth: add
``"peeringdb_oauth.integrations.allauth"`` to ``INSTALLED_APPS``. See docs/allauth.md.
"""

from peeringdb_oauth.integrations.social_login import user_from_extra_data

__all__ = ["user_from_extra_data"]
