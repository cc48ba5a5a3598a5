"""The pages of Django's admin: which account belongs to which person at PeeringDB."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from peeringdb_oauth.integrations.django.backends import has_rights
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity, PeeringDBNetwork

_FROM_PEERINGDB = ("name", "email", "verified_user", "verified_email", "updated_at")


class _IdentityForm(forms.ModelForm):
    """Refuses an account with rights, unless a superuser fills in the form.

    Otherwise staff who may link accounts could link a superuser's account to
    themselves, and log in with it.
    """

    is_by_superuser = False

    def clean_account(self) -> Any:
        """Return the account, if the user may link it.

        Raises:
            ValidationError: the account has rights, and the user is not a superuser.
        """
        account = self.cleaned_data["account"]
        if has_rights(account) and not self.is_by_superuser:
            raise ValidationError(
                "This account has rights: it is staff, a superuser, or has a permission. Only a"
                " superuser may link it."
            )
        return account


class _NetworkInline(admin.TabularInline):
    """The networks of a person, read-only: the next login would undo any change."""

    model = PeeringDBNetwork
    readonly_fields = ("network_id", "asn", "name", "perms", "manage_peering_sessions")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(PeeringDBIdentity)
class PeeringDBIdentityAdmin(admin.ModelAdmin):
    """Links and unlinks accounts. What PeeringDB says about a person is read-only.

    Add an identity with a person's PeeringDB id to link an account to that person, and
    delete the identity to unlink it. Only superusers link, change and unlink accounts
    with rights.
    """

    form = _IdentityForm
    list_display = (
        "peeringdb_id",
        "name",
        "email",
        "account",
        "verified_user",
        "verified_email",
        "updated_at",
    )
    list_select_related = ("account",)
    search_fields = ("=peeringdb_id", "name", "email", "=networks__asn")
    raw_id_fields = ("account",)
    fields = ("account", "peeringdb_id", *_FROM_PEERINGDB)
    inlines = (_NetworkInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return what cannot be edited; the PeeringDB id only of a new identity can."""
        return _FROM_PEERINGDB if obj is None else ("peeringdb_id", *_FROM_PEERINGDB)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - as Django calls it
        **kwargs: Any,
    ) -> Any:
        """Return the form, which knows whether a superuser fills it in."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.is_by_superuser = _is_superuser(request)  # Django makes a class for each request
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may change this identity, or identities at all."""
        return super().has_change_permission(request, obj) and _may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may delete this identity, or identities at all."""
        return super().has_delete_permission(request, obj) and _may_edit(request, obj)


def _may_edit(request: HttpRequest, identity: PeeringDBIdentity | None) -> bool:
    return identity is None or _is_superuser(request) or not has_rights(identity.account)


def _is_superuser(request: HttpRequest) -> bool:
    return getattr(request.user, "is_superuser", False)
