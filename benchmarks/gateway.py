"""The gateway's check for somebody who is logged in, beside its peers.

Each server is asked by wrk on loopback, one after the other, round after round. The
goals are for the time that a request takes by the clock. The CPU time of the server's
processes stands beside it: it depends less on what else the machine does. Every server
has one core and wrk another one, so that a server with several threads has no more of
the machine than one with a single thread. What comes of it where all have all cores
stands beside it, too: there Apache has more threads than nginx, and wrk is in the way.

The gateway has one worker, and so has the bare server: the same granian, which answers
204 to everything. Apache with mod_auth_openidc is configured as in
docs/other-software.md. It stands in front of the bare server, and once it serves a
file, as nginx does with the gateway's check. nginx also serves the same file without a
check.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import requests
from measure import Row, Samples, at_most, faster

from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import print_snippet
from peeringdb_oauth.sandbox import Sandbox

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from apache_site import Site as ApacheSite
from gateway_process import PATIENCE, GatewayProcess, Proxy, await_server
from nginx import nginx_command
from ports import free_port

CHECK, BARE, APACHE = "check, logged in", "a bare 204", "mod_auth_openidc before it"
CACHED, APACHE_FILE = "nginx, cached check", "mod_auth_openidc, a file"
ALONE = "nginx, the file alone"
SECONDS, CONNECTIONS = 2, 16
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - it protects nothing

# Ends when its input does.
BARE_SERVER = """
import sys
from peeringdb_oauth.gateway.addresses import Listen
from peeringdb_oauth.gateway.granian_server import make_server

async def answer(scope, receive, send):
    if scope["type"] == "http":
        headers = [(b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

listen = Listen(host="127.0.0.1", port=int(sys.argv[1]))
server = make_server(listen, workers=1, socket_mode=0o660)
server.serve(target_loader=lambda: answer, wrap_loader=False)
"""
WRK = """
{headers}
done = function(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format("%d %d %d %d\\n",
        summary.requests, summary.duration, latency:percentile(99.0), failed))
end
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of a run of wrk, in seconds.

    ``cpu``: of the server for a request. ``mean``: for a request, by the clock.
    ``late``: within which 99 of 100 are answered.
    """

    cpu: float
    mean: float
    late: float


class Target:
    """What wrk asks.

    ``process``: the server, perhaps with children. ``url``: of the page. ``headers``:
    that a browser or a proxy sends.
    """

    def __init__(self, directory: Path, process: Any, url: str, headers: Mapping[str, str]) -> None:
        self._process = process
        self._url = url
        answer = requests.get(url, headers=headers, allow_redirects=False, timeout=PATIENCE)
        if answer.status_code not in (200, 204):  # wrk takes a redirect for an answer
            raise RuntimeError(f"{url}: answered {answer.status_code}")
        self._script = directory / f"{abs(hash(url))}.lua"
        lines = (f'wrk.headers["{name}"] = {_quoted(value)}' for name, value in headers.items())
        self._script.write_text(WRK.format(headers="\n".join(lines)))

    def ask(self, seconds: int = SECONDS) -> Figures:
        """Ask for so many seconds."""
        wrk = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", self._script, self._url]
        command = [*_on_the_last_core(), *wrk] if len(os.sched_getaffinity(0)) == 1 else wrk
        before = _cpu_of(self._process.pid)
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        cpu = _cpu_of(self._process.pid) - before
        count, duration, slowest, failed = map(int, said.splitlines()[-1].split())
        if failed or not count:
            raise RuntimeError(f"{self._url}: {failed} of {count} requests failed")
        return Figures(cpu=cpu / count, mean=duration / 1e6 / count, late=slowest / 1e6)


def measure(rounds: int) -> Iterator[Row]:
    """The rows of this file."""
    with _first_core():
        mean, cpu, late = _ask_all(rounds)
    everywhere, *_ = _ask_all(rounds)
    yield faster(0.8, "gateway", mean, CHECK, BARE)
    yield faster(4, "gateway", mean, CHECK, APACHE)
    yield faster(5, "gateway", mean, CACHED, APACHE_FILE)
    yield faster(None, "gateway", mean, CACHED, ALONE)
    yield faster(None, "the same, CPU time", cpu, CHECK, BARE)
    yield faster(None, "the same, CPU time", cpu, CHECK, APACHE)
    yield faster(None, "the same, CPU time", cpu, CACHED, APACHE_FILE)
    yield faster(None, "the same, CPU time", cpu, CACHED, ALONE)
    yield faster(None, "the same on all cores", everywhere, CHECK, BARE)
    yield faster(None, "the same on all cores", everywhere, CHECK, APACHE)
    yield faster(None, "the same on all cores", everywhere, CACHED, APACHE_FILE)
    yield faster(None, "the same on all cores", everywhere, CACHED, ALONE)
    yield at_most(2, "99 % are answered within", late, CHECK, BARE)


def _ask_all(rounds: int) -> tuple[Samples, ...]:
    """For each server the mean time, the CPU time and that of 99 of 100 answers."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        directory.chmod(0o755)  # nginx and Apache have users of their own
        targets = _start(directory, stack)
        for target in targets.values():
            target.ask(1)
        runs: dict[str, list[Figures]] = {name: [] for name in targets}
        for _ in range(max(1, rounds // 8)):
            for name, target in targets.items():
                runs[name].append(target.ask())
    return tuple(
        Samples(seconds={name: [getattr(run, kind) for run in runs[name]] for name in runs})
        for kind in ("mean", "cpu", "late")
    )


@contextmanager
def _first_core() -> Iterator[None]:
    """Have all servers that are started meanwhile share one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _on_the_last_core() -> list[str]:
    """The start of a command that runs on the machine's last core."""
    return ["taskset", "--cpu-list", str((os.cpu_count() or 1) - 1)]


def _cpu_of(process: int) -> float:
    """Seconds of CPU time that a process and its children have had."""
    stat = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ticks = int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(_cpu_of, map(int, children)))


def _start(directory: Path, stack: ExitStack) -> dict[str, Target]:
    """Start all servers and log somebody in at each."""
    pdb = stack.enter_context(Sandbox(limits=False))
    bare, port, site, alone = (free_port() for _ in range(4))
    command = [sys.executable, "-c", BARE_SERVER, str(bare)]
    bare_server = _run(stack, directory / "bare.log", bare, command)
    url = f"http://127.0.0.1:{site}"
    settings = _write_settings(directory, pdb, port, url)
    gateway = GatewayProcess(settings.path, port)
    stack.callback(gateway.end)
    nginx = _run(stack, directory / "error.log", site, _nginx(directory, settings, port, alone))
    browser = Proxy(site, url)
    browser.log_in(pdb, "member")
    checked = Proxy(port, url, browser.cookies).headers("/page")
    bare_url = f"http://127.0.0.1:{bare}"
    apaches = [ApacheSite(pdb, app) for app in (SimpleNamespace(url=bare_url), None)]
    for apache in apaches:
        stack.callback(apache.close)
    return {
        CHECK: Target(
            directory, gateway.process, f"http://127.0.0.1:{port}/_peeringdb/check", checked
        ),
        BARE: Target(directory, bare_server, f"{bare_url}/", checked),
        CACHED: Target(directory, nginx, f"{url}/page", browser.headers("/page")),
        ALONE: Target(directory, nginx, f"http://127.0.0.1:{alone}/page", {}),
        **{
            name: Target(directory, apache.process, f"{apache.url}/page", _log_in_at_apache(apache))
            for name, apache in zip((APACHE, APACHE_FILE), apaches, strict=True)
        },
    }


def _write_settings(directory: Path, pdb: Sandbox, port: int, url: str) -> Settings:
    registered = pdb.register(f"{url}/_peeringdb/callback")
    (directory / "secret-key").write_text(SECRET)
    (directory / "client-secret").write_text(registered.client_secret)
    (directory / "page").write_text("hello\n")
    path = directory / "gateway.toml"
    path.write_text(
        f'listen = "127.0.0.1:{port}"\nurls = ["{url}"]\nallow_http = true\n'
        f'secret_key_file = "secret-key"\nsessions = "sqlite:///{directory}/sessions.db"\n'
        f'[peeringdb]\nclient_id = "{registered.client_id}"\nbase_url = "{pdb.url}"\n'
        f'ca_file = "{pdb.ca_file}"\nclient_secret_file = "client-secret"\n'
        '[[rule]]\npath = "/"\nallow = "verified"\n'
    )
    return Settings.load(path)


def _nginx(directory: Path, settings: Settings, port: int, alone: int) -> list[str]:
    """The command of nginx with the printed configuration, which remembers checks.

    ``alone``: a port at which it serves the files to everybody.
    """
    site = print_snippet(settings, "nginx", [str(directory)], cache=True)
    site = site.replace("/run/nginx-peeringdb", f"{directory}/cache")
    assert f"127.0.0.1:{port}" in site  # noqa: S101 - else it would be another gateway
    site += f"server {{ listen 127.0.0.1:{alone}; root {directory}; }}"
    command: list[str] = nginx_command(directory, site)
    return command


def _run(stack: ExitStack, log: Path, port: int, command: list[str]) -> Any:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603
    stack.callback(process.wait, PATIENCE)
    stack.callback(process.terminate)
    await_server(port, process, log)
    return process


def _log_in_at_apache(apache: Any) -> dict[str, str]:
    browser = apache.visit()
    callback = apache.pdb.log_in("member", apache.begin(browser))
    page = browser.get(callback, timeout=PATIENCE)
    page.raise_for_status()
    return {"Cookie": "; ".join(f"{name}={text}" for name, text in browser.cookies.items())}


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
