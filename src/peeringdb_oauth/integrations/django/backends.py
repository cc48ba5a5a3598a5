"""The authentication backend: the account of a person whom PeeringDB has confirmed."""

import secrets
from copy import copy
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.integrations.django.account_columns import address_for, can_store
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.texts import Text
from peeringdb_oauth.web import CONNECTED_ALREADY, CONNECTED_ELSEWHERE

DISABLED = Reason(
    "your account at this site is disabled: ask the people who run it", code="account_disabled"
)
# An attribute of an account that this very login has created.
IS_NEW = "_peeringdb_is_new"
_OTHER_PERSON = Reason("you can have one PeeringDB account here", code=CONNECTED_ALREADY.code)
_NO_ACCOUNT = Reason(
    "you have no account at this site: ask the people who run it", code="no_account"
)


class PeeringDBBackend(ModelBackend):
    """Finds or creates the account of a person by their id at PeeringDB.

    Permissions work as in Django's `ModelBackend`. Override `find_account`,
    `create_account`, `username` or `update_account` to treat accounts in another way.

    Only the callback of the login may authenticate with ``peeringdb_user``. The backend
    checks no password and no token: it trusts that PeeringDB has confirmed this user.
    """

    def authenticate(  # type: ignore[override]  # Django skips backends by their arguments
        self,
        request: HttpRequest | None,  # noqa: ARG002
        peeringdb_user: User,
    ) -> Any:
        """Return the person's account, up to date with what PeeringDB says.

        Raises:
            AccessDenied: the account is disabled, or there is none and
                ``CREATE_USERS`` is off.
        """
        try:
            return self._find_or_create(peeringdb_user)
        except IntegrityError:
            # The same person logged in for the first time in another window, and that
            # login has just created the account.
            return self._find_or_create(peeringdb_user)

    def connect(self, account: Any, user: User) -> Any:
        """Connect an account, which is logged in, to a person at PeeringDB.

        Nothing is moved: both must be free, or connected to each other already.

        Raises:
            AccessDenied: one of them is connected to another one, or the account is
                disabled.
        """
        try:
            return self._connect(account, user)
        except IntegrityError:
            # Another request has just connected one of them. Now that can be said.
            return self._connect(account, user)

    def has_other_login(self, account: Any) -> bool:
        """Whether the account can log in without PeeringDB: it has a usable password.

        Override it if your project has still other ways.
        """
        has_other_backend = any(
            not isinstance(backend, PeeringDBBackend) for backend in auth.get_backends()
        )
        return bool(account.has_usable_password()) and has_other_backend

    def find_account(self, user: User) -> Any:
        """Return the account that a new person already has, or None.

        With ``LINK_BY_EMAIL`` it is the only account with the person's confirmed
        address. Accounts of staff and accounts with any permission are never linked:
        the holder of an address need not be the one who was given those rights.
        """
        model = get_user_model()
        field = model.get_email_field_name()
        if not (application().settings.link_by_email and user.verified_email and user.email):
            return None
        found = [
            account
            for account in model._default_manager.filter(**{f"{field}__iexact": user.email})  # noqa: SLF001
            if self.user_can_authenticate(account)
            and _is_same_address(getattr(account, field), user.email)
        ]
        if (
            len(found) != 1
            or has_rights(found[0])
            or PeeringDBIdentity.objects.filter(account=found[0]).exists()
        ):
            return None
        return found[0]

    def create_account(self, user: User) -> Any:
        """Create and save an account without a password and without rights.

        Raises:
            AccessDenied: the model demands an email address, and there is none, or
                another account has it.
        """
        model = get_user_model()
        values = {model.USERNAME_FIELD: self.username(user)}
        if model.get_email_field_name() not in values and (address := address_for(model, user)):
            values[model.get_email_field_name()] = address
        account = model(**values)
        account.set_unusable_password()
        self.fill_account(account, user)
        account.save()
        return account

    def fill_account(self, account: Any, user: User) -> None:
        """Set further columns of a new account before it is saved.

        Override it if your model has columns that must not be empty.
        """

    def username(self, user: User) -> Any:
        """Return a user name for a new account that no other account has.

        PeeringDB does not tell the person's user name there, so it is made of their id.
        If the model has the email address as user name, that is it.

        Raises:
            AccessDenied: as for `create_account`.
        """
        model = get_user_model()
        if model.get_email_field_name() == model.USERNAME_FIELD:
            return address_for(model, user)
        name = f"peeringdb-{user.id}"
        taken = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__iexact": name}).exists()  # noqa: SLF001
        return f"{name}-{secrets.token_hex(4)}" if taken else name

    def update_account(self, account: Any, user: User) -> None:
        """Copy the name and the confirmed email address of ``user`` into the account.

        A value stays as it is if PeeringDB has none, or if the account cannot store it.
        All of an account stays if it has a usable password or rights: its address can
        give that password to somebody else.
        """
        values = {
            "first_name": user.given_name,
            "last_name": user.family_name,
            account.get_email_field_name(): user.email if user.verified_email else None,
        }
        changed = [
            name
            for name, value in values.items()
            if value
            and can_store(type(account), name, value, but=account.pk)
            and getattr(account, name) != value
        ]
        if not changed or account.has_usable_password() or has_rights(account):
            return
        for name in changed:
            setattr(account, name, values[name])
        account.save(update_fields=changed)

    def _find_or_create(self, user: User) -> Any:
        identity = (
            PeeringDBIdentity.objects.select_related("account").filter(peeringdb_id=user.id).first()
        )
        if identity is not None:
            return self._update(identity, user)
        account = self.find_account(user)
        if account is None and not application().settings.create_users:
            raise AccessDenied(_NO_ACCOUNT)
        return self._link(account, user)

    def _connect(self, account: Any, user: User) -> Any:
        found = PeeringDBIdentity.objects.select_related("account")
        identity = found.filter(peeringdb_id=user.id).first()
        if identity is None:
            if found.filter(account=account).exists():
                raise AccessDenied(_OTHER_PERSON)
            identity = PeeringDBIdentity(peeringdb_id=user.id, account=account)
        elif identity.account != account:
            said = Text("{name} at PeeringDB has another account here", name=user.name or user.id)
            raise AccessDenied(Reason(said, code=CONNECTED_ELSEWHERE.code))
        return self._update(identity, user)

    @transaction.atomic
    def _link(self, account: Any, user: User) -> Any:
        if account is None:
            account = self.create_account(user)
            setattr(account, IS_NEW, True)
        return self._update(PeeringDBIdentity(peeringdb_id=user.id, account=account), user)

    @transaction.atomic
    def _update(self, identity: PeeringDBIdentity, user: User) -> Any:
        if not self.user_can_authenticate(identity.account):
            raise AccessDenied(DISABLED)
        self.update_account(identity.account, user)
        identity.refresh(user)
        return identity.account


def peeringdb_backend() -> tuple[PeeringDBBackend, str] | None:
    """The project's `PeeringDBBackend` and its dotted path; None if it has none."""
    for path in settings.AUTHENTICATION_BACKENDS:
        backend = auth.load_backend(path)
        if isinstance(backend, PeeringDBBackend):
            return backend, path
    return None


def has_rights(account: Any) -> bool:
    """Whether the account is staff, or has a permission of its own or by a group.

    A project's own account model may know nothing of either.
    """
    is_staff = getattr(account, "is_staff", False) or getattr(account, "is_superuser", False)
    # Django says that a disabled account has no permissions. It may be enabled later.
    enabled = copy(account)
    vars(enabled)["is_active"] = True
    return bool(is_staff or getattr(enabled, "get_all_permissions", set)())


def _is_same_address(one: str, other: str) -> bool:
    """Whether two addresses differ in the case of ASCII letters at most.

    Some databases also take other letters that look alike for equal. Such an address
    may belong to somebody else.
    """
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())
