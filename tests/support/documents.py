"""Processes that share a store in memory, which can be lost, emptied and counted."""

import json
import threading
from types import SimpleNamespace

from client_config import config_of

from peeringdb_oauth.cost import Cost
from peeringdb_oauth.errors import RecordsUnavailable
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.shared_ledger import SharedLedger

URL = "https://auth.peeringdb.com/profile/v1"
KEY = "budget:default:42a40e8e1c5f090a"  # of the record that processes share
SERVER = SimpleNamespace(url="https://auth.peeringdb.com", ca_file=None)
T = 1_790_000_000.0  # Unix seconds


def answer(status, **headers):
    return HTTPResponse(status=status, headers=headers, body=b"")


def login(*payers):
    return HTTPRequest(url=URL, form={"code": "c"}, cost=Cost(payers=payers, requests=2))


class MemoryDocuments:
    """What `Vault` does, without keys.

    ``clock``: the store's. ``round_trips``: how often the store was asked.
    """

    def __init__(self, clock):
        self.clock = clock
        self.texts = {}
        self._lock = threading.Lock()
        self.is_down = False
        self.round_trips = 0
        self.rival = None  # writes between a reading and its writing, once

    def hide(self, name):
        return f"hidden {hash(name)}"

    def change(self, key, function, *, is_open=False):
        assert is_open == key.startswith("budget:")
        while True:
            text, now = self._ask(lambda: (self.texts.get(key), self.clock()))
            change = function(None if text is None else json.loads(text), now)
            if change is None:
                return None
            rival, self.rival = self.rival, None
            if rival is not None:
                rival()
            made = json.dumps(change.value, allow_nan=False)
            if self._ask(lambda read=text, made=made: self._put(key, read, made)):
                return change.value

    def _put(self, key, read, made):
        with self._lock:
            if self.texts.get(key) != read:
                return False
            self.texts[key] = made
            return True

    def _ask(self, question):
        self.round_trips += 1
        if self.is_down:
            raise RecordsUnavailable("the store of the sessions does not answer")
        return question()


class Site:
    """Processes at one address, their store, and time."""

    def __init__(self, **config):
        self.now = T
        self.set_back = 0.0  # of the store's clock
        self.store = MemoryDocuments(lambda: self.now - self.set_back)
        self.config = config_of(SERVER, allow_http=False, **config)
        self.started = 0

    def process(self, egress="default"):
        self.started += 1
        boot = T - 1000.0 * self.started  # each has a clock of its own
        return SharedLedger(
            self.store, egress, self.config, monotonic=lambda: self.now - boot, in_background=False
        )

    def beat(self, *processes):
        for process in processes:
            process.beat()
