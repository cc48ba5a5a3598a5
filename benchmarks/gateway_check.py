"""The gateway's checks in this process, without a server."""

import asyncio
from itertools import cycle
from typing import Self

from gateway_in_process import load_settings, log_in, make_host, question
from pages import Ticking, stopped

from peeringdb_oauth import User
from peeringdb_oauth.gateway.app import create_app
from peeringdb_oauth.web import open_session_store

CHECKS = 50  # in one call


class GatewayChecks:
    """So many checks for visitors who have logged in and ask in turn.

    ``runner``: of the event loop. ``url``: of the store. ``step``: seconds from one
    check to the next. ``visitors``: how many sessions the person has.
    """

    def __init__(
        self, runner: asyncio.Runner, url: str, person: User, *, step: float, visitors: int = 1
    ) -> None:
        settings = load_settings(url)
        self._runner, self._clock = runner, Ticking(stopped, step)
        self._store = open_session_store(settings.sessions, secrets=settings.secret_keys)
        self._app = create_app(settings, monotonic=self._clock, store=self._store)
        host = make_host(settings, self._store)
        self._asked = cycle([question(log_in(host, person)) for _ in range(visitors)])

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
