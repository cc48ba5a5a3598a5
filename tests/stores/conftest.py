from contextlib import ExitStack

import pytest
from cutting_proxy import CuttingProxy
from store_servers import SERVERS

from peeringdb_oauth.web import open_records


@pytest.fixture(scope="session")
def start_server():
    """``start_server("redis")``: a server, started once, that ends with the tests."""
    with ExitStack() as running:
        started = {}

        def start(name):
            if name not in started:
                started[name] = SERVERS[name]()
                running.callback(started[name].end)
            return started[name]

        yield start


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
