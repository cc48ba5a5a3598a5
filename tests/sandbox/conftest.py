"""What the tests of the sandbox share: a running sandbox, and ways to ask it."""

import contextlib

import pytest
from sandbox_web import Visitor, Web, new_address

from peeringdb_oauth.sandbox import Sandbox


@pytest.fixture(scope="session")
def pdb():
    with Sandbox(hosts=["auth.peeringdb.com", "www.peeringdb.com"]) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def web_for():
    """``web_for(sandbox)``: a `Web` for it."""
    with contextlib.ExitStack() as stack:

        def make(sandbox: Sandbox) -> Web:
            web = Web(sandbox)
            stack.callback(web.connection.close)
            return web

        yield make


@pytest.fixture(scope="session")
def web(pdb, web_for):
    return web_for(pdb)


@pytest.fixture
def visitor_for():
    """``visitor_for(sandbox)``: a `Visitor` for it."""
    with contextlib.ExitStack() as stack:

        def make(sandbox: Sandbox) -> Visitor:
            visitor = Visitor(sandbox)
            stack.callback(visitor.session.close)
            return visitor

        yield make


@pytest.fixture
def visitor(pdb, visitor_for):
    return visitor_for(pdb)


@pytest.fixture
def address():
    """The header that gives a request a client address which no other test uses."""
    return {"X-Forwarded-For": new_address()}


@pytest.fixture
def app(pdb):
    """A new application, which nobody has approved yet."""
    return pdb.register("https://app.example.net/callback")


@pytest.fixture
def clear_faults(pdb):
    """Switch all faults of the shared sandbox off after the test."""
    yield
    pdb.clear_faults()
