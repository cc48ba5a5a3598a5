"""Features of FastAPI: dependencies, the OpenAPI document, typed parameters."""

from functools import wraps
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Request
from starlette.responses import PlainTextResponse

from peeringdb_oauth import AccessDenied, ConfigurationError, Network, Permission, User

from .conftest import CALLBACK, PORTAL, failure, in_fastapi, in_latin_1, in_starlette
from .test_login import tokens_of


@pytest.fixture
def document(make_portal):
    return make_portal(in_fastapi).app.openapi()


def test_the_document_names_the_security_scheme_of_each_endpoint(document):
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
            "description": (
                "An access token or ID token of PeeringDB that was issued to this application."
            ),
        },
    }
    needed = {
        path: operations["get"].get("security") for path, operations in document["paths"].items()
    }
    assert needed["/networks/{asn}"] == needed["/mfa"] == [{"PeeringDBLogin": []}]
    assert needed["/api/{asn}"] == [{"PeeringDBToken": []}]
    assert needed["/me"] is None


def test_the_pages_of_the_login_are_not_in_the_document(document):
    assert not any("login" in path or "logout" in path for path in document["paths"])


def test_a_requirement_adds_no_parameters(document):
    assert [
        parameter["name"] for parameter in document["paths"]["/networks/{asn}"]["get"]["parameters"]
    ] == ["asn"]
    assert "parameters" not in document["paths"]["/mfa"]["get"]


STATUS = "/auth/login/peeringdb/status"  # there is no page at "/"


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
        start = f"/auth/login/peeringdb?next={page}&prompt=login"
        assert browser.log_in("member", start).headers["Location"] == STATUS
    assert browser.post("/auth/logout", Sec_Fetch_Site="same-origin").headers["Location"] == STATUS


def test_a_whole_router_can_have_a_requirement(make_portal):
    def make_app(pdb):
        admin = APIRouter(
            prefix="/admin", dependencies=[Depends(pdb.require(asn=64500, perms=Permission.UPDATE))]
        )

        @admin.get("/page")
        async def page() -> str:
            return "page"

        app = FastAPI(middleware=[pdb.session_middleware], dependencies=[Depends(pdb.require())])
        app.include_router(pdb.router)
        app.include_router(admin)
        return app

    browser = make_portal(make_app).browser()
    assert (
        browser.log_in("member", browser.get("/admin/page").headers["Location"]).headers["Location"]
        == "/admin/page"
    )
    assert failure(browser.get("/admin/page"))[0] == 403
    browser.log_in("orgadmin")
    assert browser.json("/admin/page") == (200, "page")


def test_the_requirement_is_checked_before_the_parameters(make_portal):
    browser = make_portal(in_fastapi).browser()
    assert browser.get("/networks/many", accept="application/json").status_code == 401
    browser.log_in("member")
    assert browser.post("/networks/64500", Sec_Fetch_Site="same-origin").status_code == 403
    browser.log_in("orgadmin")
    assert browser.post("/networks/64500", Sec_Fetch_Site="same-origin").status_code == 422


def test_json_needs_the_csrf_token_in_a_header(make_portal):
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
    assert (
        browser.client.put("/notes", json={"note": "n", "peeringdb_csrf": token}).status_code == 403
    )
    assert (
        browser.client.put("/notes", json={"note": "n"}, headers={"X-PeeringDB-CSRF": token}).json()
        == "n"
    )


def test_an_endpoint_can_read_fields_and_files_of_a_form(make_portal):
    def make_app(pdb):
        app = in_fastapi(pdb)

        @app.post("/two-fields")
        async def two(
            a: Annotated[str, Form()],
            b: Annotated[list[int], Form()],
            user: Annotated[User, Depends(pdb.require())],
        ) -> list:
            return [a, b, user.id]

        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    fields = {"a": "x", "b": ["1", "2"], "peeringdb_csrf": browser.csrf_token()}
    assert browser.post("/two-fields", fields).json() == ["x", [1, 2], 2]
    assert browser.client.post("/two-fields", data=fields, files={"file": b"x"}).json() == [
        "x",
        [1, 2],
        2,
    ]


def test_a_test_can_replace_the_user(make_portal):
    portal = make_portal(in_fastapi)
    portal.app.dependency_overrides[portal.pdb.current_user] = lambda: User(id=7)
    assert portal.browser().json("/me")[1]["id"] == 7


def test_fastapi_and_starlette_can_share_a_login(make_portal):
    """A Starlette application is mounted in one of FastAPI, with one login for both."""

    def make_app(pdb):
        app = in_fastapi(pdb)
        app.mount("/inner", in_starlette(pdb))
        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    assert browser.json("/inner/me")[1]["id"] == 2
    assert failure(browser.get("/inner/networks/64500"))[0] == 403
    browser.log_out()
    assert (
        browser.get("/inner/networks/64500").headers["Location"]
        == "/login/peeringdb?next=/inner/networks/64500"
    )


@pytest.mark.parametrize("name", ["require", "bearer"])
def test_forgotten_parentheses_are_an_error_and_not_an_open_endpoint(make_portal, name):
    forgotten = Depends(getattr(make_portal().pdb, name))
    for routes in (FastAPI(), APIRouter()):
        with pytest.raises(TypeError, match=r"write Depends\(pdb.require\(\)\)"):
            routes.get("/open", dependencies=[forgotten])(lambda: "open")
    for routes in (FastAPI(dependencies=[forgotten]), APIRouter(dependencies=[forgotten])):
        with pytest.raises(TypeError, match="without its parentheses it protects nothing"):
            routes.get("/open")(lambda: "open")


@pytest.mark.parametrize("name", ["require", "bearer"])
def test_a_positional_condition_is_an_error(make_portal, name):
    with pytest.raises(TypeError, match="positional"):
        getattr(make_portal().pdb, name)(64500)


@pytest.mark.parametrize(
    "annotation", [User, User | None, list[User], Annotated[User, Depends()], Network]
)
def test_a_user_is_never_read_from_a_request(annotation):
    def endpoint(user: annotation) -> str:
        return repr(user)

    with pytest.raises(TypeError, match="never read from a request"):
        FastAPI().post("/open")(endpoint)


def test_a_guard_in_the_wrong_order_is_an_error_and_not_an_open_endpoint(make_portal):
    require = make_portal().pdb.require()
    with pytest.raises(TypeError, match="never read from a request"):

        @require.guard
        @FastAPI().post("/open")
        async def endpoint(request: Request, user: User) -> str:
            return f"{user.name} at {request.url}"


def test_an_endpoint_can_return_the_user(make_portal):
    def make_app(pdb):
        app = in_fastapi(pdb)

        @app.get("/whole")
        async def whole(user: Annotated[User, Depends(pdb.require())]) -> dict[str, object]:
            return user.to_dict()

        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    assert browser.json("/whole")[1]["networks"][0]["asn"] == 64500
    assert "/whole" in browser.json("/openapi.json")[1]["paths"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_function_is_called_only_for_known_people(make_portal, asynchronous):
    looked = []

    def find(request: Request):
        looked.append(request.url.path)
        return 64500

    async def find_later(request: Request):
        return find(request)

    def make_app(pdb):
        asn = find_later if asynchronous else find
        app = FastAPI(middleware=[pdb.session_middleware])
        app.include_router(pdb.router)
        app.get("/found", dependencies=[Depends(pdb.require(asn=asn))])(lambda: "found")
        app.get("/api/found", dependencies=[Depends(pdb.bearer(asn=asn))])(lambda: "found")
        return app

    portal = make_portal(make_app)
    browser = portal.browser()
    assert browser.get("/found").status_code == 302
    assert browser.get("/api/found", Authorization="Bearer made-up").status_code == 401
    assert looked == []
    browser.log_in("member")
    assert browser.json("/found") == (200, "found")
    access_token, _ = tokens_of(portal, browser)
    assert browser.get("/api/found", Authorization=f"Bearer {access_token}").status_code == 200
    assert looked == ["/found", "/api/found"]


def test_a_function_that_finds_no_network_refuses_the_token(make_portal):
    def make_app(pdb):
        app = in_fastapi(pdb)
        app.get("/nowhere", dependencies=[Depends(pdb.bearer(asn=lambda _: None))])(lambda: "found")
        return app

    portal = make_portal(make_app)
    browser = portal.browser()
    browser.log_in("member")
    answer = browser.get("/nowhere", Authorization=f"Bearer {tokens_of(portal, browser)[0]}")
    assert (answer.status_code, "not an AS number" in answer.text) == (403, True)


def test_the_login_ends_when_on_event_fails(make_portal):
    def fail(_, event):
        if event.kind == "login":
            raise AccessDenied("not you")

    browser = make_portal(in_fastapi, on_event=fail).browser()
    assert browser.log_in("member").status_code == 403
    assert browser.get("/mfa").status_code == 302


def test_a_forged_callback_ends_no_login_even_if_on_event_fails(make_portal):
    def fail(_, event):
        if event.kind == "refused":
            raise LookupError

    portal = make_portal(in_fastapi, on_event=fail)
    portal.app.add_exception_handler(LookupError, lambda *_: PlainTextResponse("broken", 500))
    browser = portal.browser()
    browser.log_in("member")
    assert browser.get(f"{CALLBACK}?code=abc&state=abc").text == "broken"
    assert browser.json("/me")[1]["id"] == 2


def test_max_age_of_zero_looks_up_each_token(make_portal):
    def make_app(pdb):
        app = in_fastapi(pdb)

        @app.get("/cached")
        async def cached(user: Annotated[User, Depends(pdb.bearer())]) -> tuple[int, ...]:
            return user.asns

        @app.get("/looked-up")
        async def looked_up(
            user: Annotated[User, Depends(pdb.bearer(max_age=0))],
        ) -> tuple[int, ...]:
            return user.asns

        return app

    portal = make_portal(make_app)
    browser = portal.browser()
    browser.log_in("member")
    token, _ = tokens_of(portal, browser)
    assert browser.json("/cached", Authorization=f"Bearer {token}")[1] == [64500, 64501, 65550]
    portal.sandbox.change("member", networks={64501: 1})
    assert browser.json("/cached", Authorization=f"Bearer {token}")[1] == [64500, 64501, 65550]
    assert browser.json("/looked-up", Authorization=f"Bearer {token}")[1] == [64501]


def test_a_disguised_cookie_does_not_count(make_portal, sandbox):
    """Another host of the domain can set a cookie with a Unicode space before its name.

    Starlette removes the space, browsers do not.
    """
    portal = make_portal(lambda pdb: in_latin_1(in_fastapi(pdb)))
    started = portal.browser().get("/login/peeringdb")
    cookie = started.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith("__Host-peeringdb-login-")
    callback = sandbox.log_in("orgadmin", started.headers["Location"])
    for planted in (f"\xa0{cookie}", f"a=b;\x85{cookie}"):
        assert failure(portal.browser().get(callback, Cookie=planted.encode()))[:2] == (
            400,
            "A cookie of this browser cannot be trusted",
        )
    assert portal.browser().get(callback, Cookie=cookie).status_code == 302


def test_a_refusal_ends_no_login_even_if_on_event_fails(make_portal):
    def fail(_, event):
        if event.kind == "refused":
            raise ZeroDivisionError

    browser = make_portal(in_fastapi, on_event=fail).browser()
    browser.log_in("member")
    with pytest.raises(ZeroDivisionError):
        browser.get("/networks/64511")
    assert browser.get("/mfa").status_code == 200


@pytest.mark.parametrize("annotation", [Any, dict | None, int, str, Request])
@pytest.mark.parametrize("name", ["require", "bearer"])
def test_a_forgotten_depends_in_an_annotation_is_an_error(make_portal, name, annotation):
    requirement = getattr(make_portal().pdb, name)()

    def endpoint(user: Annotated[annotation, requirement] = None):
        return f"open to {user}"

    with pytest.raises(TypeError, match=r"write Annotated\[User, Depends\(pdb.require\(\)\)\]"):
        FastAPI().get("/open")(endpoint)


@pytest.mark.parametrize("annotation", [Any, Request])
def test_a_forgotten_depends_for_a_default_is_an_error(make_portal, annotation):
    def endpoint(user: annotation = make_portal().pdb.require()):  # noqa: B008 - the mistake
        return f"open to {user}"

    with pytest.raises(TypeError, match="as a default it protects nothing"):
        FastAPI().get("/open")(endpoint)


def test_a_forgotten_depends_in_a_list_of_dependencies_is_an_error(make_portal):
    requirement = make_portal().pdb.require()
    with pytest.raises(TypeError, match=r"write Annotated\[User, Depends\("):
        FastAPI().get("/open", dependencies=[requirement])(lambda: "open")
    with pytest.raises(TypeError, match=r"write Annotated\[User, Depends\("):
        FastAPI(dependencies=[requirement]).get("/open")(lambda: "open")


@pytest.mark.parametrize("name", ["require", "bearer"])
def test_a_method_in_an_annotation_is_an_error(make_portal, name):
    forgotten = getattr(make_portal().pdb, name)

    def endpoint(user: Annotated[Any, forgotten] = None):
        return f"open to {user}"

    with pytest.raises(TypeError, match="without its parentheses it protects nothing"):
        FastAPI().get("/open")(endpoint)


def test_a_method_as_a_default_is_an_error(make_portal):
    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])

        @app.get("/open")
        def endpoint(user: Any = pdb.require):
            return f"open to {user}"

        return app

    with pytest.raises(TypeError, match="without its parentheses it protects nothing"):
        make_portal(make_app).browser().get("/open")


def test_a_guard_in_depends_is_an_error(make_portal):
    guard = make_portal().pdb.require().guard
    with pytest.raises(TypeError, match="without its parentheses it protects nothing"):
        FastAPI().get("/open", dependencies=[Depends(guard)])(lambda: "open")


@pytest.mark.parametrize("name", ["require", "bearer"])
@pytest.mark.parametrize("is_above", [True, False])
def test_a_requirement_as_a_decorator_is_an_error(make_portal, name, is_above):
    decorators = [FastAPI().get("/open"), getattr(make_portal().pdb, name)()]
    inner, outer = decorators if is_above else reversed(decorators)
    with pytest.raises(TypeError, match=r"pdb.require\(\) is no decorator"):

        @outer
        @inner
        def endpoint():
            """Not reached."""


@pytest.mark.parametrize("name", ["require", "bearer"])
@pytest.mark.parametrize("routes", [FastAPI, APIRouter])
def test_a_requirement_without_parentheses_as_a_decorator_is_an_error(make_portal, name, routes):
    decorator = getattr(make_portal().pdb, name)
    with pytest.raises(TypeError, match=rf"write Depends\(pdb.{name}\(\)\), with parentheses"):

        @decorator
        @routes().get("/open")
        def endpoint():
            """Not reached."""


def enclose(endpoint):
    def enclosed(*args, **kwargs):
        return endpoint(*args, **kwargs)

    return enclosed


def enclose_with_wraps(endpoint):
    return wraps(endpoint)(enclose(endpoint))


@pytest.mark.parametrize("between", [lambda endpoint: endpoint, enclose, enclose_with_wraps])
@pytest.mark.parametrize("routes", [FastAPI, APIRouter])
@pytest.mark.parametrize("name", ["require", "bearer"])
def test_a_guard_above_a_route_is_an_error(make_portal, name, routes, between):
    requirement, routes = getattr(make_portal().pdb, name)(), routes()
    with pytest.raises(ConfigurationError, match="guard protects nothing above the decorator"):

        @requirement.guard
        @between
        @routes.get("/open")
        def endpoint(request: Request, user=None):
            """Not reached."""


def test_a_guard_below_a_route_protects_it(make_portal):
    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])
        app.include_router(pdb.router)

        @app.get("/guarded/{asn}")  # noqa: FAST003 - the guard reads it
        @pdb.require(asn="asn").guard
        def endpoint(request: Request, user: User):
            return PlainTextResponse(f"{user.name} AS{request.path_params['asn']}")

        return app

    browser = make_portal(make_app).browser()
    assert browser.get("/guarded/64500").status_code == 302
    browser.log_in("member")
    assert browser.get("/guarded/64500").text == "Mel Member AS64500"
    assert browser.get("/guarded/64511").status_code == 403


def test_a_requirement_in_a_thread_is_an_error(make_portal):
    """There nobody would await the result, and everybody would be let in."""
    requirement = make_portal().pdb.require()
    with pytest.raises(RuntimeError, match="no running event loop"):
        requirement(Request({"type": "http"}))


def test_a_forgotten_depends_is_an_error_and_not_an_open_endpoint(make_portal):
    def make_app(pdb):
        app = FastAPI(middleware=[pdb.session_middleware])

        @app.get("/open")
        def endpoint(user=pdb.require()):  # noqa: B008 - the mistake that is tested
            return f"open to {user}"

        return app

    with pytest.raises(TypeError, match="as a default it protects nothing"):
        make_portal(make_app).browser().get("/open")
