"""The gateway in one process: what operators, Prometheus and applications ask."""

import asyncio
import os
import select
import socket
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress

import jwt
import pytest
import requests
from in_threads import PATIENCE, until
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.addresses import Listen
from peeringdb_oauth.gateway.health import Health
from peeringdb_oauth.gateway.listening import listening
from peeringdb_oauth.gateway.operators import MOST_CONNECTIONS, serving
from peeringdb_oauth.gateway.service import Service, create_service
from peeringdb_oauth.gateway.settings import CONFIG_VARIABLE, Settings
from peeringdb_oauth.observers import observers
from peeringdb_oauth.records import RecordsUnavailable

from .conftest import LG, PROXY, Browser, Site, identity

pytestmark = pytest.mark.server

VERIFIED = '[[rule]]\npath = "/"\nallow = "verified"\n'
ONLY_65551 = '[[rule]]\npath = "/"\nasn = 65551\n'
PRIVATE = ("healthz", "readyz", "metrics")


@pytest.fixture
def start(sandbox, write_settings):
    """``start("line of the top", rules="...")``: a browser of a running service."""
    running = []

    def start(*more, rules=VERIFIED):
        service = Service(Settings.load(write_settings(rules, *more)))
        client = TestClient(service, client=PROXY, follow_redirects=False)
        running.append(client)
        return Browser(Site(sandbox, None, None, app=service, client=client.__enter__()), LG)

    yield start
    for client in running:
        client.__exit__(None, None, None)


def ask(browser, path):
    """What an operator gets, past all proxies."""
    return browser.site.client.get(f"/_peeringdb/{path}")


def figure(browser, name, **labels):
    """One of the figures for Prometheus."""
    for family in text_string_to_metric_families(ask(browser, "metrics").text):
        for sample in family.samples:
            if (sample.name, sample.labels) == (f"peeringdb_oauth_{name}", labels):
                return sample.value
    return None


def fail(*_, **__):
    raise RecordsUnavailable("the store of the sessions does not answer")


# --- operators ------------------------------------------------------------------------


def test_a_gateway_that_works_is_healthy_and_ready(start):
    browser = start()
    assert [ask(browser, path).status_code for path in PRIVATE] == [200, 200, 200]


def test_a_gateway_whose_store_is_away_lives_but_is_not_ready(start, monkeypatch):
    browser = start()
    store = browser.site.app._health._store
    monkeypatch.setattr(store.vault, "now", fail)
    monkeypatch.setattr(store.vault, "count", fail)
    answer = ask(browser, "readyz")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)
    assert (ask(browser, "healthz").status_code, figure(browser, "sessions")) == (200, 0)


def test_says_why_it_is_not_ready(write_settings, monkeypatch):
    service = Service(Settings.load(write_settings(VERIFIED)))
    monkeypatch.setattr(service._health._store.vault, "now", fail)
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/_peeringdb/readyz", "headers": []}
    asyncio.run(service(scope, None, send))
    assert sent[0]["status"] == 503
    assert sent[1]["body"] == b"not ready: the store of the sessions does not answer\n"


def test_a_store_that_hangs_is_asked_once_and_not_waited_for(start, monkeypatch):
    monkeypatch.setattr("peeringdb_oauth.gateway.health.PATIENCE", 0.02)
    browser, calls, gate = start(), [], threading.Event()

    def hang():
        calls.append(1)
        gate.wait(PATIENCE)

    monkeypatch.setattr(browser.site.app._health._store.vault, "now", hang)
    assert [ask(browser, "readyz").status_code for _ in range(3)] == [503] * 3
    gate.set()
    assert len(calls) == 1
    assert isinstance(browser.site.app._health, Health)


@pytest.mark.parametrize("path", PRIVATE)
def test_what_operators_ask_has_no_other_method(start, path):
    port = free_port()
    browser = start()
    start(f'metrics_listen = "127.0.0.1:{port}"')
    answers = [
        browser.site.client.post(f"/_peeringdb/{path}"),
        requests.post(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
        assert answer.text == "method not allowed\n"
    assert browser.post(f"/_peeringdb/{path}").status_code == 404  # it came through a proxy


def test_being_ready_asks_nothing_of_peeringdb(start):
    browser = start()
    ask(browser, "readyz")
    assert figure(browser, "provider_request_seconds_count") == 0


@pytest.mark.parametrize("path", PRIVATE)
def test_who_comes_through_a_proxy_sees_nothing_of_it(start, path):
    assert start().get(f"/_peeringdb/{path}").status_code == 404


def test_with_an_address_of_its_own_there_is_nothing_at_the_others(start):
    port = free_port()
    browser = start(f'metrics_listen = "127.0.0.1:{port}"')
    assert {ask(browser, path).status_code for path in PRIVATE}.isdisjoint({200})
    for path in (*PRIVATE, "_peeringdb/metrics"):
        answer = requests.get(f"http://127.0.0.1:{port}/{path}", timeout=PATIENCE)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    answer = requests.get(f"http://127.0.0.1:{port}/_peeringdb/check", timeout=PATIENCE)
    assert answer.status_code == 404


def test_the_address_of_its_own_can_be_a_unix_socket(start, tmp_path):
    path = tmp_path / "metrics.sock"
    browser = start(f'metrics_listen = "unix:{path}"', 'socket_mode = "0600"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    answer = ask_socket(path, "/readyz")
    assert answer.endswith(b"\r\n\r\nready\n")
    assert {ask(browser, name).status_code for name in PRIVATE}.isdisjoint({200})
    browser.site.client.__exit__(None, None, None)
    assert not path.exists()


def test_a_server_learns_that_the_gateway_cannot_start(write_settings, tmp_path):
    """Uvicorn would go on without the work that is done besides answering requests."""
    path = tmp_path / "metrics.sock"
    path.write_text("mine")
    service = Service(Settings.load(write_settings(VERIFIED, f'metrics_listen = "unix:{path}"')))
    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    with pytest.raises(ConfigurationError, match="exists and is no socket"):
        asyncio.run(service({"type": "lifespan"}, receive, send))
    [failed] = sent
    assert failed["type"] == "lifespan.startup.failed"
    assert failed["message"].startswith("metrics_listen: ")


def ask_socket(path, target):
    """The answer of a server at a Unix socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@contextmanager
def unanswered(path):
    """A connection to a Unix socket with a request that never ends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))  # with a timeout it would not wait in the backlog
        connection.settimeout(PATIENCE)
        with suppress(BrokenPipeError):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHo")
        yield connection


def has_ended(connection):
    """Whether the server ends a connection without an answer."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_operators_leave_connections_to_visitors(start, tmp_path):
    path = tmp_path / "metrics.sock"
    start(f'metrics_listen = "unix:{path}"')
    with ExitStack() as stack:
        # asyncio takes up to 100 at once, before the first of them counts.
        many = [stack.enter_context(unanswered(path)) for _ in range(MOST_CONNECTIONS + 150)]
        ended, _, _ = select.select(many, [], [], PATIENCE)
        assert has_ended(ended[0])
        many[0].sendall(b"st: a\r\n\r\n")
        answer = b"".join(iter(lambda: many[0].recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200")

    def is_answered():
        with suppress(ConnectionError):  # until it has seen that the many have gone
            return ask_socket(path, "/healthz").endswith(b"ok\n")

    until(is_answered)


def test_operators_who_send_no_whole_request_in_time_lose_their_connection(tmp_path):
    path = tmp_path / "metrics.sock"

    async def answer(_):
        raise AssertionError

    async def main():
        with listening("metrics_listen", Listen(unix=path), mode=0o600, group=None) as listener:
            async with serving(answer, listener, longest=0.1):
                with unanswered(path) as connection:
                    return await asyncio.to_thread(has_ended, connection)

    assert asyncio.run(main())


# --- Prometheus -----------------------------------------------------------------------


def test_checks_are_counted_by_rule_and_outcome_and_timed(start):
    browser = start()
    browser.log_in("member")
    before = figure(browser, "gateway_checks_total", rule="rule 1", outcome="allowed")
    for _ in range(3):
        browser.ask("/page")
    assert figure(browser, "gateway_checks_total", rule="rule 1", outcome="allowed") == before + 3
    total = figure(browser, "gateway_check_seconds_count")
    assert total >= 3
    assert figure(browser, "gateway_check_seconds_bucket", le="+Inf") == total
    assert 0 < figure(browser, "gateway_check_seconds_sum") < PATIENCE


def test_figures_of_checks_are_ready_within_a_second_or_so(start):
    browser = start()
    browser.ask("/page")
    registry = browser.site.app.metrics.registry
    labels = {"rule": "rule 1", "outcome": "login"}
    until(lambda: registry.get_sample_value("peeringdb_oauth_gateway_checks_total", labels) == 1)


def test_logins_sessions_and_the_budget_are_counted(start):
    browser = start()
    browser.log_in("member")
    assert figure(browser, "logins_total") == 1
    assert figure(browser, "sessions") == 1
    assert figure(browser, "shortest_recheck_seconds") == 2
    assert figure(browser, "budget_limit") == 100
    assert figure(browser, "budget_used", purpose="login") == 2
    assert figure(browser, "budget_pause_seconds") == 0
    assert figure(browser, "provider_requests_total", purpose="login", outcome="ok") == 2


def test_sessions_are_not_counted_anew_for_each_reading(start):
    browser = start()
    assert figure(browser, "sessions") == 0
    browser.log_in("member")
    assert figure(browser, "sessions") == 0


def test_refusals_are_counted_by_rule_and_reason(start):
    browser = start(rules=ONLY_65551)
    assert browser.log_in("member").status_code == 403
    assert figure(browser, "refusals_total", rule="rule 1", reason="not_affiliated") == 1


def test_the_figures_have_no_times_of_creation(start):
    assert "_created" not in ask(start(), "metrics").text


def test_a_gateway_that_has_ended_counts_no_longer(start):
    browser = start()
    assert browser.site.app.metrics in [*observers, browser.site.app.metrics]
    assert len(observers) == 1
    with TestClient(Service(browser.site.app.reloader.settings)):
        assert len(observers) == 2
    assert len(observers) == 1


SUM = """
import asyncio, os, sys, time
from peeringdb_oauth.gateway.metrics import GatewayMetrics

class Store:
    def count(self):
        return 3

class Usage:
    limit, used, pause = 100, {}, 0

pids = [os.fork() for _ in range(2)]  # each has two children, or is one
metrics = GatewayMetrics(Usage, Store(), monotonic=time.monotonic)
metrics.decided("rule 1", "allowed", 0.001)
metrics.flush()
if all(pids):
    for pid in pids:
        os.waitpid(pid, 0)
    print(asyncio.run(metrics.page()).decode())
else:
    if pids[0] == 0 and pids[1]:
        os.waitpid(pids[1], 0)
    os._exit(0)
"""


def test_the_figures_of_several_processes_are_summed(tmp_path, measured):
    ended = subprocess.run(
        [sys.executable, "-c", SUM],
        capture_output=True,
        text=True,
        env=os.environ | measured | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        check=False,
    )
    assert ended.stderr == ""
    line = 'peeringdb_oauth_gateway_checks_total{outcome="allowed",rule="rule 1"} 4.0'
    assert line in ended.stdout.splitlines()
    assert "peeringdb_oauth_gateway_check_seconds_count 4.0" in ended.stdout.splitlines()
    assert "peeringdb_oauth_sessions 3.0" in ended.stdout.splitlines()


# --- reloads --------------------------------------------------------------------------


def test_a_reload_changes_what_the_checks_say(start, write_settings):
    browser = start()
    browser.log_in("member")
    assert browser.ask("/page").status_code == 204
    write_settings(ONLY_65551)
    browser.site.client.portal.call(browser.site.app.reload)
    until(lambda: browser.ask("/page").status_code == 403)


def test_a_file_of_asns_that_changes_is_read_again(start, tmp_path, monkeypatch):
    monkeypatch.setattr("peeringdb_oauth.gateway.service.FILES_EVERY", 0.01)
    (tmp_path / "members.txt").write_text("65551\n")
    browser = start(rules='[[rule]]\npath = "/"\nasn_file = "members.txt"\n')
    browser.log_in("member")
    assert browser.ask("/page").status_code == 403
    (tmp_path / "members.txt").write_text("64500\n")
    until(lambda: browser.ask("/page").status_code == 204)


# --- applications ---------------------------------------------------------------------

SIGNED = '[assertions]\nheader = "X-Who"\n'


def test_an_application_can_verify_who_a_person_is(start):
    browser = start(rules=VERIFIED + SIGNED)
    browser.log_in("limited")
    assertion = browser.ask("/page").headers["X-Who"]
    answer = browser.get("/_peeringdb/jwks.json")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    kid = jwt.get_unverified_header(assertion)["kid"]
    [key] = [one for one in jwt.PyJWKSet.from_dict(answer.json()).keys if one.key_id == kid]
    claims = jwt.decode(assertion, key.key, ["ES256"], audience="lg.test", issuer=LG)
    assert (claims["sub"], claims["asns"]) == ("3", [64500, 64501, 65550])
    assert claims["exp"] - claims["iat"] == 60


def test_there_are_no_assertions_unless_they_are_wanted(start):
    browser = start()
    browser.log_in("member")
    assert set(identity(browser.ask("/page"))) == {"id", "name", "email", "asns"}
    assert browser.get("/_peeringdb/jwks.json").status_code == 404


def test_the_keys_are_those_of_a_host(start):
    browser = start(rules=VERIFIED + SIGNED)
    assert ask(browser, "jwks.json").status_code == 404
    assert browser.at("https://other.test").get("/_peeringdb/jwks.json").status_code == 404


# --- any ASGI server ------------------------------------------------------------------


def test_the_settings_are_found_by_a_variable_or_named(write_settings, monkeypatch):
    path = write_settings(VERIFIED)
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    for service in (create_service(), create_service(str(path))):
        assert service.reloader.settings.path == path
