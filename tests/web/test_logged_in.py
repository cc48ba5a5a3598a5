"""Who is logged in, who may see a page, and how a login ends."""

from copy import deepcopy
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.errors import AccessDenied, RecordsUnavailable, TokenRejected, TransportError
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.records import MemoryRecords
from peeringdb_oauth.web import Refused, SessionPolicy
from peeringdb_oauth.web.failures import FORGED

MAY_READ, MAY_UPDATE = AccessRule(), AccessRule(perms=Permission.UPDATE)


def fail(*_, **__):
    raise RecordsUnavailable("the store of the sessions does not answer")


def paths(server):
    return [request.path for request in server.received]


def sent(server, path):
    return [request for request in server.received if request.path == path]


# --- who is logged in -----------------------------------------------------------------


def test_nobody_is_logged_in_at_first(browser):
    assert browser.user() is None
    assert browser.info() is None
    context = browser.flow.page_context(browser.visit("/x"))
    assert (context.user, context.csrf_token) == (None, "")


def test_without_a_store_a_login_ends_with_its_access_token(make_browser, clock, server):
    browser = make_browser(policy=SessionPolicy(recheck_every=None, idle_timeout=None))
    browser.log_in()
    clock.now += 35999
    assert browser.user() is not None
    clock.now += 1
    assert browser.flow.page_context(browser.visit("/")).user is None
    assert browser.user() is None
    assert browser.session == {}
    # a refresh token has no expiry, so it must be revoked
    assert paths(server)[-1] == "/oauth2/revoke_token/"


def test_a_stricter_rule_ends_the_login(browser, make_browser):
    browser.log_in()
    stricter = make_browser(rule=AccessRule(asn=64511))
    stricter.session = browser.session
    with pytest.raises(AccessDenied, match="AS64511"):
        stricter.user()
    assert stricter.session == {}


def test_peeringdb_is_asked_when_its_last_answer_is_older_than_max_age(
    browser, clock, server, profile
):
    browser.log_in()
    profile(networks=[], amr=[])
    clock.now += 59
    assert browser.user(max_age=60).asns == (64500, 64501, 65550)
    clock.now += 1
    user = browser.user(max_age=60)
    assert user.networks == ()
    assert user.amr == ("pwd", "otp", "mfa")  # what the login proved
    assert browser.kinds() == ["login", "rights_changed"]
    count = len(server.received)
    assert browser.user(max_age=60) == user
    assert len(server.received) == count


def test_an_answer_does_not_get_younger_when_the_clock_is_set_back(browser, clock, profile):
    browser.log_in()
    profile(networks=[])
    clock.now -= 1000
    assert browser.user(max_age=60).networks == ()


def test_the_login_ends_when_peeringdb_has_ended_its_token(browser, server):
    browser.log_in()
    server.answer("/profile/v1", status=403, content_type="text/html")
    with pytest.raises(TokenRejected):
        browser.user(max_age=0)
    assert browser.session == {}


def test_the_login_ends_when_the_rule_no_longer_lets_the_user_in(browser, profile):
    browser.log_in()
    profile(verified_user=False)
    with pytest.raises(AccessDenied, match="not verified"):
        browser.user(max_age=0)
    assert browser.user() is None


def test_an_outage_ends_no_login(browser, server):
    browser.log_in()
    server.answer("/profile/v1", status=503)
    with pytest.raises(TransportError):
        browser.user(max_age=0)
    assert browser.user().name == "Ada Admin"


def test_all_of_three_hundred_networks_are_stored(browser, profile):
    networks = [
        {
            "id": n,
            "asn": 4_200_000_000 + n,
            "name": f"Net {n}",
            "perms": 15,
            "manage_peering_sessions": 15,
        }
        for n in range(1, 301)
    ]
    profile(networks=networks)
    browser.log_in()
    assert len(browser.user().networks) == 300
    assert (
        browser.require("/", MAY_UPDATE, asn=4_200_000_300).network(4_200_000_300).name == "Net 300"
    )


def many_networks():
    return [
        {
            "id": n,
            "asn": 4_200_000_000 + n,
            "name": f"Net {n}",
            "perms": 15,
            "manage_peering_sessions": 15,
        }
        for n in range(1, 301)
    ]


def test_another_process_asks_peeringdb_for_networks_that_a_cookie_has_no_room_for(
    make_browser, profile, server
):
    here, there = make_browser(), make_browser()
    networks = many_networks()
    profile(networks=networks, amr=["pwd", "otp", "mfa"])
    here.log_in()
    there.session = here.session
    profile(networks=networks[:200], amr=[])
    user = there.user()
    assert (len(user.networks), user.amr) == (200, ("pwd", "otp", "mfa"))
    count = len(server.received)
    assert there.user() == user
    assert len(server.received) == count


def test_the_rule_is_checked_when_peeringdb_was_asked_for_the_networks(make_browser, profile):
    rule = AccessRule(asn=4_200_000_001)
    here, there = make_browser(rule=rule), make_browser(rule=rule)
    networks = many_networks()
    profile(networks=networks)
    here.log_in()
    there.session = here.session
    profile(networks=networks[1:])
    with pytest.raises(AccessDenied, match="AS4200000001"):
        there.user()
    assert there.session == {}


def test_a_change_in_a_long_list_of_networks_is_an_event(browser, profile):
    networks = [
        {
            "id": n,
            "asn": 4_200_000_000 + n,
            "name": f"Net {n}",
            "perms": 15,
            "manage_peering_sessions": 15,
        }
        for n in range(1, 301)
    ]
    profile(networks=networks)
    browser.log_in()
    browser.user(max_age=0)
    assert browser.kinds() == ["login"]
    profile(networks=networks[1:])
    browser.user(max_age=0)
    assert browser.kinds() == ["login", "rights_changed"]
    assert len(browser.events[-1].previous.networks) == 300


# --- require --------------------------------------------------------------------------


def refused(call, *arguments, **more):
    with pytest.raises(Refused) as caught:
        call(*arguments, **more)
    return caught.value.answer


def test_require_gives_the_user_if_the_rule_lets_them_in(browser):
    browser.log_in()
    assert browser.require("/networks/64500", MAY_UPDATE, asn="64500").id == 1


def test_a_browser_without_a_login_is_redirected_to_it_and_back(browser):
    answer = refused(browser.require, "/networks/64500?page=2", MAY_READ, asn=64500)
    assert (answer.status, answer.location) == (
        302,
        "/login/peeringdb?next=/networks/64500%3Fpage%3D2",
    )
    assert (
        browser.log_in("?" + urlsplit(answer.location).query).location == "/networks/64500?page=2"
    )


def test_a_program_without_a_login_gets_401(browser):
    answer = refused(
        browser.require, "/networks/64500", MAY_READ, asn=64500, Accept="application/json"
    )
    assert (answer.status, answer.json["title"]) == (401, "You are not logged in")


def test_a_network_of_other_people_is_refused_with_the_reason(browser):
    browser.log_in()
    answer = refused(browser.require, "/networks/64511", MAY_READ, asn=64511)
    assert (answer.status, answer.page.reasons) == (
        403,
        ("You are not affiliated with AS64511 at PeeringDB",),
    )
    assert (answer.page.home_url, answer.page.account) == ("/", "You are logged in as Ada Admin.")
    assert answer.cookies == ()
    event = browser.events[-1]
    assert (event.kind, event.user.id, event.asn) == ("refused", 1, 64511)
    assert (event.reasons, event.rule) == (answer.page.reasons, MAY_READ)


@pytest.mark.parametrize(
    "asn",
    [
        "",
        "abc",
        "-1",
        "0",
        "064500",
        "64500 ",
        "٦٤٥٠٠",
        "99999999999",
        1.5,
        True,
        object(),
        b"64500",
    ],
)
def test_anything_but_an_as_number_is_refused(browser, asn):
    browser.log_in()
    answer = refused(browser.require, "/networks/x", MAY_READ, asn=asn)
    assert answer.status == 403
    assert "not an AS number" in answer.page.reasons[0]
    assert browser.events[-1].asn is None


def test_max_age_of_zero_asks_for_the_rights_of_now(browser, profile, recording):
    browser.log_in()
    networks = recording("profile-orgadmin").json["networks"]
    profile(networks=[network | {"perms": 1} for network in networks])
    assert browser.require("/", MAY_UPDATE, asn=64500)
    answer = refused(browser.require, "/", MAY_UPDATE, asn=64500, max_age=0)
    assert answer.page.reasons == ("AS64500: you may read this network but not update it",)


@pytest.mark.parametrize(
    ("found", "allowed"),
    [("64500", True), (64500, True), (64511, False), (None, False), (0, False), ("", False)],
)
def test_a_function_finds_the_network(browser, found, allowed):
    browser.log_in()
    if allowed:
        assert browser.require("/x", MAY_UPDATE, asn=lambda: found)
    else:
        assert refused(browser.require, "/x", MAY_READ, asn=lambda: found).status == 403


def test_an_outage_in_the_function_that_finds_the_network_is_no_refusal(browser):
    def find():
        raise TransportError("the application asks PeeringDB for the network, too")

    browser.log_in()
    assert refused(browser.require, "/x", MAY_READ, asn=find).status == 502


@pytest.mark.parametrize("visit", [{}, {"method": "POST"}])
def test_the_function_is_called_only_if_somebody_is_logged_in(browser, visit):
    called = []
    refused(browser.require, "/x", MAY_READ, asn=lambda: called.append(1), **visit)
    assert called == []


def test_the_function_may_refuse_the_user(browser):
    def find():
        raise AccessDenied("this ticket is closed")

    browser.log_in()
    assert refused(browser.require, "/x", MAY_READ, asn=find).page.reasons == (
        "This ticket is closed",
    )


def test_the_page_says_that_peeringdb_has_ended_the_login(browser, server):
    browser.log_in()
    server.answer("/profile/v1", status=403, content_type="text/html")
    answer = refused(browser.require, "/", MAY_READ, max_age=0)
    assert (answer.status, answer.page.title, answer.page.home_url) == (
        401,
        "Your login has ended",
        None,
    )


def test_a_program_is_told_by_a_401_that_peeringdb_has_ended_the_login(browser, server):
    browser.log_in()
    server.answer("/profile/v1", status=403, content_type="text/html")
    for code in ("login_ended", "logged_out"):
        answer = refused(browser.require, "/", MAY_READ, max_age=0, Accept="application/json")
        assert (answer.status, answer.json["code"]) == (401, code)
        assert answer.json["login_url"].startswith("/login/peeringdb")


def test_the_page_says_that_peeringdb_is_not_available(browser, server):
    browser.log_in()
    server.answer("/profile/v1", status=503)
    assert refused(browser.require, "/", MAY_READ, max_age=0).status == 503


def test_the_page_says_why_the_rule_ended_the_login(browser, make_browser):
    browser.log_in()
    stricter = make_browser(rule=AccessRule(asn=64511))
    stricter.session = browser.session
    answer = refused(stricter.require, "/", MAY_READ)
    event = stricter.events[-1]
    assert (answer.status, event.kind, event.rule) == (403, "refused", MAY_READ)


# --- pages ----------------------------------------------------------------------------


def status(browser):
    return browser.client.run(browser.flow.status(browser.visit("/")))


def test_the_status_page_says_whether_somebody_is_logged_in(browser):
    assert status(browser).page.title == "You are not logged in"
    browser.log_in()
    assert status(browser).page.title == "You are logged in as Ada Admin"


def test_the_status_page_says_why_a_login_has_ended(browser, make_browser):
    browser.log_in()
    stricter = make_browser(rule=AccessRule(asn=64511))
    stricter.session = browser.session
    answer = status(stricter)
    assert (answer.status, answer.page.title) == (403, "You are not affiliated with AS64511")


def test_templates_know_who_is_logged_in_and_where_the_logout_is(browser):
    browser.log_in()
    visit = browser.visit("/x")
    context = browser.flow.page_context(visit)
    assert (context.user, context.login_url, context.logout_url) == (
        browser.user(),
        "/login/peeringdb?next=/x",
        "/logout",
    )
    assert (context.csrf_field, context.csrf_token) == (
        "peeringdb_csrf",
        browser.session["peeringdb"]["csrf_token"],
    )
    assert context.labels["log_in"] == "Log in with PeeringDB"
    assert context.style_url.startswith("/login/peeringdb/style.css?")
    assert browser.client.run(browser.flow.load_page_context(visit)) == context


def test_templates_know_what_the_store_says(make_browser, clock):
    browser = make_browser(records=MemoryRecords(clock))
    browser.log_in()
    copy = dict(browser.session)
    browser.log_out(Sec_Fetch_Site="same-origin")
    browser.session.update(copy)
    context = browser.client.run(browser.flow.load_page_context(browser.visit("/")))
    assert (context.user, context.csrf_token) == (None, "")


def test_templates_trust_the_browsers_session_while_the_store_does_not_answer(make_browser, clock):
    records = MemoryRecords(clock)
    browser = make_browser(records=records)
    browser.log_in()
    clock.now += 2
    records.get = fail
    visit = browser.visit("/")
    context = browser.client.run(browser.flow.load_page_context(visit))
    assert context == browser.flow.page_context(visit)


def test_an_application_has_pages_in_the_style_of_ours(browser):
    def page(**more):
        made = browser.flow.page(browser.visit("/help"), "help.html", "Help", "Read it.", **more)
        return made.page

    assert (page().template, page().title, page().advice) == ("help.html", "Help", "Read it.")
    assert (page().account, page().login_url) == ("", "/login/peeringdb?next=/")
    browser.log_in()
    assert page().account == "You are logged in as Ada Admin."
    more = page(return_path="/x", labels={"more": "Read more"})
    assert (more.login_url, more.labels["more"]) == ("/login/peeringdb?next=/x", "Read more")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ({}, None),  # a program
        ({"Origin": "https://portal.test"}, None),
        ({"Origin": "https://behind.test"}, None),  # where the visit itself is
        ({"Origin": "https://app.example.net"}, ("https://app.example.net",)),
    ],
)
def test_a_page_of_this_site_and_a_program_may_open_a_websocket(browser, origin, allowed):
    visit = browser.visit("/live", origin="https://behind.test", **origin)
    assert browser.flow.check_origin(visit, allowed) is None
    assert browser.events == []


@pytest.mark.parametrize("allowed", [None, ("https://app.example.net",)])
def test_a_page_of_another_site_may_open_no_websocket(browser, allowed):
    browser.log_in()
    visit = browser.visit("/live", Origin="https://evil.example")
    answer = refused(browser.flow.check_origin, visit, allowed)
    assert (answer.status, answer.page.code) == (403, "foreign_origin")
    # The page is another site's, so it does not learn who is logged in here.
    assert (answer.page.account, answer.page.offers_logout) == ("", False)
    event = browser.events[-1]
    assert (event.kind, event.code) == ("refused", "foreign_origin")
    [reason] = event.reasons
    assert (reason, reason.code) == ("A page of another site sent this request", event.code)


# --- forms ----------------------------------------------------------------------------


def test_a_form_of_this_site_is_accepted(browser):
    browser.log_in()
    context = browser.flow.page_context(browser.visit("/"))
    assert context.csrf_field == "peeringdb_csrf"
    assert browser.require("/", MAY_READ, method="POST", csrf_token=context.csrf_token)
    assert browser.require("/", MAY_READ, method="POST", X_PeeringDB_CSRF=context.csrf_token)
    assert browser.require("/", MAY_READ, method="POST", Sec_Fetch_Site="same-origin")


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"csrf_token": "x"},
        {"csrf_token": "\ud800é"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_form_of_another_site_is_refused(browser, method, forged):
    browser.log_in()
    answer = refused(browser.require, "/", MAY_READ, method=method, **forged)
    assert (answer.status, answer.page.title, answer.page.home_url) == (
        403,
        "This form cannot be accepted",
        "/",
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_safe_method_needs_no_token(browser, method):
    browser.log_in()
    assert browser.require("/", MAY_READ, method=method)


def test_the_form_is_read_only_if_nothing_else_decides(browser):
    def read():
        raise AssertionError("the form was read")

    def unread(**changes):
        return replace(browser.visit("/", **changes), csrf_token=read)

    flow = browser.flow
    assert (
        refused(browser.client.run, flow.require(unread(method="POST"), MAY_READ)).status == 403
    )  # nobody is logged in
    browser.log_in()
    token = flow.page_context(unread()).csrf_token
    assert browser.client.run(flow.require(unread(), MAY_READ))
    assert browser.client.run(
        flow.require(unread(method="POST", Sec_Fetch_Site="same-origin"), MAY_READ)
    )
    assert browser.client.run(flow.require(unread(method="POST", X_PeeringDB_CSRF=token), MAY_READ))


def test_an_empty_token_is_refused(browser):
    assert refused(browser.require, "/", MAY_READ, method="POST").status == 403


def test_a_form_of_this_site_without_a_login_gets_401(browser):
    assert (
        refused(browser.require, "/", MAY_READ, method="POST", Sec_Fetch_Site="same-origin").status
        == 401
    )


@pytest.mark.parametrize(
    ("logged_in", "account"), [(True, "You are logged in as Ada Admin."), (False, "")]
)
def test_an_application_can_show_any_failure(browser, logged_in, account):
    if logged_in:
        browser.log_in()
    answer = browser.flow.refusals.show(browser.visit("/"), FORGED, headers={"Retry-After": "1"})
    assert (answer.status, answer.page.title) == (403, "This form cannot be accepted")
    assert (answer.page.account, answer.page.offers_logout) == (account, logged_in)
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("debug", [True, False])
def test_a_developer_sees_the_cause_of_a_failure_and_the_log_has_it(browser, caplog, debug):
    visit = replace(browser.visit("/"), debug=lambda: debug)
    answer = browser.flow.refusals.fail(visit, TransportError("no route to host"))
    assert answer.page.cause == ("TransportError: no route to host" if debug else "")
    assert caplog.messages == ["TransportError: no route to host"]


# --- a second factor ------------------------------------------------------------------

MFA = AccessRule(mfa=True)


def test_a_user_with_a_second_factor_is_let_in(browser):
    browser.log_in()
    assert browser.require("/ports", MFA)


def test_a_user_without_a_second_factor_is_asked_for_it_once(browser, profile):
    profile(amr=["pwd"])
    browser.log_in()
    answer = refused(browser.require, "/ports?x=1", MFA)
    assert (answer.status, answer.location) == (
        302,
        "/login/peeringdb?next=/ports%3Fx%3D1&prompt=login",
    )
    profile(amr=["pwd", "otp", "mfa"])
    assert browser.log_in("?" + urlsplit(answer.location).query).location == "/ports?x=1"
    assert browser.require("/ports?x=1", MFA).amr == ("pwd", "otp", "mfa")


def test_a_user_who_was_asked_and_has_none_sees_the_reason(browser, profile):
    profile(amr=["pwd"])
    browser.log_in("?prompt=login")
    answer = refused(browser.require, "/ports", MFA)
    assert (answer.status, answer.page.reasons[0].partition(":")[0]) == (
        403,
        "You logged in without a second factor",
    )
    assert answer.page.login_url == "/login/peeringdb?next=/ports&prompt=login"


def test_a_user_whom_peeringdb_did_not_send_back_sees_the_reason(browser, profile):
    """PeeringDB shows an error page to a colleague who logs in at this browser."""
    profile(amr=["pwd"])
    browser.log_in()
    step_up = refused(browser.require, "/ports", MFA).location
    browser.start("?" + urlsplit(step_up).query)
    answer = refused(browser.require, "/ports", MFA)
    assert (answer.status, answer.page.other_account_url) == (
        403,
        "/login/peeringdb?next=/ports&prompt=select_account",
    )
    assert refused(browser.require, "/others", MFA).status == 302


@pytest.mark.parametrize(
    "visit", [{"method": "POST", "Sec_Fetch_Site": "same-origin"}, {"Accept": "application/json"}]
)
def test_forms_and_programs_get_the_reason_instead_of_a_redirect(browser, profile, visit):
    profile(amr=["pwd"])
    browser.log_in()
    assert refused(browser.require, "/ports", MFA, **visit).status == 403


def test_a_second_factor_is_not_asked_for_if_something_else_is_missing(browser, profile):
    profile(amr=["pwd"])
    browser.log_in()
    answer = refused(browser.require, "/networks/64511/ports", MFA, asn="64511")
    assert (answer.status, len(answer.page.reasons)) == (403, 2)


def test_a_refusal_of_the_application_asks_for_no_second_factor(browser, profile):
    def refuse():
        raise AccessDenied("this port is closed")

    profile(amr=["pwd"])
    browser.log_in()
    answer = refused(browser.require, "/ports", MFA, asn=refuse)
    assert (answer.status, answer.page.reasons) == (403, ("This port is closed",))
    event = browser.events[-1]
    assert (event.user.id, event.asn, event.rule) == (1, None, MFA)


def test_a_rule_for_a_network_can_ask_for_a_second_factor(browser, profile):
    profile(amr=["pwd"])
    browser.log_in()
    assert refused(browser.require, "/networks/64500/ports", MFA, asn="64500").location.endswith(
        "&prompt=login"
    )


def test_the_rule_of_the_login_can_ask_for_a_second_factor(make_browser, profile, server):
    browser = make_browser(rule=MFA)
    profile(amr=["pwd"])
    answer = browser.log_in("?next=/x")
    assert (answer.status, answer.location) == (302, "/login/peeringdb?next=/x&prompt=login")
    assert browser.session == {}
    assert paths(server)[-1] == "/oauth2/revoke_token/"
    answer = browser.log_in("?next=/x&prompt=login")
    assert (answer.status, answer.page.reasons[0].partition(":")[0]) == (
        403,
        "You logged in without a second factor",
    )
    profile(amr=["pwd", "otp", "mfa"])
    assert browser.log_in("?next=/x&prompt=login").location == "/x"


def test_a_login_without_the_second_factor_ends_the_one_before(make_browser, profile):
    browser = make_browser(rule=MFA)
    browser.log_in()
    profile(amr=["pwd"])
    assert browser.log_in("?next=/x").location == "/login/peeringdb?next=/x&prompt=login"
    assert browser.kinds() == ["login", "session_ended"]
    assert browser.user() is None


def test_the_rule_of_the_login_asks_a_colleague_once(make_browser, profile):
    browser = make_browser(rule=MFA)
    profile(amr=["pwd"])
    browser.log_in("?next=/x")
    browser.start("?next=/x&prompt=login")
    answer = browser.log_in("?next=/x")
    assert (answer.status, answer.page.reasons[0].partition(":")[0]) == (
        403,
        "You logged in without a second factor",
    )


# --- logout ---------------------------------------------------------------------------


def test_a_logout_ends_the_login_here_and_at_peeringdb(browser, server, recording):
    browser.log_in()
    context = browser.flow.page_context(browser.visit("/"))
    assert context.logout_url == "/logout"
    answer = browser.log_out(csrf_token=context.csrf_token)
    assert (answer.status, answer.location) == (303, "/")
    assert browser.session == {}
    assert len(browser.rotated) == 2
    assert (
        sent(server, "/oauth2/revoke_token/")[0].form["token"]
        == recording("token-success-no-openid").json["refresh_token"]
    )
    assert browser.kinds() == ["login", "session_ended", "logout"]
    assert browser.events[1].reason == "logout"
    assert (browser.events[-1].user.id, browser.events[-1].reasons) == (1, ())


def test_a_logout_clears_the_session(browser):
    browser.log_in()
    browser.session["acting_as"] = 64500
    browser.log_out(Sec_Fetch_Site="same-origin")
    assert browser.session == {}


def test_the_end_of_an_expired_login_clears_the_session(browser, clock):
    browser.log_in()
    browser.session["acting_as"] = 64500
    clock.now += 36000
    assert browser.user() is None
    assert browser.session == {}


def test_an_expired_login_has_no_session_and_another_login_may_start(browser, clock):
    browser.log_in("?next=/x")
    clock.now += 36000
    assert browser.info() is None
    assert browser.cookies == {}


def test_a_form_of_an_expired_login_is_told_so(browser, clock):
    browser.log_in()
    clock.now += 36000
    answer = refused(browser.require, "/", MAY_READ, method="POST", Sec_Fetch_Site="same-origin")
    assert (answer.status, answer.page.code) == (401, "session_ended")
    assert (answer.page.offers_logout, answer.page.home_url) == (False, None)


def test_a_forged_logout_is_refused(browser):
    browser.log_in()
    answer = browser.log_out()
    assert (answer.status, answer.page.title, answer.page.home_url) == (
        403,
        "This form cannot be accepted",
        "/",
    )
    assert browser.user() is not None
    assert browser.kinds() == ["login"]


def test_a_logout_works_during_an_outage_and_the_event_says_so(browser, server):
    browser.log_in()
    server.answer("/oauth2/revoke_token/", status=503)
    assert browser.log_out(Sec_Fetch_Site="same-origin").status == 303
    assert browser.session == {}
    assert browser.events[-1].kind == "logout"
    assert browser.events[-1].reasons[0].startswith("PeeringDB could not be told: ")


def test_a_second_logout_does_no_harm(browser):
    assert browser.log_out(Sec_Fetch_Site="same-origin").status == 303
    assert browser.events == []


# --- a copy of the session's cookie from before the logout ----------------------------


def test_a_copied_session_counts_no_more_after_the_logout(browser, server):
    browser.log_in()
    copy = deepcopy(browser.session)
    browser.log_out(Sec_Fetch_Site="same-origin")
    requests = len(server.received)
    browser.session = copy
    assert browser.user() is None
    assert browser.flow.page_context(browser.visit("/")).user is None
    assert browser.log_out(Sec_Fetch_Site="same-origin").status == 303
    assert len(server.received) == requests


def test_a_copied_session_counts_no_more_after_the_end_of_a_login_and_a_new_login(browser):
    browser.log_in()
    copy = deepcopy(browser.session)
    browser.log_in()
    assert browser.user() is not None
    browser.session = copy
    assert browser.user() is None


def test_other_processes_with_the_same_store_know_of_the_logout(make_browser, clock):
    records = MemoryRecords(clock)
    here, there = make_browser(records=records), make_browser(records=records)
    here.log_in()
    there.session = deepcopy(here.session)
    assert there.user() is not None
    here.log_out(Sec_Fetch_Site="same-origin")
    clock.now += 1  # a process remembers a record for a second
    assert there.user() is None
    assert there.session == {}


def test_without_a_store_in_common_another_process_does_not_know(make_browser):
    here, there = make_browser(), make_browser()
    here.log_in()
    there.session = deepcopy(here.session)
    here.log_out(Sec_Fetch_Site="same-origin")
    assert there.user() is not None
