"""``peeringdb/login/`` and ``peeringdb/login/callback/``, below the path of allauth."""

from allauth.socialaccount.providers.oauth2.urls import default_urlpatterns

from peeringdb_oauth.integrations.allauth.provider import PeeringDBProvider

urlpatterns = default_urlpatterns(PeeringDBProvider)
