"""Shared flows: those who want the same at the same time take one answer.

Each test runs for `Client` and for `AsyncClient`.
"""

import asyncio

import pytest
from in_threads import Calls, Gate, until

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import ProviderError, RateLimited, TokenRejected, TransportError
from peeringdb_oauth.steps import call, shared

PROFILE = "/profile/v1"
NAME = "what they want"


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


class Asked:
    """Makes flows for the same, each of which waits at a gate when it begins.

    ``outcomes``: what they return or raise, in the order in which they begin.
    ``gates``: in the same order. ``begun``: how many have begun.
    """

    def __init__(self, *outcomes):
        self._outcomes, self.gates, self.begun = outcomes, [Gate() for _ in outcomes], 0

    def __call__(self, name=NAME):
        return shared(name, self._flow())

    def _flow(self):
        outcome, gate = self._outcomes[self.begun], self.gates[self.begun]
        self.begun += 1
        yield from call(gate.wait)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def open(self):
        for gate in self.gates:
            gate.open()


def number_waiting(client):
    """How many wait for an answer that somebody else asked for."""
    waiting = 0
    for flight in client._flights.values():
        is_async = isinstance(flight, asyncio.Future)
        waiting += len((flight._callbacks or ()) if is_async else flight._condition._waiters)
    return waiting


def share(client, asked, others, **options):
    """Let one ask and others wait for the same. They go on when its gate opens."""
    first = Calls(lambda: client.run(asked()), **options)
    asked.gates[0].arrive()
    waiting = Calls(lambda: client.run(asked()), others, **options)
    until(lambda: number_waiting(client) == others)
    return first, waiting


def outcomes_of(client, asked, others):
    first, waiting = share(client, asked, others)
    asked.gates[0].open()
    return first.outcomes() + waiting.outcomes()


@pytest.mark.parametrize("answer", ["an answer", None])
def test_those_who_want_the_same_take_one_answer(client, answer):
    asked = Asked(answer)
    assert outcomes_of(client, asked, 7) == [answer] * 8
    assert asked.begun == 1
    assert not client._flights


def test_those_who_come_after_the_answer_ask_anew(client):
    asked = Asked("an answer", "another answer")
    asked.open()
    assert [client.run(asked()) for _ in range(2)] == ["an answer", "another answer"]


def test_those_who_want_something_else_do_not_wait(client):
    first, waiting = share(client, asked := Asked("an answer"), 2)
    other = Asked("another answer")
    other.open()
    assert client.run(other("something else")) == "another answer"
    asked.open()
    assert first.outcomes() + waiting.outcomes() == ["an answer"] * 3


def test_each_of_them_is_raised_an_error_of_their_own(client):
    asked = Asked(RateLimited("wait", retry_after=7, status=429, for_caller=True))
    errors = outcomes_of(client, asked, 7)
    assert asked.begun == 1
    assert len({id(error) for error in errors}) == 8
    for error in errors:
        assert (type(error), str(error), error.__cause__) == (RateLimited, "wait", None)
        assert vars(error) == {"retry_after": 7, "status": 429, "for_caller": True}
    assert not client._flights


def test_an_error_is_no_answer_for_those_who_come_later(client):
    asked = Asked(ProviderError("refused"), "an answer")
    outcomes_of(client, asked, 3)
    asked.open()
    assert client.run(asked()) == "an answer"


def test_a_flow_that_waited_in_vain_may_go_on(client):
    def flow():
        try:
            return (yield from asked())
        except ProviderError as error:
            return str(error)

    asked = Asked(ProviderError("refused"))
    first = Calls(lambda: client.run(asked()))
    asked.gates[0].arrive()
    waiting = Calls(lambda: client.run(flow()))
    until(lambda: number_waiting(client) == 1)
    asked.open()
    assert (type(first.outcomes()[0]), waiting.outcomes()) == (ProviderError, ["refused"])


def test_when_the_first_is_broken_off_one_of_the_others_asks(client):
    """An error that is not of this library says nothing about what they want."""
    asked = Asked(ZeroDivisionError("a slip"), "an answer")
    first, waiting = share(client, asked, 7, errors=ZeroDivisionError)
    asked.gates[0].open()
    asked.gates[1].arrive()
    until(lambda: number_waiting(client) == 6)
    asked.gates[1].open()
    assert [str(error) for error in first.outcomes()] == ["a slip"]
    assert waiting.outcomes() == ["an answer"] * 7
    assert not client._flights


def test_waiting_for_the_answer_of_another_has_a_timeout(make_client, server):
    client = make_client(server, timeout=0.2)
    asked = Asked("an answer")
    first = Calls(lambda: client.run(asked()))
    asked.gates[0].arrive()
    with pytest.raises(TransportError, match=r"has not answered for 0\.2 s") as caught:
        client.run(asked())
    assert type(caught.value) is TransportError
    asked.open()
    assert first.outcomes() == ["an answer"]
    assert not client._flights


def test_waiting_has_one_timeout_however_many_ask_one_after_the_other(make_client, server, clock):
    client = make_client(server, arguments={"monotonic": clock})
    asked = Asked(ZeroDivisionError("a slip"), "an answer")
    first, waiting = share(client, asked, 2, errors=(ZeroDivisionError, TransportError))
    clock.now += 5
    asked.gates[0].open()
    asked.gates[1].arrive()
    until(lambda: waiting.ended == 1)  # it does not wait for the second
    asked.gates[1].open()
    given_up, answer = waiting.outcomes()
    assert (type(given_up), answer) == (TransportError, "an answer")
    assert [type(error) for error in first.outcomes()] == [ZeroDivisionError]


# --- what the library shares ----------------------------------------------------------


def fetch_at_once(client, server, times=8):
    gate = Gate()
    gate.hold(server, PROFILE)
    first = Calls(lambda: client.fetch_user("t"))
    gate.arrive()
    waiting = Calls(lambda: client.fetch_user("t"), times - 1)
    until(lambda: number_waiting(client) == times - 1)
    gate.open()
    return first.outcomes() + waiting.outcomes()


def test_eight_callers_with_one_token_read_one_profile(client, server):
    assert [user.id for user in fetch_at_once(client, server)] == [1] * 8
    assert server.paths() == [PROFILE]
    client.fetch_user("t")
    assert server.paths() == [PROFILE] * 2


def test_eight_callers_who_refresh_one_token_get_the_same_new_ones(client, server):
    """PeeringDB would give new tokens to each, but only one ID token that fits."""
    gate = Gate()
    gate.hold(server, "/oauth2/token/")
    calls = Calls(lambda: client.refresh("r"), 8)
    gate.arrive(1)
    until(lambda: number_waiting(client) == 7)
    gate.open()
    assert len({token.refresh_token for token in calls.outcomes()}) == 1
    assert [request.path for request in server.received] == ["/oauth2/token/"]


def test_eight_callers_with_one_dead_token_cost_one_refusal(client, server):
    server.answer(PROFILE, b"", status=403, content_type="text/html")
    errors = fetch_at_once(client, server)
    assert {type(error) for error in errors} == {TokenRejected}
    assert len({id(error) for error in errors}) == 8
    assert server.paths() == [PROFILE]


def test_eight_callers_do_not_wait_for_eight_timeouts(make_client, server):
    client = make_client(server, timeout=0.3)
    gate = Gate()
    gate.hold(server, PROFILE)
    errors = Calls(lambda: client.fetch_user("t"), 8).outcomes()
    gate.open()
    assert {type(error) for error in errors} == {TransportError}
    assert len(server.received) <= 2  # one may have come after the first had failed
