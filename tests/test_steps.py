"""The steps of a flow: what each yields and gives back, and the documented example."""

import functools
from collections.abc import Callable

import pytest
from docstring_example import example_of

from peeringdb_oauth import errors, messages, metadata, profile, steps, tokens
from peeringdb_oauth.cost import Cost, Payer
from peeringdb_oauth.errors import PeeringDBOAuthError, TokenRejected
from peeringdb_oauth.messages import HTTPRequest, HTTPResponse
from peeringdb_oauth.metadata import PEERINGDB
from peeringdb_oauth.steps import ApplicationCall, Charge, Shared, call, charge, send, shared
from peeringdb_oauth.tokens import checked_token

REQUEST = HTTPRequest(url="https://auth.peeringdb.com/profile/v1")
RESPONSE = HTTPResponse(status=200, headers={}, body=b"")


def nothing():
    """A flow that asks nothing."""
    return None
    yield


FLOW = nothing()
STEPS = {
    "send": (send(REQUEST), REQUEST),
    "shared": (shared("keys", FLOW), Shared(name="keys", flow=FLOW)),
    "call": (call(list), ApplicationCall(function=list)),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_yielded_and_its_result_given_back(name):
    flow, step = STEPS[name]
    assert next(flow) == step
    with pytest.raises(StopIteration) as done:
        flow.send(RESPONSE)
    assert done.value.value is RESPONSE


def test_a_charge_is_yielded_and_gives_nothing_back():
    cost, payer = Cost(requests=2), Payer.of_account(1)
    flow = charge(cost, payer)
    assert next(flow) == Charge(cost=cost, payer=payer)
    with pytest.raises(StopIteration) as done:
        next(flow)
    assert done.value.value is None


def test_a_failed_step_raises_in_the_flow():
    flow = send(REQUEST)
    next(flow)
    with pytest.raises(PeeringDBOAuthError, match="no answer"):
        flow.throw(PeeringDBOAuthError("no answer"))


# --- the example of the module's docstring --------------------------------------------


def example():
    """The names that the code of the docstring defines."""
    names = {"partial": functools.partial, "Callable": Callable}
    for module in (errors, messages, metadata, profile, tokens, steps):
        names |= vars(module)
    exec(example_of(steps), names)  # noqa: S102 - our own documentation
    return names


@pytest.mark.parametrize(
    ("name", "outcome"), [("profile-orgadmin", 1), ("profile-error-bad-token", TokenRejected)]
)
def test_the_documented_driver_runs_the_documented_flow(recording, name, outcome):
    recorded, sent = recording(name), []

    def transmit(request):
        sent.append(request)
        return HTTPResponse(status=recorded.status, headers=recorded.headers, body=recorded.body)

    names = example()
    try:
        result = names["run"](names["fetch_user"](PEERINGDB, checked_token("a-token")), transmit).id
    except TokenRejected as error:
        result = type(error)
    assert result == outcome
    assert [(request.url, request.bearer) for request in sent] == [
        (PEERINGDB.profile_endpoint, "a-token")
    ]


def test_the_documented_driver_throws_the_flow_its_error():
    def transmit(_):
        raise PeeringDBOAuthError("no answer")

    def flow():
        try:
            yield from send(REQUEST)
        except PeeringDBOAuthError as error:
            return str(error)

    assert example()["run"](flow(), transmit) == "no answer"
