"""The portal in Django: log in, see your networks, request peering, act for a member.

It needs the settings of `ClientConfig.load` and a ``SECRET_KEY``. Run it in the
directory ``examples``::

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
from exchange.membership import LINK, act_as, link_memberships, update_links
from exchange.pages import choose_page, network_page, networks_page, port_page

from peeringdb_oauth import AccessDenied, AccessRule, Permission, User
from peeringdb_oauth.integrations.django import peeringdb_user, require_asn, require_peeringdb
from peeringdb_oauth.integrations.django.signals import logged_out
from peeringdb_oauth.web import Event, parse_asn

# So many seconds PeeringDB's last answer counts for a page. The demo shows changes at
# once; a portal with many visitors may say 60.
MAX_AGE = 0

members = Members()
members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)


def admit(_request: HttpRequest, user: User, _account: AbstractUser) -> None:
    """Update the links of a person at each login, and refuse people without one."""
    link_memberships(members, user)


def follow(_previous: User, user: User) -> None:
    """Update the links of a person when PeeringDB has changed their rights."""
    update_links(members, user)


@receiver(logged_out)
def say_goodbye(request: HttpRequest, event: Event, **_: Any) -> None:
    """Confirm a logout. The event has a reason if PeeringDB could not be told."""
    told = (
        "You are logged out here, but PeeringDB could not be told to end our access."
        if event.reasons
        else "You are logged out."
    )
    messages.info(request, told)


def every_page(request: HttpRequest) -> dict[str, Any]:
    """Return what the layout shows on every page."""
    return {"acting_as": request.session.get("acting_as")}


@require_safe
def welcome(request: HttpRequest) -> HttpResponse:
    """Show the login button to people who are not logged in."""
    return redirect("networks") if peeringdb_user(request) else render(request, "welcome.html")


@require_safe
@require_peeringdb(max_age=MAX_AGE)
def networks(request: HttpRequest) -> HttpResponse:
    """Show the user's networks."""
    return render(request, "networks.html", networks_page(members, request.peeringdb, request.GET))


@require_safe
@require_asn("asn", max_age=MAX_AGE)
def network(request: HttpRequest, asn: int) -> HttpResponse:
    """Show one network to its people."""
    return render(request, "network.html", network_page(members, request.peeringdb, asn))


@require_POST
# The page with the button may be hours old, so PeeringDB is asked at this moment.
@require_asn("asn", perms=Permission.UPDATE, max_age=0)
def request_peering(request: HttpRequest, asn: int) -> HttpResponse:
    """Request peering, if the user may update the network at this moment."""
    members.request_peering(asn)
    messages.success(
        request, f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB."
    )
    return redirect("networks")


@require_POST
@require_peeringdb(max_age=0)
def choose(request: HttpRequest) -> HttpResponse:
    """Choose the member to act for. The form can say anything; `act_as` checks it."""
    member = act_as(members, request.peeringdb, parse_asn(request.POST.get("asn", "")))
    request.session["acting_as"] = member.asn
    messages.success(request, f"You act as {member}.")
    return redirect("port" if request.POST.get("next") == "port" else "networks")


def acting(request: HttpRequest, rule: AccessRule = LINK) -> Member:
    """Return the chosen member if the user may act for it now."""
    try:
        return act_as(members, request.peeringdb, request.session.get("acting_as"), rule)
    except AccessDenied:
        request.session.pop("acting_as", None)
        raise


@require_http_methods(["GET", "HEAD", "POST"])
# A user who logged in without a second factor is asked for it once.
@require_peeringdb(mfa=True, max_age=0)
def port(request: HttpRequest) -> HttpResponse:
    """Show the port of the chosen member, switch it, or show a page to choose one."""
    if request.method != "POST" and "acting_as" not in request.session:
        return render(request, "choose.html", choose_page(members, request.peeringdb))
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
    """Return the user as JSON."""
    return JsonResponse(request.peeringdb.to_dict())
