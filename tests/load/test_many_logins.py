"""`make load` in small, and that it notices what must not be."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import pytest
from many_logins import Load
from many_people import Person, Site

from peeringdb_oauth import AsyncClient, Client
from peeringdb_oauth.web import open_session_store

pytestmark = pytest.mark.server
PEOPLE, LOGINS, FORKS = 40, 120, 10
FEW = 40  # logins that show a fault
KEYS = 3  # requests before the first login: the metadata and the keys
BUDGET = 100_000  # requests a minute, so that they are counted


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("load"), people=PEOPLE) as site:
        with Client(site.config()) as client:  # everybody consents once
            Load(site, at_once=8).run_threads(client, warm_up=0, logins=PEOPLE)
        yield site


def in_threads(site, client, *, logins=LOGINS, **options):
    load = Load(site, at_once=logins // 3, **options)
    return load.run_threads(client, warm_up=logins // 2, logins=logins)


def in_tasks(site, **options):
    async def run():
        async with AsyncClient(site.config(requests_per_minute=BUDGET)) as client:
            load = Load(site, at_once=LOGINS, **options)
            return await load.run_tasks(client, warm_up=LOGINS // 2, logins=LOGINS)

    return asyncio.run(run())


def test_no_two_people_have_the_same_networks():
    assert len({tuple(sorted(Person(number).networks.items())) for number in range(5000)}) == 5000


def test_threads_and_forked_processes_share_a_client(site):
    config = site.config(requests_per_minute=BUDGET)
    with Client(config, monotonic=lambda: 0.0) as client:  # so that no minute ends
        figures = in_threads(site, client, forks=FORKS)
        used = sum(client.usage().used.values())
    assert figures.problems() == []
    assert figures.forks == FORKS
    assert used == KEYS + 2 * (LOGINS + LOGINS // 2)  # each child counts its own login


def test_tasks_and_forked_processes_share_a_client(site):
    figures = in_tasks(site, forks=FORKS)
    assert figures.problems() == []
    assert figures.forks == FORKS


def test_forked_processes_count_once_in_a_shared_budget(site, tmp_path):
    url, secrets = f"sqlite:///{tmp_path / 'store'}", ("a secret of the site",)
    with (
        open_session_store(url, secrets=secrets) as store,
        Client(site.config(requests_per_minute=BUDGET)) as client,
    ):
        client.share_budget(store.vault)
        figures = in_threads(site, client, logins=FEW, forks=FORKS)
        client._ledger.beat()  # reads what the children wrote last
        used = sum(client.usage().used.values())
    assert figures.problems() == []
    assert used == KEYS + 2 * (FEW + FEW // 2 + FORKS)


# --- what must not be is noticed -----------------------------------------------------


class Leaking:
    """A client that does something more in each login."""

    def __init__(self, client, do):
        self._client, self._do = client, do
        self.config, self.usage = client.config, client.usage
        self.authorization_request = client.authorization_request

    def log_in(self, request, callback):
        login = self._client.log_in(request, callback)
        return self._do(login) or login


@contextmanager
def mixed_up(_site):
    """Each is given the login of the one before."""
    logins = [None]

    def do(login):
        logins.append(login)
        return logins.pop(0)

    yield do


@contextmanager
def memory(_site):
    kept = []
    yield lambda login: kept.append((login, b"x" * 500_000))


@contextmanager
def files(_site):
    kept = []
    yield lambda _: kept.append(socket.socket())
    for each in kept:
        each.close()


@contextmanager
def threads(_site):
    over = threading.Event()
    yield lambda _: threading.Thread(target=over.wait).start()
    over.set()


@contextmanager
def connections(site):
    """Each login asks over a new client."""

    def do(login):
        with Client(site.config()) as client:
            client.fetch_user(login.token.access_token)

    yield do


NOTICED = {
    mixed_up: "went wrong",
    memory: "memory grew",
    files: "open files grew",
    threads: "threads grew",
    connections: "connections were opened",
}


@pytest.mark.parametrize("fault", NOTICED, ids=lambda fault: fault.__name__)
def test_a_fault_is_noticed(site, fault):
    with Client(site.config()) as client, fault(site) as do:
        figures = in_threads(site, Leaking(client, do), logins=FEW)
    assert any(NOTICED[fault] in problem for problem in figures.problems())
