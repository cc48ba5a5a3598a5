"""A sandbox for all, and for each test a portal of its own, reached through Flask's test client or over HTTP."""

import logging
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth import ClientConfig
from peeringdb_oauth.sandbox import Sandbox

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))


@pytest.fixture(autouse=True)
def loud():
    """The demo silences its process, which here is everybody's."""
    yield
    logging.disable(logging.NOTSET)


class Visitor:
    """Somebody with a browser: Flask's test client, and the way through PeeringDB."""

    def __init__(self, app, pdb):
        self.client = app.test_client()
        self.peeringdb = app.extensions["peeringdb"]
        self.pdb = pdb

    def get(self, path, **arguments):
        return self.client.get(path, buffered=True, **arguments)

    def post(self, path, **fields):
        """Press a button, with the form's token unless another is given."""
        return self.client.post(path, data={"csrf": self.session.get("csrf", "")} | fields)

    def callback(self, person, **choices):
        """Go to PeeringDB, and stand before the callback."""
        location = self.get("/login/peeringdb").location
        parts = urlsplit(self.pdb.log_in(person, location, **choices))
        return f"{parts.path}?{parts.query}"

    def log_in(self, person, **choices):
        return self.get(self.callback(person, **choices))

    @property
    def session(self):
        """What the server keeps for this browser."""
        with self.client.session_transaction() as session:
            return dict(session)

    @property
    def cookie(self):
        return self.client.get_cookie("portal", domain="localhost")


@pytest.fixture(scope="package")
def pdb():
    """People are changed in a sandbox of one's own only."""
    with Sandbox(tls=False, limits=False) as sandbox:
        yield sandbox


@pytest.fixture
def configure(pdb):
    """A configuration that works, with some of it replaced."""

    def configure(**changes):
        application = pdb.application
        works = {
            "client_id": application.client_id,
            "client_secret": application.client_secret,
            "redirect_uri": application.redirect_uris[0],
            "base_url": pdb.url,
            "allow_http": True,
        }
        return ClientConfig(**(works | changes))

    return configure


@pytest.fixture
def visit(pdb, configure, tmp_path):
    """Visitors of one portal, whose pages ask PeeringDB every time."""
    from portal import create_app  # noqa: PLC0415 - found since the lines above

    apps = []

    def visit(*, pdb=pdb, profile_max_age=0, **changes):
        if not apps:
            apps.append(create_app(configure(base_url=pdb.url, **changes), session_dir=str(tmp_path), profile_max_age=profile_max_age))
        return Visitor(apps[0], pdb)

    yield visit
    pdb.clear_faults()
    for app in apps:
        app.extensions["peeringdb"].close()


@pytest.fixture
def visitor(visit):
    return visit()
