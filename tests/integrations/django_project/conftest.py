"""A Django project in this process, one sandbox for all tests, settings for each test.

No other tests configure Django in this process. The database is a file, because async
views and threads have connections of their own.
"""
# ruff: noqa: PLC0415 - models can be imported only after Django is set up

from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import Client, ClientConfig
from peeringdb_oauth.sandbox import Sandbox

OURS = {
    "CLIENT_ID",
    "CLIENT_SECRET",
    "REDIRECT_URI",
    "RULE",
    "ON_LOGIN",
    "LINK_BY_EMAIL",
    "CREATE_USERS",
    "SESSIONS",
    "SESSION_POLICY",
    "EGRESS",
    "ON_RIGHTS_CHANGED",
    "BASE_URL",
    "SCOPE",
    "TIMEOUT",
}
REDIRECT_URI = "http://localhost/login/peeringdb/callback"


@pytest.fixture(scope="session", autouse=True)
def project(members_area):
    """Set up Django, and create its tables."""
    return members_area


@pytest.fixture(scope="session")
def pdb():
    with Sandbox(tls=False, limits=False) as sandbox:
        sandbox.members_area = sandbox.register(
            REDIRECT_URI, "https://members.test/login/peeringdb/callback"
        )
        yield sandbox


@pytest.fixture(autouse=True)
def database():
    """Empty the database and the cache after each test."""
    yield
    from django.contrib.auth.models import Group, User
    from django.contrib.sessions.models import Session
    from django.core.cache import cache

    from peeringdb_oauth.integrations.django.models import PeeringDBRecord

    for model in (User, Session, Group, PeeringDBRecord):
        model.objects.all().delete()
    cache.clear()


@pytest.fixture
def configured(pdb):
    """``configured(TIMEOUT=1)``: working settings of a client, with changes."""

    def configured(**changes):
        application = pdb.members_area
        working = {
            "CLIENT_ID": application.client_id,
            "CLIENT_SECRET": application.client_secret,
            "REDIRECT_URI": REDIRECT_URI,
            "BASE_URL": pdb.url,
            "ALLOW_HTTP": True,
        }
        return working | changes

    return configured


@pytest.fixture
def configure(configured, pdb):
    """``configure(RULE=..., DEBUG=True)``: override settings until the test ends.

    The names in ``OURS`` go into ``PEERINGDB_OAUTH``, the others are Django's.
    """
    from django.conf import settings
    from django.test import override_settings

    overridden = []

    def configure(**changes):
        ours = {name: changes.pop(name) for name in OURS & set(changes)}
        overridden.append(override_settings(PEERINGDB_OAUTH=configured(**ours), **changes))
        overridden[-1].enable()
        return settings

    yield configure
    for override in reversed(overridden):
        override.disable()
    pdb.clear_faults()


class Visitor:
    """A person with a browser: Django's test client, and the way through PeeringDB."""

    def __init__(self, pdb, **arguments):
        from django.test import Client

        self.client = Client(
            SERVER_NAME="localhost", HTTP_ACCEPT="text/html", enforce_csrf_checks=True, **arguments
        )
        self.pdb = pdb

    def get(self, path, **headers):
        return self.client.get(path, headers=headers)

    def post(self, path, *, token=None, **headers):
        """Send a form, with the CSRF token of a page unless another is given."""
        if token is None:
            token = str(self.get("/form").content).partition('value="')[2].partition('"')[0]
        return self.client.post(path, {"csrfmiddlewaretoken": token}, headers=headers)

    def start(self, query=""):
        answer = self.get(f"/login/peeringdb{query}")
        assert answer.status_code == 302, answer.content
        return answer["Location"]

    def callback(self, person, query="", **choices):
        """Log in at PeeringDB, and return the callback's address without opening it."""
        parts = urlsplit(self.pdb.log_in(person, self.start(query), **choices))
        return f"{parts.path}?{parts.query}"

    def log_in(self, person, query="", **choices):
        return self.get(self.callback(person, query, **choices))

    @property
    def session(self):
        return dict(self.client.session)


@pytest.fixture
def make_visitor(pdb):
    return lambda **arguments: Visitor(pdb, **arguments)


@pytest.fixture
def visitor(configure, make_visitor):
    configure()
    return make_visitor()


class Watch:
    """The signals that were sent, each as its name and its arguments."""

    def __init__(self):
        self.seen = []

    @property
    def kinds(self):
        return [kind for kind, _ in self.seen]


@pytest.fixture
def watch():
    """Record all signals that are sent during the test."""
    from peeringdb_oauth.integrations.django import signals

    watch, connected = Watch(), []
    for name in (
        *("logged_in", "login_refused", "logged_out", "rights_changed", "session_ended"),
        *("connected", "disconnected"),
    ):

        def record(name=name, **sent):
            watch.seen.append((name, sent))

        getattr(signals, name).connect(record, weak=False)
        connected.append((getattr(signals, name), record))
    yield watch
    for signal, record in connected:
        signal.disconnect(record)


class Clock:
    """A clock that is ``ahead`` of the real time, in seconds."""

    ahead = 0

    def __call__(self):
        import time

        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def clocked(configure, configured, clock):
    """Give the project a client whose clock the test can move, and return the clock.

    ``clocked.use(SESSIONS="django")`` overrides settings of ours, and
    ``clocked.finish()`` waits for what runs behind the answers.
    """
    from django.test import override_settings

    settings = {name.lower(): value for name, value in configured().items()}
    with (
        Client(ClientConfig(**settings), clock=clock, monotonic=clock) as client,
        ExitStack() as overridden,
    ):
        configure()

        def use(**changes):
            ours = {"CLIENT": client, **changes}
            overridden.enter_context(override_settings(PEERINGDB_OAUTH=ours))

        use()
        clock.use, clock.finish = use, client.finish_background
        yield clock
