"""Django's admin: whom an account belongs to at PeeringDB. What PeeringDB says can be
read, the link can be made and undone.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from peeringdb_oauth.integrations.django.models import PeeringDBIdentity, PeeringDBNetwork


class _Networks(admin.TabularInline):
    """To be read: the next login would undo any change."""

    model = PeeringDBNetwork
    readonly_fields = ("network_id", "asn", "name", "perms", "manage_peering_sessions")
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(PeeringDBIdentity)
class PeeringDBIdentityAdmin(admin.ModelAdmin):
    """An account is linked by adding an identity with its person's PeeringDB id, and
    unlinked by deleting it.
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
    fields = (
        "account",
        "peeringdb_id",
        "name",
        "email",
        "verified_user",
        "verified_email",
        "updated_at",
    )
    inlines = (_Networks,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        """All but the link's two ends; of an existing one, all but the account."""
        said = ("name", "email", "verified_user", "verified_email", "updated_at")
        return said if obj is None else ("peeringdb_id", *said)
