"""Many sessions while PeeringDB, the store and the site's processes fail at random."""

import http.client
import random
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import requests
from faulty_proxy import TOKEN, FaultyProxy
from one_refresh import register, start_workers
from worker_processes import SECRETS, Visitor

from peeringdb_oauth.records import Change
from peeringdb_oauth.web import open_session_store

SCOPE = ["openid", "profile", "email", "networks", "amr"]
RECHECK = 4  # seconds
LIFETIME = 75  # seconds of an access token: a refresh comes 60 before its end
SETTLING = 150  # seconds at most: the silence after a 401 takes 61
BROWSERS = 8  # that ask at the same time
KILL_WINDOW = 5  # seconds around a kill in which new tokens may be lost
# How often a request fails: at the token endpoint, and elsewhere. One that is cut makes
# all processes wait for ten seconds.
RATES = {
    True: {"500": 0.05, "slow": 0.05, "cut": 0.02, "cut_after": 0.1},
    False: {"500": 0.05, "slow": 0.04, "cut": 0.002, "cut_after": 0.002},
}
_RUN = re.compile(rb"[A-Za-z0-9]{30,}")
_JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{20,}\.eyJ")


@dataclass
class Outcome:
    """What became of the sessions.

    ``statuses``: of the answers that people got. ``requests``, ``refreshes``: how many
    reached the proxy before PeeringDB, and how many refreshes succeeded. ``faults``: of
    those requests.

    ``alive``: they are logged in and PeeringDB honours their tokens. ``ended``: the
    person lost their tokens or may not log in any more. ``spent``: PeeringDB has spent
    the refresh token, and its answer was cut off or its process killed. The others are
    faults of ours: ``lost``: PeeringDB would have honoured it. ``kept``: it would not.
    ``unsettled``: still no answer. ``leaks``: files with a token.
    """

    statuses: Counter = field(default_factory=Counter)
    faults: Counter = field(default_factory=Counter)
    requests: int = 0
    refreshes: int = 0
    alive: int = 0
    ended: int = 0
    spent: int = 0
    lost: list = field(default_factory=list)
    kept: list = field(default_factory=list)
    unsettled: list = field(default_factory=list)
    leaks: list = field(default_factory=list)

    @property
    def holds(self):
        return not (self.lost or self.kept or self.unsettled or self.leaks)


class Storm:
    """A site with one session for each of many people, and all that goes wrong."""

    def __init__(self, pdb, store, directory, seed):
        self._pdb, self._store, self._directory = pdb, store, Path(directory)
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._choices = random.Random(seed)  # noqa: S311
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._pending, self._kills = [], []
        self._secrets = SECRETS
        self._people, self._condemned = {}, set()
        self._alive, self._seen = set(), {}
        self.outcome = Outcome()

    def run(self, *, sessions, seconds, processes):
        with ExitStack() as running:
            self._proxy = FaultyProxy(self._pdb.url)
            running.callback(self._proxy.end)
            self._client = register(self._pdb, self._proxy, scope=SCOPE)
            self._workers = start_workers(
                running,
                self._directory,
                processes,
                client=self._client,
                sessions=self._store.url,
                policy={"recheck_every": RECHECK},
                secrets=SECRETS,
            )
            self._log_in(sessions)
            self._fail_for(seconds)
            self._settle()
            self._judge()
        self._look_for_tokens()
        return self.outcome

    def _log_in(self, sessions):
        def log_in(number):
            person, visitor = self._pdb.add_person(f"Member {number}"), Visitor()
            port = self._workers[number % len(self._workers)].port
            visitor.log_in(port, self._pdb, person.login)
            with self._lock:
                self._people[person.id] = person.login, visitor

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(log_in, range(sessions)))
        self._proxy.expires_in = LIFETIME
        self._spread_expiries()

    def _spread_expiries(self):
        """Let the first refreshes come within the next half minute."""

        def shorten(value, now):
            soon = int(now + 60 + self._random.uniform(0, 30))
            return Change(value=value | {"expires_at": soon}, due_at=now + 3600)

        with open_session_store(self._store.url, secrets=SECRETS) as store:
            for user_id in self._people:
                for entry in store.vault.of_owner(f"user:{user_id}"):
                    store.vault.change(entry.key, shorten)

    def _fail_for(self, seconds):
        self._proxy.choose = self._choose
        started = time.monotonic()
        # Two of them each ask for the same sessions, in different processes.
        seeds = [self._random.random() for _ in range(BROWSERS // 2)] * 2
        browsers = [
            threading.Thread(target=self._browse, args=(seed, number // (BROWSERS // 2)))
            for number, seed in enumerate(seeds)
        ]
        for browser in browsers:
            browser.start()
        for at, act in sorted(self._events(seconds), key=lambda event: event[0]):
            self._ended.wait(max(0, started + at - time.monotonic()))
            act()
        self._ended.wait(max(0, started + seconds - time.monotonic()))
        self._ended.set()
        for browser in browsers:
            browser.join()
        self._proxy.choose, self._proxy.expires_in = (lambda _: None), None

    def _events(self, seconds):
        """What happens, with the second in which it does."""
        draw = self._random.uniform
        for number in range(int(seconds / 6)):
            yield draw(6 * number, 6 * number + 6), self._kill_one
        yield 0.35 * seconds, self._rotate_secrets
        yield draw(0.3, 0.7) * seconds, self._pdb.rotate_key
        yield draw(0.8, 0.95) * seconds, lambda: self._pending.append("401")
        yield draw(0.3, 0.9) * seconds, lambda: self._pending.append("429")
        if hasattr(self._store, "restart"):
            yield draw(0.1, 0.4) * seconds, self._store.restart
            yield draw(0.5, 0.8) * seconds, self._store.restart
        chosen = self._random.sample(sorted(self._people), max(2, len(self._people) // 10))
        for index, user_id in enumerate(chosen):
            act = self._revoke if index % 2 else self._unverify
            yield draw(0, 0.9) * seconds, lambda user_id=user_id, act=act: act(user_id)

    def _choose(self, path):
        with self._lock:
            is_token = path == TOKEN
            for fault in self._pending:
                if fault != "401" or is_token:
                    self._pending.remove(fault)
                    return fault
            drawn = self._choices.random()
            for fault, rate in RATES[is_token].items():
                drawn -= rate
                if drawn < 0:
                    return fault
            return None

    def _kill_one(self):
        self._restart(self._random.choice(self._workers))

    def _rotate_secrets(self):
        """The second of two steps: all processes could open both before."""
        self._secrets = SECRETS[::-1]
        for worker in self._workers:
            self._restart(worker)

    def _restart(self, worker):
        worker.kill()
        self._kills.append(time.monotonic())
        worker.start(secrets=self._secrets)
        worker.wait()

    def _revoke(self, user_id):
        self._condemned.add(user_id)
        self._pdb.revoke_tokens(self._people[user_id][0])

    def _unverify(self, user_id):
        self._condemned.add(user_id)
        self._pdb.change(self._people[user_id][0], verified_user=False)

    def _browse(self, seed, process):
        choices = random.Random(seed)  # noqa: S311 - no secret
        people = sorted(self._people)
        while not self._ended.is_set():
            user_id, at = choices.choice(people), choices.randrange(len(self._workers))
            self._ask(user_id, self._workers[(at + process) % len(self._workers)])
            self._ended.wait(0.02)

    def _ask(self, user_id, worker):
        """The status and the body of a page; no status if the worker was killed."""
        visitor = self._people[user_id][1]
        try:
            status, _, body = visitor.get(worker.port, "/page")
        except (OSError, http.client.HTTPException):
            status, body = None, b""
        with self._lock:
            self.outcome.statuses[status] += 1
        return status, body

    def _settle(self):
        """Ask until PeeringDB has said something new about each, or it has ended."""
        since, deadline = time.time(), time.monotonic() + SETTLING
        open_ones, pause = set(self._people), threading.Event().wait

        def ask(user_id):
            status, body = self._ask(user_id, self._random.choice(self._workers))
            self._seen[user_id] = status, body[:300]
            if status in (401, 403):
                open_ones.discard(user_id)
            elif status == 200 and _checked_at(body) > since:
                open_ones.discard(user_id)
                self._alive.add(user_id)

        with ThreadPoolExecutor(BROWSERS) as pool:
            while open_ones and time.monotonic() < deadline:
                list(pool.map(ask, sorted(open_ones)))
                pause(1)
        self.outcome.unsettled = [(one, self._seen[one]) for one in sorted(open_ones)]

    def _judge(self):
        outcome = self.outcome
        outcome.faults = self._proxy.faults
        outcome.requests = self._proxy.faults.total()
        outcome.refreshes = self._proxy.refreshes.count(200)
        for user_id in self._people:
            is_alive, is_condemned = user_id in self._alive, user_id in self._condemned
            last = self._proxy.chains[user_id][-1]
            is_honoured = self._is_active(last.access_token)
            if is_alive:
                if is_honoured and not self._is_refused(user_id):
                    outcome.alive += 1
                else:
                    outcome.kept.append(user_id)
            elif is_condemned:
                outcome.ended += 1
            elif is_honoured and self._was_cut_off(last):
                outcome.spent += 1  # nobody has the tokens that it was given
            elif user_id in self._seen and self._seen[user_id][0] in (401, 403):
                outcome.lost.append((user_id, self._seen[user_id]))

    def _is_active(self, access_token):
        names = ("client_id", "client_secret")
        answer = requests.post(
            f"{self._pdb.url}/oauth2/introspect/",
            data={"token": access_token, **{name: self._client[name] for name in names}},
            timeout=30,
        )
        return answer.json()["active"]

    def _is_refused(self, user_id):
        """Whether the rule of the site lets the person in no more."""
        last = self._proxy.chains[user_id][-1]
        headers = {"Authorization": f"Bearer {last.access_token}"}
        answer = requests.get(f"{self._pdb.url}/profile/v1", headers=headers, timeout=30)
        return not answer.json()["verified_user"]

    def _was_cut_off(self, issued):
        return not issued.is_delivered or any(
            abs(issued.at - killed_at) < KILL_WINDOW for killed_at in self._kills
        )

    def _look_for_tokens(self):
        """Look into the logs and the files of the store."""
        tokens = {token.encode() for token in self._proxy.tokens if len(token) == 30}
        for directory in (self._directory, self._store.directory):
            for file in filter(Path.is_file, Path(directory).rglob("*")):
                if _has_token(file.read_bytes(), tokens):
                    self.outcome.leaks.append(str(file))


def _checked_at(body):
    return float(re.search(rb'"checked_at":\s*([0-9.]+)', body)[1])


def _has_token(data, tokens):
    runs = (match[0] for match in _RUN.finditer(data))
    windows = (run[at : at + 30] for run in runs for at in range(len(run) - 29))
    return bool(_JWT.search(data)) or not tokens.isdisjoint(windows)
