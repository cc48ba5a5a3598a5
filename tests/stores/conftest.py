from contextlib import ExitStack

import pytest
from cutting_proxy import CuttingProxy

from peeringdb_oauth.web import open_records


@pytest.fixture
def server(start_server, server_name):
    server = start_server(server_name)
    server.wipe()
    return server


@pytest.fixture
def open_store(server):
    """``open_store(url=..., patience=...)``: a store; all are closed with the test."""
    with ExitStack() as stores:

        def open_one(url=None, **options):
            store = open_records(url or server.url, **options)
            stores.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def proxied(server, open_store):
    proxy = CuttingProxy(server.port)
    yield open_store(server.url_at(proxy.port)), proxy
    proxy.end()
