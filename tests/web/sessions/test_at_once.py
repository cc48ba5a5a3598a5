"""Who is logged in, where nobody waits for PeeringDB."""

from dataclasses import replace

from peeringdb_oauth.access import AccessRule


def at_once(browser, **changes):
    visit = replace(browser.visit("/"), **changes)
    return browser.client.run(browser.flow.visitors.at_once(visit))


def test_nobody_is_logged_in(kept):
    assert at_once(kept()) is None


def test_a_person_is_named_before_peeringdb_has_answered(kept, clock, profile):
    browser = kept()
    browser.log_in()
    profile(networks=[])
    clock.now += 900
    assert at_once(browser).user.asns == (64500, 64501, 65550)
    assert at_once(browser).user.asns == ()


def test_rights_that_are_not_due_are_not_read_again(kept, clock, profile_requests):
    browser = kept()
    browser.log_in()
    clock.now += 800
    at_once(browser)
    assert profile_requests() == 1


def test_the_rights_of_several_sessions_are_read_behind_the_answers(kept, clock, profile_requests):
    browser = kept()
    browser.log_in()
    other = replace(browser, cookies={}, session={})
    other.log_in()
    clock.now += 900
    for one in (browser, other, browser):
        browser.client.drive(browser.flow.visitors.at_once(one.visit("/")))
    browser.client.settle()
    assert profile_requests() == 4  # two at the logins


def test_rights_of_long_ago_name_nobody_before_they_are_read_again(kept, clock):
    browser = kept()
    browser.log_in()
    clock.now += 1800
    assert at_once(browser) is None
    assert at_once(browser).user.id == 1


def test_an_outage_names_people_for_as_long_as_their_rights_count(kept, clock, server):
    browser = kept()
    browser.log_in()
    server.answer("/profile/v1", status=503, body="broken", content_type="text/html")
    clock.now += 1000
    assert at_once(browser).user.id == 1
    clock.now += 1000
    assert at_once(browser).user.id == 1
    clock.now += 2500
    assert at_once(browser) is None


def test_a_login_that_has_ended_names_nobody(kept):
    browser = kept()
    browser.log_in()
    browser.log_out(csrf_token="", Sec_Fetch_Site="same-origin")
    assert at_once(browser) is None


def test_a_rule_that_is_stricter_than_at_login_names_nobody(kept):
    browser = kept()
    browser.log_in()
    session = browser.session
    strict = kept(rule=AccessRule(asn=64999))
    strict.session, strict.cookies = session, browser.cookies
    assert at_once(strict) is None


def test_nothing_is_read_again_where_the_policy_says_so(kept, clock):
    browser = kept(policy={"recheck_every": None})
    browser.log_in()
    clock.now += 5000
    assert at_once(browser).user.id == 1


def test_what_is_known_of_a_login_is_another_thing_after_a_second(stored, clock):
    stored.log_in()
    visitors = stored.flow.visitors
    login = at_once(stored)
    entry = visitors.remembered(login)
    clock.now += 0.5
    assert visitors.remembered(login) is entry is not None
    clock.now += 0.5
    assert visitors.remembered(login) is None


def test_nothing_is_remembered_of_a_session_in_a_cookie(browser):
    browser.log_in()
    assert browser.flow.visitors.remembered(at_once(browser)) is None


def test_a_visit_is_read_anew_if_it_is_asked(stored):
    stored.flow.visitors.read_anew(stored.visit("/"))  # nobody is logged in
    stored.log_in()
    visitors = stored.flow.visitors
    login = at_once(stored)
    visitors.read_anew(stored.visit("/"))
    assert visitors.remembered(login) is None
    assert at_once(stored).user.id == 1


def test_a_session_in_a_cookie_is_always_read(browser):
    browser.log_in()
    browser.flow.visitors.read_anew(browser.visit("/"))
    assert at_once(browser).user.id == 1
