"""A crowd at all processes of a site, when one session needs new tokens."""

import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from faulty_proxy import FaultyProxy
from worker_processes import SECRETS, SITE, Visitor, Worker

from peeringdb_oauth.records import Change
from peeringdb_oauth.web import open_session_store

TEN_HOURS = 36000


@dataclass
class Crowd:
    """What became of a crowd.

    ``statuses``: how many requests were answered with each. ``refreshes``: the status
    of each refresh that reached PeeringDB. ``seconds``: until all were answered.
    """

    statuses: Counter
    refreshes: list
    seconds: float


def send_crowd(pdb, url, directory, *, processes=8, visitors=50):
    """Send ``visitors`` at once to each process, all with the same expired session.

    ``pdb``: a sandbox without TLS and limits. ``url``: of an empty store.
    """
    with ExitStack() as running:
        proxy = FaultyProxy(pdb.url)
        running.callback(proxy.end)
        site = {"client": register(pdb, proxy), "sessions": url, "policy": {}, "secrets": SECRETS}
        workers = start_workers(running, Path(directory), processes, **site)
        (_, early), (person, visitor) = _log_in(pdb, workers[0]), _log_in(pdb, workers[0])
        for worker in workers:  # now it has a connection to the store
            assert early.get(worker.port, "/page")[0] == 200
        expire(url, person.id)
        pdb.advance(TEN_HOURS)
        started = time.monotonic()
        statuses = Counter(_ask_all([worker.port for worker in workers] * visitors, visitor))
        return Crowd(statuses, proxy.refreshes, time.monotonic() - started)


def _log_in(pdb, worker):
    person, visitor = pdb.add_person("Crowd Member", networks={64500: 15}), Visitor()
    visitor.log_in(worker.port, pdb, person.login)
    return person, visitor


def register(pdb, proxy, **settings):
    """The settings of a client whose requests take the proxy to the sandbox."""
    redirect_uri = f"http://{SITE}/login/peeringdb/callback"
    application = pdb.register(redirect_uri)
    return {
        "client_id": application.client_id,
        "client_secret": application.client_secret,
        "redirect_uri": redirect_uri,
        "base_url": proxy.url,
        "allow_http": True,
        "requests_per_minute": None,
    } | settings


def start_workers(running, directory, processes, **site):
    """So many workers of one site, which end with ``running``."""
    workers = []
    for number in range(processes):
        workers.append(Worker(directory / f"worker-{number}.log", **site))
        running.callback(workers[-1].end)
    for worker in workers:
        worker.wait()
    return workers


def expire(url, user_id):
    """Make the session of a person look as if its tokens had expired."""

    def age(value, now):
        past = {"expires_at": int(now) - 1, "checked_at": now - 3600}
        return Change(value=value | past, due_at=now + 3600)

    with open_session_store(url, secrets=SECRETS) as store:
        for entry in store.vault.of_owner(f"user:{user_id}"):
            store.vault.change(entry.key, age)


def _ask_all(ports, visitor):
    barrier, statuses = threading.Barrier(len(ports)), []

    def ask(port):
        browser = Visitor()
        browser.cookies = dict(visitor.cookies)
        barrier.wait(60)
        try:
            statuses.append(browser.get(port, "/page")[0])
        except OSError as error:
            statuses.append(type(error).__name__)

    threads = [threading.Thread(target=ask, args=(port,)) for port in ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
