"""The two clients have the same methods and read PeeringDB's answers alike.

The tests of everything else that both do are in test_client.py.
"""

import inspect
import json

import pytest
from recordings import WIRE

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import PeeringDBOAuthError

BOTH = (AsyncClient, Client)
NAMES = [name for name in vars(Client) if not name.startswith("_")]


# --- names and signatures -------------------------------------------------------------


def test_have_the_same_names():
    assert [name for name in vars(AsyncClient) if not name.startswith("_")] == NAMES
    assert {
        "log_in",
        "fetch_user",
        "refresh",
        "revoke",
        "introspect",
        "verify_id_token",
        "authorization_request",
        "close",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_have_the_same_signatures(name):
    ours, theirs = (
        str(inspect.signature(getattr(kind, name), eval_str=True)) for kind in BOTH
    )  # each has a T of its own
    assert ours == theirs


@pytest.mark.parametrize("name", NAMES)
def test_methods_that_use_the_network_are_awaited(name):
    assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) == (
        name not in {"authorization_request", "share_budget", "usage"}
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_of_one_leads_to_the_other(name):
    assert f"`Client.{name}`" in getattr(AsyncClient, name).__doc__


def test_are_made_from_the_same_arguments():
    ours, theirs = (dict(inspect.signature(kind, eval_str=True).parameters) for kind in BOTH)
    assert ours.pop("session").replace(annotation=None) == theirs.pop("session").replace(
        annotation=None
    )
    assert ours == theirs


# --- what PeeringDB answers, to both --------------------------------------------------

CALLS = {
    "/oauth2/token/": lambda client, _: client.refresh("a-refresh-token"),
    "/profile/v1": lambda client, _: client.fetch_user("an-access-token"),
    "/oauth2/revoke_token/": lambda client, _: client.revoke("a-refresh-token"),
    "/oauth2/introspect/": lambda client, _: client.introspect("an-access-token"),
    "/oauth2/.well-known/jwks.json": lambda client, id_token: client.verify_id_token(id_token),
}
RECORDINGS = [path.stem for path in sorted(WIRE.glob("*.http"))]


def outcome(function):
    """Return the result as text, or all that is known about an error."""
    try:
        return repr(function())
    except PeeringDBOAuthError as error:
        return type(error), str(error), vars(error)


@pytest.mark.parametrize("path", CALLS)
def test_understand_every_recorded_answer_alike(server, make_client, recording, clock, path):
    id_token = recording("token-success-openid").json["id_token"]
    seen = []
    for name in RECORDINGS:
        if recording(name).path != path:
            continue
        server.answer(
            "/oauth2/.well-known/openid-configuration", {"issuer": f"{server.url}/oauth2"}
        )
        server.replay(path, name)
        clocks = {"clock": clock, "monotonic": clock}
        clients = [make_client(server, client_class=kind, arguments=clocks) for kind in BOTH]
        ours, theirs = (
            outcome(lambda client=client: CALLS[path](client, id_token)) for client in clients
        )
        assert (name, ours) == (name, theirs)
        seen.append(json.dumps(theirs, default=str))
    assert seen


def test_send_the_same_requests(server, make_client, clock):
    def everything(client):
        request = client.authorization_request()
        login = client.log_in(request, {"code": "a-code", "state": request.state})
        client.introspect(login.token.access_token)
        client.revoke(client.refresh(login.token))

    sent = []
    for kind in BOTH:
        everything(make_client(server, client_class=kind, arguments={"clock": clock}))
        sent.append([_without_what_differs(received) for received in server.received])
        server.received.clear()
    assert sent[0] == sent[1]


def _without_what_differs(received):
    headers = {
        name: value for name, value in received.headers.items() if name != "connection"
    }  # keep-alive, which HTTP/1.1 implies
    return (
        received.method,
        received.path,
        headers,
        {name: value for name, value in received.form.items() if name != "code_verifier"},
    )
