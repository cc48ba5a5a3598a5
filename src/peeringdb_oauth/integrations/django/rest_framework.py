"""Django REST framework: PeeringDB's bearer tokens, and a permission that names an ASN.

With ``authentication_classes = [PeeringDBAuthentication]``, ``request.auth`` is
PeeringDB's `User`, and ``request.user`` their account.
"""

import math
from functools import partial
from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAuthenticated,
    PermissionDenied,
)
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.bearer import REALM
from peeringdb_oauth.errors import AccessDenied, TokenRejected, TransportError
from peeringdb_oauth.integrations.django.access import require, rule_here
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.guard import ASN, Guard, found
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.visits import to_visit
from peeringdb_oauth.profile import Permission, User
from peeringdb_oauth.web import Answer, Refused, parse_asn

_RETRY_AFTER = 30  # s, when PeeringDB did not answer


class PeeringDBAuthentication(BaseAuthentication):
    """Bearer tokens that PeeringDB issued to this application: access tokens and ID
    tokens, of whom the login's rule lets in.

    ``request.user`` is anonymous for somebody without an account here: then ask for
    `RequireASN` and not for ``IsAuthenticated``. As the first of a view's
    authentication classes it says in a 401 how to authenticate.
    """

    def authenticate(self, request: Request) -> tuple[Any, User] | None:
        """Account and user; None if there is no such token. Raises: DRF's errors, for
        401, 403 and 503.
        """
        token = _bearer_token(request)
        if token is None:
            return None
        user = _verify(request, token)
        return _account_of(user), user

    def authenticate_header(self, request: Request) -> str:
        """What goes with a 401 (RFC 6750 section 3)."""
        return getattr(request, "peeringdb_challenge", f'Bearer realm="{REALM}"')


class RequireASN(BasePermission):
    """Subclass it, with attributes as `RequireASNMixin` has them.

    It takes a bearer token's user, and with DRF's ``SessionAuthentication`` also who is
    logged in with PeeringDB in the browser. With ``max_age`` an ID token that is older
    is refused, and ``request.auth`` is what PeeringDB says now.
    """

    message = "PeeringDB does not vouch for this request"

    asn: ASN = "asn"
    perms: Permission = Permission.READ
    manage_sessions: bool = False
    mfa: bool = False
    max_age: float | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _guard_of(cls)  # a wrong attribute is found now

    def get_asn(self, request: Request, view: Any) -> object:
        """The network that this request is about."""
        return found(_guard_of(self).find_asn(request, view.kwargs))

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this was a token or a login of PeeringDB's. Raises: DRF's errors,
        with the reasons, when it does not suffice.
        """
        guard, authenticator = _guard_of(self), request.successful_authenticator
        is_own = (
            getattr(self.get_asn, "__func__", None) is not RequireASN.get_asn
        )  # then it looks for nothing on behalf of strangers
        asn = (
            partial(self.get_asn, request, view) if is_own else guard.find_asn(request, view.kwargs)
        )
        if isinstance(authenticator, PeeringDBAuthentication):
            _check_token(guard, request, found(asn))
        elif isinstance(authenticator, SessionAuthentication):
            _check_session(guard, request, asn)
        else:  # nobody, or somebody else's token, whatever cookie is beside it
            return False
        return True


def _guard_of(permission: RequireASN | type[RequireASN]) -> Guard:
    return Guard.of(
        permission.asn,
        perms=permission.perms,
        manage_sessions=permission.manage_sessions,
        mfa=permission.mfa,
        max_age=permission.max_age,
    )


def _check_token(guard: Guard, request: Request, asn: object) -> None:
    token = _bearer_token(request) or ""
    request.auth = _verify(
        request,
        token,
        asn=parse_asn(asn),
        rule=rule_here(guard.rule),
        max_age=guard.max_age,
    )


def _verify(
    request: Request,
    token: str,
    *,
    asn: int | None = None,
    rule: AccessRule | None = None,
    max_age: float | None = None,
) -> User:
    """As `BearerVerifier.verify`. Raises: DRF's errors."""
    try:
        return application().verifier.verify(token, asn=asn, rule=rule, max_age=max_age)
    except TokenRejected as error:
        request.peeringdb_challenge = error.www_authenticate
        raise AuthenticationFailed(str(error)) from None
    except AccessDenied as error:
        raise _denied(error) from None
    except TransportError as error:
        raise _unavailable(error) from None


def _bearer_token(request: Request) -> str | None:
    """None for anything else, which is not for PeeringDB to see."""
    scheme, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _check_session(guard: Guard, request: Request, asn: object) -> None:
    own = getattr(
        request,
        "csrf_processing_done",
        False,
    )  # SessionAuthentication sets it here, and not on Django's request
    visit = to_visit(request._request, own=own, headers={"Accept": "application/json"})  # noqa: SLF001
    try:
        require(request._request, guard.rule, asn=asn, max_age=guard.max_age, visit=visit)  # noqa: SLF001
    except Refused as refused:
        raise _refusal(refused.answer) from None


def _account_of(user: User) -> Any:
    identity = (
        PeeringDBIdentity.objects.select_related("account").filter(peeringdb_id=user.id).first()
    )
    if identity is None:
        return AnonymousUser()
    if not identity.account.is_active:
        raise PermissionDenied("your account at this site is disabled: ask the people who run it")
    return identity.account


def _denied(error: AccessDenied) -> APIException:
    denied = PermissionDenied({"detail": str(error), "reasons": list(error.reasons)})
    denied.auth_header = error.www_authenticate
    return denied


def _unavailable(error: TransportError) -> APIException:
    unavailable = APIException("PeeringDB cannot be asked now")
    unavailable.status_code, unavailable.wait = (
        503,
        math.ceil(getattr(error, "retry_after", _RETRY_AFTER)),
    )
    return unavailable


def _refusal(answer: Answer) -> APIException:
    body = dict(answer.json or {})
    body["detail"] = body["title"]
    if answer.status == 401:
        return NotAuthenticated(body)
    error = APIException(body)
    error.status_code, error.wait = answer.status, int(answer.headers.get("Retry-After", 0))
    return error
