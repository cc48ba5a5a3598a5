"""Issue tokens to an application without a login, so that its API can be tried.

The token endpoint's own code issues them. A code is made for it, and the application
need not authenticate.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.utils import timezone
from oauth2_provider.models import Application, Grant
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import generate_token

from peeringdb_oauth.sandbox.people import PASSWORD_ONLY, SECOND_FACTORS
from peeringdb_oauth.sandbox.server.edit_people import CannotChange, find_person
from peeringdb_oauth.sandbox.server.models import AuthenticationMethods
from peeringdb_oauth.sandbox.server.oauth_validator import PeeringDBValidator

_VERIFIER = "sandbox" * 7


@transaction.atomic
def issue_tokens(
    person: str, client_id: str, *, url: str, amr: Sequence[str] | None = None
) -> dict[str, Any]:
    """What the token endpoint answers after a login, with every scope.

    ``person``: the login name. ``url``: where clients find the sandbox. ``amr``: what
    the login proves; None for a login with a second factor, if the person has one.

    Raises:
        CannotChange: there is no such person or application, or the person's account is
            disabled.
    """
    found = find_person(person)
    if not found.is_active:
        raise CannotChange(f"the account of {person!r} is disabled, so PeeringDB issues no token")
    application = Application.objects.filter(client_id=client_id).first()
    if application is None:
        raise CannotChange(f"no application has the client id {client_id!r}")
    if amr is None:
        amr = SECOND_FACTORS["otp"][1] if found.mfa else PASSWORD_ONLY
    update_last_login(type(found), found)
    code = generate_token()
    redirect_uri = application.redirect_uris.split()[0]
    Grant.objects.create(
        user=found,
        application=application,
        code=code,
        expires=timezone.now() + timedelta(seconds=60),
        redirect_uri=redirect_uri,
        scope=" ".join(_scopes(application)),
        code_challenge=_VERIFIER,
        code_challenge_method="plain",
    )
    AuthenticationMethods.objects.create(key=f"code:{code}", amr=list(amr))
    return _ask_token_endpoint(application, code, redirect_uri, url)


def _scopes(application: Application) -> list[str]:
    """All scopes; without ``openid`` if no ID token can be verified with a key."""
    has_key = application.algorithm == Application.RS256_ALGORITHM
    return [scope for scope in oauth2_settings.SCOPES if has_key or scope != "openid"]


def _ask_token_endpoint(
    application: Application, code: str, redirect_uri: str, url: str
) -> dict[str, Any]:
    body = urlencode(
        {
            "grant_type": "authorization_code",
            "client_id": application.client_id,
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": _VERIFIER,
        }
    )
    server = oauth2_settings.OAUTH2_SERVER_CLASS(_Trusting(), **oauth2_settings.server_kwargs)
    parts = urlsplit(url)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "HTTP_HOST": parts.netloc,  # of the issuer
        "X_DJANGO_OAUTH_TOOLKIT_SECURE": "1" if parts.scheme == "https" else "",
    }
    _, answer, status = server.create_token_response(url, "POST", body, headers)
    tokens: dict[str, Any] = json.loads(answer)
    if status != 200:
        raise CannotChange(f"PeeringDB issues no tokens: {tokens}")
    return tokens


class _Trusting(PeeringDBValidator):
    """Takes the client id for proof: only the control pages ask for these tokens."""

    def authenticate_client(self, request: Any, *_args: Any, **_kwargs: Any) -> bool:
        """Whether there is such an application."""
        return self._load_application(request.client_id, request) is not None
