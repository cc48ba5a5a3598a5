"""The guards of WebSockets: who is refused, and what their browser is told."""

from contextlib import contextmanager
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from peeringdb_oauth import AccessRule, ConfigurationError, Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB

PORTAL = "https://testserver"
RULE = AccessRule(perms=Permission.DELETE)  # checked by an endpoint itself


def in_starlette(pdb):
    @pdb.require(asn="asn", perms=Permission.UPDATE).guard
    async def feed(websocket, user):
        await greet(websocket, user)

    async def anybody(websocket):
        await greet(websocket, await pdb.current_user(websocket))

    async def own_rule(websocket):
        await websocket.accept()
        RULE.require(await pdb.current_user(websocket), asn=64500)

    class Late(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, websocket, data):
            await websocket.send_text((await pdb.require(asn=int(data))(websocket)).name)

    async def gone(websocket):
        await websocket.accept()
        await websocket.close(1000, "bye")
        RULE.require(await pdb.current_user(websocket), asn=64500)

    async def fresh(websocket):
        await greet(websocket, await pdb.require(max_age=0)(websocket))

    async def api(websocket):
        await greet(websocket, await pdb.bearer()(websocket))

    return Starlette(
        routes=[
            *pdb.routes,
            WebSocketRoute("/feed/{asn}", feed),
            WebSocketRoute("/anybody", anybody),
            WebSocketRoute("/own-rule", own_rule),
            WebSocketRoute("/late", Late),
            WebSocketRoute("/gone", gone),
            WebSocketRoute("/fresh", fresh),
            WebSocketRoute("/api", api),
        ],
        middleware=[pdb.session_middleware],
    )


def in_fastapi(pdb):
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)

    def endpoint(path, requirement):
        @app.websocket(path)
        async def feed(websocket: WebSocket, user: Annotated[User | None, Depends(requirement)]):
            await greet(websocket, user)

    endpoint("/feed/{asn}", pdb.require(asn="asn", perms=Permission.UPDATE))
    endpoint("/anybody", pdb.current_user)
    endpoint("/fresh", pdb.require(max_age=0))
    endpoint("/api", pdb.bearer())

    @app.websocket("/own-rule")
    async def own_rule(websocket: WebSocket, user: Annotated[User, Depends(pdb.current_user)]):
        await websocket.accept()
        RULE.require(user, asn=64500)

    return app


async def greet(websocket, user):
    await websocket.accept(next(iter(websocket.scope["subprotocols"]), None))
    await websocket.send_text("nobody" if user is None else user.name)
    await websocket.close()


@pytest.fixture(params=[in_starlette, in_fastapi])
def make_app(request):
    return request.param


@contextmanager
def opened(browser, path, **arguments):
    address = f"{browser.client.base_url}".replace("http", "ws", 1).rstrip("/")
    with browser.client.websocket_connect(f"{address}{path}", **arguments) as websocket:
        yield websocket


def hear(browser, path="/feed/64500", **headers):
    """What the page hears: a text, or the code and reason of the close."""
    with opened(browser, path, headers={k.replace("_", "-"): v for k, v in headers.items()}) as it:
        try:
            return it.receive_text()
        except WebSocketDisconnect as closed:
            return closed.code, closed.reason


def test_a_person_who_may_is_let_in(portal):
    browser = portal.browser()
    browser.log_in("orgadmin")
    assert hear(browser) == hear(browser, "/anybody") == hear(browser, "/fresh") == "Ada Admin"


def test_nobody_is_told_to_log_in(portal):
    assert hear(portal.browser()) == (4401, "You are not logged in")
    assert hear(portal.browser(), "/anybody") == "nobody"


def test_the_reasons_of_a_refusal_are_told(portal):
    browser = portal.browser()
    browser.log_in("member")
    code, reason = hear(browser)
    assert (code, reason) == (4403, "AS64500: you may read this network but not update it")
    assert [event.code for event in portal.events if event.kind == "refused"] == ["forbidden"]


def test_an_error_of_an_endpoint_that_has_accepted_closes_too(portal):
    browser = portal.browser()
    browser.log_in("member")
    with opened(browser, "/own-rule") as websocket, pytest.raises(WebSocketDisconnect) as closed:
        websocket.receive_text()
    assert closed.value.code == 4403


def test_an_endpoint_of_a_class_can_ask_at_each_message(make_portal):
    browser = make_portal(in_starlette).browser()
    browser.log_in("member")
    with opened(browser, "/late") as websocket:
        websocket.send_text("64500")
        assert websocket.receive_text() == "Mel Member"
        websocket.send_text("64510")
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
    assert closed.value.code == 4403


def test_a_connection_that_is_closed_already_stays_as_it_is(make_portal):
    browser = make_portal(in_starlette).browser()
    browser.log_in("member")
    assert hear(browser, "/gone") == (1000, "bye")


def test_a_session_that_has_ended_is_told(portal):
    browser = portal.browser()
    browser.log_in("member")
    portal.sandbox.revoke_tokens("member")
    assert hear(browser, "/fresh")[0] in (4401, 4403)


def test_an_outage_says_to_come_later(portal):
    browser = portal.browser()
    browser.log_in("member")
    portal.sandbox.fault("outage")
    assert hear(browser, "/fresh") == (1013, "PeeringDB is not available")


def test_a_bearer_token_is_asked_for(portal):
    assert hear(portal.browser(), "/api") == (4401, "No token was sent")
    code, reason = hear(portal.browser(), "/api", Authorization="Bearer bad")
    assert (code, len(reason) > 10) == (4401, True)


# --- the origin -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/feed/64500", "/anybody"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://other.testserver", "http://testserver", "null", ""]
)
def test_a_page_of_another_site_opens_nothing(portal, path, origin):
    browser = portal.browser()
    browser.log_in("orgadmin")
    refusal = (4403, "A page of another site sent this request")
    assert hear(browser, path, Origin=origin) == refusal
    assert portal.events[-1].code == "foreign_origin"


def test_pages_of_this_site_open_it(portal):
    browser = portal.browser()
    browser.log_in("orgadmin")
    assert hear(browser, Origin=PORTAL) == "Ada Admin"
    assert hear(browser, Origin="https://TESTSERVER:443") == "Ada Admin"


def test_a_page_at_the_address_of_the_request_opens_it(make_portal, make_config):
    """It may be another one than the redirect URI's, such as with and without www."""
    portal = make_portal(in_starlette, base_url="https://www.testserver", config=make_config())
    refused = (4401, "You are not logged in")
    assert hear(portal.browser(), Origin="https://www.testserver") == refused
    assert hear(portal.browser(), Origin=PORTAL) == refused
    assert hear(portal.browser(), Origin="https://mail.testserver")[0] == 4403


def test_a_list_takes_the_place_of_this_site(make_portal):
    portal = make_portal(in_starlette, websocket_origins=["https://app.example.net"])
    browser = portal.browser()
    browser.log_in("orgadmin")
    assert hear(browser, Origin="https://app.example.net") == "Ada Admin"
    assert hear(browser, Origin=PORTAL)[0] == 4403


@pytest.mark.parametrize("origins", ["app.example.net", [], ["https://app.example.net/"], [""]])
def test_a_list_of_what_is_no_origin_is_a_mistake(make_config, origins):
    with pytest.raises(ConfigurationError, match="websocket_origins: must be origins"):
        PeeringDB(config=make_config(), websocket_origins=origins)


# --- closing --------------------------------------------------------------------------


def test_a_browser_that_offers_subprotocols_gets_one(portal):
    """Otherwise it fails the connection, and the page hears no reason."""
    with opened(portal.browser(), "/feed/64500", subprotocols=["v2", "v1"]) as websocket:
        assert websocket.accepted_subprotocol == "v2"
        with pytest.raises(WebSocketDisconnect) as closed:
            websocket.receive_text()
    assert closed.value.code == 4401
