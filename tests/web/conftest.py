"""A browser that uses the login flow without a framework."""

import json
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from settled_client import SettledClient

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.web import LoginFlow, Sealer, SessionStore, Vault, Visit, Visitors

SECRET = "0123456789abcdef0123456789abcdef"
PORTAL = "https://portal.test"
CALLBACK = "/login/peeringdb/callback"


@dataclass
class Browser:
    """Stores cookies as a browser does, and the session as a framework does.

    ``events``: the events that the application got. ``rotated``: the session each time
    when it got another id.
    """

    client: object
    flow: LoginFlow
    cookies: dict = field(default_factory=dict)
    session: dict = field(default_factory=dict)
    events: list = field(default_factory=list)
    rotated: list = field(default_factory=list)
    root: str = ""

    def visit(self, target, *, method="GET", csrf_token="", origin=PORTAL, **headers):
        parts = urlsplit(target)
        return Visit(
            method=method,
            origin=origin,
            root=self.root,
            path=parts.path,
            query_string=parts.query,
            query={
                name: values[0] if len(values) == 1 else values
                for name, values in parse_qs(parts.query).items()
            },
            headers={"Accept": "text/html"}
            | {name.replace("_", "-"): value for name, value in headers.items()},
            cookie_header="; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            cookies=dict(self.cookies),
            session=self.session,
            session_cookie="__Host-session",
            csrf_token=lambda: csrf_token,
            rotate=lambda: self.rotated.append(dict(self.session)),
            emit=self.events.append,
            set_cookies=self.take_cookies,
        )

    def take(self, answer):
        self.take_cookies(answer.cookies)
        json.dumps(self.session)  # a framework must be able to store it
        return answer

    def take_cookies(self, cookies):
        for cookie in cookies:
            if cookie.max_age:
                self.cookies[cookie.name] = cookie.value
            else:
                self.cookies.pop(cookie.name, None)

    def start(self, query=""):
        """Start a login. Returns the parameters that PeeringDB gets."""
        answer = self.take(self.flow.start(self.visit(f"/login/peeringdb{query}")))
        assert (answer.status, answer.headers) == (302, {"Cache-Control": "no-store"})
        return {name: value for name, [value] in parse_qs(urlsplit(answer.location).query).items()}

    def come_back(self, asked, *, admit=None, query="code=abc", **headers):
        return self.take(
            self.client.run(
                self.flow.callback(
                    self.visit(f"{CALLBACK}?{query}&state={asked['state']}", **headers), admit
                )
            )
        )

    def log_in(self, query="", *, admit=None):
        return self.come_back(self.start(query), admit=admit)

    def user(self, **arguments):
        return self.client.run(self.flow.user(self.visit("/"), **arguments))

    def info(self):
        return self.client.run(self.flow.session(self.visit("/")))

    def require(self, target, rule, *, asn=None, max_age=None, **visit):
        return self.client.run(
            self.flow.require(self.visit(target, **visit), rule, asn=asn, max_age=max_age)
        )

    def log_out(self, **visit):
        return self.take(
            self.client.run(
                self.flow.log_out(self.visit("/logout", **({"method": "POST"} | visit)))
            )
        )

    def kinds(self):
        return [event.kind for event in self.events]


@pytest.fixture
def profile(server, recording):
    """``profile(verified_user=False)``: change the profile that PeeringDB returns.

    The scope of the token stays as it was recorded.
    """

    def change(**fields):
        server.answer("/profile/v1", recording("profile-orgadmin").json | fields)

    change(amr=["pwd", "otp", "mfa"])
    return change


@pytest.fixture
def make_browser(server, make_client, clock, profile):  # noqa: ARG001 - sets up the profile
    """``make_browser(rule=...)``: a new browser and its own application."""

    def make(
        *,
        rule=None,
        secrets=(SECRET,),
        records=None,
        policy=None,
        paths=None,
        root="",
        keep=(),
        language=None,
        **config,
    ):
        settings = {"redirect_uri": f"{PORTAL}{root}{CALLBACK}"} | config
        client = SettledClient(
            make_client(server, arguments={"clock": clock, "monotonic": clock}, **settings),
            pause=clock.wait,
        )
        rule, told = rule or AccessRule(), []
        settings = {"rule": rule, "secrets": secrets, "paths": paths, "keep": keep}
        settings["language"] = language
        LoginFlow(client.provider, **settings)  # raises for what is wrong, all at once
        sealer = Sealer(*secrets)
        visitors = Visitors(
            client.provider,
            rule=rule,
            sealer=sealer,
            store=None if records is None else SessionStore(Vault(records, sealer)),
            policy=policy,
            tell=told.append,
        )
        flow = LoginFlow(client.provider, visitors=visitors, **settings)
        return Browser(client, flow, root=root, events=told)

    return make


@pytest.fixture
def browser(make_browser):
    return make_browser()
