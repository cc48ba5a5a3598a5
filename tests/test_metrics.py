"""What Prometheus is told about logins, re-checks and requests to PeeringDB."""

import pytest
from canned_server import answering
from prometheus_client import CollectorRegistry

from peeringdb_oauth import AsyncClient, Client, TransportError, User
from peeringdb_oauth.cost import Purpose
from peeringdb_oauth.metrics import disable_metrics, enable_metrics
from peeringdb_oauth.observers import observers, outcome_of, tell_answer, tell_recheck
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web import Event

USER = User(id=7, name="Zoe", verified_user=True, verified_email=True)


@pytest.fixture
def registry():
    registry = CollectorRegistry()
    enable_metrics(registry)
    yield registry
    disable_metrics(registry)


def value(registry, name, **labels):
    return registry.get_sample_value(f"peeringdb_oauth_{name}", labels)


def test_events_are_counted(registry):
    Event(kind="login", user=USER).record()
    Event(kind="logout", user=USER).record()
    Event(kind="rights_changed", user=USER, previous=USER).record()
    Event(kind="session_ended", user=USER, reason="idle").record()
    names = ("logins_total", "logouts_total", "rights_changed_total")
    assert [value(registry, name) for name in names] == [1, 1, 1]
    assert value(registry, "sessions_ended_total", reason="idle") == 1


def test_refusals_are_counted_by_rule_and_first_reason(registry):
    reasons = (Reason("no", code="needs_update"), Reason("no", code="needs_second_factor"))
    for _ in range(2):
        Event(kind="refused", code="forbidden", reasons=reasons, view="peering").record()
    Event(kind="refused", code="cancelled").record()
    assert value(registry, "refusals_total", rule="peering", reason="needs_update") == 2
    assert value(registry, "refusals_total", rule="", reason="cancelled") == 1


def test_a_label_has_a_bounded_number_of_values(registry):
    for number in range(200):
        reasons = (Reason("no", code=f"reason_{number}"),)
        Event(kind="refused", code="forbidden", reasons=reasons, view=f"view_{number}").record()
    assert value(registry, "refusals_total", rule="other", reason="other") == 100
    [family] = [one for one in registry.collect() if one.name == "peeringdb_oauth_refusals"]
    assert sum(sample.name.endswith("_total") for sample in family.samples) == 101


def test_rechecks_are_counted_with_the_age_of_the_rights(registry):
    tell_recheck("ok", 900.0)
    tell_recheck("postponed", 2000.0)
    assert value(registry, "rechecks_total", outcome="ok") == 1
    assert value(registry, "rechecks_total", outcome="postponed") == 1
    assert value(registry, "recheck_age_seconds_bucket", le="900.0") == 1
    assert value(registry, "recheck_age_seconds_sum") == 2900


def test_requests_are_counted_with_what_came_of_them(registry):
    tell_answer(Purpose.LOGIN, 200, 0.2)
    tell_answer(Purpose.RECHECK, None, 10.0)
    assert value(registry, "provider_requests_total", purpose="login", outcome="ok") == 1
    assert value(registry, "provider_requests_total", purpose="recheck", outcome="no_answer") == 1
    assert value(registry, "provider_request_seconds_count") == 2


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (302, "ok"),
        (400, "client_error"),
        (401, "refused"),
        (403, "refused"),
        (429, "rate_limited"),
        (500, "server_error"),
        (None, "no_answer"),
    ],
)
def test_each_status_has_one_of_few_words(status, outcome):
    assert outcome_of(status) == outcome


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_requests_of_both_clients_are_counted(registry, make_client, server, client_class):
    client = make_client(server, client_class=client_class)
    client.fetch_user("token")
    server.answers["/profile/v1"] = answering(status=500)
    with pytest.raises(TransportError):
        client.fetch_user("token")
    outcomes = [
        value(registry, "provider_requests_total", purpose="login", outcome=outcome)
        for outcome in ("ok", "server_error")
    ]
    assert outcomes == [1, 1]


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_a_request_without_an_answer_is_counted(registry, make_client, server, client_class):
    server.answers["/profile/v1"] = lambda handler: handler.connection.close()
    with pytest.raises(TransportError):
        make_client(server, client_class=client_class).fetch_user("token")
    labels = {"purpose": "login", "outcome": "no_answer"}
    assert value(registry, "provider_requests_total", **labels) == 1


def test_enabling_twice_changes_nothing(registry):
    assert enable_metrics(registry) is enable_metrics(registry)
    Event(kind="login", user=USER).record()
    assert value(registry, "logins_total") == 1


def test_nothing_is_counted_where_nobody_asks_for_it(registry):
    disable_metrics(registry)
    disable_metrics(registry)
    Event(kind="login", user=USER).record()
    assert (value(registry, "logins_total"), observers) == (0, [])


def test_the_default_registry_is_that_of_prometheus_client():
    from prometheus_client import REGISTRY  # noqa: PLC0415

    enable_metrics()
    Event(kind="login", user=USER).record()
    disable_metrics()
    assert value(REGISTRY, "logins_total") == 1
