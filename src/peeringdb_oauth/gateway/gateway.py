"""The gateway as an ASGI application: the checks of a proxy, before any framework."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.gateway.forwarded import NotForwarded, RequestHeaders
from peeringdb_oauth.gateway.host import BELOW, HostLogin
from peeringdb_oauth.gateway.memory import Memory
from peeringdb_oauth.gateway.question import Asked, Question
from peeringdb_oauth.gateway.rules import Rule, roles_of
from peeringdb_oauth.gateway.session_cookie import without_ours
from peeringdb_oauth.gateway.settings import Reloadable
from peeringdb_oauth.profile import User
from peeringdb_oauth.web import RecentLogin, StoredLogin

log = logging.getLogger("peeringdb_oauth")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
Key = tuple[Any, ...]
PersonKey = tuple[str, bytes]  # the origin and the cookies
Sign = Callable[[HostLogin, User, tuple[str, ...]], tuple[bytes, bytes]]

# Why a check has the answer that it has, for metrics.
Outcome = Literal["allowed", "stranger", "login", "refused", "unavailable", "not_understood"]

CHECK = f"{BELOW}/check"
ANSWER = f"{BELOW}/answer"
FORWARD_AUTH = f"{BELOW}/forward-auth"
RELOADABLE = "peeringdb_oauth.reloadable"  # in the scope of the pages
COOKIE_HEADER = b"x-peeringdb-cookie"
_NO_STORE = (b"cache-control", b"no-store")
_MOST_ANSWERS, _MOST_PEOPLE = 2_000, 10_000  # that are remembered
_LONGEST = 4096  # bytes of what they depend on
# Seconds that a page for everybody waits for the store, and for how long it does not
# ask a store that has taken longer.
_PATIENCE, _PAUSE = 0.25, 1.0


class Observer(Protocol):
    """Counts what the gateway does."""

    def decided(self, rule: str, outcome: Outcome, seconds: float) -> None:
        """A check has been answered. ``rule``: the name of the rule that decided."""


class NoObserver:
    """An `Observer` that counts nothing."""

    def decided(self, rule: str, outcome: Outcome, seconds: float) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The result of a check.

    ``status``: 204, 401 or 403: nginx knows no others. ``rule``: the name of the rule
    that decided. ``headers``: of the answer.
    """

    status: int
    outcome: Outcome
    rule: str
    headers: RawHeaders

    @property
    def is_allowed(self) -> bool:
        """Whether the visitor's request may pass."""
        return self.status == 204


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is logged in.

    ``headers``: what the application is told of them. ``recent``: what they depend on.
    """

    login: StoredLogin
    headers: RawHeaders
    recent: RecentLogin | None


class _InForce:
    """Rules, roles and headers, and what was found by them.

    A reload puts another one in place, from another thread and at any moment. So what
    an old one still finds counts for the checks that began before.
    """

    def __init__(self, reloadable: Reloadable) -> None:
        self.reloadable = reloadable
        self.answers, self.people = Memory(_MOST_ANSWERS), Memory(_MOST_PEOPLE)
        # Logins that are being read, by their keys and the second in which that began.
        self.begun: dict[Key, asyncio.Task[Person | None]] = {}


class Gateway:
    """Answers proxies, and passes everything else to the pages.

    ``client``: asks PeeringDB, for all hosts. ``asked``: reads the questions.
    ``reloadable``: rules, roles and headers. ``pages``: the login and all other pages,
    also for visitors whom a check has not let pass. ``close``: called at the end, after
    the client was closed. ``monotonic``: gives seconds that only grow. ``observer``:
    None for one that counts nothing. ``sign``: makes one more header about a person,
    which applications can verify; None for none.
    """

    def __init__(
        self,
        client: AsyncClient,
        asked: Asked,
        reloadable: Reloadable,
        *,
        pages: App,
        close: Callable[[], object],
        monotonic: Callable[[], float] = time.monotonic,
        observer: Observer | None = None,
        sign: Sign | None = None,
    ) -> None:
        self.client = client
        self.observer = observer or NoObserver()
        self._in_force = _InForce(reloadable)
        self._asked = asked
        self._pages = pages
        self._close = close
        self._sign = sign
        self._monotonic = monotonic
        self._store_is_slow_until = -1.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == CHECK:
            await _send_checked(await self.check(scope), send)
        elif scope["path"] == FORWARD_AUTH and (checked := await self.check(scope)).is_allowed:
            await _send_checked(_with_cookie(checked), send)
        else:
            await self._pages({**scope, RELOADABLE: self.reloadable}, receive, send)

    def reload(self, reloadable: Reloadable) -> None:
        """Decide by other rules, roles and headers from now on."""
        self._in_force = _InForce(reloadable)

    @property
    def reloadable(self) -> Reloadable:
        """The rules, roles and headers by which it decides."""
        return self._in_force.reloadable

    @property
    def remembered(self) -> int:
        """How many answers and people are remembered."""
        return len(self._in_force.answers) + len(self._in_force.people)

    async def check(self, scope: Scope) -> Checked:
        """Whether the request of a visitor may pass."""
        started_at, client = self._monotonic(), scope.get("client")
        in_force = self._in_force
        # All that an answer depends on. To pick out what matters would take longer.
        key = (client and client[0], *scope["headers"])
        checked: Checked | None
        try:
            checked = in_force.answers.get(key)
        except TypeError:  # some servers pass lists, as ASGI allows
            key = (client and client[0], *map(tuple, key[1:]))
            checked = in_force.answers.get(key)
        if checked is None:
            checked = await self._check(scope, key, in_force)
        self.observer.decided(checked.rule, checked.outcome, self._monotonic() - started_at)
        return checked

    async def _check(self, scope: Scope, key: Key, in_force: _InForce) -> Checked:
        headers = RequestHeaders(list(key[1:]))
        try:
            question = self._asked.question(scope, headers, in_force.reloadable.rules)
        except NotForwarded as problem:
            self._asked.note(problem.problem)
            return _no(403, "not_understood", "no rule")
        name, match = question.rule_name, question.match
        if match.rule is None or question.is_refused:
            return _no(403, "refused", name)
        asks_anew = _asks_anew(headers)
        if question.has_session and asks_anew:
            question.host.visitors.read_anew(question.visit(is_check=True))
        try:
            person = await self._person(question, match.rule, in_force)
        except PeeringDBOAuthError:
            return _no(401, "unavailable", name)
        if person is None:
            return _stranger(question) if match.rule.is_open else _no(401, "login", name)
        if not match.rule.check(person.login.user, match.asn):
            return _no(403, "refused", name)
        checked = Checked(status=204, outcome="allowed", rule=name, headers=person.headers)
        if not asks_anew and headers.size <= _LONGEST:
            in_force.answers.put(key, person.recent, checked)
        return checked

    async def _person(self, question: Question, rule: Rule, in_force: _InForce) -> Person | None:
        """Who is logged in, and what the application is told of them."""
        if not question.has_session:
            return None
        key = question.host.origin, question.headers.raw[b"cookie"]
        # What changes something may have to wait for the rights of now.
        if not question.is_read or _asks_anew(question.headers):
            return await self._find(question, rule, in_force, key)
        person: Person | None = in_force.people.get(key)
        return person or await self._find_once(question, rule, in_force, key)

    async def _find_once(
        self, question: Question, rule: Rule, in_force: _InForce, key: PersonKey
    ) -> Person | None:
        """As `_find`; a page's other requests within a second wait for the same answer.

        Otherwise all would ask anew when a person is no longer remembered. It is the
        same second for which others wait for an answer of the store. From when it began
        on, it would be one more.
        """
        begun, name = in_force.begun, (*key, rule.is_open, int(self._monotonic()))
        task = begun.get(name)
        if task is None:
            task = asyncio.create_task(self._find(question, rule, in_force, key))
            begun[name] = task
            task.add_done_callback(lambda _: begun.pop(name))
        return await asyncio.shield(task)

    async def _find(
        self, question: Question, rule: Rule, in_force: _InForce, key: PersonKey
    ) -> Person | None:
        login = await (self._name(question) if rule.is_open else self._login(question))
        if login is None:
            return None
        recent = question.host.visitors.remembered(login)
        person = Person(login, self._headers(question, login, in_force.reloadable), recent)
        if len(key[1]) <= _LONGEST:
            in_force.people.put(key, recent, person)
        return person

    async def _login(self, question: Question) -> StoredLogin | None:
        visitors = question.host.visitors
        login = await self.client.run(visitors.current(question.visit(is_check=True)))
        return None if login is None or login.ending is not None else login

    async def _name(self, question: Question) -> StoredLogin | None:
        """Who is logged in where everybody is allowed, if that is known at once."""
        if self._monotonic() < self._store_is_slow_until:
            return None
        visit, visitors = question.visit(is_check=True), question.host.visitors
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self.client.run(visitors.at_once(visit))
        except TimeoutError:
            self._store_is_slow_until = self._monotonic() + _PAUSE
        except PeeringDBOAuthError as error:
            log.info("somebody was not named: %s: %s", type(error).__name__, error)
        return None

    def _headers(
        self, question: Question, login: StoredLogin, reloadable: Reloadable
    ) -> RawHeaders:
        """What the application is told about a person."""
        roles = roles_of(login.user, reloadable.roles)
        headers = _headers_of_everybody(question) + reloadable.headers.of(login.user, roles)
        if self._sign is not None:
            headers.append(self._sign(question.host, login.user, roles))
        return headers

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
                continue
            await self.client.close()
            await asyncio.to_thread(self._close)
            await send({"type": "lifespan.shutdown.complete"})
            return


def _no(status: int, outcome: Outcome, rule: str) -> Checked:
    return Checked(status=status, outcome=outcome, rule=rule, headers=[_NO_STORE])


def _stranger(question: Question) -> Checked:
    headers = _headers_of_everybody(question)
    return Checked(status=204, outcome="stranger", rule=question.rule_name, headers=headers)


def _headers_of_everybody(question: Question) -> RawHeaders:
    """The answer's own headers, and the visitor's cookies without those of ours."""
    cookie = without_ours(question.headers.get("cookie", ""))
    return [_NO_STORE, *([(COOKIE_HEADER, cookie.encode("latin-1"))] if cookie else [])]


def _asks_anew(headers: RequestHeaders) -> bool:
    """Whether the proxy has a memory of its own, for a second.

    Its second and ours would be two, in which a session can end on another machine.
    """
    return headers.raw.get(b"cache-control") == b"no-cache"


def _with_cookie(checked: Checked) -> Checked:
    """The answer for Traefik, which passes headers on only by their own names."""
    cookies = [(b"cookie", value) for name, value in checked.headers if name == COOKIE_HEADER]
    return replace(checked, headers=[*checked.headers, *cookies])


async def _send_checked(checked: Checked, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": checked.status, "headers": checked.headers}
    )
    await send({"type": "http.response.body", "body": b""})
