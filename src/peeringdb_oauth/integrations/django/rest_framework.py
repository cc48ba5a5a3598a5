"""Django REST framework: PeeringDB's bearer tokens, and a permission that names an ASN.

With ``authentication_classes = [PeeringDBAuthentication]``, ``request.auth`` is
PeeringDB's `User`, and ``request.user`` their account.
"""

from collections.abc import Iterator
from contextlib import contextmanager
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

from peeringdb_oauth.bearer import REALM
from peeringdb_oauth.errors import AccessDenied, TokenRejected, TransportError
from peeringdb_oauth.integrations.django.access import require
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.guard import (
    Conditions,
    asn_of,
    find_asn_now,
    guard_of,
)
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.visits import to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import (
    Answer,
    Guard,
    Refused,
    bearer_token,
    refuse_token,
    verify_token,
)


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
        with _token_refusals(request):
            user = application().verifier.verify(token)
        return _account_of(user), user

    def authenticate_header(self, request: Request) -> str:
        """What goes with a 401 (RFC 6750 section 3)."""
        return getattr(request, "peeringdb_challenge", f'Bearer realm="{REALM}"')


class RequireASN(Conditions, BasePermission):
    """Subclass it, with attributes as `RequireASNMixin` has them.

    It takes a bearer token's user, and with DRF's ``SessionAuthentication`` also who is
    logged in with PeeringDB in the browser. With ``max_age`` an ID token that is older
    is refused, and ``request.auth`` is what PeeringDB says now.
    """

    message = "PeeringDB does not vouch for this request"

    def get_asn(self, request: Request, view: Any) -> object:
        """The network that this request is about."""
        return find_asn_now(guard_of(self), request, view.kwargs)

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this was a token or a login of PeeringDB's. Raises: DRF's errors,
        with the reasons, when it does not suffice.
        """
        guard, authenticator = guard_of(self), request.successful_authenticator
        is_own = getattr(self.get_asn, "__func__", None) is not RequireASN.get_asn
        # A method of the project's own is called only for people who are known.
        asn = (
            partial(self.get_asn, request, view) if is_own else asn_of(guard, request, view.kwargs)
        )
        if isinstance(authenticator, PeeringDBAuthentication):
            _check_token(guard, request, asn)
        elif isinstance(authenticator, SessionAuthentication):
            _check_session(guard, request, asn)
        else:  # nobody, or somebody else's token, whatever cookie is beside it
            return False
        return True


def _check_token(guard: Guard, request: Request, asn: object) -> None:
    app = application()
    guard = guard.under(app.settings.rule)
    with _token_refusals(request):
        flow = verify_token(app.verifier, _bearer_token(request), guard, asn=asn)
        request.auth = app.client.run(flow)


def _bearer_token(request: Request) -> str | None:
    return bearer_token(get_authorization_header(request).decode("latin-1"))


def _check_session(guard: Guard, request: Request, asn: object) -> None:
    own = getattr(
        request,
        "csrf_processing_done",
        False,
    )  # SessionAuthentication sets it here, and not on Django's request
    visit = to_visit(request._request, own=own, headers={"Accept": "application/json"})  # noqa: SLF001
    try:
        require(request._request, guard, asn=asn, visit=visit)  # noqa: SLF001
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


@contextmanager
def _token_refusals(request: Request) -> Iterator[None]:
    """Raise DRF's errors in place of ours."""
    try:
        yield
    except (TokenRejected, AccessDenied, TransportError) as error:
        raise _token_refusal(request, error) from None


def _token_refusal(
    request: Request,
    error: TokenRejected | AccessDenied | TransportError,
) -> APIException:
    answer = refuse_token(error)
    if isinstance(error, TokenRejected):
        request.peeringdb_challenge = answer.headers["WWW-Authenticate"]
        return AuthenticationFailed(str(error))
    if isinstance(error, AccessDenied):
        denied = PermissionDenied({"detail": str(error), "reasons": list(error.reasons)})
        denied.auth_header = answer.headers.get("WWW-Authenticate")
        return denied
    unavailable = APIException("PeeringDB cannot be asked now")
    unavailable.status_code = answer.status
    unavailable.wait = int(answer.headers["Retry-After"])
    return unavailable


def _refusal(answer: Answer) -> APIException:
    body = dict(answer.json or {})
    body["detail"] = body["title"]
    if answer.status == 401:
        return NotAuthenticated(body)
    error = APIException(body)
    error.status_code, error.wait = answer.status, int(answer.headers.get("Retry-After", 0))
    return error
