"""The portal in Flask: log in, see your networks, request peering, act for a member.

It needs the settings of `ClientConfig.load` and a ``SECRET_KEY``. Run it with ``flask
--app examples/portal run``, or against a local PeeringDB with ``make demo``.
"""

import os
import secrets
from typing import Any

from exchange import STATIC, TEMPLATES, headers_of
from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Member, Members
from exchange.membership import LINK, act_as, link_memberships, update_links
from exchange.pages import choose_page, network_page, networks_page, port_page
from flask import (
    Blueprint,
    Flask,
    Response,
    flash,
    get_flashed_messages,
    redirect,
    render_template,
    request,
    session,
)
from flask.typing import ResponseReturnValue

from peeringdb_oauth import AccessDenied, AccessRule, Permission, User
from peeringdb_oauth.integrations.flask import PeeringDB, current_user, logged_out
from peeringdb_oauth.web import Event, parse_asn

# So many seconds PeeringDB's last answer counts for a page. The demo shows changes at
# once; a portal with many visitors may say 60.
MAX_AGE = 0

pages = Blueprint("pages", __name__)
members = Members()
pdb = PeeringDB(language="en")  # as the portal


def create_app() -> Flask:
    """Create the portal."""
    app = Flask(__name__, template_folder=TEMPLATES, static_folder=STATIC)
    # With a random key, logins end with the process.
    app.secret_key = os.environ.get("SECRET_KEY") or secrets.token_hex()
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024  # bytes
    pdb.init_app(app)
    app.register_blueprint(pages)
    logged_out.connect(say_goodbye, app)
    members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)
    return app


@pdb.on_login
def admit(user: User) -> None:
    """Update the links of a person at each login, and refuse people without one."""
    link_memberships(members, user)


@pdb.on_rights_changed
def follow(_previous: User, user: User) -> None:
    """Update the links of a person when PeeringDB has changed their rights."""
    update_links(members, user)


def say_goodbye(_: Flask, event: Event) -> None:
    """Confirm a logout. The event has a reason if PeeringDB could not be told."""
    flash(
        "You are logged out here, but PeeringDB could not be told to end our access."
        if event.reasons
        else "You are logged out."
    )


@pages.get("/")
def welcome() -> ResponseReturnValue:
    """Show the login button to people who are not logged in."""
    return redirect("/networks/") if pdb.user() else render_template("welcome.html")


@pages.get("/networks/")
@pdb.require(max_age=MAX_AGE)
def networks() -> str:
    """Show the user's networks."""
    return render_template("networks.html", **networks_page(members, current_user, request.args))


@pages.get("/networks/<int:asn>/")
@pdb.require(asn="asn", max_age=MAX_AGE)
def network(asn: int) -> str:
    """Show one network to its people."""
    return render_template("network.html", **network_page(members, current_user, asn))


@pages.post("/networks/<int:asn>/peering/")
# The page with the button may be hours old, so PeeringDB is asked at this moment.
@pdb.require(asn="asn", perms=Permission.UPDATE, max_age=0)
def request_peering(asn: int) -> ResponseReturnValue:
    """Request peering, if the user may update the network at this moment."""
    members.request_peering(asn)
    flash(f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.")
    return redirect("/networks/")


@pages.post("/act-as/")
@pdb.require(max_age=0)
def choose() -> ResponseReturnValue:
    """Choose the member to act for. The form can say anything; `act_as` checks it."""
    member = act_as(members, current_user, parse_asn(request.form.get("asn", "")))
    session["acting_as"] = member.asn
    flash(f"You act as {member}.")
    return redirect("/port/" if request.form.get("next") == "port" else "/networks/")


def acting(rule: AccessRule = LINK) -> Member:
    """Return the chosen member if the user may act for it now."""
    try:
        return act_as(members, current_user, session.get("acting_as"), rule)
    except AccessDenied:
        session.pop("acting_as", None)
        raise


@pages.get("/port/")
@pdb.require(mfa=True, max_age=MAX_AGE)
def port() -> str:
    """Show the port of the chosen member, or a page to choose one.

    A user who logged in without a second factor is asked for it once.
    """
    if "acting_as" not in session:
        return render_template("choose.html", **choose_page(members, current_user))
    return render_template("port.html", **port_page(acting()))


@pages.post("/port/")
@pdb.require(mfa=True, max_age=0)
def switch_port() -> ResponseReturnValue:
    """Put the port into service, or out of it."""
    member = acting(AccessRule(perms=Permission.UPDATE))
    enabled = request.form.get("enabled") == "yes"
    members.enable_port(member.asn, enabled=enabled)
    flash(f"The port of {member} is {'in' if enabled else 'out of'} service.")
    return redirect("/port/")


@pages.get("/me")
@pdb.require(max_age=MAX_AGE)
def me() -> dict[str, Any]:
    """Return the user as JSON."""
    return current_user.to_dict()


@pages.app_context_processor
def every_page() -> dict[str, Any]:
    """Return what the layout shows on every page."""
    return {"messages": get_flashed_messages(), "acting_as": session.get("acting_as")}


@pages.app_errorhandler(404)
def not_found(_: Exception) -> ResponseReturnValue:
    """Show a page for URLs that do not exist."""
    return render_template("404.html"), 404


@pages.after_app_request
def harden(response: Response) -> Response:
    """Add the security headers to every response."""
    response.headers.update(headers_of(request.path, https=request.is_secure))
    return response
