"""A sandbox, the three portals in processes of their own, and visitors of them."""

import logging
import re
from functools import partial
from html import unescape
from urllib.parse import urlsplit

import pytest
import requests
from portal_process import PortalProcess
from reading import issued as issued_by

from peeringdb_oauth.sandbox import Sandbox

FRAMEWORKS = ("flask", "fastapi", "django")


@pytest.fixture(autouse=True)
def loud():
    """Switch logging on again, since the demo switches it off."""
    yield
    logging.disable(logging.NOTSET)


class Visitor:
    """A person with a browser that follows no redirects."""

    def __init__(self, portal, pdb):
        self.portal = portal
        self.pdb = pdb
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.browser.headers["Accept"] = "text/html"
        self.form = {}  # the hidden fields of the last page with a form

    def get(self, path, **arguments):
        return self._read(
            self.browser.get(
                f"{self.portal.url}{path}", allow_redirects=False, timeout=30, **arguments
            )
        )

    def post(self, path, **fields):
        """Send a form, with the token of the last page unless another is given."""
        answer = self.browser.post(
            f"{self.portal.url}{path}", self.form | fields, allow_redirects=False, timeout=30
        )
        return self._read(answer)

    def json(self, path):
        return self.get(path, headers={"Accept": "application/json"})

    def callback(self, person, path="/login/peeringdb", **choices):
        """Log in at PeeringDB; return the path of the callback."""
        parts = urlsplit(self.pdb.log_in(person, self.get(path).headers["Location"], **choices))
        return f"{parts.path}?{parts.query}"

    def log_in(self, person, **choices):
        """Log in and visit the networks; return the answer to the callback."""
        answer = self.get(self.callback(person, **choices))
        if answer.status_code == requests.codes.found:
            self.get("/networks/")
        return answer

    def _read(self, answer):
        """Add the text as a person reads it, ``words``, to an answer."""
        answer.words = " ".join(unescape(re.sub("<[^>]+>", " ", answer.text)).split())
        fields = re.findall(
            r'<input type="hidden" name="(\w*csrf\w*)" value="([^"]*)">', answer.text
        )
        if fields:
            self.form = dict(fields)
        return answer


@pytest.fixture(scope="package")
def database(tmp_path_factory):
    return tmp_path_factory.mktemp("sandbox") / "db.sqlite3"


@pytest.fixture(scope="package")
def pdb(database):
    """A sandbox; `visit` resets it."""
    with Sandbox(tls=False, limits=False, database=str(database)) as sandbox:
        yield sandbox


@pytest.fixture
def issued(database):
    """``issued()``: the tokens that were issued; with ``alive=True``: valid ones."""
    return partial(issued_by, database)


@pytest.fixture(scope="package", params=FRAMEWORKS)
def portal(request, pdb):
    portal = PortalProcess(request.param, pdb)
    yield portal
    portal.close()


@pytest.fixture
def own_portal(portal, pdb):
    """A second portal in the same framework, which the test may close."""
    own = PortalProcess(portal.framework, pdb)
    yield own
    own.close()


@pytest.fixture
def visit(pdb, portal):
    """``visit()``: another visitor of the portal."""
    visitors = []

    def visit(portal=portal):
        visitors.append(Visitor(portal, pdb))
        return visitors[-1]

    yield visit
    pdb.reset()
    portal.reset()
    for visitor in visitors:
        visitor.browser.close()


@pytest.fixture
def visitor(visit):
    return visit()
