"""Browsers of a site whose sessions are in cookies or in a store."""

import json

import pytest

from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.web import SessionPolicy


@pytest.fixture
def records(clock):
    return MemoryRecords(clock)


@pytest.fixture
def stored(make_browser, records):
    """A browser of a site with a store."""
    return make_browser(records=records)


@pytest.fixture(params=["in a cookie", "in a store"])
def kept(request, make_browser, records):
    """``kept(policy=...)``: a browser of a site with sessions in one or the other."""

    def make(**arguments):
        arguments["policy"] = SessionPolicy(**arguments.get("policy", {}))
        if request.param == "in a store":
            arguments["records"] = records
        return make_browser(**arguments)

    return make


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
