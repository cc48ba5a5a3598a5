"""Rights are read again while somebody uses the site."""

from contextlib import suppress
from dataclasses import replace

import pytest
from canned_server import answering

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import AccessDenied, RateLimited, RightsUnknown, TokenRejected
from peeringdb_oauth.web import Refused

READ = AccessRule()
TOO_OLD = "^PeeringDB gives no answer, and what it last said about you is too old to count$"


def due(clock):
    """Go on until the next re-check is due, whatever the session's spread is."""
    clock.now += 900


def test_rights_are_not_read_again_before_it_is_time(kept, clock, profile, profile_requests):
    browser = kept()
    browser.log_in()
    profile(networks=[])
    clock.now += 800  # it comes at most a tenth early
    assert browser.user().asns == (64500, 64501, 65550)
    assert profile_requests() == 1


def test_the_first_page_is_served_with_what_is_known_and_the_next_sees_the_news(
    kept, clock, profile
):
    browser = kept()
    browser.log_in()
    profile(networks=[], amr=[])
    due(clock)
    assert browser.user().asns == (64500, 64501, 65550)
    user = browser.user()
    assert user.networks == ()
    assert user.amr == ("pwd", "otp", "mfa")  # what the login has proved
    assert browser.kinds() == ["login", "rights_changed"]
    assert browser.events[-1].previous.asns == (64500, 64501, 65550)
    assert browser.events[-1].user.networks == ()


def test_a_form_waits_for_the_rights_of_now(kept, clock, profile):
    browser = kept()
    browser.log_in()
    profile(networks=[])
    due(clock)
    with pytest.raises(Refused) as caught:
        browser.require(
            "/networks/64500", READ, asn=64500, method="POST", Sec_Fetch_Site="same-origin"
        )
    assert caught.value.answer.status == 403


def test_a_page_waits_when_the_rights_are_twice_that_old(kept, clock, profile):
    browser = kept()
    browser.log_in()
    profile(networks=[])
    clock.now += 1800
    assert browser.user().networks == ()


def test_several_pages_ask_once(kept, clock, profile_requests):
    browser = kept()
    browser.log_in()
    due(clock)
    for _ in range(10):
        browser.user()
    assert profile_requests() == 2


def test_without_a_recheck_rights_stay_as_they_were_at_login(
    kept, clock, profile, profile_requests
):
    browser = kept(policy={"recheck_every": None})
    browser.log_in()
    profile(networks=[])
    clock.now += 7000
    assert browser.user().asns == (64500, 64501, 65550)
    assert profile_requests() == 1


def test_two_sessions_are_not_rechecked_at_the_same_moment(make_browser, records, clock, server):
    browsers = [make_browser(records=records) for _ in range(20)]
    for browser in browsers:
        browser.log_in()
    asked = []
    for _ in range(10):
        clock.now += 9
        before = len(server.received)
        for browser in browsers:
            browser.user()
        asked.append(len(server.received) - before)
    clock.now += 900 - 90 - 90
    for _ in range(11):
        before = len(server.received)
        for browser in browsers:
            browser.user()
        asked.append(len(server.received) - before)
        clock.now += 9
    assert max(asked) < 20
    assert sum(asked) == 20


# --- outage ---------------------------------------------------------------------------


@pytest.fixture
def outage(server):
    """``outage()``: PeeringDB is out of order. ``outage.end()``: it works again."""

    def begin(status=500):
        server.answer("/profile/v1", status=status, body="broken", content_type="text/html")

    begin.end = lambda: server.replay("/profile/v1", "profile-orgadmin")
    return begin


def test_rights_stand_for_a_while_when_peeringdb_is_out_of_order(kept, clock, outage):
    browser = kept(policy={"idle_timeout": None})
    browser.log_in()
    outage()
    clock.now += 1800
    assert browser.user() is not None  # it was asked now, and gave no answer
    clock.now += 2699
    assert browser.user() is not None
    clock.now += 1
    with pytest.raises(RightsUnknown, match=TOO_OLD):
        browser.user()


def test_a_page_then_gets_503_with_retry_after(kept, clock, outage):
    browser = kept(policy={"idle_timeout": None, "stale_for": 0})
    browser.log_in()
    outage()
    clock.now += 1800
    with pytest.raises(Refused) as caught:
        browser.require("/", READ)
    answer = caught.value.answer
    assert (answer.status, answer.headers["Retry-After"]) == (503, "10")
    assert answer.page.title == "PeeringDB is not available"


def test_people_are_back_within_twenty_seconds_after_peeringdb_is(kept, clock, outage):
    browser = kept(policy={"idle_timeout": None, "stale_for": 0})
    browser.log_in()
    outage()
    clock.now += 1800
    with pytest.raises(RightsUnknown):
        browser.user()
    outage.end()
    clock.now += 10
    browser.user()
    clock.now += 10
    assert browser.user() is not None
    assert browser.kinds() == ["login"]


@pytest.mark.parametrize("status", [500, 502, 503, 429, 403])
def test_only_a_recheck_that_was_tried_counts_against_the_rights(kept, clock, outage, status):
    browser = kept(policy={"idle_timeout": None, "stale_for": 0})
    browser.log_in()
    outage(status=status)
    clock.now += 1800
    with pytest.raises(RightsUnknown):
        browser.user()


def test_a_recheck_that_the_budget_has_postponed_is_no_outage(kept, clock):
    browser = kept(policy={"recheck_every": 20, "stale_for": 0}, requests_per_minute=10)
    browser.log_in()
    clock.now += 61
    for _ in range(3):
        browser.user(max_age=0)
    with pytest.raises(RateLimited):
        browser.user(max_age=0)
    clock.now += 45  # the minute's requests for re-checks are still used up
    assert browser.user() is not None
    assert not browser.info().stale


def test_somebody_who_asks_all_the_time_delays_no_rechecks(kept, clock, profile):
    attacker = kept(requests_per_minute=10)
    attacker.log_in()
    clock.now += 7000  # without a visit, so these rights are old
    browser = replace(attacker, cookies={}, session={})
    browser.log_in()
    clock.now += 61
    for _ in range(3):
        browser.user(max_age=0)
    for _ in range(300):  # the budget refuses them
        with pytest.raises(RateLimited):
            attacker.user(max_age=0)
        clock.now += 0.01
    profile(networks=[])
    clock.now += 1800
    assert browser.user().networks == ()


def test_who_has_used_up_their_part_of_the_budget_writes_nothing(
    stored, records, clock, profile_requests
):
    stored.log_in()
    clock.now += 61
    for _ in range(10):
        stored.user(max_age=0)
    writes, asked = records.writes, profile_requests()
    with pytest.raises(RateLimited):
        stored.user(max_age=0)
    clock.now += 20
    for _ in range(5):
        with pytest.raises(RateLimited, match="very often within a minute") as caught:
            stored.user(max_age=0)
        assert (caught.value.retry_after, caught.value.for_caller) == (pytest.approx(40), True)
    assert (records.writes, profile_requests()) == (writes, asked)
    clock.now += 40
    assert stored.user(max_age=0) is not None
    assert profile_requests() == asked + 1


def test_how_fresh_a_session_is_can_be_asked_for(kept, clock, outage):
    browser = kept(policy={"idle_timeout": None})
    browser.log_in()
    logged_in_at = clock.now
    info = browser.info()
    assert (info.checked_at, info.stale) == (logged_in_at, False)
    outage()
    clock.now += 1800
    info = browser.info()
    assert (info.checked_at, info.stale) == (logged_in_at, True)
    outage.end()
    clock.now += 20
    browser.info()
    info = browser.info()
    assert (info.checked_at, info.stale) == (clock.now, False)


def test_a_view_that_asks_for_fresh_rights_gets_the_problem(kept, outage):
    browser = kept()
    browser.log_in()
    outage()
    with pytest.raises(RightsUnknown, match=r"out of order \(it answered 500\)"):
        browser.user(max_age=0)
    assert browser.user() is not None


# --- refusals -------------------------------------------------------------------------


def refuse(server):
    server.answer("/profile/v1", status=403, content_type="text/html")


def test_a_session_without_a_store_ends_when_peeringdb_refuses_its_token(
    make_browser, clock, server
):
    browser = make_browser()
    browser.log_in()
    refuse(server)
    due(clock)
    assert browser.user() is not None  # served with what is known
    assert browser.user() is None
    assert browser.session == {}
    assert (browser.events[-1].kind, browser.events[-1].reason) == (
        "session_ended",
        "refused_by_peeringdb",
    )


def test_a_session_ends_when_the_rule_no_longer_lets_the_person_in(kept, clock, profile, server):
    browser = kept()
    browser.log_in()
    profile(verified_user=False)
    clock.now += 1800
    with pytest.raises(AccessDenied, match="not verified"):
        browser.user()
    assert browser.user() is None
    event = browser.events[-1]
    assert (event.kind, event.reason, event.reasons[0].code) == (
        "session_ended",
        "rule",
        event.reasons[0].code,
    )
    assert "not verified" in event.reasons[0]
    assert server.received[-1].path == "/oauth2/revoke_token/"


def test_a_session_with_a_store_ends_when_its_refresh_is_refused_too(stored, clock, server, tokens):
    stored.log_in()
    refuse(server)
    tokens.failure = answering({"error": "invalid_grant"}, status=400)
    clock.now += 1800
    with pytest.raises(TokenRejected):
        stored.user()
    assert stored.user() is None
    assert stored.events[-1].reason == "refused_by_peeringdb"


def test_a_person_who_asks_very_often_in_one_session_is_rechecked_in_another(
    make_browser, clock, profile, records
):
    """Otherwise lost rights would stay in the other one."""
    here, there = (make_browser(records=records) for _ in range(2))
    there.client = here.client  # one process
    there.flow = here.flow
    here.log_in()
    there.log_in()
    clock.now += 1800
    profile(networks=[])
    for _ in range(15):
        with suppress(RateLimited):
            here.user(max_age=0)
    with pytest.raises(RateLimited):
        here.user(max_age=0)
    assert there.user().networks == ()
