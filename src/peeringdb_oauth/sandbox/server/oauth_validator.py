"""What PeeringDB changes inside django-oauth-toolkit: claims, amr, maximum lengths."""

from collections.abc import Callable
from typing import Any

from django.db import DataError
from oauth2_provider.oauth2_validators import OAuth2Validator

from peeringdb_oauth.sandbox.server.claims import describe_networks, stored_amr
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
                "networks",
                lambda person: describe_networks(person, with_sessions=False),
            ),
            "amr": _amr_of_code,
        }

    def validate_user(self, *_args: Any, **_kwargs: Any) -> bool:
        """Fail on a password grant.

        PeeringDB's login code cannot read the request that django-oauth-toolkit makes
        up for it, so the answer is a 500.
        """
        raise NotImplementedError

    def _create_authorization_code(
        self,
        request: Any,
        code: dict[str, str],
        expires: Any = None,
    ) -> Any:
        if (
            len(request.nonce or "") > _MAX_NONCE
            or len(request.code_challenge or "") > _MAX_CODE_CHALLENGE
        ):
            # PeeringDB's MariaDB raises this error; SQLite has no maximum length.
            raise DataError("too long for its column")
        grant = super()._create_authorization_code(request, code, expires)
        AuthenticationMethods.objects.create(key=f"code:{grant.code}", amr=request.user.amr)
        return grant

    def _create_access_token(
        self,
        expires: Any,
        request: Any,
        token: dict[str, Any],
        source_refresh_token: Any = None,
    ) -> Any:
        access_token = super()._create_access_token(expires, request, token, source_refresh_token)
        AuthenticationMethods.objects.create(
            key=f"token:{access_token.token}",
            amr=_amr_of_code(request),
        )
        return access_token


def _if_granted(scope: str, read: Callable[[Person], Any]) -> Callable[[Any], Any]:
    return lambda request: read(request.user) if scope in request.scopes else None


def _amr_of_code(request: Any) -> list[str]:
    """The `amr` of the login, if a code is exchanged.

    After a refresh and at userinfo PeeringDB does not know it any more.
    """
    return stored_amr(f"code:{request.code}") if request.grant_type == "authorization_code" else []
