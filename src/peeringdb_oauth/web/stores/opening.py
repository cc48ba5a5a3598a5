"""The store that a URL names."""

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.records import Records
from peeringdb_oauth.workers import PATIENCE

_REDIS = ("redis", "rediss", "valkey", "valkeys")
_SQL = ("sqlite", "postgresql+psycopg", "mysql+pymysql")


def open_records(url: str, *, patience: float = PATIENCE) -> Records:
    """Return the store at a URL. Nothing is connected before it is first used.

    ``patience``: how many seconds each method of the store takes at most.

    Raises:
        ConfigurationError: the URL is wrong, or a package is missing.
    """
    scheme = url.partition(":")[0]
    extra = "redis" if scheme in _REDIS else "sql"
    try:
        if scheme in _REDIS:
            from peeringdb_oauth.web.stores.redis import RedisRecords  # noqa: PLC0415

            return RedisRecords(url, patience=patience)
        if scheme in _SQL:
            from peeringdb_oauth.web.stores.sql import SQLRecords  # noqa: PLC0415

            return SQLRecords(url, patience=patience)
    except ImportError as missing:
        raise ConfigurationError(
            f'sessions: needs a package: pip install "peeringdb-oauth[{extra}]"'
        ) from missing
    raise ConfigurationError(
        f"sessions: must begin with one of {', '.join(f'{kind}://' for kind in (*_SQL, *_REDIS))}"
    )
