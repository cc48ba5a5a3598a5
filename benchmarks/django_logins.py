"""Logins with django-allauth and python-social-auth, from the code to the user.

Only what they ask the provider is measured. The state, the session, the database and
python-social-auth's pipeline are left out, which is in their favour.
"""

from collections.abc import Callable

from django.test import RequestFactory
from django_project import PROVIDER_ID
from provider import Provider

LogIn = Callable[[], object]


def allauth() -> LogIn:
    """What `OAuth2CallbackView` does, with its generic provider "OpenID Connect".

    It reads the metadata at each login. There is no ID token, because it accepts each
    only once.
    """
    from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter  # noqa: PLC0415 - needs settings

    request = RequestFactory().get("/", {"code": "a-code", "state": "a-state"}, secure=True)

    def log_in() -> object:
        adapter = OpenIDConnectOAuth2Adapter(request, PROVIDER_ID)
        app = adapter.get_provider().app
        client = adapter.get_client(request, app)
        answer = adapter.get_access_token_data(request, app, client)
        token = adapter.parse_token(answer)
        return adapter.complete_login(request, app, token, response=answer)

    return log_in


def social_core(provider: Provider) -> LogIn:
    """A backend as its "Adding a new backend" shows, with Django's strategy."""
    from social_core.backends.oauth import BaseOAuth2  # noqa: PLC0415 - needs settings
    from social_django.utils import load_strategy  # noqa: PLC0415

    class Backend(BaseOAuth2):  # type: ignore[misc,type-arg]
        name = "peeringdb"
        AUTHORIZATION_URL = f"{provider.base_url}/oauth2/authorize/"
        ACCESS_TOKEN_URL = f"{provider.base_url}/oauth2/token/"
        ACCESS_TOKEN_METHOD = "POST"  # noqa: S105 - no secret

        def user_data(self, access_token: str, *_: object, **__: object) -> object:
            headers = {"Authorization": f"Bearer {access_token}"}
            return self.get_json(f"{provider.base_url}/profile/v1", headers=headers)

    request = RequestFactory().get("/", {"code": "a-code", "state": "a-state"}, secure=True)
    request.session = {}  # type: ignore[assignment]

    def log_in() -> object:
        backend = Backend(load_strategy(request), redirect_uri="/complete/peeringdb/")
        token = backend.request_access_token(
            backend.access_token_url(),
            data=backend.auth_complete_params("a-state"),
            headers=backend.auth_headers(),
            auth=backend.auth_complete_credentials(),
            method=backend.ACCESS_TOKEN_METHOD,
        )
        return backend.user_data(backend.get_access_token(token))

    return log_in
