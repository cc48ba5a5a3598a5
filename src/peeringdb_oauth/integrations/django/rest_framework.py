"""Bearer tokens and a permission for Django REST framework (DRF)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser

from peeringdb_oauth.bearer import REALM
from peeringdb_oauth.errors import AccessDenied, ConfigurationError, PeeringDBOAuthError
from peeringdb_oauth.extras import needs
from peeringdb_oauth.integrations.django.access import require
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.backends import DISABLED
from peeringdb_oauth.integrations.django.guard import Conditions, asn_of, find_asn_now, guard_of
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.integrations.django.visits import keep_response_private, to_visit
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import (
    Answer,
    Guard,
    Refused,
    bearer_token,
    find_asn,
    refuse_token,
    verify_token,
)

with needs("django", "djangorestframework"):
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
    from rest_framework.request import ForcedAuthentication, Request


class PeeringDBAuthentication(BaseAuthentication):
    """Authenticates requests by an access token or ID token of this application.

    ``request.auth`` is PeeringDB's `User`, and ``request.user`` their account. Without
    an account, ``request.user`` is anonymous. So let the view ask for `RequireASN` and
    not for ``IsAuthenticated``. Put this class first in ``authentication_classes``:
    then a 401 says how to authenticate.
    """

    def authenticate(self, request: Request) -> tuple[Any, User] | None:
        """The account and the user; None if the request has no bearer token.

        Raises:
            AuthenticationFailed: the token is not good (401).
            PermissionDenied: the rule refuses the user, or the account is disabled
                (403).
            APIException: PeeringDB cannot be asked now (503).
        """
        token = _bearer_token(request)
        if token is None:
            return None
        with _token_refusals(request):
            app, address = application(), request.META.get("REMOTE_ADDR")
            flow = app.verifier.verify_flow(token, address=address)
            user = app.run(flow, request._request)  # noqa: SLF001
            return _account_of(user), user

    def authenticate_header(self, request: Request) -> str:
        """The header ``WWW-Authenticate`` of a 401 (RFC 6750 section 3)."""
        return getattr(request, "peeringdb_challenge", f'Bearer realm="{REALM}"')


class RequireASN(Conditions, BasePermission):
    """The permission that a user has rights on a network.

    ::

        class MayUpdate(RequireASN):
            perms = Permission.UPDATE

    The attributes are those of `RequireASNMixin`. The user is the one of a bearer
    token, or with DRF's ``SessionAuthentication`` the one who is logged in with
    PeeringDB. With ``max_age`` an older ID token is refused, and ``request.auth`` is
    the user as PeeringDB describes them now.

    Raises:
        ConfigurationError: an attribute is wrong.
    """

    message = "this request is not authenticated by PeeringDB"

    def get_asn(self, request: Request, view: Any) -> object:
        """The AS number that the request is about; None if an attribute names it.

        Your own method is called only for people who are known. If it returns None,
        they are refused.

        Raises:
            ConfigurationError: the URL has no argument of that name.
        """
        return find_asn_now(guard_of(self), request, view.kwargs)

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether PeeringDB authenticated the request.

        Raises:
            AuthenticationFailed: the token is not good any more (401).
            NotAuthenticated: nobody is logged in with PeeringDB (401).
            PermissionDenied: the user of the token has no such rights (403).
            APIException: the user of the browser has no such rights (403), or PeeringDB
                cannot be asked now (502 or 503).
            ConfigurationError: the URL has no argument of that name.
        """
        guard, authenticator = guard_of(self), request.successful_authenticator
        is_own = getattr(self.get_asn, "__func__", None) is not RequireASN.get_asn
        asn = (
            partial(self.get_asn, request, view) if is_own else asn_of(guard, request, view.kwargs)
        )
        if isinstance(authenticator, PeeringDBAuthentication):
            _check_token(guard, request, asn)
        elif isinstance(authenticator, SessionAuthentication):
            _check_session(guard, request, asn)
        elif isinstance(authenticator, ForcedAuthentication) and isinstance(request.auth, User):
            _check_forced(guard, request, asn)
        else:
            # Nobody, or another authentication. A cookie beside it does not count.
            return False
        keep_response_private(request._request)  # noqa: SLF001
        return True


def _check_token(guard: Guard, request: Request, asn: object) -> None:
    app = application()
    guard = guard.under(app.settings.rule)
    with _token_refusals(request):
        address = request.META.get("REMOTE_ADDR")
        token = _bearer_token(request)
        flow = verify_token(app.verifier, token, guard, asn=asn, address=address)
        request.auth = app.run(flow, request._request)  # noqa: SLF001


def _check_forced(guard: Guard, request: Request, asn: object) -> None:
    """As `_check_token`, for ``force_authenticate(token=User(...))`` in a test."""
    app = application()
    with _token_refusals(request):
        number = app.run(find_asn(asn), request._request)  # noqa: SLF001
        guard.under(app.settings.rule).rule.require(request.auth, asn=number)


def _bearer_token(request: Request) -> str | None:
    return bearer_token(get_authorization_header(request).decode("latin-1"))


def _check_session(guard: Guard, request: Request, asn: object) -> None:
    # SessionAuthentication sets this attribute on DRF's request, and not on Django's.
    own = getattr(request, "csrf_processing_done", False)
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
        raise AccessDenied(DISABLED)
    return identity.account


class _Refusal(APIException):
    """An answer of this library as an error of DRF.

    The body is the answer's JSON and ``detail``, where DRF's own errors have their
    text: the reasons, else the title. DRF would make text of the numbers in it.
    """

    def __init__(self, answer: Answer) -> None:
        body = dict(answer.json or {})
        reasons = "; ".join(reason["text"] for reason in body["reasons"])
        self._code, self._message = body["code"], reasons or body["title"]
        super().__init__(self._message, self._code)
        self.detail: Any = {"detail": self._message, **body}
        self.status_code = answer.status
        if "Retry-After" in answer.headers:
            self.wait = int(answer.headers["Retry-After"])
        if "WWW-Authenticate" in answer.headers:
            self.auth_header = answer.headers["WWW-Authenticate"]

    def get_codes(self) -> Any:
        """The code of the failure."""
        return self._code

    def get_full_details(self) -> Any:
        """The message and the code of the failure."""
        return {"message": self._message, "code": self._code}


class _Unknown(_Refusal, AuthenticationFailed):
    """401 for a bad token."""


class _LoggedOut(_Refusal, NotAuthenticated):
    """401 for a browser where nobody is logged in."""


class _Denied(_Refusal, PermissionDenied):
    """403."""


@contextmanager
def _token_refusals(request: Request) -> Iterator[None]:
    """Raise DRF's errors in place of those that refuse a token.

    A `ConfigurationError` goes on to the project's own error reports.
    """
    try:
        yield
    except ConfigurationError:
        raise
    except PeeringDBOAuthError as error:
        answer = refuse_token(error, path=request.path, debug=settings.DEBUG)
        if answer.status == 401:
            request.peeringdb_challenge = answer.headers["WWW-Authenticate"]
            raise _Unknown(answer) from None
        raise _refusal(answer) from None


def _refusal(answer: Answer) -> _Refusal:
    kinds = {401: _LoggedOut, 403: _Denied}
    return kinds.get(answer.status, _Refusal)(answer)
