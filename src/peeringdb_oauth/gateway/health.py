"""Whether a process of the gateway lives, and whether it can do its work."""

import asyncio

from peeringdb_oauth.web import SessionStore

PATIENCE = 2.0  # seconds for the store


class Health:
    """Answers those who watch the gateway. It never asks PeeringDB.

    ``store``: of the sessions.
    """

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._question: asyncio.Task[float] | None = None

    async def problem(self) -> str | None:
        """Why the gateway cannot do its work; None if it can.

        All who ask at one time share one question to the store.
        """
        if self._question is None or self._question.done():
            self._question = asyncio.create_task(asyncio.to_thread(self._store.vault.now))
        question = self._question
        await asyncio.wait([question], timeout=PATIENCE)
        if not question.done():
            return f"the store of the sessions has not answered within {PATIENCE:g} seconds"
        error = question.exception()
        return None if error is None else str(error)
