"""A page for somebody who is logged in: what the check of their session costs.

The page asks for an ASN and a permission. The applications are called as a web server
calls them, without a network. Redis runs on loopback.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, cycle
from pathlib import Path
from typing import Any, Self

import allauth_page
from flask import Flask, abort, redirect, session
from flask_session import Session
from gateway_in_process import token
from measure import Row, at_most, interleave
from provider import CLIENT_ID, CLIENT_SECRET
from redis import Redis
from werkzeug.test import EnvironBuilder

from peeringdb_oauth import Client, ClientConfig, Login, Network, Permission, User
from peeringdb_oauth.integrations.flask import PeeringDB, current_user
from peeringdb_oauth.integrations.flask.extension import extension
from peeringdb_oauth.integrations.flask.visits import to_visit
from peeringdb_oauth.records import Record
from peeringdb_oauth.web import Sealer, SessionStore, Vault, open_records

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
from store_servers import RedisServer

SECRET = "a secret of this benchmark only"  # noqa: S105 - it protects nothing
ASN = 64500
COOKIE, STORE, READ = "in a cookie", "in Redis, remembered", "in Redis, read"
AUTHLIB, ALLAUTH = "Authlib + Flask-Session", allauth_page.NAME
REMEMBERED, UNREMEMBERED, UNSEEN = 0.0, 2.0, 61.0  # seconds between two pages


def stopped() -> float:
    """A monotonic clock that stands still, however long the rounds take."""
    return 1_000_000.0


class Ticking:
    """A clock that goes on by so many seconds with each page."""

    def __init__(self, clock: Callable[[], float], step: float) -> None:
        self._clock, self._step, self._ahead = clock, step, 0.0

    def __call__(self) -> float:
        """The time."""
        return self._clock() + self._ahead

    def tick(self) -> None:
        """Another page comes."""
        self._ahead += self._step


class CountedRecords:
    """Passes on each call to a store, and counts those that a page waits for.

    ``clock``: what the store says the time is.
    """

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._records, self._clock, self.calls = open_records(url), clock, 0

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record of a session, and the time."""
        self.calls += key.startswith("session:")
        return self._records.get(key)[0], self._clock()

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write the record of a session."""
        self.calls += record.key.startswith("session:")
        return self._records.put(record, expected=expected)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class Page:
    """A page of an application. Its visitors have logged in and ask in turn.

    ``cookies``: of each visitor. ``clocks``: tick with each page.
    """

    def __init__(self, app: Any, cookies: Sequence[str], clocks: Sequence[Ticking] = ()) -> None:
        self._app, self._clocks = app, clocks
        self._cookies = cycle(cookies)
        self()

    @classmethod
    def of_flask(cls, app: Flask, *clocks: Ticking, visitors: int = 1) -> Self:
        """A page of an application with Flask."""
        return cls(app.wsgi_app, [_log_in(app) for _ in range(visitors)], clocks)

    def __call__(self) -> None:
        """Ask for the page."""
        for clock in self._clocks:
            clock.tick()
        headers = {"Cookie": next(self._cookies)}
        environ = EnvironBuilder(f"/as{ASN}", headers=headers).get_environ()
        statuses: list[str] = []
        body = self._app(environ, lambda status, *_: statuses.append(status))
        list(body)
        if hasattr(body, "close"):
            body.close()
        if statuses != ["200 OK"]:
            raise RuntimeError(statuses)


def measure(rounds: int) -> Iterator[Row]:
    """The rows of this file. They need the Django project."""
    with redis() as url:
        django = allauth_page.application()
        for networks in (3, 300):
            person = user(networks)
            pages = {COOKIE: ours(person, None), STORE: ours_in(url, person, step=REMEMBERED)}
            samples = interleave(pages, rounds=rounds, calls=50)
            title = f"a page, {networks} networks"
            yield at_most(1.5, title, samples, STORE, COOKIE)
            read = ours_in(url, person, step=UNREMEMBERED)
            samples = interleave(
                {
                    READ: read,
                    AUTHLIB: theirs(person, url),
                    ALLAUTH: Page(django, [allauth_page.cookie_of(person)]),
                },
                rounds=rounds,
                calls=50,
                clock=time.perf_counter,
            )
            for other in (AUTHLIB, ALLAUTH):
                yield at_most(None, f"{title}, from the store", samples, READ, other)


def count_round_trips() -> dict[str, float]:
    """How many calls of the store one page causes, by what the process remembers."""
    cases = {"remembered": REMEMBERED, "a second later": UNREMEMBERED, "a minute later": UNSEEN}
    counts = {}
    with redis() as url:
        for name, step in cases.items():
            clocks = Ticking(time.time, step), Ticking(time.monotonic, step)
            records = CountedRecords(url, clocks[0])
            page = ours(user(3), records, *clocks)
            records.calls = 0
            for _ in range(10):
                page()
            counts[name] = records.calls / 10
    return counts


def ours(person: User, records: Any, *clocks: Ticking, visitors: int = 1) -> Page:
    """A page of this library. ``records``: the store; None: the session is a cookie.

    ``clocks``: the time of day and the monotonic clock; none for those of the machine.
    ``visitors``: how many sessions the person has, which ask in turn.
    """
    config = ClientConfig(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        redirect_uri="http://localhost/login/peeringdb/callback",
        allow_http=True,
    )
    client = Client(config)
    if clocks:
        client.provider.clock, client.provider.monotonic = clocks
    app = Flask(__name__)
    app.secret_key = SECRET
    store = records and SessionStore(Vault(records, Sealer(SECRET)))
    pdb = PeeringDB(app, client=client, sessions=store)

    @app.get("/log-in")
    def log_in() -> str:
        login = Login(user=person, token=token(), claims=None)
        flow = extension().flow
        client.run(flow.visitors.begin(to_visit(), login, prompted=False))
        return "in"

    @app.get("/as<int:asn>")
    @pdb.require(asn="asn", perms=Permission.UPDATE)
    def page(asn: int) -> str:
        return f"{current_user.name} {asn}"

    return Page.of_flask(app, *clocks, visitors=visitors)


def ours_in(url: str, person: User, *, step: float, visitors: int = 1) -> Page:
    """A page with a store, and so many seconds from one page to the next."""
    clocks = Ticking(time.time, 0), Ticking(stopped, step)
    return ours(person, open_records(url), *clocks, visitors=visitors)


def theirs(person: User, url: str) -> Page:
    """The same with Flask-Session, and what a login with Authlib stores there."""
    app = Flask(__name__)
    app.config |= {"SESSION_TYPE": "redis", "SESSION_REDIS": Redis.from_url(url)}
    Session(app)

    @app.get("/log-in")
    def log_in() -> str:
        session["user"] = person.to_dict()
        return "in"

    @app.get("/as<int:asn>")
    def page(asn: int) -> Any:
        found = session.get("user")
        if found is None:
            return redirect("/log-in")
        if not any(one["asn"] == asn and one["perms"] & 2 for one in found["networks"]):
            abort(403)
        return f"{found['name']} {asn}"

    return Page.of_flask(app)


def _log_in(app: Flask) -> str:
    """The cookie of somebody who has logged in."""
    with app.test_client() as browser:
        browser.get("/log-in")
        cookie = browser.get_cookie(app.config["SESSION_COOKIE_NAME"])
    assert cookie is not None  # noqa: S101
    return f"{cookie.key}={cookie.value}"


def user(networks: int) -> User:
    """Somebody with so many networks, who may do everything with all."""
    numbers = count(ASN)
    return User(
        id=7,
        name="Ada Example",
        given_name="Ada",
        family_name="Example",
        email="ada@example.net",
        verified_email=True,
        verified_user=True,
        networks=tuple(
            Network(
                id=asn,
                asn=asn,
                name=f"Example Network {asn}",
                perms=Permission(15),
                manage_peering_sessions=Permission(15),
            )
            for asn in (next(numbers) for _ in range(networks))
        ),
    )


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis that ends with the block."""
    server = RedisServer()
    try:
        yield server.url
    finally:
        server.end()
