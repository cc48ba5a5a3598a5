"""A login that connects a person at PeeringDB to an account of the application."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason
from peeringdb_oauth.web.failures import CONNECTED_ELSEWHERE

from .conftest import PORTAL

OWN = {"Sec_Fetch_Site": "same-origin"}


def connect(browser, account="17", query="", **visit):
    visit = {"method": "POST", **OWN} | visit
    return browser.take(browser.flow.connect(browser.visit(f"/connect{query}", **visit), account))


def disconnect(browser, end=lambda: None, query="", *, user=None, **visit):
    visit = browser.visit(f"/disconnect{query}", **{"method": "POST", **OWN} | visit)
    return browser.take(browser.client.run(browser.flow.disconnect(visit, end, user=user)))


def asked_of(answer):
    assert (answer.status, answer.headers) == (303, {"Cache-Control": "no-store"})
    return {name: value for name, [value] in parse_qs(urlsplit(answer.location).query).items()}


def come_back(browser, asked, *, account="17", connect=None, admit=None, query="code=abc"):
    visit = browser.visit(f"/login/peeringdb/callback?{query}&state={asked['state']}")
    flow = browser.flow.callback(visit, admit, account=account, connect=connect)
    return browser.take(browser.client.run(flow))


def never(*user):
    raise AssertionError(f"asked about {user}")


def test_peeringdb_asks_for_the_password_and_the_account_is_connected(browser):
    seen = []
    asked = asked_of(connect(browser, query="?next=/settings"))
    assert asked["prompt"] == "login"
    answer = come_back(browser, asked, connect=seen.append, admit=never)
    assert answer.location == "/settings"
    assert [user.name for user in seen] == ["Ada Admin"]
    assert [(event.kind, event.user.id) for event in browser.events] == [
        ("connected", 1),
        ("login", 1),
    ]
    assert browser.user().name == "Ada Admin"


def test_without_a_page_to_return_to_it_leads_to_the_page_of_the_connection(browser):
    asked = asked_of(connect(browser, query="?next=//evil.example"))
    assert come_back(browser, asked, connect=lambda _: None).location == "/"
    asked = asked_of(connect(browser))
    assert come_back(browser, asked, connect=lambda _: None).location == "/connect/peeringdb"


@pytest.mark.parametrize("forged", [{}, {"Origin": "https://evil.example"}])
def test_a_form_of_another_site_connects_and_disconnects_nothing(browser, forged):
    answers = [
        connect(browser, Sec_Fetch_Site="cross-site", **forged),
        disconnect(browser, never, Sec_Fetch_Site="cross-site", **forged),
    ]
    for answer in answers:
        assert (answer.status, answer.page.code, answer.cookies) == (403, "form_refused", ())


def test_a_form_of_this_site_may_say_so_by_its_origin(browser):
    """Somebody who is not logged in with PeeringDB has no token."""
    own = {"Sec_Fetch_Site": "", "Origin": PORTAL}
    assert (connect(browser, **own).status, disconnect(browser, **own).status) == (303, 303)


def test_a_planted_session_connects_and_disconnects_nothing(browser):
    planted = replace(
        browser.visit("/connect", method="POST", **OWN),
        cookie_header="\xa0__Host-session=theirs",
        cookies={"__Host-session": "theirs"},
    )
    assert browser.flow.connect(planted, "17").page.code == "form_refused"
    answer = browser.client.run(browser.flow.disconnect(planted, never, user=None))
    assert answer.page.code == "form_refused"


@pytest.mark.parametrize("account", ["18", None])
def test_only_the_account_that_started_is_connected(browser, server, account):
    """Somebody else may have logged in meanwhile, or the person may have logged out."""
    asked = asked_of(connect(browser))
    for _ in range(2):  # also after a reload
        answer = come_back(browser, asked, account=account, connect=never, admit=never)
        assert (answer.status, answer.page.code) == (409, "connect_ended")
        assert answer.page.offers_logout == (account is not None)
    assert server.received == []
    assert browser.kinds() == ["refused", "refused"]
    assert browser.user() is None


def test_an_application_that_connects_nothing_logs_nobody_in(browser):
    answer = come_back(browser, asked_of(connect(browser)), admit=never)
    assert answer.page.code == "connect_ended"


def test_a_mere_login_never_connects(browser):
    seen = []
    come_back(browser, browser.start(), connect=never, admit=seen.append)
    assert len(seen) == 1


def test_a_callback_of_another_browser_connects_nothing(make_browser):
    """An attacker sends the victim a callback with their own account at PeeringDB."""
    asked = asked_of(connect(make_browser()))
    victim = make_browser()
    answer = come_back(victim, asked, connect=never, admit=never)
    assert (answer.status, answer.page.code) == (400, "unknown_login")


def test_a_refusal_has_a_page_of_its_own_and_keeps_the_session(browser):
    def refuse(_):
        raise AccessDenied(Reason("taken", code="connected_elsewhere"))

    browser.session["cart"] = "full"
    answer = come_back(browser, asked_of(connect(browser)), connect=refuse)
    page = answer.page
    assert (answer.status, page.code, page.title) == (
        409,
        "connected_elsewhere",
        CONNECTED_ELSEWHERE.title,
    )
    assert (page.offers_login, page.offers_logout, page.account) == (False, True, "")
    assert browser.session == {"cart": "full"}
    assert browser.events[0].code == "connected_elsewhere"


def test_a_refusal_for_two_reasons_has_the_general_page(browser):
    def refuse(_):
        raise AccessDenied(Reason("taken", code="connected_elsewhere"), "closed")

    assert come_back(browser, asked_of(connect(browser)), connect=refuse).page.code == "forbidden"


def test_what_the_application_keeps_in_the_session_stays(browser):
    """The local login is there."""
    browser.session["_user_id"] = "17"
    come_back(browser, asked_of(connect(browser)), connect=lambda _: None)
    assert browser.session["_user_id"] == "17"


def test_the_account_stays_logged_in_where_another_person_was_logged_in(browser, profile):
    """A login of another person clears the session, but for the account's own login."""
    browser.log_in()
    browser.session["_user_id"] = "17"
    profile(id=999)
    come_back(browser, asked_of(connect(browser)), connect=lambda _: None)
    assert browser.session["_user_id"] == "17"
    assert browser.user().id == 999


def test_if_peeringdb_is_away_the_page_offers_no_login(browser, server):
    server.answer("/oauth2/token/", {}, status=503)
    answer = come_back(browser, asked_of(connect(browser)), connect=never)
    assert (answer.page.code, answer.page.offers_login) == ("peeringdb_unavailable", False)


def test_a_person_who_cancels_is_still_logged_in(browser):
    answer = come_back(
        browser, asked_of(connect(browser)), connect=never, query="error=access_denied"
    )
    assert (answer.page.code, answer.page.home_url, answer.page.offers_login) == (
        "cancelled",
        "/",
        False,
    )


def test_a_site_that_opens_our_login_often_does_not_change_what_a_connection_is(browser, clock):
    seen, asked = [], asked_of(connect(browser))
    for _ in range(20):
        clock.now += 1
        browser.start()
    come_back(browser, asked, connect=seen.append, admit=never)
    assert len(seen) == 1


def test_a_second_click_takes_the_place_of_the_first(browser):
    first, second = asked_of(connect(browser)), asked_of(connect(browser))
    assert come_back(browser, first, connect=never).page.code == "unknown_login"
    assert come_back(browser, second, connect=lambda _: None).status == 302


def test_a_connection_at_another_name_of_the_site_is_logged(browser, caplog):
    asked_of(connect(browser, origin="https://other.test"))
    assert "https://other.test" in caplog.text


def test_the_page_says_what_the_account_is_connected_to(browser):
    user = User(id=7, name="Ada Admin")
    page = browser.flow.connection(browser.visit("/connect"), account="ada", user=user).page
    said = "Your account ada is connected to Ada Admin at PeeringDB (number 7)."
    assert (page.advice, page.form_url, page.is_connected) == (said, "/disconnect/peeringdb", True)


def test_a_disconnection_ends_the_login_and_leaves_the_account_logged_in(browser, server):
    browser.log_in()
    browser.session["_user_id"] = "17"
    ended, user = [], browser.user()
    answer = disconnect(browser, lambda: ended.append(browser.user().id), user=user)
    assert (answer.status, answer.location) == (303, "/connect/peeringdb")
    assert ended == [1]
    assert browser.session == {"_user_id": "17"}
    assert browser.kinds() == ["login", "session_ended", "logout", "disconnected"]
    assert browser.events[-1].user == user
    assert server.received[-1].path == "/oauth2/revoke_token/"
    assert browser.cookies == {}


def test_a_disconnection_may_lead_to_another_page(browser):
    assert disconnect(browser, query="?next=/settings").location == "/settings"


def test_the_application_may_refuse_a_disconnection(browser):
    def refuse():
        raise AccessDenied(Reason("no password", code="no_other_login"))

    browser.session["_user_id"] = "17"
    answer = disconnect(browser, refuse)
    assert (answer.status, answer.page.code) == (409, "no_other_login")
    assert (answer.page.offers_login, answer.page.offers_logout) == (False, True)
    assert browser.session == {"_user_id": "17"}
    assert browser.kinds() == ["refused"]


def test_an_account_that_is_not_logged_in_any_more_has_a_page(browser):
    answer = browser.flow.connect_ended(browser.visit("/connect"))
    assert (answer.status, answer.page.code) == (409, "connect_ended")
    assert answer.page.reasons == ("Another account is logged in here now, or none",)
    assert [event.reasons for event in browser.events] == [answer.page.reasons]
