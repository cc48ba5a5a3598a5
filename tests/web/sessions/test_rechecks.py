"""What a re-check asks of PeeringDB, and who pays for it."""

import logging
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from peeringdb_oauth import observers
from peeringdb_oauth.budget import UsedUp
from peeringdb_oauth.cost import Cost, Payer, Purpose
from peeringdb_oauth.errors import (
    AccessDenied,
    RateLimited,
    RightsUnknown,
    TokenRejected,
    TransportError,
)

PROFILE = "/profile/v1"


def test_a_recheck_that_is_due_takes_the_part_of_rechecks(site, clock):
    visit = site.begin(is_refreshable=False)
    clock.now += 900
    assert site.current(visit).user.name != ""
    [request] = site.driver.sent
    payers = (Payer.of_rechecks(1),)
    assert request.cost == Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True)


def test_a_recheck_that_a_view_asks_for_takes_the_part_of_the_account(site):
    visit = site.begin(is_refreshable=False)
    site.current(visit, max_age=0)
    [request] = site.driver.sent
    payers = (Payer.of_account(1),)
    assert request.cost == Cost(purpose=Purpose.RECHECK, payers=payers, is_risky=True)


def test_when_the_budget_refuses_a_recheck_the_others_come_some_seconds_later(site, clock):
    visits = [site.begin(is_refreshable=False), site.begin(is_refreshable=False)]
    clock.now += 900
    site.answers[PROFILE] = UsedUp("used up", retry_after=60)
    for visit in visits:
        assert site.current(visit).failed_at is None
    assert len(site.driver.sent) == 1
    clock.now += 5
    site.current(visits[1])
    assert len(site.driver.sent) == 2


def test_when_one_account_has_used_up_its_part_the_others_are_rechecked(site, clock):
    visits = [site.begin(is_refreshable=False), site.begin(is_refreshable=False)]
    clock.now += 900
    site.answers[PROFILE] = RateLimited("very often", retry_after=60, for_caller=True)
    for visit in visits:
        assert site.current(visit).failed_at is None
    assert len(site.driver.sent) == 2


def test_the_application_is_told_why_peeringdb_has_ended_a_login(site):
    visit = site.begin(is_refreshable=False)
    site.answers[PROFILE] = 403
    with pytest.raises(TokenRejected) as caught:
        site.current(visit, max_age=0)
    [event] = site.events
    [reason] = event.reasons
    assert (event.kind, event.reason, event.user.id) == ("session_ended", "refused_by_peeringdb", 1)
    assert (reason, reason.code) == ("PeeringDB has ended your login", "refused_by_peeringdb")
    assert reason.cause == str(caught.value)


def test_a_login_that_the_rule_no_longer_lets_in_ends(site, recording):
    visit = site.begin()
    site.answers[PROFILE] = recording("profile-orgadmin").json | {"verified_user": False}
    with pytest.raises(AccessDenied) as caught:
        site.current(visit, max_age=0)
    [event] = site.events
    assert (event.kind, event.reason) == ("session_ended", "rule")
    assert event.reasons == caught.value.reasons != ()
    site.driver.settle()
    assert site.driver.paths() == [PROFILE, "/oauth2/revoke_token/"]


def test_an_access_token_that_peeringdb_refuses_is_refreshed_and_the_log_says_so(site, caplog):
    visit = site.begin()
    site.answers[PROFILE] = [403, "profile-orgadmin"]
    caplog.set_level(logging.INFO)
    assert site.current(visit, max_age=0).user.id == 1
    assert site.driver.paths() == [PROFILE, "/oauth2/token/", PROFILE]
    assert caplog.messages[0] == (
        "PeeringDB refused an access token before its time: refreshing it"
    )


@pytest.mark.parametrize(("left", "paths"), [(900, ["/oauth2/token/", PROFILE]), (901, [PROFILE])])
def test_an_access_token_is_refreshed_a_quarter_of_an_hour_before_it_expires(
    site, clock, left, paths
):
    visit = site.begin()
    login = site.run(site.sessions.claim(site.load(visit)))
    clock.now += 36_000 - left - 10
    site.run(site.sessions.change(login, lambda stored: replace(stored, seen_at=clock.now)))
    clock.now += 10
    site.current(visit, max_age=0)
    assert site.driver.paths() == paths


def test_a_login_whose_networks_are_missing_gets_the_problem_of_the_outage(site):
    login = replace(site.load(site.begin()), is_short=True)
    site.answers[PROFILE] = TransportError("PeeringDB is down")
    with pytest.raises(RightsUnknown, match=r"^PeeringDB is down$"):
        site.run(site.rechecks.whole(login))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("profile-orgadmin", "ok"),
        (TransportError("down"), "failed"),
        (RateLimited("refused", retry_after=60, status=429), "failed"),
        (UsedUp("used up", retry_after=60), "postponed"),
        (403, "ended"),
    ],
)
def test_who_counts_rechecks_is_told_what_came_of_each(site, clock, monkeypatch, answer, outcome):
    told = []
    observer = SimpleNamespace(on_recheck=lambda *arguments: told.append(arguments))
    monkeypatch.setattr(observers, "observers", [observer])
    visit = site.begin(is_refreshable=False)
    clock.now += 950
    site.answers[PROFILE] = answer
    with suppress(TokenRejected):
        site.current(visit)
    assert told == [(outcome, 950)]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_is_served_with_what_is_known_and_rights_are_read_behind_it(site, clock, method):
    visits = [site.begin(), site.begin()]
    clock.now += 900
    logins = [site.current(visit, method=method) for visit in visits]
    assert site.driver.sent == []
    assert [step.name for step in site.driver.later] == [f"re-check {one.key}" for one in logins]
    site.driver.settle()
    assert site.driver.paths() == [PROFILE] * 2


def test_a_recheck_goes_on_when_the_browser_that_asks_for_it_hangs_up(site, clock):
    """Its refresh has spent the old tokens."""
    login = site.load(site.begin())
    login = replace(login, now=clock.now + 900)
    step = next(site.rechecks.current(SimpleNamespace(method="POST"), login))
    assert (step.name, step.to_its_end) == (f"re-check {login.key}", True)
    step.flow.close()
