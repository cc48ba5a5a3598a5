"""A portal in Starlette and in FastAPI, a real sandbox, and people with browsers."""

import json
import re
from base64 import b64decode
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Form
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from peeringdb_oauth import AccessRule, AsyncClient, ClientConfig, Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB
from peeringdb_oauth.sandbox import Sandbox

from ..conftest import SECRET

PORTAL = "https://testserver"
CALLBACK = "/login/peeringdb/callback"
RULE = AccessRule(perms=Permission.DELETE)  # checked by an endpoint itself


def described(user):
    return None if user is None else {"id": user.id, "asns": user.asns, "amr": user.amr}


def in_starlette(pdb):
    @pdb.require(asn="asn", perms=Permission.UPDATE).guard
    async def network(request, user):
        async with request.form() as form:
            return JSONResponse(
                described(user) | {"asn": request.path_params["asn"], "note": form.get("note")}
            )

    def answer(requirement):
        async def endpoint(request):
            return JSONResponse(described(await requirement(request)))

        return endpoint

    async def own_rule(request):
        RULE.require(await pdb.current_user(request), asn=64501)

    async def page(request):
        return pdb.templates.TemplateResponse(request, "peeringdb_oauth/logout_button.html")

    routes = [
        Route("/", answer(pdb.current_user)),
        Route("/me", answer(pdb.current_user)),
        Route("/networks/{asn}", network, methods=["GET", "POST"]),
        Route("/mfa", answer(pdb.require(mfa=True))),
        Route("/fresh", answer(pdb.require(max_age=0))),
        Route("/two", answer(pdb.require(asn=(64499, 64501)))),
        Route("/asked", answer(pdb.require(asn=lambda request: request.query_params.get("asn")))),
        Route("/misnamed", answer(pdb.require(asn="asn"))),
        Route("/own-rule", own_rule),
        Route("/page", page),
        Route("/api/{asn}", answer(pdb.bearer(asn="asn", perms=Permission.UPDATE))),
    ]
    return Starlette(routes=[*pdb.routes, *routes], middleware=[pdb.session_middleware])


def in_fastapi(pdb):
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)
    may_update = pdb.require(asn="asn", perms=Permission.UPDATE)

    @app.get("/networks/{asn}")
    async def network(asn: int, user: Annotated[User, Depends(may_update)]):
        return described(user) | {"asn": str(asn), "note": None}

    @app.post("/networks/{asn}")
    async def change(
        asn: int, note: Annotated[str, Form()], user: Annotated[User, Depends(may_update)]
    ):
        return described(user) | {"asn": str(asn), "note": note}

    def answer(path, requirement):
        @app.get(path)
        async def endpoint(user: Annotated[User | None, Depends(requirement)]):
            return described(user)

    answer("/", pdb.current_user)
    answer("/me", pdb.current_user)
    answer("/mfa", pdb.require(mfa=True))
    answer("/fresh", pdb.require(max_age=0))
    answer("/two", pdb.require(asn=(64499, 64501)))
    answer("/asked", pdb.require(asn=lambda request: request.query_params.get("asn")))
    answer("/misnamed", pdb.require(asn="asn"))
    answer("/api/{asn}", pdb.bearer(asn="asn", perms=Permission.UPDATE))

    @app.get("/own-rule")
    async def own_rule(user: Annotated[User, Depends(pdb.current_user)]):
        RULE.require(user, asn=64501)

    @app.get("/page")
    async def page(request: Request):
        return pdb.templates.TemplateResponse(request, "peeringdb_oauth/logout_button.html")

    return app


@pytest.fixture(scope="session")
def running_sandbox():
    with Sandbox(tls=False, limits=False) as sandbox:
        sandbox.registered = cache(sandbox.register)  # a reset does not delete applications
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox):
    yield running_sandbox
    running_sandbox.reset()


@pytest.fixture(autouse=True)
def secret_key(monkeypatch):
    """The secret key of every application that is not given another."""
    monkeypatch.setenv("PEERINGDB_OAUTH_SECRET_KEY", SECRET)
    return SECRET


@pytest.fixture
def make_config(sandbox):
    """``make_config(redirect_uri)``: the settings of an application at the sandbox."""

    def make(redirect_uri=PORTAL + CALLBACK, **changes):
        registered = sandbox.registered(redirect_uri)
        config = {
            "client_id": registered.client_id,
            "client_secret": registered.client_secret,
            "redirect_uri": redirect_uri,
            "base_url": sandbox.url,
            "allow_http": True,
            "requests_per_minute": None,
        }
        return ClientConfig(**config | changes)

    return make


@dataclass
class Portal:
    """One application, and the events that it got."""

    app: object
    pdb: PeeringDB
    sandbox: Sandbox
    events: list = field(default_factory=list)
    base_url: str = PORTAL
    browsers: list = field(default_factory=list)

    def browser(self, **arguments):
        browser = Browser(
            self.sandbox,
            TestClient(self.app, base_url=self.base_url, follow_redirects=False, **arguments),
        )
        self.browsers.append(browser)
        return browser

    def kinds(self):
        return [event.kind for event in self.events]


@dataclass
class Browser:
    """One person's browser."""

    sandbox: Sandbox
    client: TestClient

    def get(self, path, *, accept="text/html", **headers):
        return self.client.get(path, headers={"Accept": accept} | _headers(headers))

    def post(self, path, fields=None, *, accept="text/html", **headers):
        return self.client.post(
            path, data=fields or {}, headers={"Accept": accept} | _headers(headers)
        )

    def json(self, path, **headers):
        answer = self.get(path, accept="application/json", **headers)
        return answer.status_code, answer.json()

    def start(self, path="/login/peeringdb?next=/me"):
        """Start a login. Returns the authorization URL."""
        answer = self.get(path)
        assert answer.status_code == 302
        return answer.headers["Location"]

    def come_back(self, person, authorization_url, **arguments):
        return self.get(self.sandbox.log_in(person, authorization_url, **arguments))

    def log_in(self, person, path="/login/peeringdb", **arguments):
        """Log in. Returns the answer to the callback."""
        return self.come_back(person, self.start(path), **arguments)

    def csrf_token(self):
        return re.search('name="peeringdb_csrf" value="([^"]*)"', self.get("/page").text)[1]

    def log_out(self):
        return self.post("/logout", {"peeringdb_csrf": self.csrf_token()})

    def session(self, name="__Host-session"):
        """The login in the session's cookie, which anybody can read."""
        return json.loads(b64decode(self.client.cookies[name].split(".")[0]))["peeringdb"]


def _headers(names):
    return {name.replace("_", "-"): value for name, value in names.items()}


def in_latin_1(app):
    """The application as servers call it: with the bytes of headers as they were sent.

    The test client encodes headers in UTF-8.
    """

    async def as_bytes(scope, receive, send):
        headers = [(name, value.decode().encode("latin-1")) for name, value in scope["headers"]]
        await app(scope | {"headers": headers}, receive, send)

    return as_bytes


def failure(answer):
    """Status, heading and reasons of a failure page, as people see them."""
    heading = re.search("<h1>(.*?)</h1>", answer.text)[1]
    return (
        answer.status_code,
        unescape(heading),
        [unescape(reason) for reason in re.findall("<li>(.*?)</li>", answer.text)],
    )


@pytest.fixture
def make_portal(sandbox, make_config):
    """``make_portal(make_app, rule=...)``: a new application, made by ``make_app``."""

    def make(make_app=in_starlette, *, config=None, base_url=PORTAL, **arguments):
        events = []
        if "client" not in arguments:
            arguments["config"] = config or make_config(f"{base_url}{CALLBACK}")
        pdb = PeeringDB(**{"on_event": lambda _, event: events.append(event)} | arguments)
        return Portal(make_app(pdb), pdb, sandbox, events, base_url)

    return make


@pytest.fixture(params=[in_starlette, in_fastapi])
def make_app(request):
    return request.param


@pytest.fixture
def portal(make_app, make_portal):
    return make_portal(make_app)


@pytest.fixture
def browser(portal):
    return portal.browser()


@pytest.fixture
def make_with_clock(make_portal, make_config, clock):
    """``make_with_clock(...)``: a browser of a portal whose clock the test changes.

    The arguments are those of ``make_portal``. The application has its own client, so
    everything runs in one event loop.
    """
    with ExitStack() as stack:

        def make(make_app=in_starlette, **arguments):
            client = AsyncClient(make_config(), clock=clock, monotonic=clock)
            browser = make_portal(make_app, client=client, **arguments).browser()
            stack.enter_context(browser.client)
            stack.callback(lambda: browser.client.portal.call(client.close))
            return browser

        yield make


@pytest.fixture
def with_clock(make_with_clock):
    return make_with_clock()
