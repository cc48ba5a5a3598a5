"""Log in with PeeringDB, see one's networks, request peering, and act for a member of
the exchange: in Django.

Run it with the settings of `ClientConfig.load` and a ``SECRET_KEY``, in the directory
``examples``::

    export DJANGO_SETTINGS_MODULE=portal_django.settings
    django-admin migrate --pythonpath . && django-admin runserver --pythonpath .

or against a local PeeringDB with ``make demo ARGS="--framework django"``.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import AbstractUser
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Member, Members
from exchange.membership import LINK, act_as, link_memberships
from exchange.pages import network_page, networks_page, port_page

from peeringdb_oauth import AccessDenied, AccessRule, Permission, User
from peeringdb_oauth.integrations.django import peeringdb_user, require_asn, require_peeringdb
from peeringdb_oauth.integrations.django.signals import logged_out
from peeringdb_oauth.web import Event, parse_asn

# seconds that a page may be older than PeeringDB's word; the demo shows changes at
# once, a busy portal may say 60
MAX_AGE = 0

members = Members()
members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)


def admit(_request: HttpRequest, user: User, _account: AbstractUser) -> None:
    """Only people of members get in: their links are brought up to date at each login."""
    link_memberships(members, user)


@receiver(logged_out)
def say_goodbye(request: HttpRequest, event: Event, **_: Any) -> None:
    """After a logout; the event has a reason if PeeringDB could not be told."""
    told = (
        "You are logged out here, but PeeringDB could not be told to end our access."
        if event.reasons
        else "You are logged out."
    )
    messages.info(request, told)


def every_page(request: HttpRequest) -> dict[str, Any]:
    """What the layout shows."""
    return {"acting_as": request.session.get("acting_as")}


@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    """The way in."""
    return redirect("networks") if peeringdb_user(request) else render(request, "welcome.html")


@require_safe
@require_peeringdb(max_age=MAX_AGE)
def networks(request: HttpRequest) -> HttpResponse:
    """All networks of whoever is logged in."""
    return render(request, "networks.html", networks_page(members, request.peeringdb, request.GET))


@require_safe
@require_asn("asn", max_age=MAX_AGE)
def network(request: HttpRequest, asn: int) -> HttpResponse:
    """One network, for its people."""
    return render(request, "network.html", network_page(members, request.peeringdb, asn))


@require_POST
# the page with the button may be hours old
@require_asn("asn", perms=Permission.UPDATE, max_age=0)
def request_peering(request: HttpRequest, asn: int) -> HttpResponse:
    """Request peering, if PeeringDB says at this moment that one may update the
    network.
    """
    members.request_peering(asn)
    messages.success(
        request,
        f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.",
    )
    return redirect("networks")


@require_POST
@require_peeringdb(max_age=0)
def choose(request: HttpRequest) -> HttpResponse:
    """Choose the member that one acts for. What the form says is somebody's wish and no
    proof.
    """
    member = act_as(members, request.peeringdb, parse_asn(request.POST.get("asn", "")))
    request.session["acting_as"] = member.asn
    messages.success(request, f"You act as {member}.")
    return redirect("networks")


def acting(request: HttpRequest, rule: AccessRule = LINK) -> Member:
    """The member that was chosen, if one may act for it now, which a session does not
    know.
    """
    try:
        return act_as(members, request.peeringdb, request.session.get("acting_as"), rule)
    except AccessDenied:
        request.session.pop("acting_as", None)
        raise


@require_http_methods(["GET", "HEAD", "POST"])
@require_peeringdb(
    mfa=True,
    max_age=0,
)  # whoever logged in without a second factor is asked for it once
def port(request: HttpRequest) -> HttpResponse:
    """The port of the member that one acts for, and its switch."""
    if request.method != "POST":
        return render(request, "port.html", port_page(acting(request)))
    member = acting(request, AccessRule(perms=Permission.UPDATE))
    enabled = request.POST.get("enabled") == "yes"
    members.enable_port(member.asn, enabled=enabled)
    messages.success(request, f"The port of {member} is {'in' if enabled else 'out of'} service.")
    return redirect("port")


@require_safe
@require_peeringdb(max_age=MAX_AGE)
def me(request: HttpRequest) -> HttpResponse:
    """Whoever is logged in, as JSON."""
    return JsonResponse(request.peeringdb.to_dict())
