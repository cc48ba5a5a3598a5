"""What FastAPI alone has: dependencies, the OpenAPI document, routers with a prefix, typed parameters."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, WebSocket
from starlette.testclient import TestClient

from peeringdb_oauth import Permission, User

from .conftest import CALLBACK, PORTAL, failure, in_fastapi, in_starlette

pytestmark = pytest.mark.server


@pytest.fixture
def document(make_portal):
    return make_portal(in_fastapi).app.openapi()


def test_the_document_says_who_needs_which_login(document):
    assert document["components"]["securitySchemes"] == {
        "PeeringDBLogin": {
            "type": "apiKey",
            "in": "cookie",
            "name": "__Host-session",
            "description": "The session of somebody who has logged in with PeeringDB.",
        },
        "PeeringDBToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token or ID token of PeeringDB that was issued to this application.",
        },
    }
    needed = {path: operations["get"].get("security") for path, operations in document["paths"].items()}
    assert needed["/networks/{asn}"] == needed["/mfa"] == [{"PeeringDBLogin": []}]
    assert needed["/api/{asn}"] == [{"PeeringDBToken": []}]
    assert needed["/me"] is None


def test_the_pages_of_the_login_are_not_in_the_document(document):
    assert not any("login" in path or "logout" in path for path in document["paths"])


def test_the_parameters_are_the_endpoints_alone(document):
    assert [parameter["name"] for parameter in document["paths"]["/networks/{asn}"]["get"]["parameters"]] == ["asn"]
    assert "parameters" not in document["paths"]["/mfa"]["get"]


def test_the_router_takes_a_prefix(make_portal, make_config):
    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])
        app.include_router(pdb.router, prefix="/auth")

        @app.get("/me")
        async def me(user: Annotated[User, Depends(pdb.require())]) -> str:
            return user.name

        return app

    browser = make_portal(make_app, config=make_config(f"{PORTAL}/auth{CALLBACK}")).browser()
    start = browser.get("/me").headers["Location"]
    assert start == "/auth/login/peeringdb?next=/me"
    assert browser.log_in("member", start).headers["Location"] == "/me"
    assert browser.json("/me") == (200, "Mel Member")
    for page in ("/auth/login/peeringdb", "/auth/login/peeringdb/callback", "/auth/logout"):
        assert browser.log_in("member", f"/auth/login/peeringdb?next={page}").headers["Location"] == "/"
    assert browser.post("/auth/logout", Sec_Fetch_Site="same-origin").headers["Location"] == "/"


def test_a_whole_router_may_ask_for_something(make_portal):
    def make_app(pdb):
        admin = APIRouter(prefix="/admin", dependencies=[Depends(pdb.require(asn=64500, perms=Permission.UPDATE))])

        @admin.get("/page")
        async def page() -> str:
            return "page"

        app = FastAPI(middleware=[pdb.session_middleware], dependencies=[Depends(pdb.require())])
        app.include_router(pdb.router)
        app.include_router(admin)
        return app

    browser = make_portal(make_app).browser()
    assert browser.log_in("member", browser.get("/admin/page").headers["Location"]).headers["Location"] == "/admin/page"
    assert failure(browser.get("/admin/page"))[0] == 403
    browser.log_in("orgadmin")
    assert browser.json("/admin/page") == (200, "page")


def test_who_may_not_learns_nothing_of_the_parameters(make_portal):
    browser = make_portal(in_fastapi).browser()
    assert browser.get("/networks/many", accept="application/json").status_code == 401
    browser.log_in("member")
    assert browser.post("/networks/64500", Sec_Fetch_Site="same-origin").status_code == 403
    browser.log_in("orgadmin")
    assert browser.post("/networks/64500", Sec_Fetch_Site="same-origin").status_code == 422


def test_json_needs_the_header(make_portal):
    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])
        app.include_router(pdb.router)

        @app.put("/notes", dependencies=[Depends(pdb.require())])
        async def notes(body: dict[str, str]) -> str:
            return body["note"]

        @app.get("/csrf")
        async def csrf(context: Annotated[dict, Depends(pdb.template_context)]) -> str:
            return context["peeringdb"].csrf_token

        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    token = browser.json("/csrf")[1]
    assert browser.client.put("/notes", json={"note": "n", "peeringdb_csrf": token}).status_code == 403
    assert browser.client.put("/notes", json={"note": "n"}, headers={"X-PeeringDB-CSRF": token}).json() == "n"


def test_forms_with_fields_and_files_come_through(make_portal):
    def make_app(pdb):
        app = in_fastapi(pdb)

        @app.post("/two-fields")
        async def two(a: Annotated[str, Form()], b: Annotated[list[int], Form()], user: Annotated[User, Depends(pdb.require())]) -> list:
            return [a, b, user.id]

        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    fields = {"a": "x", "b": ["1", "2"], "peeringdb_csrf": browser.csrf_token()}
    assert browser.post("/two-fields", fields).json() == ["x", [1, 2], 2]
    assert browser.client.post("/two-fields", data=fields, files={"file": b"x"}).json() == ["x", [1, 2], 2]


def test_a_web_socket_is_not_let_through(make_portal):
    """It is not supported: `Requirement` needs a request, and FastAPI has none to give."""

    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])

        @app.websocket("/socket", dependencies=[Depends(pdb.require())])
        async def endpoint(socket: WebSocket) -> None:
            await socket.accept()

        return app

    client = TestClient(make_portal(make_app).app)
    with pytest.raises(TypeError, match="request"), client.websocket_connect("/socket"):
        pass


def test_tests_may_replace_the_user(make_portal):
    portal = make_portal(in_fastapi)
    portal.app.dependency_overrides[portal.pdb.current_user] = lambda: User(id=7)
    assert portal.browser().json("/me")[1]["id"] == 7


def test_both_frameworks_share_a_portal(make_portal):
    """A Starlette application below one of FastAPI, with one login for both."""

    def make_app(pdb):
        app = in_fastapi(pdb)
        app.mount("/inner", in_starlette(pdb))
        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    assert browser.json("/inner/me")[1]["id"] == 2
    assert failure(browser.get("/inner/networks/64500"))[0] == 403
    browser.log_out()
    assert browser.get("/inner/networks/64500").headers["Location"] == "/login/peeringdb?next=/inner/networks/64500"
