"""Records in Redis or Valkey."""

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha1
from typing import Any
from urllib.parse import urlsplit

from peeringdb_oauth.after_fork import make_in_each_process
from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.extras import needs
from peeringdb_oauth.records import Record, RecordsUnavailable
from peeringdb_oauth.web.stores import redis_scripts
from peeringdb_oauth.workers import LIMIT, NO_ANSWER, PATIENCE

with needs("redis"):
    from redis import BlockingConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.connection import parse_url
    from redis.exceptions import ConnectionError as NoConnection
    from redis.exceptions import NoScriptError, ReadOnlyError, RedisError
    from redis.retry import Retry

_TAG = "{peeringdb_oauth}"  # tells a client of a cluster where the records are


class RedisRecords:
    """The records at the keys ``{peeringdb_oauth}:*``.

    ``url``: ``redis://``, or ``rediss://`` for TLS; ``valkey://`` and ``valkeys://``
    are the same. ``patience``: how many seconds each method takes at most.

    Raises:
        ConfigurationError: the URL is wrong.
    """

    _redis: Redis

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        options = _options(url, patience)
        self._options: Callable[[], dict[str, Any]] = lambda: (
            options
        )  # whose representation hides the password
        make_in_each_process(self, RedisRecords._make)

    def _make(self) -> None:
        self._redis = Redis(connection_pool=_pool(self._options()))

    def get(self, key: str) -> tuple[Record | None, float]:
        """The record or None, and the time by the server in Unix seconds."""
        now, *found = self._run(redis_scripts.GET, key)
        return _record(found[0]) if found else None, float(now)

    def put(self, record: Record, *, expected: int | None) -> bool:
        """Write a record if the stored one has the version ``expected``."""
        written = self._run(
            redis_scripts.PUT,
            record.key,
            record.value,
            record.version,
            record.due_at,
            record.owner or "",
            record.handle or "",
            "" if expected is None else expected,
        )
        return bool(written)

    def delete(self, key: str, *, expected: int) -> bool:
        """Whether the record had the version ``expected`` and was deleted."""
        return bool(self._run(redis_scripts.DELETE, key, expected))

    def of_owner(self, owner: str) -> list[Record]:
        """All records of an owner."""
        return [_record(found) for found in self._run(redis_scripts.OF_OWNER, owner)]

    def of_handle(self, handle: str) -> Record | None:
        """The record with a handle, or None."""
        found = self._run(redis_scripts.OF_HANDLE, handle)
        return _record(found) if found else None

    def due(self, limit: int, *, ahead: float = 0.0) -> tuple[list[Record], float]:
        """At most ``limit`` records that are due, the earliest first, and the time."""
        now, found = self._run(redis_scripts.DUE, limit, ahead)
        return [_record(each) for each in found], float(now)

    def count(self) -> int:
        """How many records have a handle and are not yet due."""
        return int(self._run(redis_scripts.COUNT))

    def close(self) -> None:
        """Close the connections of this process."""
        self._redis.connection_pool.disconnect()

    def _run(self, script: str, *arguments: str | float) -> Any:
        try:
            try:
                return self._ask(script, *arguments, "first")
            except NoConnection:  # perhaps one from before a restart; a new one may do
                return self._ask(script, *arguments, "repeated")
        except ReadOnlyError:
            self.close()  # so that the next call finds a server that has become the primary
            reason = "it is a read-only replica"
        except RedisError as error:
            reason = str(error).replace(self._options().get("password") or "\n", "***")
        raise RecordsUnavailable(f"{NO_ANSWER}: {reason}")

    def _ask(self, script: str, *arguments: str | float) -> Any:
        digest = sha1(script.encode(), usedforsecurity=False).hexdigest()
        try:
            return self._redis.evalsha(digest, 1, _TAG, *arguments)
        except NoScriptError:  # the server is new, or was restarted
            return self._redis.eval(script, 1, _TAG, *arguments)


def _record(found: list[str | None]) -> Record:
    key, value, version, due_at, owner, handle = found
    return Record(
        key=key or "",
        value=value or "",
        version=int(version or 0),
        due_at=float(due_at or 0),
        owner=owner,
        handle=handle,
    )


def _options(url: str, patience: float) -> dict[str, Any]:
    """The arguments of the connections to a server."""
    # A method waits for a free connection, a new one, its greeting, and the answer.
    seconds = patience / 4
    ours: dict[str, Any] = {
        "max_connections": LIMIT,
        "timeout": seconds,
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": True,
        "protocol": 2,
    }
    with suppress(ValueError, TypeError):  # their messages may contain the password
        parts = urlsplit(url.replace("valkey", "redis", 1))
        database = parts.path.removeprefix("/") or "0"
        if parts.scheme in ("redis", "rediss") and parts.hostname and database.isdecimal():
            options: dict[str, Any] = parse_url(parts.geturl()) | ours  # type: ignore[no-untyped-call] # redis has no type for it
            pool = _pool(options)
            pool.connection_class(**pool.connection_kwargs)  # refuses unknown options
            return options
    raise ConfigurationError(
        "sessions: must be a URL such as redis://:PASSWORD@redis.example.net:6379/0"
    )


def _pool(options: dict[str, Any]) -> BlockingConnectionPool:
    return BlockingConnectionPool(**options)  # type: ignore[no-untyped-call] # redis has no type for it
