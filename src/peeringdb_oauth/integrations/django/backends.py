"""The authentication backend: which account here is whose at PeeringDB."""

import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity
from peeringdb_oauth.profile import User


class PeeringDBBackend(ModelBackend):
    """Finds the account of a person at PeeringDB by their number there, or makes one.
    Permissions are as `ModelBackend` has them.

    To be asked by the login alone: whoever calls it says that PeeringDB vouches for
    ``peeringdb_user``. Subclass it to find or make accounts in another way.
    """

    def authenticate(self, request: HttpRequest, peeringdb_user: User) -> Any:  # noqa: ARG002
        """The account. Raises: `AccessDenied`, with the reason."""
        try:
            return self._log_in(peeringdb_user)
        except (
            IntegrityError
        ):  # they logged in for the first time in two windows, and the other one was faster
            return self._log_in(peeringdb_user)

    def find_account(self, user: User) -> Any:
        """The account of somebody new, None if they have none: with ``LINK_BY_EMAIL``
        the only one with their confirmed address.

        Never one of staff, or with any permission: who controls an address need not be
        who was given those rights.
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
            or _has_rights(found[0])
            or PeeringDBIdentity.objects.filter(account=found[0]).exists()
        ):
            return None
        return found[0]

    def create_account(self, user: User) -> Any:
        """An account for somebody new, saved: without a password, and with no rights
        but those that everybody has.
        """
        model = get_user_model()
        account = model(**{model.USERNAME_FIELD: self.username(user)})
        account.set_unusable_password()
        account.save()
        return account

    def username(self, user: User) -> str:
        """A name for a new account that nobody has. PeeringDB tells none."""
        name = f"peeringdb-{user.id}"
        model = get_user_model()
        taken = model._default_manager.filter(**{f"{model.USERNAME_FIELD}__iexact": name}).exists()  # noqa: SLF001
        return f"{name}-{secrets.token_hex(4)}" if taken else name

    def update_account(self, account: Any, user: User) -> None:
        """Take over name and address, where PeeringDB says them and the account has a
        place for them.
        """
        email = user.email if user.verified_email else None
        said = {
            "first_name": user.given_name,
            "last_name": user.family_name,
            account.get_email_field_name(): email,
        }
        changed = [
            name
            for name, value in said.items()
            if value and _fits(account, name, value) and getattr(account, name) != value
        ]
        for name in changed:
            setattr(account, name, said[name])
        if changed:
            account.save(update_fields=changed)

    def _log_in(self, user: User) -> Any:
        identity = (
            PeeringDBIdentity.objects.select_related("account").filter(peeringdb_id=user.id).first()
        )
        if identity is not None:
            return self._update(identity, user)
        account = self.find_account(user)
        if account is None and not application().settings.create_users:
            raise AccessDenied("you have no account at this site: ask the people who run it")
        return self._welcome(account, user)

    @transaction.atomic
    def _welcome(self, account: Any, user: User) -> Any:
        account = self.create_account(user) if account is None else account
        return self._update(PeeringDBIdentity(peeringdb_id=user.id, account=account), user)

    @transaction.atomic
    def _update(self, identity: PeeringDBIdentity, user: User) -> Any:
        if not self.user_can_authenticate(identity.account):
            raise AccessDenied("your account at this site is disabled: ask the people who run it")
        self.update_account(identity.account, user)
        identity.refresh(user)
        return identity.account


def _has_rights(account: Any) -> bool:
    """As far as its model knows of any, also by its groups."""
    is_somebody = getattr(account, "is_staff", False) or getattr(account, "is_superuser", False)
    return bool(is_somebody or getattr(account, "get_all_permissions", set)())


def _is_same_address(one: str, other: str) -> bool:
    """As for databases, but not for letters that look alike: somebody else may own that
    address.
    """
    return one == other or (one.isascii() and other.isascii() and one.lower() == other.lower())


def _fits(account: Any, name: str, value: str) -> bool:
    """Whether the account has this field, room for the value in it, and nobody else has
    what only one may have.
    """
    model = type(account)
    field = next((field for field in model._meta.concrete_fields if field.name == name), None)  # noqa: SLF001
    if field is None or (field.max_length is not None and len(value) > field.max_length):
        return False
    others = model._default_manager.exclude(pk=account.pk).filter(**{f"{name}__iexact": value})  # noqa: SLF001
    return not (field.unique and others.exists())
