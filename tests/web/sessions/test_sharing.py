"""What the processes of a site share."""

from types import SimpleNamespace

import pytest
from stored_sessions import WatchedRecords

from peeringdb_oauth.web import Sealer, SessionStore, Vault
from peeringdb_oauth.web.sessions import NOTHING_SHARED, share, sharing


class AClient:
    def __init__(self, processes):
        self.provider = SimpleNamespace(config=SimpleNamespace(processes=processes))
        self.shared = []

    def share_budget(self, documents, *, egress=None):
        self.shared.append((documents, egress))


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    sharing._warn.cache_clear()


@pytest.mark.parametrize(
    ("named", "given"), [("default", None), ("192.0.2.1", "192.0.2.1")], ids=["default", "named"]
)
def test_a_client_shares_its_budget_in_the_store(clock, caplog, named, given):
    vault = Vault(WatchedRecords(clock), Sealer("0123456789abcdef"))
    client = AClient(processes=4)
    share(client, SessionStore(vault, egress=named))
    assert client.shared == [(vault, given)]
    assert caplog.messages == []


def test_several_processes_without_a_store_are_warned_of_once(caplog):
    clients = [AClient(processes=2) for _ in range(3)]
    for client in clients:
        share(client, None)
    assert caplog.messages == [f"sessions: {NOTHING_SHARED}"]
    assert [client.shared for client in clients] == [[], [], []]


def test_one_process_needs_no_store(caplog):
    share(AClient(processes=1), None)
    assert caplog.messages == []
