"""What PeeringDB changes inside django-oauth-toolkit: claims, amr, maximum lengths."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from oauth2_provider.models import Grant, redirect_to_uri_allowed
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import generate_token

from peeringdb_oauth.sandbox.server.claims import describe_networks, stored_amr
from peeringdb_oauth.sandbox.server.error_pages import PeeringDBFails
from peeringdb_oauth.sandbox.server.models import AuthenticationMethods, Person

_MAX_NONCE = 255  # characters
_MAX_CODE_CHALLENGE = 128  # characters


class PeeringDBValidator(OAuth2Validator):
    """Answers the engine's questions as PeeringDB does.

    A claim that was not granted is null. It is not left out.
    """

    oidc_claim_scope = None

    def get_additional_claims(self) -> dict[str, Callable[[Any], Any]]:
        """For each claim a function of the request, in PeeringDB's order."""
        return {
            "name": _if_granted("profile", lambda person: person.full_name),
            "given_name": _if_granted("profile", lambda person: person.first_name),
            "family_name": _if_granted("profile", lambda person: person.last_name),
            "email": _if_granted("email", lambda person: person.email),
            "email_verified": _if_granted("email", lambda person: person.verified_email),
            "id": _if_granted("profile", lambda person: person.id),
            "verified_user": _if_granted("profile", lambda person: person.verified_user),
            "networks": _if_granted(
                "networks", lambda person: describe_networks(person, with_sessions=False)
            ),
            "amr": _amr_of_code,
        }

    def validate_user(self, *_args: Any, **_kwargs: Any) -> bool:
        """Fail on a password grant.

        PeeringDB's login code cannot read the request that django-oauth-toolkit makes
        up for it, so the answer is a 500.
        """
        raise NotImplementedError

    def validate_silent_login(self, _request: Any) -> bool:
        """Fail on prompt=none, which django-oauth-toolkit has no code for."""
        raise PeeringDBFails(
            "PeeringDB does not support prompt=none. It should answer login_required, but fails."
        )

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Compare redirect URIs, and their ports too.

        For http://127.0.0.1 django-oauth-toolkit ignores the port (RFC 8252). At
        PeeringDB such a redirect URI is of no use, so what it stands for here is an
        https URL, whose port PeeringDB compares.
        """
        if not super().validate_redirect_uri(client_id, redirect_uri, request, *args, **kwargs):
            return False
        port = urlsplit(redirect_uri).port
        same_port = [
            uri for uri in request.client.redirect_uris.split() if urlsplit(uri).port == port
        ]
        return redirect_to_uri_allowed(redirect_uri, same_port)

    def validate_refresh_token(
        self, refresh_token: str, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        """Check a refresh token, which another request may have used just before."""
        valid = super().validate_refresh_token(refresh_token, client, request, *args, **kwargs)
        if not valid or not settings.SANDBOX.faults.take("refresh_lost"):
            return bool(valid)
        request.refresh_token_instance.revoke()
        return False

    def _save_bearer_token(
        self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any
    ) -> None:
        """Save the tokens, and those of another refresh before them if there is a race.

        Then the engine answers with the tokens of the other refresh. The ID token has
        been made before, so its at_hash fits no token that anybody was given.
        """
        if request.grant_type == "refresh_token" and settings.SANDBOX.faults.take("refresh_race"):
            refresh_token = request.refresh_token_instance
            first = {"access_token": generate_token(), "refresh_token": generate_token()}
            super()._save_bearer_token(token | first, request, *args, **kwargs)
            request.refresh_token_instance = refresh_token
        super()._save_bearer_token(token, request, *args, **kwargs)

    def _create_authorization_code(
        self, request: Any, code: dict[str, str], expires: Any = None
    ) -> Any:
        if (
            len(request.nonce or "") > _MAX_NONCE
            or len(request.code_challenge or "") > _MAX_CODE_CHALLENGE
        ):
            # PeeringDB's MariaDB refuses them; SQLite has no maximum length.
            raise PeeringDBFails(
                f"PeeringDB's database has no room for a nonce of more than {_MAX_NONCE} characters"
                f" or a code_challenge of more than {_MAX_CODE_CHALLENGE}."
            )
        grant = super()._create_authorization_code(request, code, expires)
        AuthenticationMethods.objects.create(key=f"code:{grant.code}", amr=request.user.amr)
        return grant

    def _create_access_token(
        self, expires: Any, request: Any, token: dict[str, Any], source_refresh_token: Any = None
    ) -> Any:
        access_token = super()._create_access_token(expires, request, token, source_refresh_token)
        AuthenticationMethods.objects.create(
            key=f"token:{access_token.token}", amr=_amr_of_code(request)
        )
        return access_token


def _if_granted(scope: str, read: Callable[[Person], Any]) -> Callable[[Any], Any]:
    return lambda request: read(request.user) if scope in request.scopes else None


def _amr_of_code(request: Any) -> list[str]:
    """The `amr` of the login, if the body has a code that was not used yet.

    After a refresh and at userinfo PeeringDB does not know it any more. But it reads
    the code whatever the request is for, so a refresh with another code has its `amr`.
    """
    code = dict(request.decoded_body or ()).get("code")
    is_unused = Grant.objects.filter(code=code, application=request.client).exists()
    return stored_amr(f"code:{code}") if is_unused else []
