"""A portal in Flask, a real sandbox, and people with browsers."""

import re
import time
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from urllib.parse import urlsplit

import pytest
from flask import Flask, render_template
from flask.sessions import SecureCookieSessionInterface
from reading import tokens_in

from peeringdb_oauth import Client, ClientConfig, Permission
from peeringdb_oauth.integrations.flask import (
    PeeringDB,
    current_user,
    logged_in,
    logged_out,
    login_refused,
    rights_changed,
    session_ended,
)
from peeringdb_oauth.sandbox import Sandbox

from ..conftest import SECRET

PORTAL = "https://portal.test"
CALLBACK = "/login/peeringdb/callback"


@pytest.fixture(scope="session")
def running_sandbox():
    with Sandbox(tls=False, limits=False) as sandbox:
        sandbox.registered = cache(sandbox.register)  # a reset does not delete applications
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox):
    yield running_sandbox
    running_sandbox.reset()


@dataclass
class Portal:
    """One application, and the events that it got."""

    app: Flask
    pdb: PeeringDB
    sandbox: Sandbox
    base_url: str
    events: list = field(default_factory=list)

    def browser(self):
        return Browser(self, self.app.test_client())

    @property
    def client(self):
        return self.app.extensions["peeringdb_oauth"].client


@dataclass
class Browser:
    """One person's browser. Its responses are of `werkzeug.test.TestResponse`."""

    portal: Portal
    client: object

    def get(self, path, **arguments):
        return self.request(path, **arguments)

    def post(self, path, **arguments):
        return self.request(path, method="POST", **arguments)

    def request(self, path, *, accept="text/html", headers=None, **arguments):
        path = path.removeprefix(self.portal.base_url)
        return self.client.open(
            path,
            headers={"Accept": accept} | (headers or {}),
            base_url=self.portal.base_url,
            **arguments,
        )

    def start(self, path="/login/peeringdb?next=/me"):
        """Start a login. Returns the authorization URL."""
        answer = self.get(path)
        assert answer.status_code == 302
        return answer.location

    def come_back(self, person, authorization_url, **arguments):
        return self.get(self.portal.sandbox.log_in(person, authorization_url, **arguments))

    def log_in(self, person, path="/login/peeringdb", **arguments):
        """Log in. Returns the answer to the callback."""
        return self.come_back(person, self.start(path), **arguments)

    def page(self, path="/"):
        """The status and the text of a page."""
        answer = self.get(path)
        return answer.status_code, answer.text

    def csrf_token(self):
        return re.search('name="peeringdb_csrf" value="([^"]*)"', self.get("/form").text)[1]

    def cookie(self):
        """The value of the session's cookie."""
        name = self.portal.app.config["SESSION_COOKIE_NAME"]
        return self.client.get_cookie(name, domain=urlsplit(self.portal.base_url).hostname).value

    def session(self):
        """The content of the session's cookie, which anybody can read."""
        serializer = SecureCookieSessionInterface().get_signing_serializer(self.portal.app)
        return serializer.loads(self.cookie())

    def tokens(self):
        """The access token and the refresh token."""
        return tokens_in(self.session()["peeringdb"], self.portal.client.config, SECRET)

    @staticmethod
    def failure(answer):
        """Status, heading and reasons of a failure page, as people see them."""
        heading = re.search("<h1>(.*?)</h1>", answer.text)[1]
        return (
            answer.status_code,
            unescape(heading),
            [unescape(reason) for reason in re.findall("<li>(.*?)</li>", answer.text)],
        )


@pytest.fixture
def clock(clock):
    """The clock of the client. It shows the time until a test changes it."""
    clock.now = time.time()
    return clock


@pytest.fixture
def make_client(sandbox, clock):
    """``make_client(redirect_uri)``: a client of an application at the sandbox.

    It is closed at the end of the test.
    """
    clients = []

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
        clients.append(Client(ClientConfig(**config | changes), clock=clock, monotonic=clock))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def make_portal(sandbox, make_client):
    """``make_portal(rule=..., sessions=...)``: an application with a few pages."""
    disconnect = []

    def make(
        *,
        set_up=lambda _: None,
        base_url=PORTAL,
        secret_key=SECRET,
        path=CALLBACK,
        scope=None,
        requests_per_minute=None,
        egress="default",
        **arguments,
    ):
        app = Flask("portal")
        app.secret_key = secret_key
        set_up(app)
        pdb = PeeringDB(
            app,
            client=make_client(
                base_url + path,
                requests_per_minute=requests_per_minute,
                egress=egress,
                **({"scope": scope} if scope else {}),
            ),
            **arguments,
        )
        add_pages(app, pdb)
        portal = Portal(app, pdb, sandbox, base_url)
        for signal in (logged_in, login_refused, logged_out, rights_changed, session_ended):
            receiver = receive(signal, portal)
            signal.connect(receiver, app)
            disconnect.append((signal, receiver))
        return portal

    yield make
    for signal, receiver in disconnect:
        signal.disconnect(receiver)


def receive(signal, portal):
    def receiver(sender, event):
        assert sender is portal.app
        portal.events.append((signal.name, event))

    return receiver


def add_pages(app, pdb):
    @app.get("/")
    def home():
        return f"Hello {current_user.name}" if current_user else "Hello visitor"

    @app.get("/form")
    def form():
        return render_template("peeringdb_oauth/logout_button.html")

    @app.get("/me")
    @pdb.require()
    def me():
        return f"{current_user.name} {current_user.asns}"

    @app.route("/as<int:asn>", methods=["GET", "POST"])
    @pdb.require(asn="asn", perms=Permission.UPDATE)
    def network(asn):
        return f"{current_user.name} changes AS{asn}"


@pytest.fixture
def portal(make_portal):
    return make_portal()


@pytest.fixture
def browser(portal):
    return portal.browser()
