"""The two clients are twins: the same names and signatures, and every test of `Client`
holds for `AsyncClient`, too.
"""

import asyncio
import importlib.util
import inspect
import json
import threading
from pathlib import Path

import aiohttp
import pytest

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import PeeringDBOAuthError
from peeringdb_oauth.tls import tls_context

PATIENCE = 20  # seconds until a test gives up
NAMES = [name for name in vars(Client) if not name.startswith("_")]
# of the tests of `Client`; each has its counterpart in test_async_client.py
NOT_FOR_ASYNCIO = {
    "test_clients_share_one_tls_context": "looks inside",
    "test_repr_has_no_secret": "the class has another name",
    "test_a_stray_stop_iteration_is_no_result_and_leaves_nothing_in_flight": (
        "needs an adapter of requests"
    ),
    "test_a_function_that_must_be_awaited_is_refused": "an AsyncClient awaits it",
    "test_uses_the_callers_session_as_it_is_and_leaves_it_open": "needs a session of requests",
    "test_takes_no_more_of_a_redirect_in_the_callers_session_than_of_any_answer": (
        "needs a session of requests"
    ),
}


class Blocking:
    """An `AsyncClient` to be called from any thread, like a `Client`; it lives on an
    event loop in a thread of its own.
    """

    def __init__(self, runner, make):
        self._runner = runner
        self._client = runner.run(make)

    def __getattr__(self, name):
        attribute = getattr(self._client, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **kwargs: self._runner.run(lambda: attribute(*args, **kwargs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class LoopThread:
    """An event loop in a thread; ``run`` calls a function in it and waits for what it
    returns, or for the coroutine it returns.
    """

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, function):
        async def call():
            result = function()
            return await result if inspect.isawaitable(result) else result

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    def end(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture
def loop_thread():
    thread = LoopThread()
    yield thread
    thread.end()


def config_of(server, **changes):
    fields = {
        "client_id": "conf-rs256",
        "client_secret": "secret-rs256-0123456789abcdef0123456789",
        "redirect_uri": "https://app.example.net/callback",
        "base_url": server.url,
        "allow_http": True,
        "ca_file": server.ca_file,
        "timeout": 5,
    }
    return ClientConfig(**(fields | changes))


@pytest.fixture
def make_client(loop_thread):
    """As the fixture of that name, which every test of `Client` uses, but of the other
    kind.
    """
    closing = []

    def make(server, *, arguments=(), **changes):
        arguments = dict(arguments)
        if "session" in arguments:
            arguments["session"] = loop_thread.run(lambda: aiohttp.ClientSession(trust_env=True))
            closing.append(arguments["session"])
        client = Blocking(
            loop_thread,
            lambda: AsyncClient(config_of(server, **changes), **arguments),
        )
        closing.append(client)
        return client

    yield make
    for closed in closing:
        (
            loop_thread.run(closed.close)
            if isinstance(closed, aiohttp.ClientSession)
            else closed.close()
        )
    tls_context.cache_clear()


def every_test_of_the_client():
    spec = importlib.util.spec_from_file_location(
        "every_test_of_the_client",
        Path(__file__).with_name("test_client.py"),
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


THEIRS = every_test_of_the_client()
globals().update(
    {name: value for name, value in THEIRS.items() if name not in {*globals(), *NOT_FOR_ASYNCIO}},
)


def test_only_tests_that_exist_are_left_out():
    assert set(NOT_FOR_ASYNCIO) <= set(THEIRS)


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
        str(inspect.signature(getattr(kind, name), eval_str=True)) for kind in (AsyncClient, Client)
    )  # each has a T of its own
    assert ours == theirs


@pytest.mark.parametrize("name", NAMES)
def test_whatever_asks_somebody_is_awaited(name):
    assert inspect.iscoroutinefunction(getattr(AsyncClient, name)) == (
        name != "authorization_request"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_documentation_of_one_leads_to_the_other(name):
    assert f"`Client.{name}`" in getattr(AsyncClient, name).__doc__


def test_are_made_from_the_same_arguments():
    ours, theirs = (
        dict(inspect.signature(kind, eval_str=True).parameters) for kind in (AsyncClient, Client)
    )
    assert ours.pop("session").replace(annotation=None) == theirs.pop("session").replace(
        annotation=None,
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
RECORDINGS = [path.stem for path in sorted((Path(__file__).parent / "wire").glob("*.http"))]


def outcome(function):
    """A result, or everything there is to know about an error."""
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
            "/oauth2/.well-known/openid-configuration",
            {"issuer": f"{server.url}/oauth2"},
        )
        server.replay(path, name)
        clocks = {"clock": clock, "monotonic": clock}
        with (
            Client(config_of(server), **clocks) as client,
            make_client(server, arguments=clocks) as twin,
        ):
            mine, theirs = (
                outcome(lambda kind=kind: CALLS[path](kind, id_token)) for kind in (twin, client)
            )
        assert (name, mine) == (name, theirs)
        seen.append(json.dumps(theirs, default=str))
    assert seen


def test_send_the_same_requests(server, make_client, clock):
    def everything(client):
        request = client.authorization_request()
        login = client.log_in(request, {"code": "a-code", "state": request.state})
        client.introspect(login.token.access_token)
        client.revoke(client.refresh(login.token))

    sent = []
    for kind in (
        Client(config_of(server), clock=clock),
        make_client(server, arguments={"clock": clock}),
    ):
        with kind as client:
            everything(client)
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
