"""Two gateways behind nginx, with their sessions in one Redis."""

import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from gateway_process import PATIENCE, GatewayProcess, Proxy, await_server
from nginx import nginx_command
from ports import free_port
from store_servers import RedisServer

from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.gateway.snippets import print_snippet
from peeringdb_oauth.sandbox import Sandbox

RULES = """
[[rule]]
path = "/members/{asn}/"

[[rule]]
path = "/"
allow = "verified"
"""
# The application says whom the gateway has named.
APPLICATION = """
server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "$http_x_peeringdb_id"; }}
}}
"""
REQUESTS, KILL_AT = 2000, 600
# Who asks for what, and what they must get: status, and the id that the application
# was told. Nobody is person 0.
ASKED = [
    ("member", "/members/64500/", (200, "2")),
    ("member", "/members/65550/", (200, "2")),
    ("member", "/members/64496/", (403, None)),
    ("orgadmin", "/page?q=1", (200, "1")),
    ("limited", "/page", (200, "3")),
    (None, "/page", (302, None)),
]


class Machines:
    """Two gateways behind nginx. ``url``: where people are."""

    def __init__(self, pdb, store, directory, stack, measured):
        self.port, application = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        registered = pdb.register(f"{self.url}/_peeringdb/callback")
        (directory / "secret-key").write_text("0123456789abcdef0123456789abcdef")
        (directory / "client-secret").write_text(registered.client_secret)
        (directory / "sessions").write_text(store.url)
        self.gateways, lines = [], []
        for name in ("a", "b"):
            port = free_port()
            path = directory / f"{name}.toml"
            path.write_text(
                f'listen = "127.0.0.1:{port}"\nurls = ["{self.url}"]\nallow_http = true\n'
                f'secret_key_file = "secret-key"\nsessions_file = "sessions"\n'
                f'[peeringdb]\nclient_id = "{registered.client_id}"\nbase_url = "{pdb.url}"\n'
                f'client_secret_file = "client-secret"\n{RULES}'
            )
            self.gateways.append(GatewayProcess(path, port, environment=measured))
            stack.callback(self.gateways[-1].end)
            lines.append(f"server 127.0.0.1:{port};")
        settings = Settings.load(directory / "a.toml")
        site = print_snippet(settings, "nginx", [f"http://127.0.0.1:{application}"])
        assert lines[0] in site
        site = site.replace(lines[0], "\n".join(lines))
        site += APPLICATION.format(port=application)
        nginx = subprocess.Popen(nginx_command(directory, site))
        stack.callback(nginx.wait, PATIENCE)
        stack.callback(nginx.terminate)
        await_server(self.port, nginx, directory / "error.log")

    def log_in(self, pdb, person):
        """The cookies of somebody who has logged in through nginx."""
        visitor = Visitor(self.port, {})
        started = visitor.get("/_peeringdb/login?next=/")
        callback = pdb.log_in(person, started.headers["Location"])
        assert visitor.get(callback.removeprefix(self.url)).status == 302
        return visitor.close() or visitor.cookies


class Visitor(Proxy):
    """A browser at nginx."""

    def __init__(self, port, cookies):
        super().__init__(port, f"http://127.0.0.1:{port}", cookies)

    def get(self, target):
        return self.ask(target)


@pytest.fixture(scope="module")
def pdb():
    with Sandbox(tls=False) as sandbox:
        yield sandbox


@pytest.fixture
def machines(pdb, tmp_path, measured):
    with ExitStack() as stack:
        store = RedisServer()
        stack.callback(store.end)
        yield Machines(pdb, store, tmp_path, stack, measured)


def test_a_gateway_that_fails_during_2000_requests_logs_nobody_out_and_lies_to_nobody(
    machines, pdb
):
    cookies = {person: machines.log_in(pdb, person) for person in ("member", "orgadmin", "limited")}
    cookies[None] = {}
    wrong, counts, lock = [], Counter(), threading.Lock()

    def browse():
        visitors = {person: Visitor(machines.port, dict(cookies[person])) for person in cookies}
        while True:
            with lock:
                number = counts["begun"]
                counts["begun"] += 1
            if number >= REQUESTS:
                break
            person, target, expected = ASKED[number % len(ASKED)]
            answer = visitors[person].get(target)
            found = answer.status, answer.text if answer.status == 200 else None
            counts["right" if found == expected else "wrong"] += 1
            if found != expected:
                wrong.append((person, target, found))
        for visitor in visitors.values():
            visitor.close()

    people = [threading.Thread(target=browse) for _ in range(8)]
    for one in people:
        one.start()
    give_up_at = time.monotonic() + 2 * PATIENCE
    while counts["begun"] < KILL_AT:
        assert time.monotonic() < give_up_at
        time.sleep(0.001)
    machines.gateways[1].kill()
    for one in people:
        one.join(2 * PATIENCE)
    assert (wrong, counts["right"]) == ([], REQUESTS)
    survivor = Visitor(machines.port, dict(cookies["member"]))
    assert survivor.get("/members/64500/").text == "2"
    survivor.close()
