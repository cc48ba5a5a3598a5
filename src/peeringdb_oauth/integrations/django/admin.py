"""The pages of Django's admin: whose account it is, and where a person is logged in."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html

from peeringdb_oauth.integrations.django import sessions
from peeringdb_oauth.integrations.django.application import application
from peeringdb_oauth.integrations.django.backends import has_rights
from peeringdb_oauth.integrations.django.models import PeeringDBIdentity, PeeringDBNetwork
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web import SessionInfo

_SESSIONS = "peeringdb_oauth_peeringdbidentity_sessions"
_FROM_PEERINGDB = ("name", "email", "verified_user", "verified_email", "updated_at")
_SHOWN_ASNS = 5  # in the list of identities
# Not in the models, where each change of a text would need a migration.
_HELP = {
    "account": "The account that the person gets when they log in with PeeringDB.",
    "peeringdb_id": "PeeringDB's number for the person. The audit log names it at each login, also"
    " if the login is refused.",
}
_AS_OF = "As of the last login, or of the last time that PeeringDB was asked. It cannot be edited."


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
    fields = readonly_fields = ("asn", "name", "rights", "session_rights", "network_id")
    extra = 0
    can_delete = False

    @admin.display(description="may")
    def rights(self, obj: PeeringDBNetwork) -> str:
        """What the person may do with the network."""
        return _in_words(obj.perms)

    @admin.display(description="with its peering sessions")
    def session_rights(self, obj: PeeringDBNetwork) -> str:
        """What the person may do with the peering sessions of the network."""
        bits = obj.manage_peering_sessions
        return "unknown" if bits is None else _in_words(bits)

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
        "asns",
        "verified_user",
        "verified_email",
        "updated_at",
    )
    list_select_related = ("account",)
    search_fields = ("=peeringdb_id", "name", "email", "=networks__asn")
    raw_id_fields = ("account",)
    inlines = (_NetworkInline,)
    change_list_template = "peeringdb_oauth/admin_identities.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the identities with their networks."""
        return super().get_queryset(request).prefetch_related("networks")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields, and a link to the sessions for those who may see them."""
        link = ("sessions",) if obj is not None and _may_list(request) else ()
        ours = (None, {"fields": ("account", "peeringdb_id", *link)})
        theirs = ("What PeeringDB says", {"fields": _FROM_PEERINGDB, "description": _AS_OF})
        return [ours] if obj is None else [ours, theirs]

    @admin.display(description="networks")
    def asns(self, obj: PeeringDBIdentity) -> str:
        """The first networks of the person, and how many there are more."""
        asns = [f"AS{network.asn}" for network in obj.networks.all()]
        more = len(asns) - _SHOWN_ASNS
        shown = ", ".join(asns[:_SHOWN_ASNS])
        return f"{shown} and {more} more" if more > 0 else shown

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:  # noqa: ARG002
        """Return what cannot be edited; the PeeringDB id only of a new identity can."""
        return _FROM_PEERINGDB if obj is None else ("peeringdb_id", "sessions", *_FROM_PEERINGDB)

    @admin.display(description="Sessions")
    def sessions(self, obj: PeeringDBIdentity) -> str:
        """The link to the sessions of a person."""
        return format_html('<a href="{}">Show where they are logged in</a>', _sessions_url(obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - as Django calls it
        """Save an identity. A person with another account than before is logged out."""
        super().save_model(request, obj, form, change)
        if change and "account" in form.changed_data:
            _log_out(obj.peeringdb_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Unlink an account, and log the person out."""
        super().delete_model(request, obj)
        _log_out(obj.peeringdb_id)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Unlink several accounts, and log the people out."""
        people = list(queryset.values_list("peeringdb_id", flat=True))
        super().delete_queryset(request, queryset)
        _log_out(*people)

    def get_urls(self) -> list[Any]:
        """The admin's pages, and the one with the sessions of a person."""
        view = self.admin_site.admin_view(self.sessions_view)
        return [path("<int:pk>/sessions/", view, name=_SESSIONS), *super().get_urls()]

    def sessions_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page with the sessions of a person, and buttons that end them.

        The permissions are those on `PeeringDBRecord`: to view and to delete.

        Raises:
            PermissionDenied: the user may not see or not end sessions.
        """
        identity = get_object_or_404(PeeringDBIdentity, pk=pk)
        may_end = _has_permission(request, "delete")
        may_view = _may_list(request) and self.has_view_permission(request, identity)
        if not may_view or (request.method == "POST" and not may_end):
            raise PermissionDenied
        if request.method == "POST":
            self._end_sessions(request, identity)
            return redirect(_sessions_url(identity))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Sessions of {identity}",
            "identity": identity,
            "rows": [_row(info) for info in sessions.of(identity.peeringdb_id)],
            "may_end": may_end,
        }
        return TemplateResponse(request, "peeringdb_oauth/admin_sessions.html", context)

    def _end_sessions(self, request: HttpRequest, identity: PeeringDBIdentity) -> None:
        user_id, chosen = identity.peeringdb_id, request.POST.get("session")
        handles = [info.id for info in sessions.of(user_id) if chosen in (None, info.id)]
        ended = sum(sessions.end(handle) for handle in handles if handle)
        self.log_change(request, identity, f"Ended {ended} sessions.")
        self.message_user(request, f"Sessions that have ended: {ended}.")

    def get_form(
        self,
        request: HttpRequest,
        obj: Any = None,
        change: bool = False,  # noqa: FBT001, FBT002 - as Django calls it
        **kwargs: Any,
    ) -> Any:
        """Return the form, which knows whether a superuser fills it in."""
        form: Any = super().get_form(request, obj, change=change, help_texts=_HELP, **kwargs)
        form.is_by_superuser = _is_superuser(request)  # Django makes a class for each request
        return form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may change this identity, or identities at all."""
        return super().has_change_permission(request, obj) and _may_edit(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may delete this identity, or identities at all."""
        return super().has_delete_permission(request, obj) and _may_edit(request, obj)


def _in_words(bits: int) -> str:
    """The permissions that are set, such as "read, update"."""
    names = [permission.name or "" for permission in Permission if permission & bits]
    return ", ".join(names).lower() or "nothing"


def _log_out(*people: int) -> None:
    """End the sessions of people, by their ids at PeeringDB, if there is a store."""
    if application().store is not None:
        for user_id in people:
            sessions.end_all(user_id)


def _may_list(request: HttpRequest) -> bool:
    """Whether there is a store of sessions, and the user may see them."""
    return application().store is not None and _has_permission(request, "view")


def _has_permission(request: HttpRequest, action: str) -> bool:
    user: Any = request.user
    return bool(user.has_perm(f"peeringdb_oauth.{action}_peeringdbrecord"))


def _sessions_url(identity: PeeringDBIdentity) -> str:
    return reverse(f"admin:{_SESSIONS}", args=[identity.pk])


def _row(info: SessionInfo) -> dict[str, Any]:
    """A session with its times as Django's templates show them."""
    times = ("logged_in_at", "last_seen_at", "checked_at", "expires_at")
    values = {name: datetime.fromtimestamp(getattr(info, name), UTC) for name in times}
    return values | {"id": info.id, "address": info.address, "stale": info.stale}


def _may_edit(request: HttpRequest, identity: PeeringDBIdentity | None) -> bool:
    return identity is None or _is_superuser(request) or not has_rights(identity.account)


def _is_superuser(request: HttpRequest) -> bool:
    return getattr(request.user, "is_superuser", False)
