"""Own paths: of the callback, and where a login and a logout lead."""

import re
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient

from peeringdb_oauth import ConfigurationError, User
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.web import STYLE_SHEET

PORTAL = "https://testserver"
STATUS = "/login/peeringdb/status"


@pytest.mark.parametrize(
    ("path", "callback_path"), [("/callback", None), ("/auth/d%C3%B6ne/", None), ("/a/b", "/a/b")]
)
def test_the_callback_is_where_the_redirect_uri_leads(
    make_portal, make_config, make_app, path, callback_path
):
    config = make_config(PORTAL + path)
    browser = make_portal(make_app, config=config, callback_path=callback_path).browser()
    assert browser.log_in("member", "/login/peeringdb?next=/me").headers["Location"] == "/me"
    assert browser.json("/me")[1]["id"]


def with_prefix(pdb):
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router, prefix="/auth")
    me = APIRouter()

    @me.get("/me")
    async def name(user: Annotated[User, Depends(pdb.require())]) -> str:
        return user.name

    app.include_router(me)
    return app


def test_an_own_callback_below_a_prefix_is_named(make_portal, make_config):
    config = make_config(f"{PORTAL}/auth/back")
    browser = make_portal(with_prefix, config=config, callback_path="/back").browser()
    assert browser.log_in("member", "/auth/login/peeringdb?next=/me").headers["Location"] == "/me"
    assert browser.json("/me") == (200, "Mel Member")


def test_a_redirect_uri_that_leads_nowhere_is_told_at_the_first_login(make_portal, make_config):
    browser = make_portal(with_prefix, config=make_config(f"{PORTAL}/auth/back")).browser()
    with pytest.raises(ConfigurationError, match="redirect_uri: /auth/back is no page of this"):
        browser.get("/auth/login/peeringdb")


@pytest.mark.parametrize(
    ("path", "arguments", "problem"),
    [
        ("", {}, "redirect_uri: must have a path of its own for the callback, such as /login/"),
        ("/logout", {}, "redirect_uri: must have a path of its own for the callback"),
        ("/%7Ba%7D", {}, "redirect_uri: must have a path of its own for the callback"),
        ("/x", {"callback_path": "/y"}, "redirect_uri: must end in /y, the callback_path"),
        ("/x", {"login_redirect_url": "//other.example"}, "login_redirect_url: must be a path"),
        ("/x", {"logout_redirect_url": "bye"}, "logout_redirect_url: must be"),
    ],
)
def test_a_path_that_cannot_be_is_a_mistake(make_config, path, arguments, problem):
    with pytest.raises(ConfigurationError) as caught:
        PeeringDB(config=make_config(PORTAL + path), **arguments)
    assert str(caught.value).startswith(problem)


def log_out(browser):
    return browser.post("/logout", Sec_Fetch_Site="same-origin").headers["Location"]


def test_a_login_and_a_logout_lead_where_the_application_says(make_portal):
    browser = make_portal(
        login_redirect_url="/me", logout_redirect_url="https://www.example.net/"
    ).browser()
    assert browser.log_in("member").headers["Location"] == "/me"
    assert log_out(browser) == "https://www.example.net/"


def test_home_is_the_earlier_name(make_portal):
    browser = make_portal(home="/me").browser()
    assert browser.log_in("member").headers["Location"] == "/me"
    assert log_out(browser) == "/me"


async def page(_request):
    return PlainTextResponse("a page")


def app_with(*routes):
    return lambda pdb: Starlette(routes=[*pdb.routes, *routes], middleware=[pdb.session_middleware])


@pytest.mark.parametrize(
    ("routes", "location"),
    [
        ([Route("/other", page)], STATUS),
        ([Route("/", page, methods=["POST"])], STATUS),
        ([Mount("/", routes=[Route("/other", page)])], STATUS),
        ([Mount("/", routes=[Route("/", page)])], "/"),
        ([Mount("/", StaticFiles(directory="."))], "/"),
    ],
)
def test_an_application_without_a_start_page_has_one_of_ours(make_portal, routes, location):
    browser = make_portal(app_with(*routes)).browser()
    assert browser.log_in("member").headers["Location"] == location
    answer = browser.get(STATUS)
    assert (answer.status_code, "<h1>You are logged in as Mel Member</h1>" in answer.text) == (
        200,
        True,
    )
    assert log_out(browser) == location
    answer = browser.get(STATUS)
    assert (answer.status_code, "<h1>You are not logged in</h1>" in answer.text) == (200, True)
    assert browser.json(STATUS) == (200, {"logged_in": False, "title": "You are not logged in"})


def test_the_style_sheet_is_a_file_of_the_site(make_portal, make_config):
    config = make_config(f"{PORTAL}/auth/back")
    browser = make_portal(with_prefix, config=config, callback_path="/back").browser()
    page = browser.get("/auth/back").text
    url = re.search('<link rel="stylesheet" href="([^"]+)">', page)[1]
    assert re.fullmatch(r"/auth/login/peeringdb/style\.css\?[0-9a-f]{8}", url)
    answer = browser.get(url)
    assert (answer.status_code, answer.text) == (200, STYLE_SHEET)
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_two_applications_at_one_host_keep_their_logins(make_config, sandbox):
    async def me(request):
        return PlainTextResponse((await pdbs[request.scope["root_path"]].require()(request)).name)

    pdbs = {
        path: PeeringDB(
            config=make_config(f"{PORTAL}{path}/login/peeringdb/callback"),
            secret_key=path * 8,
            session_cookie=f"__Host-{path[1:]}",
        )
        for path in ("/a", "/b")
    }
    apps = {
        path: Starlette(routes=[*pdb.routes, Route("/me", me)], middleware=[pdb.session_middleware])
        for path, pdb in pdbs.items()
    }
    app = Starlette(routes=[Mount(path, each) for path, each in apps.items()])
    browser = TestClient(app, base_url=PORTAL, follow_redirects=False)

    def get(path):
        answer = browser.get(path, headers={"Accept": "text/html"})
        return answer.status_code, answer.headers.get("Location") or answer.text

    starts = {path: get(f"{path}/login/peeringdb?next={path}/me")[1] for path in pdbs}
    for person, path in (("member", "/a"), ("orgadmin", "/b")):
        assert get(sandbox.log_in(person, starts[path])) == (302, f"{path}/me")
    assert [get("/a/me"), get("/b/me")] == [(200, "Mel Member"), (200, "Ada Admin")]
