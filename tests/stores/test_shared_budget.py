"""Four processes share one budget in a real store; the sandbox has its limits on."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest
from in_threads import run_all

from peeringdb_oauth import Client, ClientConfig
from peeringdb_oauth.budget import WINDOW
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.records import Change
from peeringdb_oauth.sandbox import Sandbox
from peeringdb_oauth.shared_ledger import SharedLedger, record_key
from peeringdb_oauth.web import Sealer, Vault

CALLBACK = "https://app.example.net/callback"
PROGRAM = Path(__file__).parents[1] / "support" / "budget_process.py"
SECRET = "portal-secret-0123456789"


@pytest.fixture(scope="module")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def application(pdb):
    """The settings of an application, and an access token."""
    app = pdb.register(CALLBACK)
    config = ClientConfig(
        client_id=app.client_id,
        client_secret=app.client_secret,
        redirect_uri=CALLBACK,
        base_url=pdb.url,
        ca_file=pdb.ca_file,
    )
    with Client(config) as client:
        request = client.authorization_request()
        login = client.log_in(request, pdb.log_in("member", request.url))
    return config, login.token.access_token


class Process:
    """One of the processes; see `budget_process`."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == "ready"

    def read(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, times):
        """How many of so many requests were let through; PeeringDB throttled none."""
        print(times, file=self.process.stdin, flush=True)
        passed, throttled = self.read()
        assert throttled == 0
        return passed

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def processes(pdb, application, server):
    """Four processes that know of each other."""
    pdb.reset_limits()
    config, token = application
    with ExitStack() as running:
        four = [Process(server.url, token, json.dumps(asdict(config))) for _ in range(4)]
        for process in four:
            running.callback(process.end)
        assert [process.ask(1) for process in (*four, *four)] == [1] * 8
        yield four


def ask_all(processes, times):
    """How many requests of all were let through, each process sending so many."""
    waiting = list(processes)
    return run_all(lambda: waiting.pop().ask(times), len(processes))


@pytest.mark.parametrize("server_name", ["sqlite", "redis", "postgresql"])
def test_together_they_stay_below_the_limit(processes):
    assert sum(ask_all(processes, 40)) == 100 - 8
    assert sum(ask_all(processes, 1)) == 0


@pytest.mark.parametrize("server_name", ["redis"])
def test_when_the_store_dies_they_go_on_with_a_part_each(processes, server):
    assert sum(ask_all(processes, 8)) == 4 * 8
    assert [process.ask(1) for process in processes] == [1] * 4  # each has read what all did
    server.stop()
    try:
        passed = ask_all(processes, 40)
    finally:
        server.start()
    assert all(passed)
    assert sum(passed) <= 100 - 8 - 4 * 9


@pytest.mark.parametrize("server_name", ["sqlite"])
def test_what_a_killed_process_had_in_flight_does_not_count_for_ever(
    application, processes, open_store
):
    vault = Vault(open_store(), Sealer(SECRET))
    victim, other, *_ = processes
    dead = SharedLedger(vault, "default", application[0], in_background=False)
    # The other processes may still be writing that their requests have ended.
    assert all(dead.admit(HTTPRequest(url="https://auth.peeringdb.com"), 5) for _ in range(6))
    victim.end()
    assert dead.admit(HTTPRequest(url="https://auth.peeringdb.com"), 0) is None

    longest = 3 * application[0].timeout  # seconds that a request may take

    def age(value, now):
        for row in value["bookings"]:
            row[2] -= 2 * WINDOW + longest
        return Change(value=value, due_at=now)

    vault.change(record_key(application[0], "default"), age, is_open=True)
    assert other.ask(1) == 1
