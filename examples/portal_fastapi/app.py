"""Log in with PeeringDB, see one's networks, request peering, and act for a member of
the exchange: in FastAPI.

Run it with the settings of `ClientConfig.load` and a ``SECRET_KEY``: ``uvicorn
--app-dir examples portal_fastapi:app``; or against a local PeeringDB with ``make demo
ARGS="--framework fastapi"``.
"""

import os
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from exchange import STATIC, TEMPLATES, headers_of
from exchange.example_members import LINKED_BY_HAND, MEMBERS
from exchange.members import Member, Members
from exchange.membership import LINK, act_as, link_memberships
from exchange.pages import network_page, networks_page, port_page
from fastapi import Depends, FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates

from peeringdb_oauth import AccessDenied, AccessRule, Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.web import Event, parse_asn

# seconds that a page may be older than PeeringDB's word; the demo shows changes at
# once, a busy portal may say 60
MAX_AGE = 0

members = Members()
members.create(MEMBERS, linked_by_hand=LINKED_BY_HAND)


def admit(user: User) -> None:
    """Only people of members get in: their links are brought up to date at each login."""
    link_memberships(members, user)


def say_goodbye(request: Request, event: Event) -> None:
    """After a logout; the event has a reason if PeeringDB could not be told."""
    if event.kind == "logout":
        flash(
            request,
            "You are logged out here, but PeeringDB could not be told to end our access."
            if event.reasons
            else "You are logged out.",
        )


def flash(request: Request, message: str) -> None:
    """Say it on the next page."""
    request.session["messages"] = [*request.session.get("messages", []), message]


def every_page(request: Request) -> dict[str, Any]:
    """What the layout shows."""
    return {
        "messages": request.session.pop("messages", []),
        "acting_as": request.session.get("acting_as"),
    }


templates = Jinja2Templates(TEMPLATES, context_processors=[every_page])
pdb = PeeringDB(
    secret_key=os.environ.get("SECRET_KEY")
    or secrets.token_hex(),  # made up: then logins end with the process
    on_login=admit,
    on_event=say_goodbye,
    templates=templates,
)
LoggedIn = Annotated[User, Depends(pdb.require(max_age=MAX_AGE))]
WithSecondFactor = Annotated[
    User,
    Depends(pdb.require(mfa=True, max_age=MAX_AGE)),
]  # who logged in without is asked for it once

app = FastAPI(title="Example-IX", openapi_url=None, middleware=[pdb.session_middleware])
app.include_router(pdb.router)
app.mount("/static", StaticFiles(directory=STATIC))


# Endpoints that use the database are no coroutines: FastAPI gives them a thread to wait
# in.


@app.get("/")
async def welcome(request: Request) -> Response:
    """The way in."""
    return (
        RedirectResponse("/networks/", 303)
        if await pdb.current_user(request)
        else templates.TemplateResponse(request, "welcome.html")
    )


@app.get("/networks/")
def networks(request: Request, user: LoggedIn) -> Response:
    """All networks of whoever is logged in."""
    return templates.TemplateResponse(
        request,
        "networks.html",
        networks_page(members, user, request.query_params),
    )


@app.get("/networks/{asn:int}/")
def network(
    request: Request,
    asn: int,
    user: Annotated[User, Depends(pdb.require(asn="asn", max_age=MAX_AGE))],
) -> Response:
    """One network, for its people."""
    return templates.TemplateResponse(request, "network.html", network_page(members, user, asn))


@app.post(
    "/networks/{asn:int}/peering/",
    dependencies=[Depends(pdb.require(asn="asn", perms=Permission.UPDATE, max_age=0))],
)
def request_peering(request: Request, asn: int) -> Response:
    """Request peering, if PeeringDB says at this moment that one may update the
    network: the page with the button may be hours old.
    """
    members.request_peering(asn)
    flash(request, f"Peering for AS{asn} is requested. We will write to its contacts at PeeringDB.")
    return RedirectResponse("/networks/", 303)


@app.post("/act-as/")
def choose(
    request: Request,
    user: Annotated[User, Depends(pdb.require(max_age=0))],
    asn: Annotated[str, Form()] = "",
) -> Response:
    """Choose the member that one acts for. What the form says is somebody's wish and no
    proof.
    """
    member = act_as(members, user, parse_asn(asn))
    request.session["acting_as"] = member.asn
    flash(request, f"You act as {member}.")
    return RedirectResponse("/networks/", 303)


def acting(request: Request, user: User, rule: AccessRule = LINK) -> Member:
    """The member that was chosen, if one may act for it now, which a session does not
    know.
    """
    try:
        return act_as(members, user, request.session.get("acting_as"), rule)
    except AccessDenied:
        request.session.pop("acting_as", None)
        raise


@app.get("/port/")
def port(request: Request, user: WithSecondFactor) -> Response:
    """The port of the member that one acts for."""
    return templates.TemplateResponse(request, "port.html", port_page(acting(request, user)))


@app.post("/port/")
def switch_port(
    request: Request,
    user: Annotated[User, Depends(pdb.require(mfa=True, max_age=0))],
    enabled: Annotated[str, Form()] = "",
) -> Response:
    """Put it into service or out of it."""
    member = acting(request, user, AccessRule(perms=Permission.UPDATE))
    members.enable_port(member.asn, enabled=enabled == "yes")
    flash(request, f"The port of {member} is {'in' if enabled == 'yes' else 'out of'} service.")
    return RedirectResponse("/port/", 303)


@app.get("/me")
def me(user: LoggedIn) -> dict[str, Any]:
    """Whoever is logged in, as JSON."""
    return user.to_dict()


@app.exception_handler(404)
def not_found(request: Request, _: Exception) -> Response:
    """A page for addresses that do not exist."""
    return templates.TemplateResponse(request, "404.html", status_code=404)


@app.middleware("http")
async def harden(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Security headers on everything."""
    response = await call_next(request)
    response.headers.update(headers_of(request.url.path, https=request.url.scheme == "https"))
    return response
