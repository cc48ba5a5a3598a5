"""The control pages: change people, register applications, switch faults on and off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe
from oauth2_provider.models import Application

from peeringdb_oauth.sandbox.people import PASSWORD_ONLY, SECOND_FACTORS
from peeringdb_oauth.sandbox.server import clock, control_endpoint, edit_people, keys
from peeringdb_oauth.sandbox.server.claims import describe_profile
from peeringdb_oauth.sandbox.server.edit_people import CannotChange
from peeringdb_oauth.sandbox.server.faults import KINDS
from peeringdb_oauth.sandbox.server.issue_tokens import issue_tokens
from peeringdb_oauth.sandbox.server.models import Network, Person
from peeringdb_oauth.sandbox.server.people_groups import grouped_people
from peeringdb_oauth.sandbox.server.registration import ALGORITHMS, register_application

_BITS = ((1, "read"), (2, "update"), (4, "create"), (8, "delete"))
_SWITCH_LABELS = (
    ("verified_user", "verified by PeeringDB"),
    ("verified_email", "email address confirmed"),
    ("mfa", "has a second factor"),
    ("is_active", "account enabled"),
)
# A person's page shows no more networks than this. Those of somebody with more can only
# be changed with the JSON control endpoint.
_MAX_NETWORKS = 40
# The pages do not offer the networks of the default person who has 300.
_FIRST_PRIVATE_ASN = 4_200_000_000
_NOTICE_IN_SESSION = "notice"
_STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
_GET_OR_POST = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
def style_sheet(_request: HttpRequest) -> HttpResponse:
    """The style sheet of all pages."""
    return HttpResponse(
        _STYLE, content_type="text/css; charset=utf-8", headers={"Cache-Control": "max-age=60"}
    )


@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """The page with all people and all applications."""
    return _render(request, "overview", _overview())


@require_safe
def person_profile(_request: HttpRequest, login: str) -> JsonResponse:
    """What PeeringDB tells of a person who has just logged in, without a login."""
    try:
        person = edit_people.find_person(login)
    except CannotChange as error:
        return JsonResponse({"error": str(error)}, status=404)
    profile = describe_profile(person, ["email", "networks"], access_token="")
    amr = SECOND_FACTORS["otp"][1] if person.mfa else PASSWORD_ONLY
    return JsonResponse(profile | {"amr": list(amr)})


@_GET_OR_POST
def person_page(request: HttpRequest, login: str) -> HttpResponse:
    """The page of one person, to change it."""
    try:
        person = edit_people.find_person(login)
    except CannotChange as error:
        return _render(request, "overview", _overview() | {"error": str(error)}, status=404)
    if request.method == "POST" and "client_id" in request.POST:
        return _render(request, "person", _person(person) | _issue_tokens(request, person))
    if request.method == "POST":
        return _act_and_redirect(
            request,
            lambda: _save_person(request, person),
            f"{person.full_name.strip()} was changed. Applications see it with their next request.",
        )
    return _render(request, "person", _person(person))


def _person(person: Person) -> dict[str, Any]:
    rights = person.rights.select_related("network")
    number = rights.count()
    shown = rights if number <= _MAX_NETWORKS else []
    others = Network.objects.exclude(right__person=person)
    return {
        "person": person,
        "switches": [(name, label, getattr(person, name)) for name, label in _SWITCH_LABELS],
        "rows": [
            (r.network, _checkboxes(r.perms), _checkboxes(r.manage_peering_sessions)) for r in shown
        ],
        "too_many": number if number > _MAX_NETWORKS else 0,
        "others": others.filter(asn__lt=_FIRST_PRIVATE_ASN),
        "applications": Application.objects.all(),
    }


def _issue_tokens(request: HttpRequest, person: Person) -> dict[str, Any]:
    client_id, url = request.POST["client_id"], request.build_absolute_uri("/")
    try:
        return {"tokens": issue_tokens(person.username, client_id, url=url), "client_id": client_id}
    except CannotChange as error:
        return {"error": str(error)}


@_GET_OR_POST
def applications_page(request: HttpRequest) -> HttpResponse:
    """The page with all applications, and with a form to register one."""
    context: dict[str, Any] = {"algorithms": ALGORITHMS, "given": request.GET}
    if request.method == "POST":
        context["given"] = request.POST
        try:
            context["registered"] = _register(request)
        except CannotChange as error:
            context["error"] = str(error)
    return _render(request, "applications", context | {"applications": Application.objects.all()})


@_GET_OR_POST
def faults_page(request: HttpRequest) -> HttpResponse:
    """The page to switch faults on and off.

    It also rotates the signing key, revokes tokens, forgets limits and lets time pass.
    """
    if request.method == "POST":
        action, notice = _ACTIONS.get(request.POST.get("action", ""), (_unknown_action, ""))
        return _act_and_redirect(request, lambda: action(request), notice)
    context = {
        "kinds": KINDS.items(),
        "active": settings.SANDBOX.faults.active(),
        "people": Person.objects.all(),
        "ahead": int(clock.seconds_ahead()),
        "limits": settings.SANDBOX.options.limits,
    }
    return _render(request, "faults", context)


def _overview() -> dict[str, Any]:
    return {
        "groups": grouped_people(),
        "applications": Application.objects.all(),
        "active": settings.SANDBOX.faults.active(),
    }


def _render(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    notice = request.session.pop(_NOTICE_IN_SESSION, {})
    return render(request, f"sandbox/control_{name}.html", notice | context, status=status)


def _act_and_redirect(
    request: HttpRequest, action: Callable[[], object], done: str
) -> HttpResponse:
    """Act, and show the page again with a notice."""
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
    if "rows" not in form:  # there were too many networks to show
        edit_people.change_person(person.username, networks=None, sessions=None, switches=switches)
        return
    kept = [int(asn) for asn in form.getlist("keep")]
    perms = {asn: sum(int(bit) for bit in form.getlist(f"perms-{asn}")) for asn in kept}
    sessions = {asn: sum(int(bit) for bit in form.getlist(f"sessions-{asn}")) for asn in kept}
    if added := form.get("add", ""):
        perms[int(added)] = sessions[int(added)] = 1
    edit_people.change_person(person.username, networks=perms, sessions=sessions, switches=switches)


def _register(request: HttpRequest) -> dict[str, object]:
    form = request.POST
    return register_application(
        form.get("redirect_uris", "").split(),
        client_id=form.get("client_id", "").strip() or None,
        client_secret=form.get("client_secret", "") or None,
        confidential=form.get("client_type") != "public",
        algorithm=form.get("algorithm", ""),
        name=form.get("name", "").strip(),
    )


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
    clock.advance(float(request.POST.get("seconds") or 0))


def _clear_faults(_request: HttpRequest) -> None:
    settings.SANDBOX.faults.clear()


def _rotate_key(_request: HttpRequest) -> None:
    keys.rotate_signing_key()


def _revoke_tokens(request: HttpRequest) -> None:
    edit_people.revoke_tokens(request.POST.get("person") or None)


def _use_up_limit(request: HttpRequest) -> None:
    address = request.POST.get("address", "").strip() or "127.0.0.1"
    control_endpoint.use_up_limit(int(request.POST.get("left") or 0), address)


def _reset_limits(_request: HttpRequest) -> None:
    settings.SANDBOX.limits.reset()


def _unknown_action(_request: HttpRequest) -> None:
    raise CannotChange("there is no such action")


# What a button does, and what the page says afterwards.
_ACTIONS: dict[str, tuple[Callable[[HttpRequest], None], str]] = {
    "fault": (_add_fault, "The fault is on."),
    "clear": (_clear_faults, "All faults are off."),
    "rotate-key": (
        _rotate_key,
        "ID tokens are now signed with a new key. The old key is not in the key set any more.",
    ),
    "revoke-tokens": (_revoke_tokens, "The tokens are revoked."),
    "use-limit": (_use_up_limit, "The limit of this address is nearly used up."),
    "reset-limits": (_reset_limits, "All limits are forgotten."),
    "advance": (_advance, "Time has passed."),
}
