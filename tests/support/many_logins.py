"""Many people log in at once over one client, and each must get their own login.

What else must hold is in `Figures.problems`: connections, memory, open files and
threads are bounded.
"""

import asyncio
import gc
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from forks import in_a_child
from many_people import PATIENCE

from peeringdb_oauth.budget import REFUSALS
from peeringdb_oauth.ledger import LocalLedger

PAGE = os.sysconf("SC_PAGE_SIZE")
MOST_GROWTH = 8_000_000  # bytes; the codes that a client remembers take up to 3
WITH_A_CODE = 500  # tasks at a time: a code is good for 60 seconds
MOST_PAUSE = 0.1  # seconds before a fork


@dataclass(frozen=True)
class Use:
    """What this process uses. ``memory``: bytes. ``files``: those that are open."""

    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls):
        gc.collect()
        return cls(
            memory=int(Path("/proc/self/statm").read_text().split()[1]) * PAGE,
            files=len(list(Path("/proc/self/fd").iterdir())),
            threads=len(list(Path("/proc/self/task").iterdir())),
        )


@dataclass
class Figures:
    """What became of many logins.

    ``at_once``: threads or tasks. ``logins``, ``seconds``, ``cpu_seconds``: without the
    warm-up and the children. ``slowest``: the most seconds that a login took.
    ``forks``: children that logged in. ``opened``, ``most_open``: connections, those of
    the children included. ``before``: what was used after the warm-up. ``wrong``: what
    went wrong.
    """

    at_once: int
    logins: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    slowest: float = 0.0
    forks: int = 0
    opened: int = 0
    most_open: int = 0
    before: Use | None = None
    after: Use | None = None
    wrong: list[str] = field(default_factory=list)

    def problems(self):
        """What must not be, in a sentence each."""
        before, after = self.before, self.after
        holds = {
            f"{len(self.wrong)} went wrong: {self.wrong[:3]}": not self.wrong,
            # A client has at most REFUSALS requests in flight. Each child has one.
            f"{self.opened} connections were opened": self.opened <= REFUSALS + self.forks,
            # The end of a child may be noticed when the next one has begun.
            f"{self.most_open} connections were open": (
                self.most_open <= REFUSALS + min(self.forks, 2)
            ),
            f"memory grew from {before.memory} to {after.memory} bytes": (
                after.memory - before.memory <= MOST_GROWTH
            ),
            # Other connections than before may be open.
            f"open files grew from {before.files} to {after.files}": (
                after.files - before.files <= REFUSALS
            ),
            f"threads grew from {before.threads} to {after.threads}": (
                after.threads <= before.threads
            ),
        }
        return [text for text, is_well in holds.items() if not is_well]

    def to_dict(self):
        return asdict(self) | {"wrong": len(self.wrong), "problems": self.problems()}


class Load:
    """Logins of all people in turn, over one client.

    ``site``: a `Site`. ``at_once``: how many threads or tasks. ``forks``: how often the
    process is forked meanwhile. ``seed``: decides when.
    """

    def __init__(self, site, *, at_once, forks=0, seed=1):
        self._site, self._forks = site, forks
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self.figures = Figures(at_once=at_once)
        self._opened = site.connections()["opened"]

    def run_threads(self, client, *, warm_up, logins):
        """Log in with a `Client`."""
        self._in_threads(client, warm_up)
        with self._measured(logins), ThreadPoolExecutor(1) as forker:
            forker.submit(self._fork_sometimes, client)
            self._in_threads(client, logins)
        return self.figures

    def _in_threads(self, client, logins):
        numbers = iter(range(logins))  # each number goes to one thread
        with ThreadPoolExecutor(self.figures.at_once) as threads:
            for _ in range(self.figures.at_once):
                threads.submit(self._log_in, client, numbers)

    def _log_in(self, client, numbers):
        for number in numbers:
            with self._noted():
                person, request = self._person(number), client.authorization_request()
                callback = self._site.come_back(person, request).result(PATIENCE)
                with self._timed():
                    login = client.log_in(request, callback)
                person.check(request, callback, login)

    def _fork_sometimes(self, client):
        pause = threading.Event().wait
        for number in range(self._forks):
            with self._noted():
                person, request = self._person(-number), client.authorization_request()
                callback = self._site.come_back(person, request).result(PATIENCE)
                pause(self._random.uniform(0, MOST_PAUSE))
                self._fork(partial(log_in_once, client, person, request, callback))

    def _fork(self, work):
        if not in_a_child(work):
            raise ChildProcessError("a child did not log in")
        self.figures.forks += 1

    async def run_tasks(self, client, *, warm_up, logins):
        """Log in with an `AsyncClient`."""
        await self._in_tasks(client, warm_up, forks=0)
        with self._measured(logins):
            await self._in_tasks(client, logins, self._forks)
        return self.figures

    async def _in_tasks(self, client, logins, forks):
        numbers, places = iter(range(logins)), asyncio.Semaphore(WITH_A_CODE)
        forking = set(self._random.sample(range(logins), forks))

        async def work():
            for number in numbers:
                async with places:
                    await self._log_in_async(client, number)
                if number in forking:
                    await self._fork_async(client, number)

        await asyncio.gather(*(work() for _ in range(self.figures.at_once)))

    async def _log_in_async(self, client, number):
        with self._noted():
            person, request = self._person(number), client.authorization_request()
            callback = await asyncio.wrap_future(self._site.come_back(person, request))
            with self._timed():
                login = await client.log_in(request, callback)
            person.check(request, callback, login)

    async def _fork_async(self, client, number):
        with self._noted():
            person, request = self._person(-number), client.authorization_request()
            callback = await asyncio.wrap_future(self._site.come_back(person, request))
            in_child = log_in_once_async(client, person, request, callback)
            self._fork(lambda: asyncio.run(in_child))
            in_child.close()

    def _person(self, number):
        return self._site.people[number % len(self._site.people)]

    @contextmanager
    def _noted(self):
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever went wrong
            self.figures.wrong.append(f"{type(error).__name__}: {error}")

    @contextmanager
    def _timed(self):
        started = time.monotonic()
        yield
        self.figures.slowest = max(self.figures.slowest, time.monotonic() - started)

    @contextmanager
    def _measured(self, logins):
        figures, figures.logins = self.figures, logins
        figures.before = Use.now()
        started, cpu = time.monotonic(), time.process_time()
        yield
        figures.seconds = time.monotonic() - started
        figures.cpu_seconds = time.process_time() - cpu
        figures.after = Use.now()
        connections = self._site.connections()
        figures.opened = connections["opened"] - self._opened
        figures.most_open = connections["most_open"]


def log_in_once(client, person, request, callback):
    """Log in, check that it counts once, and close the client."""
    with client, counted_once(client):
        person.check(request, callback, client.log_in(request, callback))


async def log_in_once_async(client, person, request, callback):
    """As `log_in_once`."""
    with counted_once(client):
        person.check(request, callback, await client.log_in(request, callback))


@contextmanager
def counted_once(client):
    """Check that a login takes two requests of the budget of this process."""
    before = sum(client.usage().used.values())
    yield
    is_counted = isinstance(client._ledger, LocalLedger) and client._ledger.budget.is_limited
    assert not is_counted or sum(client.usage().used.values()) == before + 2
