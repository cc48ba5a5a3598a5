"""What one can do here: see the networks that one speaks for, and request peering."""

from datetime import UTC, datetime

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from peeringdb_oauth import AccessRule, Network, Permission, User

from .failures import Failure, failure_page
from .login import current_user

pages = Blueprint("networks", __name__)
MAY_REQUEST_PEERING = AccessRule(perms=Permission.UPDATE)
MAY_MANAGE_SESSIONS = AccessRule(manage_sessions=True)
WORDS = {Permission.READ: "read", Permission.UPDATE: "update", Permission.CREATE: "create entries", Permission.DELETE: "delete"}
PAGE_SIZE = 25


@pages.get("/")
def home() -> ResponseReturnValue:
    """The networks of whoever is logged in, or the way to log in."""
    if "user" not in session:
        return render_template("welcome.html")
    user = current_user(current_app.config["PROFILE_MAX_AGE"])
    query = request.args.get("q", "").strip()[:100]
    found = [network for network in user.networks if query.casefold() in f"AS{network.asn} {network.name}".casefold()]
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    return render_template(
        "networks.html",
        user=user,
        query=query,
        found=len(found),
        shown=[(network, *in_words(user, network)) for network in found[(page - 1) * PAGE_SIZE :][:PAGE_SIZE]],
        page=page,
        pages=pages,
        requested=requested(),
        checked_at=datetime.fromtimestamp(session["checked_at"], UTC),
    )


@pages.post("/networks/<int:asn>/peering")
def request_peering(asn: int) -> ResponseReturnValue:
    """Request peering for a network, if PeeringDB says at this moment that one may update it."""
    decision = MAY_REQUEST_PEERING.check(current_user(max_age=0), asn=asn)  # the page with the button may be hours old
    if not decision:
        advice = "An administrator of the organisation can give you the right to update it at PeeringDB. Then request peering again."
        return failure_page(Failure(403, f"You cannot request peering for AS{asn}", advice), decision.reasons)
    requested().setdefault(asn, datetime.now(UTC))
    flash(f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.")
    return redirect(url_for("networks.home"))


@pages.get("/me")
def me() -> ResponseReturnValue:
    """Whoever is logged in, as JSON."""
    return jsonify(current_user(current_app.config["PROFILE_MAX_AGE"]).to_dict())


def in_words(user: User, network: Network) -> tuple[list[str], list[str]]:
    """What the user may do for a network, and what not."""
    rights = {word: bool(network.perms & permission) for permission, word in WORDS.items()}
    rights["manage peering sessions"] = bool(MAY_MANAGE_SESSIONS.check(user, asn=network.asn))
    return [word for word, granted in rights.items() if granted], [word for word, granted in rights.items() if not granted]


def requested() -> dict[int, datetime]:
    """For which ASN peering was requested, and when. Here a real portal has its database."""
    return current_app.extensions.setdefault("peering-requests", {})
