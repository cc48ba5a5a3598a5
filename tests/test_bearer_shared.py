"""Processes with one store share what they found out about access tokens."""

import json

import pytest
from documents import MemoryDocuments

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.bearer import BearerVerifier
from peeringdb_oauth.bearer.cache import GRACE, MAX_AGE
from peeringdb_oauth.client import Client
from peeringdb_oauth.errors import AccessDenied, RateLimited, TokenRejected, TransportError

INTROSPECT, PROFILE = "/oauth2/introspect/", "/profile/v1"
LOOK_UP = [INTROSPECT, PROFILE]
TOKEN = "an-access-token-of-somebody"
ANYBODY = AccessRule(verified_email=False)


@pytest.fixture(params=[Client, AsyncClient], ids=["requests", "aiohttp"])
def client_class(request):
    return request.param


@pytest.fixture
def store(clock):
    return MemoryDocuments(clock)


@pytest.fixture
def process(make_client, server, clock, store):
    """``process()``: the verifier of one more process."""
    answer(server, clock)
    server.answer(PROFILE, {"id": 1, "name": "Ada", "verified_user": True})

    def make(*, rule=ANYBODY, documents=store, ahead=0.0, **changes):
        arguments = {"clock": lambda: clock() + ahead, "monotonic": clock}
        client = make_client(server, arguments=arguments, **changes)
        if documents is not None:
            client.share_budget(documents)
        return BearerVerifier(client, rule=rule)

    return make


def answer(server, clock, **changes):
    introspection = {
        "active": True,
        "scope": "profile email networks",
        "exp": int(clock()) + 36000,
        "client_id": "conf-rs256",
    }
    server.answer(INTROSPECT, introspection | changes)


def asked(server):
    paths = server.paths()
    server.received.clear()
    return paths


def record(store):
    (name,) = [name for name in store.texts if name.startswith("bearer:")]
    return json.loads(store.texts[name])


def test_a_good_token_is_looked_up_by_one_process_only(process, server):
    first, second = process(), process()
    assert first.verify(TOKEN).id == 1
    assert asked(server) == LOOK_UP
    assert second.verify(TOKEN) == first.verify(TOKEN)
    assert asked(server) == []


def test_a_result_of_another_process_is_read_from_the_store_once(process, store):
    process().verify(TOKEN)
    second = process()
    second.verify(TOKEN)
    trips = store.round_trips
    assert second.verify(TOKEN).id == 1
    assert store.round_trips == trips


def test_after_a_minute_one_process_looks_it_up_for_all(process, server, clock):
    first, second = process(), process()
    first.verify(TOKEN)
    second.verify(TOKEN)
    clock.now += MAX_AGE
    server.received.clear()
    second.verify(TOKEN)
    first.verify(TOKEN)
    assert asked(server) == LOOK_UP


def test_a_result_of_another_process_gets_no_younger(process, server, clock):
    process().verify(TOKEN)
    clock.now += MAX_AGE - 1
    second = process()
    server.received.clear()
    second.verify(TOKEN)
    assert asked(server) == []
    clock.now += 1
    second.verify(TOKEN)
    assert asked(server) == LOOK_UP


@pytest.mark.parametrize("ahead", [-300.0, 300.0])
def test_the_stores_clock_counts_and_not_those_of_the_machines(process, server, clock, ahead):
    process().verify(TOKEN)
    second = process(ahead=ahead)
    server.received.clear()
    second.verify(TOKEN)
    assert asked(server) == []
    clock.now += MAX_AGE
    second.verify(TOKEN)
    assert asked(server) == LOOK_UP


def test_a_call_that_needs_a_newer_answer_gets_one(process, server, clock):
    process().verify(TOKEN)
    clock.now += 20
    second = process()
    server.received.clear()
    second.verify(TOKEN, max_age=30)
    assert asked(server) == []
    second.verify(TOKEN, max_age=10)
    assert asked(server) == LOOK_UP


def test_nothing_counts_beyond_the_expiry(process, server, clock, store):
    answer(server, clock, exp=int(clock()) + 30)
    process().verify(TOKEN)
    clock.now += 31
    with pytest.raises(TokenRejected) as refused:
        process().verify(TOKEN)
    assert str(refused.value) == "this access token has expired"
    assert record(store)["expires_at"] < clock()


def test_a_dead_token_is_introspected_by_one_process_only(process, server):
    server.answer(INTROSPECT, {"active": False})
    first, second = process(), process()
    messages = []
    for verifier in (first, second, second):
        with pytest.raises(TokenRejected) as caught:
            verifier.verify(TOKEN)
        messages.append(str(caught.value))
    assert asked(server) == [INTROSPECT]
    assert len(set(messages)) == 1


def test_a_token_that_is_found_dead_during_a_look_up_stays_dead(process, server):
    first, second = process(), process()
    with_profile = server.answers[PROFILE]

    def revoke_meanwhile(handler):
        server.answer(INTROSPECT, {"active": False})
        with pytest.raises(TokenRejected):
            second.verify(TOKEN)
        with_profile(handler)

    server.answers[PROFILE] = revoke_meanwhile
    first.verify(TOKEN)  # what PeeringDB said before
    with pytest.raises(TokenRejected):
        process().verify(TOKEN)


def test_a_result_is_as_old_as_its_question(process, server, clock):
    with_profile = server.answers[PROFILE]

    def be_slow(handler):
        clock.now += 5
        with_profile(handler)

    server.answers[PROFILE] = be_slow
    process().verify(TOKEN)
    server.answers[PROFILE] = with_profile
    clock.now += MAX_AGE - 5
    server.received.clear()
    process().verify(TOKEN)
    assert asked(server) == LOOK_UP


def test_another_application_does_not_take_it_for_its_own(process):
    process().verify(TOKEN)
    other = process(client_id="another-application")
    with pytest.raises(TokenRejected, match="another application"):
        other.verify(TOKEN)


def test_what_the_rule_of_another_process_needs_is_checked_there(process, server):
    process().verify(TOKEN)
    server.received.clear()
    with pytest.raises(AccessDenied, match="email"):
        process(rule=AccessRule()).verify(TOKEN)
    strict = process(rule=AccessRule(verified_email=False, mfa=True))
    with pytest.raises(AccessDenied, match="amr"):
        strict.verify(TOKEN)
    with pytest.raises(AccessDenied):
        process().verify(TOKEN, asn=64500)
    assert asked(server) == []


NETWORK = {"id": 1, "asn": 64500, "name": "Example Net", "perms": 1}


@pytest.mark.parametrize(
    ("scope", "refused"),
    [("profile email networks", False), ("profile email", "not granted the scope networks")],
)
def test_another_process_knows_whether_the_token_shows_networks(
    process, server, clock, scope, refused
):
    answer(server, clock, scope=scope)
    server.answer(PROFILE, {"id": 1, "name": "A", "verified_user": True, "networks": [NETWORK]})
    for verifier in (process(), process()):
        verifier.verify(TOKEN)
        if refused:
            with pytest.raises(AccessDenied, match=refused):
                verifier.verify(TOKEN, asn=64500)
        else:
            assert verifier.verify(TOKEN, asn=64500).asns == (64500,)
    assert asked(server) == LOOK_UP


def test_a_token_that_lacks_scope_is_not_shared(process, server, clock, store):
    answer(server, clock, scope="profile")
    with pytest.raises(AccessDenied):
        process(rule=AccessRule()).verify(TOKEN)
    assert not any(name.startswith("bearer:") for name in store.texts)


def test_the_store_gets_no_token(process, store):
    process().verify(TOKEN)
    assert TOKEN not in str(store.texts)


def test_the_record_is_due_when_it_counts_no_longer(process, store, clock, server):
    dues = []
    change = store.change

    def watch(key, function, **options):
        def watched(value, now):
            made = function(value, now)
            if made is not None and key.startswith("bearer:"):
                dues.append(made.due_at - now)
            return made

        return change(key, watched, **options)

    def be_slow(handler):
        clock.now += 5
        with_profile(handler)

    store.change = watch
    verifier = process()
    with_profile, server.answers[PROFILE] = server.answers[PROFILE], be_slow
    verifier.verify(TOKEN)
    server.answers[PROFILE] = with_profile
    answer(server, clock, exp=int(clock()) + 30)
    process().verify(f"{TOKEN}-2")
    server.answer(INTROSPECT, {"active": False})
    with pytest.raises(TokenRejected):
        process().verify(f"{TOKEN}-3")
    assert dues == pytest.approx([GRACE - 5, 30, 3600], abs=1)


def test_an_unreachable_store_has_no_results_and_is_left_alone_for_a_while(
    process, server, store, clock
):
    verifier = process(requests_per_minute=None)
    store.is_down = True
    assert verifier.verify(TOKEN).id == 1
    assert asked(server) == LOOK_UP
    trips = store.round_trips
    verifier.verify(f"{TOKEN}-2")
    assert store.round_trips == trips
    store.is_down = False
    clock.now += 5
    verifier.verify(f"{TOKEN}-3")
    assert len([name for name in store.texts if name.startswith("bearer:")]) == 1


@pytest.mark.parametrize("text", ["7", "[]", "{}", '{"user": {}, "scope": []}', '{"user": 7}'])
def test_a_record_that_it_does_not_understand_is_replaced(process, server, store, text):
    process().verify(TOKEN)
    (name,) = [name for name in store.texts if name.startswith("bearer:")]
    store.texts[name] = text
    server.received.clear()
    process().verify(TOKEN)
    assert asked(server) == LOOK_UP
    assert record(store)["user"]["name"] == "Ada"


@pytest.mark.parametrize("name", ["checked_at", "expires_at"])
def test_a_record_with_a_huge_time_is_replaced(process, server, store, name):
    process().verify(TOKEN)
    (key,) = [key for key in store.texts if key.startswith("bearer:")]
    store.texts[key] = json.dumps(json.loads(store.texts[key]) | {name: 10**400})
    server.received.clear()
    process().verify(TOKEN)
    assert asked(server) == LOOK_UP


def test_an_older_result_of_another_process_does_not_replace_ones_own(process, server, clock):
    first, second = process(), process()
    first.verify(TOKEN)
    clock.now += MAX_AGE
    server.answer(PROFILE, b"", status=500)
    with pytest.raises(TransportError):
        second.verify(TOKEN, max_age=5)
    assert first.verify(TOKEN).id == 1  # it is good for five minutes


def test_a_result_of_another_process_counts_while_peeringdb_cannot_be_asked(process, server, clock):
    process().verify(TOKEN)
    clock.now += GRACE - 1
    for path in LOOK_UP:
        server.answer(path, b"", status=500)
    assert process().verify(TOKEN).id == 1
    clock.now += 1
    with pytest.raises(TransportError):
        process().verify(TOKEN)


def test_a_flood_ends_in_the_budget_of_all(process, server):
    server.answer(INTROSPECT, {"active": False})
    verifiers = [process(), process()]
    outcomes = []
    for number in range(40):
        try:
            verifiers[number % 2].verify(f"made-up-{number}")
        except RateLimited:
            outcomes.append("limited")
        except TokenRejected:
            outcomes.append("rejected")
    assert outcomes == ["rejected"] * 29 + ["limited"] * 11


def test_without_a_shared_budget_each_process_asks(process, server):
    for _ in range(2):
        process(documents=None).verify(TOKEN)
    assert asked(server) == LOOK_UP * 2
