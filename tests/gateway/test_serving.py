"""The gateway as a server: processes, sockets and signals."""

import asyncio
import gc
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from gateway_process import COMMAND, PATIENCE, GatewayProcess, Proxy, await_server, connect
from gateway_settings import load_settings
from ports import free_port

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.gateway.serving import Main, raised_limit, serve

from .conftest import LG

pytestmark = pytest.mark.server

VERIFIED = '[[rule]]\npath = "/"\nallow = "verified"\n'
NOBODY = '[[rule]]\npath = "/"\nasn = 65551\n'


@pytest.fixture
def start(write_settings, measured):
    """``start("workers = 2")``: a gateway at a free port, or elsewhere."""
    with ExitStack() as stack:

        def start(*more, rules=VERIFIED, where=None):
            where = where or free_port()
            listen = f"127.0.0.1:{where}" if isinstance(where, int) else f"unix:{where}"
            path = write_settings(rules, f'listen = "{listen}"', *more)
            gateway = GatewayProcess(path, where, environment=measured)
            stack.callback(gateway.end)
            return gateway

        yield start


def until(condition):
    """Wait until it is true."""
    give_up_at = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < give_up_at
        threading.Event().wait(0.02)
    return found


class People(ExitStack):
    """People whose proxies ask without a pause; all statuses that they got.

    An answer that does not come is an error of the test.
    """

    def __init__(self, proxies, *, target="/page"):
        super().__init__()
        self.statuses, self.errors, self._stop = [], [], threading.Event()
        self._proxies, self._target = proxies, target

    def __enter__(self):
        threads = [threading.Thread(target=self._ask, args=(one,)) for one in self._proxies]
        for thread in threads:
            thread.start()
            self.callback(thread.join, PATIENCE)
        self.callback(self._stop.set)
        return super().__enter__()

    def _ask(self, proxy):
        try:
            while not self._stop.is_set():
                self.statuses.append(proxy.check(self._target))
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.errors.append(error)

    def wait_for(self, more):
        """Wait for so many more answers."""
        wanted = len(self.statuses) + more
        until(lambda: self.errors or len(self.statuses) >= wanted)


@pytest.fixture
def visit():
    """``visit(gateway, cookies)``: a proxy on a connection of its own."""
    with ExitStack() as stack:

        def visit(gateway, cookies=None):
            proxy = Proxy(gateway.where, LG, cookies)
            stack.callback(proxy.close)
            return proxy

        yield visit


@pytest.fixture
def log_in(visit, sandbox):
    """``log_in(gateway)``: the proxy of somebody who is logged in."""

    def log_in(gateway):
        person = visit(gateway)
        person.log_in(sandbox, "member")
        return person

    return log_in


# --- reloads --------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_under_load_drops_no_request_and_reaches_all_workers(
    start, log_in, visit, write_settings, workers
):
    gateway = start(f"workers = {workers}")
    person = log_in(gateway)
    with People([visit(gateway, person.cookies) for _ in range(8)]) as visitors:
        visitors.wait_for(200)
        for _ in range(3):
            gateway.reload()
            visitors.wait_for(200)
        assert set(visitors.statuses) == {204}
        path = write_settings(
            NOBODY, f'listen = "127.0.0.1:{gateway.where}"', f"workers = {workers}"
        )
        gateway.reload()
        until(lambda: set(visitors.statuses[-100:]) == {403})
        # Each connection stays with its worker, so all of them have the new rules.
        visitors.wait_for(200)
        assert set(visitors.statuses[-200:]) == {403}
        path.write_text("rule = 1")
        gateway.reload()
        until(lambda: "the old rules stay in force" in gateway.log.read_text())
        visitors.wait_for(100)
        assert visitors.errors == []
        assert set(visitors.statuses[-100:]) == {403}
    assert len(gateway.workers) == workers


def test_a_worker_that_replaces_another_has_the_rules_of_the_last_good_file(
    start, log_in, visit, write_settings
):
    gateway = start()
    person = log_in(gateway)
    path = write_settings(NOBODY, f'listen = "127.0.0.1:{gateway.where}"')
    gateway.reload()
    until(lambda: person.check("/page") == 403)
    path.write_text("broken = ")
    [worker] = gateway.workers
    os.kill(worker, signal.SIGKILL)
    until(lambda: gateway.workers not in ([], [worker]))
    gateway.wait()
    assert visit(gateway, person.cookies).check("/page") == 403


# --- several workers ------------------------------------------------------------------


def test_workers_share_the_sessions_and_their_figures_are_summed(start, log_in, visit):
    port = free_port()
    gateway = start("workers = 2", f'metrics_listen = "127.0.0.1:{port}"')
    person = log_in(gateway)
    visitors = [visit(gateway, person.cookies) for _ in range(12)]
    assert {visitor.check("/page") for visitor in visitors for _ in range(5)} == {204}

    def counted():
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE).text
        line = 'peeringdb_oauth_gateway_checks_total{outcome="allowed",rule="rule 1"} 60.0'
        return line in text and "peeringdb_oauth_logins_total 1.0" in text and text

    text = until(counted)
    assert "peeringdb_oauth_sessions 1.0" in text
    assert "peeringdb_oauth_gateway_check_seconds_count 60.0" in text
    assert len(gateway.workers) == 2


@pytest.mark.parametrize("is_socket", [False, True])
def test_operators_get_answers_at_their_own_address_while_workers_come_and_go(
    start, tmp_path, is_socket
):
    own = tmp_path / "metrics.sock" if is_socket else free_port()
    named = f"unix:{own}" if is_socket else f"127.0.0.1:{own}"
    gateway = start("workers = 2", f'metrics_listen = "{named}"', 'socket_mode = "0640"')
    assert {healthz(own) for _ in range(8)} == {b"ok"}
    assert not is_socket or stat.S_IMODE(own.stat().st_mode) == 0o640
    for worker, end in zip(gateway.workers, (signal.SIGKILL, signal.SIGTERM), strict=True):
        os.kill(worker, end)
        until(lambda gone=worker: gone not in gateway.workers and len(gateway.workers) == 2)
        assert {healthz(own) for _ in range(8)} == {b"ok"}
    assert gateway.end() == 0
    assert not is_socket or not own.exists()
    assert "experimental" not in gateway.log.read_text()


def healthz(where):
    """What a monitor reads."""
    with connect(where) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: a\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(1000), b"")).split()[-1]


def test_a_second_gateway_at_the_same_port_does_not_start(start, tmp_path):
    start()
    second = subprocess.run(
        [sys.executable, "-c", COMMAND, tmp_path / "gateway.toml"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert second.returncode != 0
    assert "Address already in use" in second.stderr


def test_a_gateway_whose_store_has_no_directory_does_not_start(write_settings, tmp_path):
    path = write_settings()
    path.write_text(path.read_text("utf-8").replace("/sessions.db", "/missing/sessions.db"))
    with pytest.raises(ConfigurationError) as caught:
        serve(path)
    assert caught.value.problems == (
        f"{path}: sessions: the directory {tmp_path}/missing does not exist",
    )


# --- sockets --------------------------------------------------------------------------


def test_a_unix_socket_has_its_mode_replaces_a_stale_one_and_goes_away(
    start, log_in, visit, tmp_path
):
    where = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(where))
    gateway = start('socket_mode = "0666"', "workers = 2", where=where)
    assert stat.S_IMODE(where.stat().st_mode) == 0o666
    person = log_in(gateway)
    assert {visit(gateway, person.cookies).check("/page") for _ in range(6)} == {204}
    assert gateway.end() == 0
    assert not where.exists()


# --- the end --------------------------------------------------------------------------


# With this header the server says when the application waits for the body.
UNFINISHED = (
    b"POST /_peeringdb/answer HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: POST\r\n"
    b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: lg.test\r\nX-Forwarded-Uri: /page\r\n"
    b"X-Forwarded-For: 192.0.2.7\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
)


@pytest.fixture
def send(request):
    """``send(gateway)``: a connection with a request that has only half of its body."""

    def send(gateway):
        connection = connect(gateway.where)
        request.addfinalizer(connection.close)
        connection.sendall(UNFINISHED)
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"a")
        return connection

    return send


def test_requests_under_way_are_answered_when_the_gateway_ends(start, visit, send):
    gateway = start()
    idle, under_way = visit(gateway), send(gateway)
    assert idle.check("/page") == 401
    gateway.process.terminate()
    until(lambda: refuses_connections(gateway))
    under_way.sendall(b"b")
    assert under_way.recv(1000).startswith(b"HTTP/1.1 401 ")
    assert gateway.end() == 0


def test_a_request_that_does_not_end_is_not_waited_for_without_a_bound(start, send):
    gateway = start()
    under_way = send(gateway)
    assert gateway.end() == 0
    assert under_way.recv(1000) == b""
    assert "Killing worker-1" in gateway.log.read_text()


def refuses_connections(gateway):
    try:
        connect(gateway.where).close()
    except ConnectionRefusedError:
        return True
    return False


# --- many, and slow ones --------------------------------------------------------------


@pytest.fixture
def many_files():
    """Let this process and what it starts have as many connections as they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_5000_connections_are_all_answered_in_little_memory(start, log_in):
    gateway = start()
    person = log_in(gateway)
    asked = request_of(person)
    before = memory_of(gateway)
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(gateway.where)) for _ in range(5000)]
        for _ in range(2):
            for connection in connections:
                connection.sendall(asked)
            assert {connection.recv(2000)[:12] for connection in connections} == {b"HTTP/1.1 204"}
        assert memory_of(gateway) - before < 200_000_000
    assert person.check("/page") == 204


def test_slow_clients_keep_nobody_waiting(start, log_in, send):
    gateway = start()
    person = log_in(gateway)
    with ExitStack() as stack:
        for _ in range(300):
            slow = stack.enter_context(connect(gateway.where))
            slow.sendall(b"GET /_peeringdb/check HTTP/1.1\r\nHost: a\r\nX-Forwarded-")
        for _ in range(50):
            send(gateway)
        started = time.monotonic()
        assert {person.check("/page") for _ in range(200)} == {204}
        assert time.monotonic() - started < PATIENCE / 3


@pytest.mark.parametrize(("size", "status"), [(65_536, 403), (1_000_000, 431)])
def test_very_long_headers_end_that_connection_only(start, log_in, size, status):
    gateway = start()
    person = log_in(gateway)
    asked = request_of(person).removesuffix(b"\r\n")
    assert person.check("/page") == 204  # which is remembered now
    with connect(gateway.where) as odd:
        with suppress(ConnectionError):  # the answer comes before the end of the headers
            odd.sendall(asked + b"X-A: " + b"a" * size + b"\r\n\r\n")
        assert odd.recv(100).startswith(b"HTTP/1.1 %d " % status)
    assert person.check("/page") == 204


def request_of(person):
    """A check of somebody's page, as bytes."""
    cookies = "; ".join(f"{name}={text}" for name, text in person.cookies.items())
    return (
        "GET /_peeringdb/check HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\n"
        "X-Forwarded-Proto: https\r\nX-Forwarded-Host: lg.test\r\nX-Forwarded-Uri: /page\r\n"
        f"X-Forwarded-For: 192.0.2.7\r\nCookie: {cookies}\r\n\r\n"
    ).encode()


def memory_of(gateway):
    """Bytes of memory that the worker has."""
    [worker] = gateway.workers
    pages = Path(f"/proc/{worker}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


# --- another server -------------------------------------------------------------------


@pytest.fixture
def uvicorn(measured, tmp_path):
    """``uvicorn(path, "--workers", "2")``: the port and the process of uvicorn."""
    with ExitStack() as stack:

        def start(path, *arguments):
            port, log = free_port(), tmp_path / "uvicorn.log"
            command = [sys.executable, "-m", "uvicorn", "--factory", "--no-proxy-headers"]
            command += ["--port", str(port), *arguments]
            command += ["peeringdb_oauth.gateway.service:create_service"]
            environment = os.environ | measured | {"PEERINGDB_OAUTH_GATEWAY_CONFIG": str(path)}
            output = stack.enter_context(log.open("wb"))
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
            stack.callback(end, process)
            await_server(port, process, log)
            return port, process

        def end(process):
            process.terminate()
            assert process.wait(PATIENCE) in (0, -signal.SIGTERM)

        yield start


def test_it_runs_on_uvicorn_and_reloads_there(write_settings, sandbox, visit, uvicorn):
    port, process = uvicorn(write_settings(VERIFIED))
    person = visit(SimpleNamespace(where=port))
    person.log_in(sandbox, "member")
    assert person.check("/page") == 204
    write_settings(NOBODY)
    process.send_signal(signal.SIGHUP)
    until(lambda: person.check("/page") == 403)
    person.close()


def test_several_workers_of_uvicorn_answer_operators_at_one_socket(
    write_settings, uvicorn, tmp_path
):
    path = tmp_path / "metrics.sock"
    uvicorn(write_settings(VERIFIED, f'metrics_listen = "unix:{path}"'), "--workers", "2")
    log = tmp_path / "uvicorn.log"
    until(lambda: log.read_text().count("startup complete") == 2)
    assert {healthz(path) for _ in range(8)} == {b"ok"}
    assert "lifespan" not in log.read_text()  # nor that it appears unsupported


# --- the main process -----------------------------------------------------------------

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [
        (1024, 4096, 4096),
        (1024, 1_000_000, 10_500),
        (1024, UNLIMITED, 10_500),
        (50_000, 1_000_000, 50_000),
        (UNLIMITED, UNLIMITED, UNLIMITED),
    ],
)
def test_as_many_files_as_connections_may_be_open(soft, hard, raised):
    assert raised_limit(soft, hard) == raised


@pytest.fixture
def load():
    """``load(settings)``: the application of a worker that has just been started."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)
    yield lambda settings: Main(settings).load()
    gc.unfreeze()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
    signal.signal(signal.SIGHUP, before)


def test_a_worker_begins_with_the_settings_of_the_main_process(tmp_path, load):
    settings = load_settings(tmp_path)
    assert load(settings).reloader.settings is settings


def test_a_reload_while_a_worker_starts_is_not_lost(tmp_path, load):
    service = load(load_settings(tmp_path))
    load_settings(tmp_path, rules=VERIFIED)
    signal.raise_signal(signal.SIGHUP)
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive():
        return {"type": next(messages)}

    async def send(message):
        if message["type"] == "lifespan.startup.complete":
            await asyncio.to_thread(
                until, lambda: len(tuple(service.gateway.reloadable.rules)) == 1
            )

    asyncio.run(service({"type": "lifespan"}, receive, send))
    assert [rule.allow for rule in service.gateway.reloadable.rules] == ["verified"]


def test_without_workers_there_is_nobody_to_tell(tmp_path):
    main = Main(load_settings(tmp_path))
    assert main._reloader.reload() is True
