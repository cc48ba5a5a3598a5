"""WebSockets in a real browser, at FastAPI on uvicorn."""

import socket
from contextlib import contextmanager
from threading import Thread
from typing import Annotated

import pytest
import uvicorn
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import HTMLResponse

from peeringdb_oauth import ClientConfig, Permission, User
from peeringdb_oauth.integrations.starlette import PeeringDB

pytestmark = pytest.mark.browser

# Opens a WebSocket. Resolves to what the page hears: texts, and then the close event.
OPEN = """([url, protocols]) => new Promise(done => {
    const heard = [], socket = new WebSocket(url, protocols)
    socket.onmessage = event => heard.push(event.data)
    socket.onclose = event => done([...heard, event.code, event.reason])
    setTimeout(() => done([...heard, "and no close"]), 8000)
})"""


def make_app(config):
    pdb = PeeringDB(config=config, secret_key="0123456789abcdef0123456789abcdef")
    app = FastAPI(middleware=[pdb.session_middleware])
    app.include_router(pdb.router)

    @app.get("/")
    async def home():
        return HTMLResponse("<!doctype html><title>x</title>a page")

    @app.websocket("/feed/{asn}")
    async def feed(
        websocket: WebSocket,
        user: Annotated[User, Depends(pdb.require(asn="asn", perms=Permission.UPDATE))],
    ):
        await websocket.accept()
        await websocket.send_text(user.name)
        await websocket.close(1000, "bye")

    @app.websocket("/fresh")
    async def fresh(websocket: WebSocket, _: Annotated[User, Depends(pdb.require(max_age=0))]):
        await websocket.accept()

    return app


@contextmanager
def serving(app, listener):
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def site(pdb):
    """The address of the application; the browser calls it localhost or 127.0.0.1."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        registered = pdb.register(f"http://{address}/login/peeringdb/callback")
        config = ClientConfig(
            client_id=registered.client_id,
            client_secret=registered.client_secret,
            redirect_uri=registered.redirect_uris[0],
            base_url=pdb.url,
            allow_http=True,
            requests_per_minute=None,
        )
        with serving(make_app(config), listener):
            yield address


@pytest.fixture
def page(chromium, site, pdb):
    context = chromium.new_context()
    context.set_default_timeout(8000)
    page = context.new_page()
    page.goto(f"http://{site}/")
    yield page
    context.close()
    pdb.reset()


def log_in(page, site, person):
    page.goto(f"http://{site}/login/peeringdb")
    page.locator(f'button[name="person"][value="{person}"]').click()
    page.get_by_role("button", name="Code of an authenticator app").click()
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(f"http://{site}/")


def hear(page, site, path="/feed/64500", protocols=()):
    return page.evaluate(OPEN, [f"ws://{site}{path}", list(protocols)])


def test_a_person_who_may_hears_the_feed(page, site):
    log_in(page, site, "orgadmin")
    assert hear(page, site) == ["Ada Admin", 1000, "bye"]


def test_the_page_hears_why_a_person_is_refused(page, site):
    assert hear(page, site) == [4401, "You are not logged in"]
    assert hear(page, site, protocols=["v1"]) == [4401, "You are not logged in"]
    log_in(page, site, "member")
    assert hear(page, site) == [4403, "AS64500: you may read this network but not update it"]


def test_the_page_hears_that_peeringdb_is_away(page, site, pdb):
    log_in(page, site, "member")
    pdb.fault("outage")
    assert hear(page, site, "/fresh") == [1013, "PeeringDB is not available"]


def test_a_page_of_another_site_hears_nothing(page, site):
    log_in(page, site, "orgadmin")
    page.goto(f"http://{site.replace('127.0.0.1', 'localhost')}/")
    assert hear(page, site) == [4403, "A page of another site sent this request"]
