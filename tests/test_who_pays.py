"""Who pays for a login, and that those who have used their part hold nobody else up.

Each test runs for `Client` and for `AsyncClient`, unless it says otherwise.
"""

import asyncio
import itertools

import pytest
import requests
from canned_server import answering
from client_config import config_of
from in_threads import Calls, Gate, run_all, within

from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.client import Client
from peeringdb_oauth.cost import Cost, Payer, payers_of
from peeringdb_oauth.errors import PeeringDBOAuthError, ProviderError, RateLimited, TransportError
from peeringdb_oauth.messages import HTTPRequest
from peeringdb_oauth.steps import call, charge, send

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
HERE, THERE = "198.51.100.1", "198.51.100.2"
# requests: one address and one account may take 4, which are two logins
PER_MINUTE = 40


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


@pytest.fixture
def client(make_client, server, clock):
    return make_client(server, requests_per_minute=PER_MINUTE, arguments={"monotonic": clock})


def log_in(client, address=HERE, code="a-code"):
    """The id of the person, or the error."""
    request = client.authorization_request()
    callback = {"code": code, "state": request.state}
    try:
        return client.log_in(request, callback, address=address).user.id
    except PeeringDBOAuthError as error:
        return error


def answer_with_another_person_each_time(server):
    """The profiles of people with the ids 1, 2, 3 and so on."""
    ids = itertools.count(1)

    def answer(handler):
        profile = {"id": next(ids), "name": "Ada", "verified_user": True}
        answering(profile)(handler)

    server.answers[PROFILE] = answer


def is_used_up(outcome):
    """Whether this is the error for the part of the caller that is used up."""
    return isinstance(outcome, RateLimited) and outcome.for_caller and outcome.status is None


def test_a_login_is_paid_by_its_account_not_by_its_address(client, server):
    """Many people of one office log in from one address."""
    answer_with_another_person_each_time(server)
    assert [log_in(client) for _ in range(10)] == list(range(1, 11))


def test_forty_people_of_one_office_log_in_at_once(make_client, server):
    answer_with_another_person_each_time(server)
    client = make_client(server)
    assert sorted(run_all(lambda: log_in(client), 40)) == list(range(1, 41))


def test_an_account_that_has_used_its_part_logs_in_at_the_cost_of_its_address(client):
    assert [log_in(client) for _ in range(4)] == [1] * 4
    assert is_used_up(log_in(client))
    assert log_in(client, THERE) == 1


def test_failed_logins_are_paid_by_their_address(client, server, clock):
    server.replay(TOKEN, "token-error-reused-code")
    for _ in range(3):
        assert type(log_in(client)) is ProviderError
        clock.now += 1
    refused = log_in(client)
    assert is_used_up(refused)
    assert refused.retry_after == pytest.approx(57)  # then two of the four are free
    assert len(server.received) == 3
    assert type(log_in(client, THERE)) is ProviderError
    server.replay(TOKEN, "token-success-no-openid")
    clock.now += refused.retry_after
    assert log_in(client) == 1


def test_addresses_of_one_household_pay_together(client, server):
    server.replay(TOKEN, "token-error-reused-code")
    for number in range(3):
        log_in(client, f"2001:db8::{number}")
    assert is_used_up(log_in(client, "2001:db8::ffff"))
    assert type(log_in(client, "2001:db8:0:1::1")) is ProviderError


def test_visitors_behind_a_proxy_leave_half_of_the_requests_to_others(client, server):
    server.replay(TOKEN, "token-error-reused-code")
    for _ in range(19):
        assert type(log_in(client, "127.0.0.1")) is ProviderError
    refused = log_in(client, "127.0.0.1")
    assert (type(refused), refused.for_caller) == (RateLimited, False)
    server.replay(TOKEN, "token-success-no-openid")
    assert log_in(client, HERE) == 1


def test_without_an_address_a_login_is_limited_by_the_budget_alone(client, server):
    server.replay(TOKEN, "token-error-reused-code")
    outcomes = [log_in(client, None) for _ in range(PER_MINUTE)]
    assert [type(error) for error in outcomes[:-1]] == [ProviderError] * 39
    assert isinstance(outcomes[-1], RateLimited)
    assert not outcomes[-1].for_caller


# --- what nobody pays for -------------------------------------------------------------


def cut(handler):
    handler.close_connection = True


@pytest.mark.parametrize("status", [502, 503, None])
def test_nobody_pays_for_failures_of_peeringdb(client, server, status):
    server.answer(TOKEN, b"", status=status or 200)
    if status is None:
        server.answers[TOKEN] = cut
    assert {type(log_in(client)) for _ in range(10)} == {TransportError}
    server.replay(TOKEN, "token-success-no-openid")
    assert log_in(client) == 1


def test_nobody_pays_for_a_timeout(make_client, server, clock):
    client = make_client(
        server, requests_per_minute=PER_MINUTE, timeout=0.05, arguments={"monotonic": clock}
    )
    gate = Gate()
    gate.hold(server, TOKEN)
    for _ in range(5):
        assert "did not answer within" in str(log_in(client))
    gate.open()
    assert log_in(client) == 1


def test_nobody_pays_for_a_429(client, server, clock):
    server.answer(TOKEN, b"", status=429, Retry_After="0")
    for _ in range(5):
        refused = log_in(client)
        assert (refused.status, refused.for_caller) == (429, False)
        clock.now += refused.retry_after
    server.replay(TOKEN, "token-success-no-openid")
    assert (log_in(client), len(server.received)) == (1, 7)


# --- those who wait -------------------------------------------------------------------


@pytest.mark.parametrize("path", [TOKEN, PROFILE])
def test_a_third_login_of_an_address_waits_for_the_first_two_and_holds_nobody_up(
    client, server, path
):
    """Each of the two may turn out to be paid by its account."""
    gate = Gate()
    held = []  # the first two
    answer_with_another_person_each_time(server)
    gate.hold(server, path, lambda _: len(held) < 2 and not held.append(None))
    first = Calls(lambda: log_in(client), 2)
    gate.arrive(2)
    waiting = Calls(lambda: log_in(client), 2)
    assert log_in(client, THERE) == 1
    assert log_in(client, None) == 2
    assert waiting.ended == 0
    gate.open()
    assert sorted(first.outcomes() + waiting.outcomes()) == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("payer", "answered"),
    [(Payer.of_account(2), True), (None, False)],
    ids=["its account", "nobody else"],
)
def test_a_charge_lets_the_next_one_go_or_tells_it_at_once(client, server, payer, answered):
    gate = Gate()

    def flow():
        cost = Cost(payers=payers_of(HERE), requests=4)
        yield from send(HTTPRequest(url=f"{server.url}{PROFILE}", cost=cost))
        yield from call(gate.wait)
        yield from charge(cost, payer)

    first = Calls(lambda: client.run(flow()))
    gate.arrive()
    waiting = Calls(lambda: log_in(client))
    assert gate.nobody_arrives()
    assert waiting.ended == 0
    with within(2):
        gate.open()
        assert first.outcomes() == [None]
        (outcome,) = waiting.outcomes()
    assert (outcome == 1, is_used_up(outcome)) == (answered, not answered)


def test_those_who_wait_for_logins_that_fail_are_told_at_once(client, server, recording):
    """A person can take scopes out of the address of PeeringDB's page."""
    granted = recording("token-success-no-openid").json | {"scope": "profile"}
    server.answer(TOKEN, granted)
    gate = Gate()
    gate.hold(server, TOKEN)
    first = Calls(lambda: log_in(client), 2)
    gate.arrive(2)
    waiting = Calls(lambda: log_in(client), 3)
    assert gate.nobody_arrives()
    with within(2):
        gate.open()
        assert {error.check for error in first.outcomes()} == {"scope"}
        assert all(is_used_up(error) for error in waiting.outcomes())
    assert PROFILE not in server.paths()


def test_waiting_for_the_logins_of_ones_own_address_has_a_timeout(make_client, server, clock):
    client = make_client(
        server, requests_per_minute=PER_MINUTE, timeout=0.3, arguments={"monotonic": clock}
    )
    for _ in range(2):  # of nobody, so they never end
        request = HTTPRequest(url=server.url, cost=Cost(payers=payers_of(HERE), requests=2))
        assert client._ledger.budget.admit(request, clock.now)
    assert "waiting for their answers" in str(log_in(client))
    assert server.connections == 0
    assert log_in(client, THERE) == 1


# --- what was broken off --------------------------------------------------------------


class BrokenSession(requests.Session):
    """A session of somebody's own that breaks a request off, as an interrupt would."""

    def send(self, request, **more):
        super().send(request, **more)
        raise ZeroDivisionError


def test_a_login_that_was_broken_off_is_paid_for(server, clock):
    """Otherwise anybody could ask for nothing, and hang up."""
    with BrokenSession() as session:
        client = Client(
            config_of(server, requests_per_minute=PER_MINUTE), session=session, monotonic=clock
        )
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                log_in(client)
        assert is_used_up(log_in(client))
        with pytest.raises(ZeroDivisionError):
            log_in(client, THERE)


def test_a_login_that_was_cancelled_is_paid_for(server, clock):
    gate = Gate()
    gate.hold(server, TOKEN)

    async def main():
        config = config_of(server, requests_per_minute=PER_MINUTE)
        async with AsyncClient(config, monotonic=clock) as client:

            def start(address=HERE):
                request = client.authorization_request()
                callback = {"code": "a-code", "state": request.state}
                return asyncio.create_task(client.log_in(request, callback, address=address))

            for _ in range(3):
                task = start()
                await asyncio.to_thread(gate.arrive)
                task.cancel()
                await asyncio.wait([task])
            with pytest.raises(RateLimited) as caught:
                await start()
            gate.open()
            assert (await start(THERE)).user.id == 1
        return caught.value

    assert is_used_up(asyncio.run(main()))


def test_queues_of_payers_are_forgotten(server):
    async def main():
        async with AsyncClient(config_of(server, requests_per_minute=None)) as client:
            for number in range(20):
                request = client.authorization_request()
                callback = {"code": "a-code", "state": request.state}
                await client.log_in(request, callback, address=f"198.51.100.{number}")
            return len(client._queues)

    assert asyncio.run(main()) == 0
