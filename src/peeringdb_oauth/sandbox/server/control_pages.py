"""The sandbox's own pages: change rights while an application runs, register
applications, switch faults on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe
from oauth2_provider.models import Application

from peeringdb_oauth.sandbox.server import clock, control_endpoint, edit_people, keys
from peeringdb_oauth.sandbox.server.edit_people import CannotChange
from peeringdb_oauth.sandbox.server.faults import KINDS
from peeringdb_oauth.sandbox.server.models import Network, Person
from peeringdb_oauth.sandbox.server.registration import ALGORITHMS, register_application

_BITS = ((1, "read"), (2, "update"), (4, "create"), (8, "delete"))
_SWITCH_LABELS = (
    ("verified_user", "verified by PeeringDB"),
    ("verified_email", "email address confirmed"),
    ("mfa", "has a second factor"),
    ("is_active", "account enabled"),
)
_MAX_ROWS = 40  # of networks that a page shows; more are changed through the JSON endpoint
_NOTICE_IN_SESSION = "notice"
_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def style_sheet(_request: HttpRequest) -> HttpResponse:
    """The one style sheet."""
    return HttpResponse(
        _STYLE,
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": "max-age=60"},
    )


@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """Everyone and everything at a glance."""
    context = {
        "people": Person.objects.all(),
        "applications": Application.objects.all(),
        "active": settings.SANDBOX.faults.active(),
    }
    return _render(request, "overview", context)


@_GET_OR_POST
def person_page(request: HttpRequest, login: str) -> HttpResponse:
    """One person's switches and rights."""
    try:
        person = edit_people.find_person(login)
    except CannotChange as error:
        return _render(
            request,
            "overview",
            {"people": Person.objects.all(), "error": str(error)},
            status=404,
        )
    if request.method == "POST":
        return _act_and_redirect(
            request,
            lambda: _save_person(request, person),
            f"{person.full_name.strip()} was changed. It shows with the next request.",
        )
    shown = list(person.rights.select_related("network")[: _MAX_ROWS + 1])
    context = {
        "person": person,
        "switches": [(name, label, getattr(person, name)) for name, label in _SWITCH_LABELS],
        "rows": [
            (r.network, _checkboxes(r.perms), _checkboxes(r.manage_peering_sessions)) for r in shown
        ]
        if len(shown) <= _MAX_ROWS
        else [],
        "too_many": person.rights.count() if len(shown) > _MAX_ROWS else 0,
        "others": Network.objects.exclude(right__person=person).filter(asn__lt=4_200_000_000),
    }
    return _render(request, "person", context)


@_GET_OR_POST
def applications_page(request: HttpRequest) -> HttpResponse:
    """The registered applications, and a form for another."""
    if request.method != "POST":
        return _render(
            request,
            "applications",
            {"applications": Application.objects.all(), "algorithms": ALGORITHMS},
        )
    context: dict[str, Any] = {"algorithms": ALGORITHMS, "given": request.POST}
    try:
        context["registered"] = register_application(
            request.POST.get("redirect_uris", "").split(),
            confidential=request.POST.get("client_type") != "public",
            algorithm=request.POST.get("algorithm", ""),
            name=request.POST.get("name", "").strip(),
        )
    except CannotChange as error:
        context["error"] = str(error)
    return _render(request, "applications", context | {"applications": Application.objects.all()})


@_GET_OR_POST
def faults_page(request: HttpRequest) -> HttpResponse:
    """Switch faults on and off, rotate the key, revoke tokens, forget limits, let time
    pass.
    """
    if request.method == "POST":
        action, notice = _ACTIONS.get(request.POST.get("action", ""), (_no_action, ""))
        return _act_and_redirect(request, lambda: action(request), notice)
    context = {
        "kinds": KINDS.items(),
        "active": settings.SANDBOX.faults.active(),
        "people": Person.objects.all(),
        "ahead": int(clock.seconds_ahead()),
        "limits": settings.SANDBOX.options.limits,
    }
    return _render(request, "faults", context)


def _render(
    request: HttpRequest,
    name: str,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    notice = request.session.pop(_NOTICE_IN_SESSION, {})
    return render(request, f"sandbox/control_{name}.html", notice | context, status=status)


def _act_and_redirect(
    request: HttpRequest, action: Callable[[], object], done: str
) -> HttpResponse:
    """Act, and come back to the page that says so."""
    try:
        action()
        request.session[_NOTICE_IN_SESSION] = {"done": done}
    except (CannotChange, ValueError) as error:
        request.session[_NOTICE_IN_SESSION] = {"error": str(error)}
    return HttpResponseRedirect(request.path)


def _checkboxes(value: int) -> list[tuple[int, str, bool]]:
    return [(bit, label, bool(value & bit)) for bit, label in _BITS]


def _save_person(request: HttpRequest, person: Person) -> None:
    form = request.POST
    switches = {name: name in form for name, _ in _SWITCH_LABELS}
    if "rows" not in form:  # too many to show: only the switches are on the page
        edit_people.change_person(person.username, networks=None, sessions=None, switches=switches)
        return
    kept = [int(asn) for asn in form.getlist("keep")]
    perms = {asn: sum(int(bit) for bit in form.getlist(f"perms-{asn}")) for asn in kept}
    sessions = {asn: sum(int(bit) for bit in form.getlist(f"sessions-{asn}")) for asn in kept}
    if added := form.get("add", ""):
        perms[int(added)] = sessions[int(added)] = 1
    edit_people.change_person(person.username, networks=perms, sessions=sessions, switches=switches)


def _add_fault(request: HttpRequest) -> None:
    form = request.POST
    times = form.get("times", "").strip()
    control_endpoint.add_fault(
        form.get("kind", ""),
        path=form.get("path", "").strip() or None,
        times=int(times) if times else None,
        seconds=float(form.get("seconds") or 3),
    )


def _advance(request: HttpRequest) -> None:
    seconds = float(request.POST.get("seconds") or 0)
    clock.advance(seconds)


def _no_action(_request: HttpRequest) -> None:
    raise CannotChange("no such action")


_ACTIONS: dict[str, tuple[Callable[[HttpRequest], object], str]] = {
    "fault": (_add_fault, "The fault is on."),
    "clear": (lambda _: settings.SANDBOX.faults.clear(), "All faults are off."),
    "rotate-key": (
        lambda _: keys.rotate_signing_key(),
        "ID tokens are now signed with a new key; the old one is gone from the key set.",
    ),
    "revoke-tokens": (
        lambda request: edit_people.revoke_tokens(request.POST.get("person") or None),
        "The tokens are revoked.",
    ),
    "reset-limits": (lambda _: settings.SANDBOX.limits.reset(), "All limits are forgotten."),
    "advance": (_advance, "Time has passed."),
}
