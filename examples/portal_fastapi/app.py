"""The portal in FastAPI: log in, see your networks, request peering, act for a member.

It needs the settings of `ClientConfig.load` and a ``SECRET_KEY``. Run it with ``uvicorn
--app-dir examples portal_fastapi:app``, or against a local PeeringDB with ``make demo
ARGS="--framework fastapi"``.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from exchange import STATIC, TEMPLATES, headers_of
from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Member, Members
from exchange.membership import LINK, act_as, link_memberships, update_links
from exchange.pages import choose_page, network_page, networks_page, port_page
from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from peeringdb_oauth import AccessDenied, AccessRule, Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.web import Event, parse_asn

# So many seconds PeeringDB's last answer counts for a page. The demo shows changes at
# once; a portal with many visitors may say 60.
MAX_AGE = 0

members = Members()
members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)


def admit(user: User) -> None:
    """Update the links of a person at each login, and refuse people without one."""
    link_memberships(members, user)


def follow(_previous: User, user: User) -> None:
    """Update the links of a person when PeeringDB has changed their rights."""
    update_links(members, user)


def say_goodbye(request: Request | None, event: Event) -> None:
    """Confirm a logout. The event has a reason if PeeringDB could not be told."""
    if request is not None and event.kind == "logout":
        flash(
            request,
            "You are logged out here, but PeeringDB could not be told to end our access."
            if event.reasons
            else "You are logged out.",
        )


def flash(request: Request, message: str) -> None:
    """Show a message on the next page."""
    request.session["messages"] = [*request.session.get("messages", []), message]


def every_page(request: Request) -> dict[str, Any]:
    """Return what the layout shows on every page."""
    return {
        "messages": request.session.pop("messages", []),
        "acting_as": request.session.get("acting_as"),
    }


templates = Jinja2Templates(TEMPLATES, context_processors=[every_page])
pdb = PeeringDB(
    # With a random key, logins end with the process.
    secret_key=os.environ.get("SECRET_KEY") or secrets.token_hex(),
    on_login=admit,
    on_rights_changed=follow,
    on_event=say_goodbye,
    templates=templates,
    language="en",  # as the portal
)
LoggedIn = Annotated[User, Depends(pdb.require(max_age=MAX_AGE))]
# A user who logged in without a second factor is asked for it once.
WithSecondFactor = Annotated[User, Depends(pdb.require(mfa=True, max_age=MAX_AGE))]

app = FastAPI(title="Example-IX", openapi_url=None, middleware=[pdb.session_middleware])
app.include_router(pdb.router)
app.mount("/static", StaticFiles(directory=STATIC))


# Endpoints that use the database are not coroutines: FastAPI runs them in a thread.


@app.get("/")
async def welcome(request: Request) -> Response:
    """Show the login button to people who are not logged in."""
    return (
        RedirectResponse("/networks/", 303)
        if await pdb.current_user(request)
        else templates.TemplateResponse(request, "welcome.html")
    )


@app.get("/networks/")
def networks(request: Request, user: LoggedIn) -> Response:
    """Show the user's networks."""
    return templates.TemplateResponse(
        request, "networks.html", networks_page(members, user, request.query_params)
    )


@app.get("/networks/{asn:int}/")
def network(
    request: Request,
    asn: int,
    user: Annotated[User, Depends(pdb.require(asn="asn", max_age=MAX_AGE))],
) -> Response:
    """Show one network to its people."""
    return templates.TemplateResponse(request, "network.html", network_page(members, user, asn))


@app.post(
    "/networks/{asn:int}/peering/",
    dependencies=[Depends(pdb.require(asn="asn", perms=Permission.UPDATE, max_age=0))],
)
def request_peering(request: Request, asn: int) -> Response:
    """Request peering, if the user may update the network at this moment.

    The page with the button may be hours old.
    """
    members.request_peering(asn)
    flash(request, f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.")
    return RedirectResponse("/networks/", 303)


@app.post("/act-as/")
def choose(
    request: Request,
    user: Annotated[User, Depends(pdb.require(max_age=0))],
    asn: Annotated[str, Form()] = "",
    next_page: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Choose the member to act for. The form can say anything; `act_as` checks it."""
    member = act_as(members, user, parse_asn(asn))
    request.session["acting_as"] = member.asn
    flash(request, f"You act as {member}.")
    return RedirectResponse("/port/" if next_page == "port" else "/networks/", 303)


def acting(request: Request, user: User, rule: AccessRule = LINK) -> Member:
    """Return the chosen member if the user may act for it now."""
    try:
        return act_as(members, user, request.session.get("acting_as"), rule)
    except AccessDenied:
        request.session.pop("acting_as", None)
        raise


@app.get("/port/")
def port(request: Request, user: WithSecondFactor) -> Response:
    """Show the port of the chosen member, or a page to choose one."""
    if "acting_as" not in request.session:
        return templates.TemplateResponse(request, "choose.html", choose_page(members, user))
    return templates.TemplateResponse(request, "port.html", port_page(acting(request, user)))


@app.post("/port/")
def switch_port(
    request: Request,
    user: Annotated[User, Depends(pdb.require(mfa=True, max_age=0))],
    enabled: Annotated[str, Form()] = "",
) -> Response:
    """Put the port into service, or out of it."""
    member = acting(request, user, AccessRule(perms=Permission.UPDATE))
    members.enable_port(member.asn, enabled=enabled == "yes")
    flash(request, f"The port of {member} is {'in' if enabled == 'yes' else 'out of'} service.")
    return RedirectResponse("/port/", 303)


@app.get("/me")
def me(user: LoggedIn) -> dict[str, Any]:
    """Return the user as JSON."""
    return user.to_dict()


@app.exception_handler(404)
def not_found(request: Request, _: Exception) -> Response:
    """Show a page for URLs that do not exist."""
    return templates.TemplateResponse(request, "404.html", status_code=404)


@app.middleware("http")
async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the security headers to every response."""
    response = await call_next(request)
    response.headers.update(headers_of(request.url.path, https=request.url.scheme == "https"))
    return response
