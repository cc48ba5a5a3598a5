"""The pages of Django's admin: which account belongs to which person at PeeringDB."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from peeringdb_oauth.integrations.django.models import PeeringDBIdentity, PeeringDBNetwork

_FROM_PEERINGDB = ("name", "email", "verified_user", "verified_email", "updated_at")


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
    delete the identity to unlink it.
    """

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
