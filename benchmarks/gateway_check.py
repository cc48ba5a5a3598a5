"""The gateway in this process, without a server: only its checks."""

import asyncio
import time
from collections.abc import Generator
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from pages import Ticking, stopped, token

from peeringdb_oauth import Login, User
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.gateway.forwarded import RequestHeaders
from peeringdb_oauth.gateway.host import HostLogin
from peeringdb_oauth.gateway.settings import Settings
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.web import open_session_store

CHECKS = 50  # in one call
ORIGIN = "https://lg.example.net"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - it protects nothing
SETTINGS = f"""
urls = ["{ORIGIN}"]
secret_key_file = "secret-key"
sessions_file = "sessions"
[peeringdb]
client_id = "lg"
client_secret_file = "client-secret"
[[rule]]
path = "/"
allow = "verified"
"""


class GatewayChecks:
    """So many checks for visitors who have logged in and ask in turn.

    ``runner``: of the event loop. ``url``: of the store. ``step``: seconds from one
    check to the next. ``visitors``: how many sessions the person has.
    """

    def __init__(
        self, runner: asyncio.Runner, url: str, person: User, *, step: float, visitors: int = 1
    ) -> None:
        settings = _settings(url)
        self._runner, self._clock = runner, Ticking(stopped, step)
        self._store = open_session_store(settings.sessions, secrets=settings.secret_keys)
        self._app = create_app(settings, monotonic=self._clock, store=self._store)
        host = HostLogin(
            ORIGIN,
            Provider(settings.config, time.time),
            secrets=settings.secret_keys,
            store=self._store,
            policy=settings.policy,
        )
        self._asked = cycle([_question(_log_in(host, person)) for _ in range(visitors)])

    def __call__(self) -> None:
        """Check `CHECKS` times."""
        self._runner.run(self._check())

    async def _check(self) -> None:
        for _ in range(CHECKS):
            self._clock.tick()
            checked = await self._app.check(next(self._asked))
            if checked.status != 204:
                raise RuntimeError(checked.outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._app.client.close())
        self._store.close()


def _settings(url: str) -> Settings:
    files = {"secret-key": SECRET, "client-secret": SECRET, "sessions": url}
    with TemporaryDirectory() as directory:
        for file, text in (files | {"gateway.toml": SETTINGS}).items():
            (Path(directory) / file).write_text(text)
        return Settings.load(Path(directory) / "gateway.toml")


def _log_in(host: HostLogin, person: User) -> str:
    """The cookie of a new session."""
    visit = host.to_visit(RequestHeaders([]), method="GET", uri="/")
    login = Login(user=person, token=token(), claims=None)
    _drive(host.visitors.begin(visit, login, prompted=False))
    [cookie] = host.cookie.write({}, visit.session)
    return f"{cookie.name}={cookie.value}"


def _drive(flow: Generator[Any, Any, Any]) -> None:
    """Run a flow that asks nothing but the store."""
    result = None
    while True:
        try:
            result = flow.send(result).function()
        except StopIteration:
            return


def _question(cookie: str) -> dict[str, Any]:
    asked = {"method": "GET", "proto": "https", "host": "lg.example.net", "uri": "/page"}
    headers = [(f"x-forwarded-{name}".encode(), value.encode()) for name, value in asked.items()]
    return {"client": ("127.0.0.1", 1), "headers": [*headers, (b"cookie", cookie.encode())]}
