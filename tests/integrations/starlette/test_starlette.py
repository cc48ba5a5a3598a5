"""Features of Starlette: mounts, endpoints, sessions, templates, event loops."""

import asyncio
import secrets
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import contextmanager

import jinja2
import pytest
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.templating import Jinja2Templates

from peeringdb_oauth import (
    AccessDenied,
    AsyncClient,
    ConfigurationError,
    Permission,
    TransportError,
    flows,
)
from peeringdb_oauth.integrations import starlette
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.integrations.starlette.sessions import GuardedSessionMiddleware

from .conftest import CALLBACK, PORTAL, failure, in_latin_1, in_starlette
from .test_login import tokens_of


async def home(_request):
    return PlainTextResponse("home")


def example(heading):
    """The code below a heading in the docstring of the package."""
    _, _, below = starlette.__doc__.partition(f"\n{heading}::\n\n")
    lines = below.splitlines()
    end = next(
        (number for number, line in enumerate(lines) if line and not line.startswith(" ")),
        len(lines),
    )
    return textwrap.dedent("\n".join(lines[:end]))


@pytest.mark.parametrize("heading", ["Starlette", "FastAPI"])
def test_the_example_in_the_docstring_is_short_and_runs(
    make_portal, make_config, monkeypatch, heading
):
    config = make_config()
    for name in ("client_id", "client_secret", "redirect_uri", "base_url"):
        monkeypatch.setenv(f"PEERINGDB_OAUTH_{name.upper()}", getattr(config, name))
    monkeypatch.setenv("PEERINGDB_OAUTH_ALLOW_HTTP", "yes")
    code = example(heading)
    assert len([line for line in code.splitlines() if line]) <= 15
    names = {}
    exec(compile(code, heading, "exec"), names)  # noqa: S102 - ours
    browser = make_portal(lambda _: names["app"]).browser()
    assert (
        browser.log_in("limited", "/login/peeringdb?next=/networks/64500").headers["Location"]
        == "/networks/64500"
    )
    answer = browser.get("/networks/64500")
    assert (answer.status_code, "Lim Ited may change the peering of AS64500" in answer.text) == (
        200,
        True,
    )
    assert browser.get("/networks/64501").status_code == 403


# --- the scope ------------------------------------------------------------------------


def test_a_scope_that_lacks_what_the_rule_reads_is_found_at_the_start(make_config):
    config = make_config(scope=("profile", "networks"))
    with pytest.raises(ConfigurationError, match="'email' is missing, and the rule asks for"):
        PeeringDB(config=config)


@pytest.mark.parametrize(
    ("conditions", "missing"),
    [({"asn": "asn"}, "networks"), ({"asn": 64500}, "networks"), ({"mfa": True}, "amr")],
)
def test_a_scope_that_lacks_what_a_requirement_reads_is_found_at_once(
    make_config, conditions, missing
):
    pdb = PeeringDB(config=make_config(scope=("profile", "email")))
    with pytest.raises(ConfigurationError, match=f"'{missing}' is missing, and pdb.require"):
        pdb.require(**conditions)
    pdb.bearer(**conditions)  # a token may have another scope


# --- routes ---------------------------------------------------------------------------


def test_fastapi_need_not_be_installed():
    program = """
        import sys
        from peeringdb_oauth import ClientConfig
        from peeringdb_oauth.integrations.starlette import PeeringDB
        pdb = PeeringDB(config=ClientConfig(client_id="a", client_secret="b" * 16, redirect_uri="https://a.example/login/peeringdb/callback"))
        pdb.require(), pdb.bearer(), pdb.router
        assert "fastapi" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def in_root_mount(pdb):
    routes = [Route("/me", pdb.require().guard(me)), Route("/", home)]
    app = Starlette(routes=routes, middleware=[pdb.session_middleware])
    app.mount("/", pdb.router)
    return app


def in_auth_mount(pdb):
    routes = [Mount("/auth", pdb.router), Route("/me", pdb.require().guard(me)), Route("/", home)]
    return Starlette(routes=routes, middleware=[pdb.session_middleware])


async def me(_request, user):
    return PlainTextResponse(user.name)


@pytest.fixture(params=[True, False], ids=["with_fastapi", "without_fastapi"])
def _with_fastapi_or_without(request, monkeypatch):
    if not request.param:
        monkeypatch.delitem(sys.modules, "fastapi")


@pytest.mark.usefixtures("_with_fastapi_or_without")
@pytest.mark.parametrize(("make_app", "mount"), [(in_root_mount, ""), (in_auth_mount, "/auth")])
@pytest.mark.parametrize("root_path", ["", "/portal"])
def test_the_router_can_be_mounted_anywhere(make_portal, make_config, make_app, mount, root_path):
    config = make_config(f"{PORTAL}{root_path}{mount}{CALLBACK}")
    browser = make_portal(make_app, config=config).browser(root_path=root_path)
    start = browser.get(f"{root_path}/me").headers["Location"]
    assert start == f"{root_path}{mount}/login/peeringdb?next={root_path}/me"
    assert browser.log_in("member", start).headers["Location"] == f"{root_path}/me"
    assert browser.get(f"{root_path}/me").text == "Mel Member"
    assert browser.get(f"{root_path}{mount}/elsewhere").status_code == 404
    answer = browser.post(f"{root_path}{mount}/logout", Sec_Fetch_Site="same-origin")
    assert answer.headers["Location"] == f"{root_path}/"


@pytest.mark.parametrize(
    ("path", "address"),
    [("/me", "/portal/me"), ("/portal", "/portal"), ("/portals/me", "/portal/portals/me")],
)
def test_a_proxy_can_strip_its_prefix(make_portal, make_config, path, address):
    """The path of a request has the prefix with some servers, with others not."""

    def make_app(pdb):
        guarded = pdb.require().guard(me)
        return Starlette(
            routes=[*pdb.routes, Route("/{rest:path}", guarded)],
            middleware=[pdb.session_middleware],
        )

    portal = make_portal(make_app, config=make_config(f"{PORTAL}/portal{CALLBACK}"))
    assert (
        portal.browser(root_path="/portal/").get(path).headers["Location"]
        == f"/portal/login/peeringdb?next={address}"
    )


def test_an_application_with_a_guard_can_be_mounted(make_portal):
    def make_app(pdb):
        require = pdb.require(asn=64500, perms=Permission.UPDATE)

        class Guard:
            def __init__(self, app):
                self.app = app

            async def __call__(self, scope, receive, send):
                await require(Request(scope, receive))
                await self.app(scope, receive, send)

        inner = Mount(
            "/inner", routes=[Route("/{rest:path}", home)], middleware=[Middleware(Guard)]
        )
        return Starlette(routes=[*pdb.routes, inner], middleware=[pdb.session_middleware])

    browser = make_portal(make_app).browser()
    assert browser.get("/inner/page").headers["Location"] == "/login/peeringdb?next=/inner/page"
    browser.log_in("member")
    assert failure(browser.get("/inner/page"))[0] == 403
    browser.log_in("orgadmin")
    assert browser.get("/inner/page").text == "home"


def test_the_routes_have_names(make_portal):
    def make_app(pdb):
        async def addresses(request):
            return PlainTextResponse(
                " ".join(
                    request.url_for(f"peeringdb_{name}").path
                    for name in ("login", "callback", "logout")
                )
            )

        return Starlette(routes=[*pdb.routes, Route("/addresses", addresses)])

    assert (
        make_portal(make_app).browser().get("/addresses").text
        == f"/login/peeringdb {CALLBACK} /logout"
    )


# --- endpoints ------------------------------------------------------------------------


def test_endpoints_can_be_functions_and_classes(make_portal):
    def make_app(pdb):
        require = pdb.require(asn="asn", perms=Permission.UPDATE)

        @require.guard
        def in_a_thread(_request, user):
            with pytest.raises(RuntimeError, match="no running event loop"):
                asyncio.get_running_loop()
            return PlainTextResponse(f"{user.name} in a thread")

        class AClass(HTTPEndpoint):
            async def get(self, request):
                user = await require(request)
                return PlainTextResponse(f"{user.name} in a class")

        assert in_a_thread.__name__ == "in_a_thread"
        routes = [Route("/thread/{asn:int}", in_a_thread), Route("/class/{asn:int}", AClass)]
        return Starlette(routes=[*pdb.routes, *routes], middleware=[pdb.session_middleware])

    browser = make_portal(make_app).browser()
    browser.log_in("limited")
    assert [browser.get(f"/{kind}/64500").text for kind in ("thread", "class")] == [
        "Lim Ited in a thread",
        "Lim Ited in a class",
    ]
    assert [browser.get(f"/{kind}/64501").status_code for kind in ("thread", "class")] == [403, 403]


def test_a_coroutine_function_can_find_the_network(make_portal):
    async def of_member(request):
        await asyncio.sleep(0)
        return {"one": 64500, "two": "64499"}.get(request.path_params["name"])

    def make_app(pdb):
        endpoint = pdb.require(asn=of_member).guard(me)
        return Starlette(
            routes=[*pdb.routes, Route("/members/{name}", endpoint)],
            middleware=[pdb.session_middleware],
        )

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    assert [browser.get(f"/members/{name}").status_code for name in ("one", "two", "three")] == [
        200,
        403,
        403,
    ]


def read_body(request):
    return request.body()


async def read_stream(request):
    return b"".join([chunk async for chunk in request.stream()])


async def read_field(request):
    async with request.form(max_fields=2) as form:
        return form["note"].encode()


@pytest.mark.parametrize(
    ("read", "content"),
    [
        (read_body, b"note=n&peeringdb_csrf="),
        (read_stream, b"note=n&peeringdb_csrf="),
        (read_field, b"n"),
    ],
)
def test_an_endpoint_can_still_read_the_form(make_portal, read, content):
    def make_app(pdb):
        @pdb.require().guard
        async def endpoint(request, _user):
            return PlainTextResponse(await read(request))

        app = in_starlette(pdb)
        app.router.routes.append(Route("/read", endpoint, methods=["POST"]))
        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    token = browser.csrf_token()
    assert browser.post("/read", {"note": "n", "peeringdb_csrf": token}).content in (
        content,
        content + token.encode(),
    )


def test_exception_handlers_of_the_application_come_first(make_portal):
    async def denied(_request, error):
        return PlainTextResponse(f"no: {error}", 403)

    def make_app(pdb):
        app = in_starlette(pdb)
        app.add_exception_handler(AccessDenied, denied)
        return app

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    assert (
        browser.get("/own-rule").text == "no: AS64501: you may read this network but not delete it"
    )
    assert failure(browser.get("/networks/64500"))[0] == 403


def test_other_errors_of_the_library_are_pages_too(make_portal):
    def make_app(pdb):
        async def broken(request):
            await pdb.current_user(request)
            raise TransportError("PeeringDB is gone")

        return Starlette(
            routes=[*pdb.routes, Route("/broken", broken)], middleware=[pdb.session_middleware]
        )

    portal = make_portal(make_app)
    assert failure(portal.browser().get("/broken")) == (502, "PeeringDB is not available", [])
    assert portal.events == []


# --- sessions -------------------------------------------------------------------------


def test_the_error_without_sessions_says_what_to_add(make_portal):
    app = make_portal(
        lambda pdb: Starlette(routes=[*pdb.routes, Route("/me", pdb.require().guard(me))])
    )
    for path in ("/login/peeringdb", CALLBACK, "/me"):
        with pytest.raises(ConfigurationError, match=r"middleware=\[pdb.session_middleware\]"):
            app.browser().get(path)


def test_an_api_needs_no_sessions_and_answers_in_json(make_portal):
    def make_app(pdb):
        async def endpoint(request):
            user = await pdb.bearer()(request)
            raise AccessDenied(f"not you, {user.name}")

        return Starlette(routes=[Route("/api", endpoint, methods=["POST"])])

    portal, with_sessions = make_portal(make_app), make_portal().browser()
    with_sessions.log_in("member")
    token, _ = tokens_of(portal, with_sessions)
    answer = portal.browser().post("/api", Authorization=f"Bearer {token}")
    reason = {"code": "refused", "asn": None, "text": "Not you, Mel Member"}
    assert (answer.status_code, answer.json()["reasons"]) == (403, [reason])


class ServerSideSessions:
    """Sessions on the server, with the method names of starsessions."""

    sessions: dict = {}  # noqa: RUF012 - common to all

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        self.id = Request(scope).cookies.get("id") or secrets.token_hex(8)
        scope["session"], scope["session_handler"] = self.sessions.pop(self.id, {}), self

        async def send_with_cookie(message):
            if message["type"] == "http.response.start":
                self.sessions[self.id] = scope["session"]
                message["headers"].append((b"set-cookie", f"id={self.id}; Path=/".encode()))
            await send(message)

        await self.app(scope, receive, send_with_cookie)

    def regenerate_id(self):
        self.id = secrets.token_hex(8)


def with_middleware(middleware):
    """An application with a session of its own, and a page that it guards."""

    def make_app(pdb):
        routes = [*pdb.routes, Route("/me", pdb.require().guard(me))]
        return Starlette(routes=routes, middleware=[middleware])

    return make_app


class UnknownSessions:
    """Sessions on the server. Nothing shows that they have an id."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        scope["session"] = {}
        await self.app(scope, receive, send)


def test_sessions_that_perhaps_cannot_change_their_id_are_refused(make_portal):
    browser = make_portal(with_middleware(Middleware(UnknownSessions))).browser()
    with pytest.raises(ConfigurationError, match="cannot give a session another id at login"):
        browser.get("/login/peeringdb")


@pytest.mark.parametrize("name", ["same_site", "cookie_same_site"])
def test_same_site_strict_is_refused(make_portal, name):
    """The browser would not send the session after the login: a circle."""

    class ManySessions(SessionMiddleware):
        def __init__(self, app, **_):
            super().__init__(app, "x" * 16)

    middleware = Middleware(ManySessions, **{name: "Strict"})
    browser = make_portal(with_middleware(middleware)).browser()
    for path in ("/login/peeringdb", "/me"):
        with pytest.raises(ConfigurationError, match=f'{name}: must not be "Strict"'):
            browser.get(path)


@pytest.mark.parametrize("is_listed", [True, False])
def test_the_session_middleware_of_starlette_is_known(make_portal, is_listed):
    options = {"secret_key": "x" * 16, "session_cookie": "__Host-own", "https_only": True}

    def make_app(pdb):
        routes = [*pdb.routes, Route("/me", pdb.require().guard(me))]
        if is_listed:
            middleware = [Middleware(SessionMiddleware, **options)]
            return Starlette(routes=routes, middleware=middleware)
        return SessionMiddleware(Starlette(routes=routes), **options)

    browser = make_portal(make_app).browser()
    browser.log_in("member")
    answer = browser.get("/me")
    assert (answer.text, answer.headers["Cache-Control"]) == ("Mel Member", "private")


def test_a_planted_cookie_of_another_session_middleware_is_nobodys(make_portal):
    options = {"secret_key": "x" * 16, "session_cookie": "__Host-own", "https_only": True}
    portal = make_portal(with_middleware(Middleware(SessionMiddleware, **options)))
    attacker = portal.browser()
    attacker.log_in("member")
    planted = f"\xa0__Host-own={attacker.client.cookies['__Host-own']}"
    portal.app = in_latin_1(portal.app)
    answer = portal.browser().get("/me", Cookie=planted.encode())
    assert (answer.status_code, answer.headers.get_list("set-cookie")) == (302, [])


def test_the_session_middleware_answers_other_things_than_requests():
    """The start and the end of the server, and connections of WebSockets."""
    seen = []

    async def app(scope, _receive, _send):
        seen.append((scope["type"], "session" in scope))

    middleware = GuardedSessionMiddleware(app, secret_keys=("x" * 16,), at_shutdown=None)
    for scope in ({"type": "lifespan"}, {"type": "websocket", "headers": []}):
        asyncio.run(middleware(scope, None, None))
    assert seen == [("lifespan", False), ("websocket", True)]


def test_a_server_side_session_gets_another_id_at_login_and_logout(make_portal):
    def make_app(pdb):
        return Starlette(
            routes=in_starlette(pdb).routes, middleware=[Middleware(ServerSideSessions)]
        )

    browser = make_portal(make_app).browser()
    ids = []
    for step in (
        browser.start,
        lambda: browser.log_in("member"),
        lambda: browser.get("/me"),
        browser.log_out,
    ):
        step()
        ids.append(browser.client.cookies["id"])
    before, logged_in, later, after = ids
    assert before != logged_in == later != after
    assert before not in ServerSideSessions.sessions
    assert logged_in not in ServerSideSessions.sessions


# --- templates ------------------------------------------------------------------------

OWN_PAGE = "<h1>{{ page.title }}!</h1>{{ peeringdb.user.name }} at {{ request.url.path }}"
REFUSED = "<h1>You may read AS64500, not change it!</h1>Mel Member at /networks/64500"


def refused_page(portal):
    browser = portal.browser()
    browser.log_in("member")
    return browser.get("/networks/64500")


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "peeringdb_oauth").mkdir()
    (tmp_path / "peeringdb_oauth" / "failure.html").write_text(OWN_PAGE)
    return tmp_path


def test_a_failure_page_must_not_be_cached(make_portal):
    answer = refused_page(make_portal())
    assert (answer.headers["Cache-Control"], answer.headers["Content-Type"]) == (
        "no-store",
        "text/html; charset=utf-8",
    )


def test_the_pages_are_in_the_language_of_the_visitor(make_portal):
    browser = make_portal().browser()
    answer = browser.get("/login/peeringdb/callback", accept_language="de")
    assert '<html lang="de">' in answer.text
    assert "Diese Anmeldung wurde nicht hier begonnen" in answer.text
    assert answer.headers["Content-Language"] == "de"
    assert "Accept-Language" in answer.headers["Vary"]


def test_the_language_can_be_fixed(make_portal):
    browser = make_portal(language="en").browser()
    answer = browser.get("/login/peeringdb/callback", accept_language="de")
    assert '<html lang="en">' in answer.text
    assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_the_page_for_another_account_has_two_steps(make_portal, sandbox):
    answer = make_portal().browser().get("/login/peeringdb?next=/me&prompt=select_account")
    assert answer.status_code == 200
    assert f'href="{sandbox.url}/logout" target="_blank" rel="noopener"' in answer.text
    assert 'href="/login/peeringdb?next=/me&amp;prompt=login"' in answer.text


def test_templates_in_a_directory_come_before_ours(make_portal, directory):
    portal = make_portal(templates=directory)
    assert refused_page(portal).text == REFUSED
    assert "peeringdb_csrf" in portal.browser().get("/page").text


def test_our_templates_are_added_to_those_of_the_application(make_portal, directory):
    portal = make_portal(templates=Jinja2Templates(directory))
    assert refused_page(portal).text == REFUSED
    assert "peeringdb_csrf" in portal.browser().get("/page").text


def test_our_templates_are_added_to_an_environment_without_a_loader(make_portal):
    env = jinja2.Environment(autoescape=True)
    assert failure(refused_page(make_portal(templates=Jinja2Templates(env=env))))[0] == 403


def test_templates_that_do_not_escape_are_refused(make_portal, directory):
    for autoescape in (False, lambda _: False):
        env = jinja2.Environment(loader=jinja2.FileSystemLoader(directory), autoescape=autoescape)  # noqa: S701 - tested here
        with pytest.raises(ConfigurationError, match="autoescape"):
            make_portal(templates=Jinja2Templates(env=env))


def test_the_buttons_work_in_pages_of_the_application(make_portal, tmp_path):
    (tmp_path / "home.html").write_text(
        "{% if peeringdb.user %}{% include 'peeringdb_oauth/logout_button.html' %}"
        "{% else %}{% include 'peeringdb_oauth/login_button.html' %}{% endif %}"
    )

    def make_app(pdb):
        async def page(request):
            return pdb.templates.TemplateResponse(request, "home.html")

        return Starlette(
            routes=[*pdb.routes, Route("/", page), Route("/page", page)],
            middleware=[pdb.session_middleware],
        )

    browser = make_portal(make_app, templates=tmp_path).browser()
    assert 'href="/login/peeringdb?next=/"' in browser.get("/").text
    browser.log_in("member")
    assert browser.log_out().status_code == 303
    assert 'href="/login/peeringdb?next=/"' in browser.get("/").text


# --- event loops ----------------------------------------------------------------------


def ask(pdb):
    """Send one request to PeeringDB."""
    return pdb._client.run(flows.introspect(pdb._client.provider, "x" * 30))


def test_each_event_loop_has_its_own_client_which_closes_with_it(make_config):
    pdb, clients = PeeringDB(config=make_config()), []

    async def twice():
        for _ in range(2):
            await ask(pdb)
            clients.append(pdb._client._of_loop[asyncio.get_running_loop()][1])
            assert clients[-1]._connections.session is not None

    asyncio.run(twice())
    asyncio.run(twice())
    first, also_first, second, also_second = clients
    assert first is also_first is not second is also_second
    assert first._connections.session is second._connections.session is None


def test_a_client_can_be_closed_before_its_event_loop(make_config):
    pdb = PeeringDB(config=make_config())

    async def twice():
        await pdb.close()
        for _ in range(2):
            await ask(pdb)
            client = pdb._client._of_loop[asyncio.get_running_loop()][1]
            await pdb.close()
            assert client._connections.session is None

    asyncio.run(twice())


def test_close_leaves_a_given_client_open(make_config):
    async def close():
        async with AsyncClient(make_config()) as client:
            pdb = PeeringDB(client=client)
            await ask(pdb)
            await pdb.close()
            assert client._connections.session is not None

    asyncio.run(close())


@contextmanager
def served(app, listening):
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def test_a_login_over_real_sockets(make_portal):
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    portal = make_portal(base_url=url)
    with served(portal.app, listening), requests.Session() as session:
        asked = session.get(
            f"{url}/networks/64500?a=b", headers={"Accept": "text/html"}, allow_redirects=False
        )
        start = session.get(url + asked.headers["Location"], allow_redirects=False)
        page = session.get(portal.sandbox.log_in("orgadmin", start.headers["Location"]))
        assert (page.url, page.json()["id"]) == (f"{url}/networks/64500?a=b", 1)
        assert session.post(f"{url}/logout", allow_redirects=False).status_code == 403
        out = session.post(
            f"{url}/logout", headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False
        )
        assert (out.status_code, session.get(f"{url}/me").json()) == (303, None)
        [(_, client)] = portal.pdb._client._of_loop.values()
    assert client._connections.session is None


def test_a_server_without_asyncio_does_not_start_and_says_why(make_config):
    """As hypercorn with trio, which would fail at each login."""
    pdb = PeeringDB(config=make_config())
    app, sent = Starlette(routes=pdb.routes, middleware=[pdb.session_middleware]), []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    with pytest.raises(StopIteration):  # it ends, without anything to wait for
        app({"type": "lifespan", "app": app}, receive, send).send(None)
    [failed] = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert "start the server with asyncio" in failed["message"]
    with pytest.raises(ConfigurationError, match="start the server with asyncio"):
        pdb._client.run(None).send(None)
