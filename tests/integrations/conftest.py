"""Sessions of the applications with Flask and Starlette: in cookies and in stores."""

import pytest
from shared_sessions import memory_store, sqlite_store

from peeringdb_oauth.web.sessions import sharing

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def memory(clock):
    """A store whose clock is the client's."""
    return memory_store(clock, SECRET)


@pytest.fixture(params=["in cookies", "in memory", "in SQLite"])
def sessions(request, memory, tmp_path):
    return {
        "in cookies": lambda: None,
        "in memory": lambda: memory,
        "in SQLite": lambda: sqlite_store(tmp_path, SECRET),
    }[request.param]()


@pytest.fixture(params=["in cookies", "in memory"])
def timed(request, memory):
    """Sessions whose time a test can move."""
    return memory if request.param == "in memory" else None


@pytest.fixture(params=["in memory", "in SQLite"])
def store(request, memory, tmp_path):
    return memory if request.param == "in memory" else sqlite_store(tmp_path, SECRET)


@pytest.fixture
def warned(caplog):
    """``warned()``: how often this process has warned that processes share nothing."""
    sharing._warn.cache_clear()
    return lambda: sum(sharing.NOTHING_SHARED in message for message in caplog.messages)
