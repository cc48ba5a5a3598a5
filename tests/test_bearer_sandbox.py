"""`BearerVerifier` against the sandbox with its limits on, and the two examples."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from peeringdb_oauth import (
    AccessRule,
    Client,
    ClientConfig,
    PeeringDBOAuthError,
    Permission,
    RateLimited,
    TokenRejected,
    TransportError,
)
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.bearer.cache import GRACE, MAX_AGE
from peeringdb_oauth.sandbox import Sandbox

pytestmark = pytest.mark.server

EXAMPLES = Path(__file__).parent.parent / "examples"
CALLBACK = "https://app.example.net/callback"
OPENID = ("openid", "profile", "email", "networks", "amr")
INTROSPECT, PROFILE = "/oauth2/introspect/", "/profile/v1"


class World:
    """A sandbox, its clock, an application, and a count of the requests."""

    def __init__(self, pdb):
        self.pdb, self.ahead, self.sent, self.clients = pdb, 0.0, Counter(), []

    def begin(self):
        self.pdb.reset_limits()
        self.app = self.pdb.register(CALLBACK)
        self.sent.clear()

    def end(self):
        self.pdb.clear_faults()
        while self.clients:
            self.clients.pop().close()

    def advance(self, seconds):
        self.pdb.advance(seconds)
        self.ahead += seconds

    def config(self, app=None, **changes):
        app = app or self.app
        fields = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "redirect_uri": CALLBACK,
            "base_url": self.pdb.url,
        }
        return ClientConfig(**fields | {"ca_file": self.pdb.ca_file, "timeout": 5} | changes)

    def client(self, app=None, **changes):
        session = requests.Session()
        session.verify = self.pdb.ca_file
        session.trust_env = False
        session.hooks["response"].append(
            lambda response, **_: self.sent.update([response.request.path_url])
        )
        clock, monotonic = (
            (lambda: time.time() + self.ahead),
            (lambda: time.monotonic() + self.ahead),
        )
        client = Client(
            self.config(app, **changes), session=session, clock=clock, monotonic=monotonic
        )
        self.clients += [client, session]
        return client

    def log_in(self, client, person="orgadmin", scope=OPENID):
        request = client.authorization_request(scope=scope)
        return client.log_in(request, self.pdb.log_in(person, request.url))

    def asked(self):
        """How often each path was asked for since the last call."""
        sent, self.sent = self.sent, Counter()
        return sent


@pytest.fixture(scope="module")
def worlds():
    """One sandbox for all tests, because its clock only goes forward."""
    with Sandbox() as pdb:
        yield World(pdb)


@pytest.fixture
def world(worlds):
    worlds.begin()
    yield worlds
    worlds.end()


def refusal(verifier, *args, **kwargs):
    with pytest.raises(PeeringDBOAuthError) as caught:
        verifier.verify(*args, **kwargs)
    return caught.value


def test_both_tokens_of_a_login_give_the_user_who_logged_in(world):
    client = world.client()
    login = world.log_in(client)
    verifier = BearerVerifier(client)
    assert verifier.verify(login.token.access_token) == login.user
    assert verifier.verify(login.token.id_token).asns == login.user.asns


def test_tokens_that_another_application_obtained_are_refused(world):
    theirs = world.log_in(world.client(world.pdb.register(CALLBACK))).token
    verifier = BearerVerifier(world.client())
    world.asked()
    for token in (theirs.access_token, theirs.id_token):
        error = refusal(verifier, token)
        assert isinstance(error, TokenRejected)
        assert "another application" in error.www_authenticate
    assert world.asked()[PROFILE] == 0


def test_token_without_the_scope_is_a_403(world):
    client = world.client()
    login = world.log_in(client, scope=("profile", "networks"))
    assert (
        "insufficient_scope"
        in refusal(BearerVerifier(client), login.token.access_token).www_authenticate
    )


def test_lost_rights_show_after_a_minute(world):
    client = world.client()
    verifier = BearerVerifier(client, rule=AccessRule(perms=Permission.UPDATE))
    token = world.log_in(client, "limited").token.access_token
    assert verifier.verify(token, asn=64500).id == 3
    world.pdb.change("limited", networks={64500: 1})
    try:
        assert verifier.verify(token, asn=64500).id == 3
        world.advance(MAX_AGE)
        assert refusal(verifier, token, asn=64500).reasons == (
            "AS64500: you may read this network but not update it",
        )
    finally:
        world.pdb.change(
            "limited",
            networks={64500: 15, 64501: 1, 65550: 3},
            manage_peering_sessions={64500: 15, 64501: 15, 65550: 3},
        )


def test_expired_token_is_refused_without_asking(world):
    client = world.client()
    verifier, login = BearerVerifier(client), world.log_in(client)
    verifier.verify(login.token.access_token)
    verifier.verify(login.token.id_token)
    world.asked()
    world.advance(36000 + 60)
    assert isinstance(refusal(verifier, login.token.access_token), TokenRejected)
    assert isinstance(refusal(verifier, login.token.id_token), TokenRejected)
    assert world.asked()[INTROSPECT] == 0


def test_many_revoked_tokens_do_not_get_our_address_blocked(world):
    client = world.client()
    people = [world.pdb.add_person(f"Person {number}").login for number in range(12)]
    verifier = BearerVerifier(client)
    tokens = [world.log_in(client, person).token.access_token for person in people]
    for token in tokens:
        verifier.verify(token)
    world.pdb.revoke_tokens()
    world.advance(2 * MAX_AGE)
    assert {type(refusal(verifier, token)) for token in tokens} == {TokenRejected}
    assert world.log_in(client).user.id == 1


def test_flood_of_ten_thousand_bad_tokens_costs_thirty_requests_a_minute_and_stops_nobody(world):
    client = world.client()
    verifier, known = BearerVerifier(client), world.log_in(client).token.access_token
    verifier.verify(known)
    for minute in range(1, 3):
        world.advance(60)
        world.asked()
        with ThreadPoolExecutor(20) as threads:
            errors = list(
                threads.map(
                    lambda number: refusal(verifier, f"{number:030d}"),
                    range(minute * 5000, minute * 5000 + 5000),
                )
            )
        # An unknown token may need two requests, so one of the thirty is left.
        assert Counter(map(type, errors)) == {TokenRejected: 29, RateLimited: 5000 - 29}
        assert world.asked() == {INTROSPECT: 29}
        assert verifier.verify(known).id == 1
        login = world.log_in(client, "member")
        assert login.user.id == 2
        assert verifier.verify(login.token.id_token).id == 2


@pytest.mark.parametrize("fault", ["outage", "cut", "error_500"])
def test_in_an_outage_only_tokens_that_were_good_within_five_minutes_count(world, fault):
    client = world.client()
    verifier, first, second = (
        BearerVerifier(client),
        world.log_in(client).token,
        world.log_in(client).token,
    )
    assert verifier.verify(first.access_token).id == 1
    world.pdb.fault(fault)
    assert isinstance(refusal(verifier, second.access_token), TransportError)
    world.advance(GRACE - 10)
    assert verifier.verify(first.access_token).id == 1
    assert verifier.verify(second.id_token).id == 1
    world.advance(10)
    assert isinstance(refusal(verifier, first.access_token), TransportError)
    world.pdb.clear_faults()
    world.advance(60)
    assert verifier.verify(first.access_token).id == verifier.verify(second.access_token).id == 1


# --- the examples ---------------------------------------------------------------------


@contextmanager
def running(example, config):
    settings = {
        name: getattr(config, name)
        for name in ("client_id", "client_secret", "redirect_uri", "base_url", "ca_file")
    }
    environ = os.environ | {
        f"PEERINGDB_OAUTH_{name.upper()}": value for name, value in settings.items()
    }
    command = [sys.executable, str(EXAMPLES / example), "0"]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        address = next(
            found
            for line in process.stdout
            if (found := re.search(r"http://127\.0\.0\.1:([0-9]+)", line))
        )
        yield int(address[1])
    finally:
        process.terminate()
        process.communicate(timeout=10)


def get(port, path, authorization=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", path, headers={} if authorization is None else {"Authorization": authorization}
        )
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read())
    finally:
        connection.close()


@pytest.fixture
def world_of_today():
    """A sandbox with the clock of the machine, which the examples use."""
    with Sandbox() as pdb:
        world = World(pdb)
        world.begin()
        yield world
        world.end()


@pytest.mark.parametrize("example", ["bearer_wsgi.py", "bearer_asgi.py"])
def test_example_answers_as_the_rfcs_say(world_of_today, example):
    world = world_of_today
    client = world.client()
    admin, narrow = (
        world.log_in(client).token,
        world.log_in(client, scope=("profile", "email")).token,
    )
    with running(example, world.config()) as port:
        for token in (admin.access_token, admin.id_token):
            assert get(port, "/networks/64500", f"bearer {token}")[::2] == (
                200,
                {"asn": 64500, "name": "Example Net One", "user": 1},
            )

        status, headers, _ = get(port, "/networks/64500")
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="PeeringDB"')
        status, headers, _ = get(port, "/networks/64500", "Bearer made-up")
        assert status == 401
        assert 'error="invalid_token"' in headers["WWW-Authenticate"]

        status, headers, body = get(port, "/networks/64511", f"Bearer {admin.access_token}")
        assert (status, headers["WWW-Authenticate"]) == (403, None)
        [reason] = body["reasons"]
        assert reason == {
            "code": "not_affiliated",
            "asn": 64511,
            "text": "you are not affiliated with AS64511 at PeeringDB",
        }
        status, headers, _ = get(port, "/networks/64500", f"Bearer {narrow.access_token}")
        assert status == 403
        assert 'error="insufficient_scope"' in headers["WWW-Authenticate"]

        world.pdb.fault("outage")
        status, headers, _ = get(port, "/networks/64500", "Bearer another")
        assert (status, headers["Retry-After"]) == (503, "30")
        assert get(port, "/", "Bearer another")[0] == 404
