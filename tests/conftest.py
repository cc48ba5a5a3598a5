"""Fixtures for all tests: recorded answers, servers that replay them, clients."""

import os
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest
import trustme
from blocking_client import BlockingClient, LoopThread
from canned_server import running_server
from client_config import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, config_of
from flow_driver import FlowDriver
from hypothesis import settings
from recordings import read_recording

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.provider import Provider

# The same examples in every run, so that a red run can be repeated. Others:
# --hypothesis-profile=random, which prints how to repeat them. No deadline: a busy
# machine is not a failure.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile("repeatable")

# A shell that runs the tests in the background has them ignore these signals, and so
# would everything that the tests start.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

# The settings in a developer's own shell are not those of the tests.
for variable in list(os.environ):
    if variable.startswith("PEERINGDB_OAUTH_") or variable == "WEB_CONCURRENCY":
        del os.environ[variable]

TESTS = Path(__file__).parent
# The tests in these folders get the mark "server": nearly all of them start a process
# that answers, such as a sandbox, a portal or a browser. So do all tests with a canned
# server. Another test that starts a process is marked by hand, and fails if it is not.
FOLDERS_WITH_SERVERS = {
    "browser",
    "cli",
    "demo",
    "integrations",
    "pytest_plugin",
    "sandbox",
    "servers",
    "stores",
}
running = SimpleNamespace(unit_test=False)


def has_servers(path):
    return not FOLDERS_WITH_SERVERS.isdisjoint(path.relative_to(TESTS).parts[:1])


def pytest_ignore_collect(collection_path, config):
    """Do not read files that ``make test-unit`` leaves out, which takes seconds."""
    return True if config.option.markexpr == "not server" and has_servers(collection_path) else None


def pytest_itemcollected(item):
    if has_servers(item.path) or "make_server" in item.fixturenames:
        item.add_marker(pytest.mark.server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    running.unit_test = item.get_closest_marker("server") is None
    try:
        return (yield)
    finally:
        running.unit_test = False


def refuse_servers_in_unit_tests(event, arguments):
    """Let a test without the mark start only short Python commands."""
    if event == "subprocess.Popen" and running.unit_test:
        _, command, *_ = arguments
        if list(command[:2]) != [sys.executable, "-c"]:
            pytest.fail(f"a test that starts a process needs the mark server: {command}")


sys.addaudithook(refuse_servers_in_unit_tests)

# The proxies, certificates and passwords of the machine must not matter.
SETTINGS_FROM_OUTSIDE = (
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "requests_ca_bundle",
    "curl_ca_bundle",
    "netrc",
)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in SETTINGS_FROM_OUTSIDE:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session", autouse=True)
def measured():
    """Variables for a process that coverage is to measure: ``os.environ | measured``.

    Other processes start without them. A sandbox is not measured, because that would
    make it half as fast and find nothing.
    """
    names = [name for name in os.environ if name.startswith("COVERAGE_PROCESS_")]
    measured = {name: os.environ.pop(name) for name in names}
    yield measured
    os.environ.update(measured)


@pytest.fixture(scope="session")
def recording():
    """``recording("token-success-openid")``: one of PeeringDB's recorded answers."""
    return read_recording


class FakeClock:
    """A clock that a test moves; called for the time, like `time.monotonic`."""

    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now

    def wait(self, seconds):
        """Stands for waiting: only the clock moves."""
        self.now += seconds


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority of our own; ``authority.ca_file`` is its certificate."""
    ca = trustme.CA()
    ca.ca_file = str(tmp_path_factory.mktemp("authority") / "ca.pem")
    ca.cert_pem.write_to_path(ca.ca_file)
    return ca


@pytest.fixture
def make_server(authority):
    """``make_server(tls=False)``: another server; all end with the test."""
    with ExitStack() as servers:
        yield lambda **options: servers.enter_context(running_server(authority, **options))


@pytest.fixture
def server(make_server):
    """A server that answers as PeeringDB does when everything goes well."""
    canned = make_server()
    canned.reset()
    return canned


@pytest.fixture
def loop_thread():
    """The event loop of the asynchronous clients that `make_client` makes."""
    thread = LoopThread()
    yield thread
    thread.end()


@pytest.fixture
def client_class():
    """What `make_client` makes; test_client.py asks for one class after the other."""
    return Client


@pytest.fixture
def make_client(client_class, loop_thread):
    """``make_client(server, **config)``: a client of a canned server.

    An `AsyncClient` comes as a `BlockingClient`. All are closed with the test.
    """
    with ExitStack() as clients:

        def make(server, *, client_class=client_class, arguments=(), **changes):
            config, arguments = config_of(server, **changes), dict(arguments)
            if client_class is AsyncClient:
                client = BlockingClient(loop_thread, lambda: AsyncClient(config, **arguments))
            else:
                client = Client(config, **arguments)
            clients.callback(client.close)
            return client

        yield make


@pytest.fixture
def client(make_client, server):
    return make_client(server)


@pytest.fixture(scope="session")
def start_server():
    """``start_server("redis")``: a server, started once, that ends with the tests."""
    from store_servers import SERVERS  # noqa: PLC0415 - the drivers, which few tests need

    with ExitStack() as running:
        started = {}

        def start(name):
            if name not in started:
                started[name] = SERVERS[name]()
                running.callback(started[name].end)
            return started[name]

        yield start


@pytest.fixture(scope="session")
def members_area(tmp_path_factory):
    """Set up Django with the project of the tests, once in this process."""
    from members_area_project import set_up  # noqa: PLC0415 - Django, which few tests need

    return set_up(tmp_path_factory.mktemp("django") / "db.sqlite3")


@pytest.fixture
def provider(clock):
    """PeeringDB as the application of the recordings sees it, shortly after them."""
    clock.now = 1795432421.0  # two seconds after token-success-openid
    config = ClientConfig(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri=REDIRECT_URI,
        base_url="https://127.0.0.1:8443",
    )
    return Provider(config, clock)


@pytest.fixture
def make_driver():
    """``make_driver(answers)``: runs flows, with canned answers for each path.

    An answer is the name of a recording, JSON, a status, or an error to raise.
    """
    return FlowDriver
