"""Browsers of a site whose sessions are in cookies or in a store."""

import json
import time
from contextlib import ExitStack

import pytest
from clocked_records import ClockedRecords
from session_site import Site

from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.web import SessionPolicy, open_records

PATIENCE = 20  # seconds: on a busy machine a store may be slow
STORES = ["memory", "sqlite", "postgresql", "mariadb", "redis", "django"]


@pytest.fixture(scope="module")
def open_store(request):
    """``open_store("redis")``: a store, opened once for the tests of a file."""
    with ExitStack() as opened:
        stores = {}

        def open_one(name):
            if name not in stores:
                stores[name] = _open(name, request)
                opened.callback(stores[name].close)
            return stores[name]

        yield open_one


def _open(name, request):
    if name == "memory":
        return MemoryRecords(time.time)
    if name == "django":
        request.getfixturevalue("members_area")
        from peeringdb_oauth.integrations.django.records import DjangoRecords  # noqa: PLC0415

        return DjangoRecords(patience=PATIENCE)
    server = request.getfixturevalue("start_server")(name)
    server.wipe()
    return open_records(server.url, patience=PATIENCE)


@pytest.fixture
def open_empty(open_store, clock):
    """``open_empty("redis")``: the records of a store, empty, with the test's clock."""

    def open_one(name):
        records = ClockedRecords(open_store(name), clock)
        records.clear()
        return records

    return open_one


@pytest.fixture(params=STORES)
def records(request, open_empty):
    return open_empty(request.param)


@pytest.fixture
def stored(make_browser, records):
    """A browser of a site with a store."""
    return make_browser(records=records)


@pytest.fixture(params=["cookie", *STORES])
def kept(request, make_browser, open_empty):
    """``kept(policy=...)``: a browser of a site with sessions in one or the other."""
    records = None if request.param == "cookie" else open_empty(request.param)

    def make(**arguments):
        arguments["policy"] = SessionPolicy(**arguments.get("policy", {}))
        return make_browser(records=records, **arguments)

    return make


@pytest.fixture
def site(provider, clock, make_driver):
    """A process of a site with a store, and PeeringDB as it answered when recorded."""
    return Site(provider, clock, make_driver)


@pytest.fixture
def profile_requests(server):
    """``profile_requests()``: how often PeeringDB was asked for the profile."""
    return lambda: sum(request.path == "/profile/v1" for request in server.received)


@pytest.fixture
def tokens(server, recording):
    """What the token endpoint answers to a refresh: new tokens, numbered.

    ``tokens.fail_with(answer)`` lets refreshes fail.
    """

    class Tokens:
        def __init__(self):
            self.refreshed, self.failure, self.during = [], None, lambda: None

        def __call__(self, handler):
            form = handler.received.form
            body = recording("token-success-no-openid").json
            if form["grant_type"] == "refresh_token":
                self.during()
                if self.failure is not None:
                    self.failure(handler)
                    return
                self.refreshed.append(form["refresh_token"])
                count = len(self.refreshed)
                body = body | {
                    "access_token": f"new-access-token-{count}",
                    "refresh_token": f"new-refresh-token-{count}",
                }
            text = json.dumps(body).encode()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(text)))
            handler.end_headers()
            handler.wfile.write(text)

    answers = Tokens()
    server.answers["/oauth2/token/"] = answers
    return answers


@pytest.fixture
def here(make_process):
    """The sessions as this process has them; `make_process` is of the test's file."""
    return make_process()


@pytest.fixture
def there(make_process):
    """The same in another process of the site."""
    return make_process()
