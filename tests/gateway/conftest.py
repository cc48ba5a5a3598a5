"""A gateway, a real sandbox, a proxy like those of the snippets, and browsers."""

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from html import unescape
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

import pytest
from shared_sessions import store_of
from starlette.testclient import TestClient

from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.observers import observers
from peeringdb_oauth.records import MemoryRecords, RecordsUnavailable
from peeringdb_oauth.sandbox import Sandbox

LG = "https://lg.test"
GRAFANA = "https://grafana.test"
SECRET = "0123456789abcdef0123456789abcdef"
PROXY = ("127.0.0.1", 50000)
RULES = """
[[rule]]
path = "/public/"
allow = "everybody"

[[rule]]
path = "/members/{asn}/"
perms = "update"

[[rule]]
path = "/mfa/"
allow = "verified"
mfa = true

[[rule]]
path = "/status"
asn = [64500, 64501]

[[rule]]
path = "/"
allow = "verified"

[[role]]
name = "Editor"
asn = 64500
perms = "update"
"""
PERSON = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SCRIPT = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
ASKED = "/_peeringdb/check", "/_peeringdb/answer", "/_peeringdb/forward-auth"


@pytest.fixture(scope="session")
def running_sandbox():
    with Sandbox(tls=False, limits=False) as sandbox:
        sandbox.registered = cache(sandbox.register)  # a reset does not delete applications
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox):
    yield running_sandbox
    running_sandbox.reset()


@pytest.fixture
def write_settings(sandbox, tmp_path):
    """``write_settings(rules, "workers = 2")``: a TOML file for the sandbox."""

    def write(rules=RULES, *more, urls=(LG, GRAFANA), name="gateway.toml", secrets=(SECRET,)):
        registered = sandbox.registered(*(f"{url}/_peeringdb/callback" for url in urls))
        (tmp_path / "secret-key").write_text("\n".join(secrets))
        (tmp_path / "client-secret").write_text(registered.client_secret)
        path = tmp_path / name
        path.write_text(
            "\n".join(
                [
                    f"urls = [{', '.join(map(repr, urls))}]",
                    'secret_key_file = "secret-key"',
                    f'sessions = "sqlite:///{tmp_path}/sessions.db"',
                    "allow_http = true",
                    *more,
                    "[peeringdb]",
                    f'client_id = "{registered.client_id}"',
                    'client_secret_file = "client-secret"',
                    f'base_url = "{sandbox.url}"',
                    rules,
                ]
            )
        )
        return path

    return write


class StoreInTrouble(MemoryRecords):
    """Records that a test can switch off, or make slow.

    ``reads``: how often a session was read. ``gate``: each read waits for it.
    """

    is_down = False
    gate = None
    reads = 0

    def get(self, key):
        self.reads += key.startswith("session:")
        if self.gate is not None:
            self.gate.wait(10)
        if self.is_down:
            raise RecordsUnavailable("the store of the sessions does not answer")
        return super().get(key)

    def put(self, record, *, expected):
        if self.is_down:
            raise RecordsUnavailable("the store of the sessions does not answer")
        return super().put(record, expected=expected)


@dataclass
class Site:
    """A gateway behind a proxy, in front of an application that answers everything.

    ``events``: what happened to people. ``decisions``: rule and outcome of each check.
    """

    sandbox: Sandbox
    records: StoreInTrouble
    clock: object
    app: object = None
    client: TestClient = None
    events: list = field(default_factory=list)
    decisions: list = field(default_factory=list)

    def browser(self, url=LG, **arguments):
        return Browser(self, url, **arguments)

    def kinds(self):
        return [event.kind for event in self.events]

    def settle(self):
        """Wait for what the gateway does behind its answers."""
        self.client.portal.call(self.app.client.finish_background)

    def on_event(self, event):
        self.events.append(event)

    def on_answer(self, *_):
        pass

    def on_recheck(self, *_):
        pass

    def decided(self, rule, outcome, seconds):
        assert seconds >= 0
        self.decisions.append((rule, outcome))


@dataclass
class Browser:
    """One person's browser, which keeps the cookies of each host."""

    site: Site
    url: str
    address: str = "192.0.2.7"
    jars: dict = field(default_factory=dict)

    @property
    def cookies(self):
        return self.jars.setdefault(self.url, {})

    def at(self, url):
        """The same browser at another host."""
        return Browser(self.site, url, self.address, self.jars)

    def headers(self, method, target, headers):
        parts = urlsplit(self.url)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {
            **({"Cookie": cookie} if cookie else {}),
            "X-Forwarded-Method": method,
            "X-Forwarded-Proto": parts.scheme,
            "X-Forwarded-Host": parts.netloc,
            "X-Forwarded-Uri": target,
            "X-Forwarded-For": self.address,
            **headers,
        }

    def ask(self, target, method="GET", *, endpoint="check", headers=PERSON, content=None):
        """What the gateway says to a proxy about a request, with its cookies taken."""
        asked = self.headers(method, target, headers)
        return self._take(
            self.site.client.request(
                "GET" if endpoint == "check" else method,
                f"/_peeringdb/{endpoint}",
                headers=asked,
                content=content,
            )
        )

    def get(self, target, **arguments):
        return self.request("GET", target, **arguments)

    def post(self, target, fields=None, *, headers=PERSON):
        own = {"Sec-Fetch-Site": "same-origin"}
        return self.request("POST", target, headers=own | headers, data=fields or {})

    def request(self, method, target, *, headers=PERSON, data=None):
        """As a proxy does it: a page of the gateway, or a check and its answer."""
        if target.startswith("/_peeringdb/"):
            asked = self.headers(method, target, headers)
            return self._take(self.site.client.request(method, target, headers=asked, data=data))
        checked = self.ask(target, method, headers=headers)
        assert (checked.content, "Set-Cookie" in checked.headers) == (b"", False)
        if checked.status_code == 204:
            return checked
        assert checked.status_code in (401, 403)
        return self.ask(target, method, endpoint="answer", headers=headers)

    def _take(self, answer):
        for header in answer.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(header).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

    def follow(self, answer, person="member", **arguments):
        """Go where an answer leads, through PeeringDB, to the page in the end."""
        for _ in range(8):
            location = answer.headers.get("Location")
            if location is None:
                return answer
            if location.startswith(self.site.sandbox.url):
                location = self.site.sandbox.log_in(person, location, **arguments)
            answer = self.get(location.removeprefix(self.url))
        raise AssertionError("it goes round in circles")

    def log_in(self, person="member", target="/", **arguments):
        """Open a page as somebody who is not logged in yet; the last answer."""
        answer = self.get(f"/_peeringdb/login?next={target}")
        assert answer.status_code == 302, answer.text
        return self.follow(answer, person, **arguments)

    def csrf_token(self):
        return re.search(
            'name="peeringdb_csrf" value="([^"]*)"', self.get("/_peeringdb/logout").text
        )[1]

    def whoami(self):
        answer = self.get("/_peeringdb/whoami")
        return answer.status_code, answer.json()


def identity(answer):
    """What the application is told about a person, by the names of the headers."""
    return {
        name.removeprefix("x-peeringdb-"): value
        for name, value in answer.headers.items()
        if name.startswith("x-peeringdb-") and name != "x-peeringdb-cookie"
    }


def refusal(answer):
    """Status, heading and reasons of a page, as people see them."""
    reasons = re.findall("<li>(.*?)</li>", answer.text)
    return *heading(answer), [unescape(reason) for reason in reasons]


def heading(answer):
    """Status and heading of a page."""
    return answer.status_code, unescape(re.search("<h1>(.*?)</h1>", answer.text)[1])


@pytest.fixture
def clock(clock):
    """The clock of gateway and store. It shows the time until a test moves it."""
    clock.now = time.time()
    return clock


@pytest.fixture
def make_site(sandbox, write_settings, clock):
    """``make_site(rules, "more = 1")``: a gateway whose clock the test moves.

    ``records``: of another gateway, to share its sessions.
    """
    with ExitStack() as stack:

        def make(rules=RULES, *more, records=None, **arguments):
            settings = Settings.load(write_settings(rules, *more, **arguments))
            site = Site(sandbox, records or StoreInTrouble(clock), clock)
            site.app = create_app(
                settings,
                clock=clock,
                monotonic=clock,
                observer=site,
                store=store_of(site.records, *settings.secret_keys),
            )
            client = TestClient(
                site.app, client=PROXY, base_url="http://127.0.0.1:4180", follow_redirects=False
            )
            site.client = stack.enter_context(client)
            observers.append(site)
            stack.callback(observers.remove, site)
            return site

        yield make


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def browser(site):
    return site.browser()
