"""A site in several processes, step by step, with a small model of PeeringDB.

The flows are the library's own. What is modelled: PeeringDB, whose tokens rotate, the
network, the store, processes that die, and time.
"""

import json
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from urllib.parse import urlsplit

from client_config import config_of

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import RecordsUnavailable, TokenRejected, TransportError
from peeringdb_oauth.messages import HTTPResponse
from peeringdb_oauth.profile import Network, Permission, User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.steps import ApplicationCall, Charge, Later, Pause, Shared
from peeringdb_oauth.tokens import TokenResponse
from peeringdb_oauth.web import SessionPolicy
from peeringdb_oauth.web.sessions.endings import Endings
from peeringdb_oauth.web.sessions.in_store import LEASE, StoreSessions
from peeringdb_oauth.web.sessions.rechecks import Rechecks
from peeringdb_oauth.web.sessions.refreshes import Refreshes
from peeringdb_oauth.web.sessions.sealed_tokens import SealedTokens
from peeringdb_oauth.web.sessions.stored_login import StoredLogin
from peeringdb_oauth.web.vault import Vault

T = 1_790_000_000.0  # Unix seconds
KEY = "session:7"
OUTAGE = LEASE + 2  # seconds
SERVER = SimpleNamespace(url="https://auth.peeringdb.com", ca_file=None)
CONFIG = config_of(SERVER, allow_http=False)
POLICY = SessionPolicy(max_age=None, idle_timeout=None)
LIBRARY = {
    "sessions": StoreSessions,
    "refreshes": Refreshes,
    "endings": Endings,
    "rechecks": Rechecks,
}


class PlainSealer:
    """Seals nothing, which is fast."""

    def seal(self, purpose, value):
        return json.dumps([purpose, value])

    def open(self, purpose, text):
        found = json.loads(text) if text else [None, None]
        return found[1] if found[0] == purpose else None


@dataclass
class PeeringDB:
    """One person's grant: its newest tokens work, and using them makes new ones.

    ``generation``: of the living tokens; None when they were revoked. ``asked``: how
    often the profile was read. ``refreshing``: until when each refresh that is
    under way may last.
    """

    generation: int | None = 0
    asked: int = 0
    refreshing: dict = field(default_factory=dict)

    def answer(self, request):
        path = urlsplit(request.url).path
        if path == "/profile/v1":
            return self._profile(request.bearer)
        if path == "/oauth2/token/":
            return self._refresh(request.form["refresh_token"])
        assert path == "/oauth2/revoke_token/"
        if request.form["token"] == f"refresh-{self.generation}":
            self.generation = None
        return _response(200, {})

    def _profile(self, bearer):
        if bearer != f"access-{self.generation}":
            return HTTPResponse(status=403, headers={}, body=b"")
        self.asked += 1
        return _response(200, person(self.asked).to_dict())

    def _refresh(self, token):
        if token != f"refresh-{self.generation}":
            return _response(400, {"error": "invalid_grant"})
        self.generation += 1
        return _response(200, tokens_json(self.generation))

    def state(self):
        return self.generation, self.asked, tuple(sorted(self.refreshing.values()))


def person(number):
    """The person, as PeeringDB describes them in its answer with this number."""
    network = Network(id=1, name="", asn=64496 + number, perms=Permission.READ)
    return User(
        id=1, name=str(number), verified_user=True, verified_email=True, networks=(network,)
    )


def tokens_json(generation):
    return {
        "access_token": f"access-{generation}",
        "refresh_token": f"refresh-{generation}",
        "token_type": "Bearer",
        "expires_in": 36_000,
        "scope": "profile",
    }


def _response(status, value):
    headers = {"content-type": "application/json"}
    return HTTPResponse(status=status, headers=headers, body=json.dumps(value).encode())


class Task:
    """A flow in a process. ``history``: all that it was told, which is its state."""

    def __init__(self, process, name, flow):
        self.process, self.name, self.flow = process, name, _flat(flow, process)
        self.history, self.step = [name], None
        self.sent_at = self.wake_at = self.slept_on = None
        self.response = None  # what PeeringDB has answered, and nobody has read
        self.outcome = None
        self._proceed(partial(next, self.flow))

    def tell(self, result, digest):
        self.history.append(digest)
        failed = isinstance(result, Exception)
        self._proceed(partial(self.flow.throw if failed else self.flow.send, result))

    def _proceed(self, proceed):
        world = self.process.world
        self.sent_at = self.wake_at = self.response = None
        try:
            self.step = proceed()
        except StopIteration as done:
            self._end(done.value)
        except Exception as error:  # noqa: BLE001 - the outcome may be any error
            self._end(error)
        else:
            if isinstance(self.step, Pause):
                self.wake_at, self.slept_on = world.now + self.step.seconds, world.written
            elif not isinstance(self.step, ApplicationCall):
                self.sent_at = world.now

    def _end(self, outcome):
        self.outcome = outcome
        self.process.tasks.remove(self)
        self.process.ended.append(tuple(self.history))

    def state(self):
        step = type(self.step).__name__, self.sent_at, self.wake_at, self.response is not None
        return tuple(self.history), step

    def __str__(self):
        return f"{self.process.name} {self.name}"


def _flat(flow, process):
    """A flow that yields only what is to be done outside its process."""
    proceed = partial(next, flow)
    while True:
        try:
            step = proceed()
        except StopIteration as done:
            return done.value
        result = None
        try:
            if isinstance(step, Shared):
                result = yield from _flat(step.flow, process)
            elif isinstance(step, Later):
                process.start(step.name, step.flow)
            elif getattr(getattr(step, "function", None), "func", None) in process.at_once:
                result = step.function()
            elif not isinstance(step, Charge):
                result = yield step
        except Exception as error:  # noqa: BLE001 - the flow is thrown any error
            proceed = partial(flow.throw, error)
        else:
            proceed = partial(flow.send, result)


class Process:
    """A process of the site, with the library's own parts."""

    def __init__(self, world, name, parts):
        self.world, self.name = world, name
        self.tasks, self.ended = [], []  # and the histories of those that have ended
        provider = Provider(CONFIG, lambda: world.now)
        self.sealed = SealedTokens(provider, PlainSealer())
        self.vault = Vault(world, PlainSealer(), sleep=lambda _: None)
        self.sessions = parts["sessions"](
            ["peeringdb", "client"], POLICY, self.vault, monotonic=lambda: world.now
        )
        arguments = provider, self.sealed, self.sessions
        self.endings = parts["endings"](*arguments, tell=world.hear)
        # No time passes in these. The application is not slow.
        self.at_once = world.hear, provider.check_payers
        provider.revoke_later = partial(self.endings.revoke_at_purge, self.sessions)
        self.rechecks = parts["rechecks"](
            *arguments, self.endings, rule=AccessRule(), policy=POLICY
        )
        self.rechecks._refreshes = parts["refreshes"](*arguments, self.endings)

    def start(self, name, flow):
        if any(task.name == name for task in self.tasks):
            flow.close()
            return None
        # The list has the task before its first step, which may end it.
        task = Task.__new__(Task)
        self.tasks.append(task)
        task.__init__(self, name, flow)
        return task

    def state(self):
        # What ended tasks did counts for those that are left.
        return (self.tasks and (tuple(self.ended), *(task.state() for task in self.tasks))) or ()

    def view(self):
        """A page that needs rights of now."""
        login = yield from self._login()
        return (yield from self.rechecks._recheck_at_once(login))

    def log_out(self):
        login = yield from self._login()
        yield from self.endings.end(login, "logout")

    def purge(self):
        yield from self.endings.purge()

    def _login(self):
        login = yield from self.sessions.fresh(StoredLogin(**EMPTY))
        if login.ending is not None:
            raise TokenRejected("this session has ended: log in again")
        return login


EMPTY = {
    "application": ["peeringdb", "client"],
    "user": person(0),
    "logged_in_at": T,
    "seen_at": T,
    "checked_at": T,
    "expires_at": int(T),  # so the first re-check refreshes
    "csrf_token": "",
    "tokens": "",
    "key": KEY,
    "now": T,
}


class World:
    """The store, PeeringDB, and processes that do one step at a time.

    ``jobs``: what each process does at first, such as "view". ``faults``: how many
    there may be. It is the store of its processes.
    """

    def __init__(self, choices, jobs, faults, parts):
        self.choices, self.faults, self.parts = choices, faults, LIBRARY | parts
        self.now, self.written, self.down_until = T, 0, 0.0
        self.fault = None  # of the step that is being done
        self.peeringdb = PeeringDB()
        self.is_lost = False  # new tokens were lost for a reason that nobody can help
        self.is_gone = False  # and no process has them
        self.is_late = False  # new tokens could not be stored in time
        self.told = 0  # the rights that the application knows
        self.is_told_late = False
        self._read = None, None  # the record that was read last, and its login
        self._records = MemoryRecords(lambda: self.now)
        self.processes, self.killed = [], []
        self._begin()
        for number, job in enumerate(jobs):
            process = Process(self, f"{job} {number}", self.parts)
            self.processes.append(process)
            process.start(job, getattr(process, job)())

    def _begin(self):
        reader = self._reader = Process(self, "reader", LIBRARY)
        token = TokenResponse.from_json(tokens_json(0), requested=(), now=T)
        login = StoredLogin(**EMPTY | {"tokens": reader.sealed.seal(token)})
        reader.vault.change(KEY, lambda *_: reader.sessions._to_change(login))

    # The store.

    def get(self, key):
        self._check()
        return self._records.get(key)

    def put(self, record, *, expected):
        self._check()
        before = self.stored()
        is_written = self._records.put(record, expected=expected)
        self.written += is_written
        self._check_rights(before)
        if self.fault == "is written, but says no":
            raise RecordsUnavailable("no answer")
        return is_written

    def delete(self, key, *, expected):
        self._check()
        return self._records.delete(key, expected=expected)

    def due(self, limit, *, ahead=0.0):
        self._check()
        return self._records.due(limit, ahead=ahead)

    def _check(self):
        if self.now < self.down_until or self.fault == "says no":
            raise RecordsUnavailable("no answer")

    # What happens.

    def hear(self, event):
        """The application is told."""
        if event.kind == "rights_changed":
            self.is_told_late = self.is_told_late or int(event.user.name) < self.told
            self.told = int(event.user.name)

    def run(self):
        """Let everything happen until nothing is left to do."""
        while tasks := [task for process in self.processes for task in process.tasks]:
            options = self._options(tasks)
            is_free = len(options) > 1
            self._do(self._choose(options) if is_free else options[0])
            assert not self.is_told_late, "older rights are told after newer ones"
        self._choose(["the end"])

    def _choose(self, options):
        return self.choices.choose(options, self._state, self.faults)

    def _options(self, tasks):
        ready = [task for task in tasks if self._is_ready(task)]
        if not ready:  # all are asleep: the first one wakes
            first = min(tasks, key=lambda task: task.wake_at)
            return [Event("goes on", first)]
        options = [Event("goes on", task) for task in ready]
        if self.faults:
            options += [Event(fault, task) for task in ready for fault in self._faults(task)]
            busy = [process for process in self.processes if process.tasks]
            options += [Event("is killed", process.tasks[0]) for process in busy]
            options.append(Event("the lease passes", None))
        return options

    def _is_ready(self, task):
        is_asleep = task.wake_at is not None
        return not is_asleep or self.now >= task.wake_at or self.written != task.slept_on

    def _faults(self, task):
        if isinstance(task.step, ApplicationCall):
            return ["says no", "is written, but says no", "is down"]
        if task.sent_at is None or task.response is not None:
            return ["answer is lost"] if task.response is not None else []
        return ["is not reached"]

    def _do(self, event):
        if event.what == "goes on":
            self._step(event.task)
            return
        self.faults -= 1
        self._note_loss(event)
        if event.what == "the lease passes":
            self.is_late = self.is_late or self._unstored()
            self.now += LEASE
        elif event.what == "is killed":
            event.task.process.tasks.clear()
            self.killed.append(event.task.process)
        elif event.what in ("is not reached", "answer is lost"):
            self._end_refresh(event.task)
            event.task.tell(TransportError(event.what), event.what)
        else:
            if event.what == "is down":
                self.down_until = self.now + OUTAGE
            self.fault = event.what
            self._step(event.task)
            self.fault = None

    def _note_loss(self, event):
        """Note whether nothing can save new tokens for their session."""
        if self._unstored():
            is_nowhere = event.what == "is not reached" and self.now < self.down_until
            is_gone = event.what in {"is killed", "answer is lost"}
            self.is_gone = self.is_gone or is_gone
            self.is_lost = self.is_lost or is_gone or is_nowhere

    def _unstored(self):
        """Whether PeeringDB has given tokens that are not in the store."""
        return self.stored_generation() != self.peeringdb.generation

    def _step(self, task):
        step = task.step
        if isinstance(step, Pause):
            if self.written == task.slept_on:  # else the news came at once
                self.now = max(self.now, task.wake_at)
            task.tell(None, self.now)
        elif isinstance(step, ApplicationCall):
            self._call(task, step.function)
        elif task.response is None:
            self._send(task, step)
        else:
            response = task.response
            self._end_refresh(task)
            task.tell(response, (response.status, response.body, self.now))

    def _call(self, task, function):
        try:
            result = function()
        except RecordsUnavailable as error:
            result = error
        task.tell(result, (self.now, repr(result), self._text()))

    def _send(self, task, request):
        if request.within is not None and self.now > task.sent_at + request.within:
            task.tell(TransportError("the time is over"), "late")
            return
        if (request.form or {}).get("grant_type") == "refresh_token":
            running = [until for until in self.peeringdb.refreshing.values() if until > self.now]
            assert not running, "two refreshes of one session at once"
            self.peeringdb.refreshing[task] = self.now + request.within
        living, is_stored = self.peeringdb.generation, not self._unstored()
        task.response = self.peeringdb.answer(request)
        if living is not None and self.peeringdb.generation is None and not self.stored().ending:
            is_down = self.now < self.down_until
            assert is_down or not is_stored, "tokens of a living session are revoked"
            self.is_late = self.is_late or is_down

    def _end_refresh(self, task):
        self.peeringdb.refreshing.pop(task, None)

    # What is known of it.

    def stored(self):
        """The login in the store, as a process reads it."""
        record, now = self._records.get(KEY)
        if record is not None and record is not self._read[0]:
            login = self._reader.sessions._from(self._reader.vault._open(record, now))
            self._read = record, login
        return self._read[1]

    def stored_generation(self):
        login = self.stored()
        token = self._reader.sealed.open(login)
        return None if token is None else int(token.refresh_token.removeprefix("refresh-"))

    def _check_rights(self, before):
        after = self.stored()
        if before is not None and before.ending is None and after.ending is None:
            message = "older rights replace newer ones"
            assert int(after.user.name) >= int(before.user.name), message

    def _text(self):
        record, _ = self._records.get(KEY)
        return record.version, record.value

    def _state(self):
        return (
            # Which of two like processes is in which state makes no difference.
            sorted(repr(process.state()) for process in self.processes),
            tuple(sorted((key, one.value) for key, one in self._records._records.items())),
            (self.now, self.down_until, self.is_lost, self.is_late, self.told),
            self.peeringdb.state(),
        )


@dataclass(frozen=True)
class Event:
    what: str
    task: Task | None

    def __str__(self):
        return f"{self.task or ''} {self.what}".strip()
