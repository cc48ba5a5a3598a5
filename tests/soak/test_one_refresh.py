"""`make soak` in small: a crowd at two processes when a session needs new tokens."""

import pytest
from one_refresh import send_crowd
from store_servers import SERVERS

from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def pdb():
    with Sandbox(tls=False, limits=False) as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", ["sqlite", "redis"])
def test_a_crowd_at_two_processes_causes_one_refresh(name, pdb, tmp_path):
    store = SERVERS[name]()
    try:
        crowd = send_crowd(pdb, store.url, tmp_path, processes=2, visitors=20)
    finally:
        store.end()
    assert crowd.refreshes == [200]
    assert crowd.statuses == {200: 40}
