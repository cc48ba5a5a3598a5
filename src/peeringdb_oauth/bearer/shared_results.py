"""The results of looked-up access tokens, for all processes with the same store.

They lie there under a hash of the token and of the application. Nothing is kept beyond
the token's expiry, and an unreachable store has no results.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from peeringdb_oauth.bearer.cache import GRACE
from peeringdb_oauth.clock import elapsed
from peeringdb_oauth.errors import InvalidResponse, RecordsUnavailable, TokenRejected
from peeringdb_oauth.profile import User
from peeringdb_oauth.provider import Provider
from peeringdb_oauth.records import Change
from peeringdb_oauth.steps import Flow, call

_DEAD_FOR = 3600.0  # seconds that a dead token is kept; each took a request to find out
_WAIT = 5.0  # seconds without the store after it has not answered


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedResult:
    """A token that is good. ``scope``: as granted. The times are Unix seconds."""

    user: User
    scope: tuple[str, ...]
    checked_at: float
    expires_at: float


class SharedResults:
    """Reads and writes results where the budget is shared, else nothing."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._wait_until = 0.0

    def read(self, key: bytes) -> Flow[SharedResult | None]:
        """What another process has found out, None if there is nothing.

        ``key``: the SHA-256 of the token.

        Raises:
            TokenRejected: the token is dead.
        """
        found: list[tuple[Any, float]] = []

        def look(value: Any, now: float) -> None:
            found.append((value, now))

        yield from self._change(key, look)
        return _read(*found[-1], self._provider.clock()) if found else None

    def write(self, key: bytes, result: SharedResult) -> Flow[None]:
        """Share a good result, unless the token has been found dead meanwhile."""
        age = elapsed(result.checked_at, self._provider.clock())

        def put(found: Any, now: float) -> Change | None:
            if isinstance(found, Mapping) and "dead" in found:
                return None
            value = {
                "user": result.user.to_dict(),
                "scope": result.scope,
                "checked_at": now - age,
                "expires_at": result.expires_at,
            }
            return Change(value=value, due_at=min(result.expires_at, now - age + GRACE))

        yield from self._change(key, put)

    def write_dead(self, key: bytes, reason: str) -> Flow[None]:
        """Share that a token is dead."""
        yield from self._change(
            key, lambda _, now: Change(value={"dead": reason}, due_at=now + _DEAD_FOR)
        )

    def _change(self, key: bytes, function: Callable[[Any, float], Change | None]) -> Flow[None]:
        documents, now = self._provider.documents, self._provider.clock()
        if documents is None or now < self._wait_until <= now + _WAIT:
            return
        config = self._provider.config
        # Another application must not take this one's results for its own.
        name = sha256(f"{config.base_url} {config.client_id} {key.hex()}".encode()).hexdigest()
        try:
            yield from call(lambda: documents.change(f"bearer:{name}", function))
        except RecordsUnavailable:
            self._wait_until = self._provider.clock() + _WAIT


def _read(value: Any, store_now: float, now: float) -> SharedResult | None:
    """The result in a record. ``store_now`` and ``now`` are the same moment."""
    try:
        if "dead" in value:
            raise TokenRejected(str(value["dead"]))
        return SharedResult(
            user=User.from_dict(value["user"]),
            scope=tuple(map(str, value["scope"])),
            checked_at=float(value["checked_at"]) + now - store_now,
            expires_at=float(value["expires_at"]),
        )
    except (TypeError, ValueError, KeyError, OverflowError, InvalidResponse):
        return None
