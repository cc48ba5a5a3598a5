import asyncio
import logging
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

import pytest

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.async_client import AsyncClient
from peeringdb_oauth.errors import AccessDenied, ConfigurationError
from peeringdb_oauth.profile import Permission
from peeringdb_oauth.web import LoginFlow, Refused
from peeringdb_oauth.web.answer_builder import Paths
from peeringdb_oauth.web.sessions import SESSION_KEY

from .conftest import CALLBACK, PORTAL, SECRET

MAY_READ, MAY_UPDATE = AccessRule(), AccessRule(perms=Permission.UPDATE)


def paths(server):
    return [request.path for request in server.received]


def sent(server, path):
    return [request for request in server.received if request.path == path]


# --- start and callback ---------------------------------------------------------------


def test_a_login_returns_to_the_page_it_came_from(browser):
    answer = browser.log_in("?next=/networks/64500%3Fpage%3D2")
    assert (answer.status, answer.location, answer.headers) == (
        302,
        "/networks/64500?page=2",
        {"Cache-Control": "no-store"},
    )
    assert browser.user().name == "Ada Admin"
    assert browser.user().asns == (64500, 64501, 65550)


@pytest.mark.parametrize(
    "query", ["", "?next=", "?next=//evil.example", "?next=/logout", "?next=/a&next=/b"]
)
def test_a_login_without_a_page_to_return_to_leads_home(browser, query):
    assert browser.log_in(query).location == "/"


def test_the_code_verifier_matches_the_code_challenge(browser, server):
    asked = browser.start()
    browser.come_back(asked)
    verifier = sent(server, "/oauth2/token/")[0].form["code_verifier"]
    assert challenge(verifier) == asked["code_challenge"]


def test_prompt_login_is_passed_on_to_peeringdb(browser):
    assert browser.start("?prompt=login")["prompt"] == "login"
    assert "prompt" not in browser.start("?prompt=none")
    assert "prompt" not in browser.start()


def test_logins_in_two_tabs_finish_in_any_order(browser):
    first, second = browser.start("?next=/first"), browser.start("?next=/second")
    assert browser.come_back(second).location == "/second"
    assert browser.come_back(first).location == "/first"


# --- the same callback, and a second one ----------------------------------------------


@pytest.mark.parametrize("prompt", ["", "&prompt=login"])
def test_the_same_callback_leads_to_the_page_again(browser, server, prompt):
    """By the back button, a reload, or a tab that the browser restores."""
    asked = browser.start(f"?next=/networks/64500{prompt}")
    for _ in range(3):
        answer = browser.come_back(asked)
        assert (answer.status, answer.location) == (302, "/networks/64500")
    assert len(sent(server, "/oauth2/token/")) == 1
    assert [(event.kind, event.user.id) for event in browser.events] == [("login", 1)]


def test_the_same_callback_says_that_it_was_used_if_nobody_is_logged_in(browser, server):
    asked = browser.start("?next=/x")
    browser.come_back(asked)
    browser.session.clear()
    answer = browser.come_back(asked)
    assert (answer.status, answer.page.title) == (400, "This login was used already")
    assert answer.page.login_url == "/login/peeringdb?next=/x"
    assert len(sent(server, "/oauth2/token/")) == 1


def test_a_code_that_peeringdb_has_seen_before_was_used_already(browser, server, caplog):
    """Another process may have used it."""
    server.replay("/oauth2/token/", "token-error-reused-code")
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        answer = browser.log_in()
    assert (answer.status, answer.page.title) == (400, "This login was used already")
    assert answer.page.advice.startswith("PeeringDB takes each answer once, and within a minute.")
    assert [record.name for record in caplog.records] == ["peeringdb_oauth.audit"]


def test_a_reload_of_a_refusal_says_why_and_to_whom(browser, profile, server):
    profile(verified_user=False)
    asked = browser.start("?next=/x")
    pages = [browser.come_back(asked).page for _ in range(3)]
    assert {page.account for page in pages} == {"PeeringDB knows you as Ada Admin."}
    assert {(page.title, page.reasons[0].code) for page in pages} == {
        ("PeeringDB has not verified your account", "unverified_user")
    }
    assert len(sent(server, "/oauth2/token/")) == 1
    profile(verified_user=True)
    browser.come_back(asked, query="code=another")  # a second click on "Authorize"
    assert browser.user()
    browser.session.clear()
    answer = browser.come_back(asked, query="code=another")
    assert answer.page.title == "This login was used already"


def test_a_code_that_peeringdb_has_seen_before_leads_to_the_page_if_somebody_is_logged_in(
    browser, server
):
    browser.log_in()
    server.replay("/oauth2/token/", "token-error-reused-code")
    assert browser.log_in("?next=/x").location == "/x"
    answer = browser.log_in("?next=/x&prompt=login")  # perhaps somebody else
    assert (answer.status, answer.page.title) == (400, "This login was used already")
    assert browser.kinds() == ["login", "refused"]


def test_a_double_click_on_authorize_logs_in(browser, server):
    """PeeringDB sends the browser back twice: with one state and two codes."""
    asked = browser.start("?next=/x")
    assert browser.come_back(asked, query="code=first").location == "/x"
    assert browser.come_back(asked, query="code=second").location == "/x"
    assert [request.form["code"] for request in sent(server, "/oauth2/token/")] == [
        "first",
        "second",
    ]
    assert browser.user().name == "Ada Admin"


def test_a_double_click_logs_in_if_the_browser_lost_the_first_answer(browser):
    """The browser ends the first request, perhaps before its cookies arrive."""
    asked = browser.start("?next=/x")
    cookies = dict(browser.cookies)
    browser.come_back(asked, query="code=first")
    browser.cookies, browser.session = cookies, {}
    assert browser.come_back(asked, query="code=second").location == "/x"
    assert browser.user().name == "Ada Admin"


def test_two_callbacks_at_once_both_end_well(browser):
    """The second one arrives before the first one has an answer."""
    asked = browser.start("?next=/x")
    flows = [
        browser.flow.callback(browser.visit(f"{CALLBACK}?code={code}&state={asked['state']}"))
        for code in ("first", "second")
    ]
    steps = [next(flow) for flow in flows]
    answers = []
    for flow, step in zip(flows, steps, strict=True):
        answers.append(browser.client.run(resumed(flow, browser.client.run(step.flow))))
    assert [answer.location for answer in answers] == ["/x", "/x"]
    assert browser.user().name == "Ada Admin"


def resumed(flow, result):
    """The rest of a flow that has yielded a step."""
    try:
        step = flow.send(result)
    except StopIteration as done:
        return done.value
    while True:
        try:
            step = flow.send((yield step))
        except StopIteration as done:
            return done.value


@pytest.mark.parametrize(
    "canned",
    [{"status": 503}, {"status": 429, "Retry_After": "1"}],
    ids=["not available", "rate limited"],
)
def test_a_reload_works_after_peeringdb_could_not_be_asked(browser, server, clock, canned):
    asked = browser.start("?next=/x")
    cookies = dict(browser.cookies)
    server.answer("/oauth2/token/", {}, **canned)
    answer = browser.come_back(asked)
    assert answer.status in (502, 503)
    assert answer.page.login_url == "/login/peeringdb?next=/x"
    assert browser.cookies == cookies
    server.replay("/oauth2/token/", "token-success-no-openid")
    clock.now += 61
    assert browser.come_back(asked).location == "/x"


@pytest.mark.parametrize("query", ["error=access_denied", "error=server_error", "code="])
def test_an_error_in_a_callback_does_not_end_the_login(browser, query):
    asked = browser.start("?next=/x")
    assert browser.come_back(asked, query=query).status >= 400
    assert browser.come_back(asked).location == "/x"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST"])
def test_only_get_starts_and_finishes_a_login(browser, server, method):
    asked = browser.start()
    target = f"{CALLBACK}?code=abc&state={asked['state']}"
    answers = [
        browser.flow.start(browser.visit("/login/peeringdb", method=method)),
        browser.client.run(browser.flow.callback(browser.visit(target, method=method))),
    ]
    for answer in answers:
        assert (answer.status, answer.headers["Allow"], answer.cookies) == (405, "GET", ())
    assert server.received == []
    assert browser.come_back(asked).status == 302


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
        {"Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "iframe"},
        {"Sec_Purpose": "prefetch"},
        {"HX_Request": "true"},
    ],
)
def test_what_no_person_opens_starts_no_login(browser, headers):
    visit = browser.visit("/login/peeringdb?next=/x", **headers)
    answer = browser.flow.start(visit)
    assert (answer.status, answer.location, answer.cookies) == (401, None, ())
    assert answer.json["login_url"] == "/login/peeringdb?next=/x"
    assert answer.headers.get("HX-Redirect") == (
        "/login/peeringdb?next=/x" if "HX_Request" in headers else None
    )


@pytest.mark.parametrize(("logged_in", "home_url"), [(True, "/"), (False, None)])
def test_a_choice_of_the_account_starts_no_login(browser, logged_in, home_url):
    if logged_in:
        browser.log_in("?next=/x")
    visit = browser.visit("/login/peeringdb?next=/x&prompt=select_account")
    answer = browser.flow.start(visit)
    assert (answer.status, answer.location, answer.cookies) == (200, None, ())
    assert answer.page.login_url == "/login/peeringdb?next=/x&prompt=login"
    assert (answer.page.home_url, bool(answer.page.account)) == (home_url, logged_in)


@pytest.mark.parametrize(
    ("origin", "address", "named"),
    [
        (PORTAL, "10.0.0.1", "10.0.0.1"),
        (PORTAL, "", "an unknown address"),
        (PORTAL, "192.0.2.1", None),
        (PORTAL, None, None),  # the framework does not tell
        ("http://localhost:8000", "127.0.0.1", None),  # no proxy, but a developer
    ],
)
def test_a_proxy_whose_visitors_share_one_address_is_logged_once(
    make_browser, caplog, origin, address, named
):
    browser = make_browser(redirect_uri=f"{origin}{CALLBACK}", allow_http=True)
    for _ in range(2):
        started = browser.flow.start(browser.visit("/login/peeringdb", origin=origin))
        [state] = parse_qs(urlsplit(browser.take(started).location).query)["state"]
        visit = browser.visit(f"{CALLBACK}?code=abc&state={state}", origin=origin)
        flow = browser.flow.callback(replace(visit, remote_address=address))
        assert browser.take(browser.client.run(flow)).status == 302
    said = (
        f"a login came from {named}, which is no public address: if a proxy stands before this"
        " application, let the framework take the visitor's address from it; otherwise one visitor"
        " can use up the logins of all"
    )
    found = [message for message in caplog.messages if "a login came from" in message]
    assert found == ([said] if named else [])


def test_an_application_has_its_own_paths_and_its_language(make_browser, server):
    browser = make_browser(paths=Paths(login="/in"), language="de")
    page = browser.flow.start(browser.visit("/in?next=/x&prompt=select_account")).page
    assert page.login_url == "/in?next=/x&prompt=login"
    assert page.peeringdb_logout_url == f"{server.url}/logout"
    assert page.language == "de"


@pytest.mark.parametrize("longest", [512, 2000])
def test_an_application_may_return_to_pages_with_longer_addresses(browser, longest):
    browser.flow = LoginFlow(
        browser.client.provider, rule=AccessRule(), secrets=(SECRET,), longest_path=longest
    )
    address = "/search?" + "x" * 1900
    assert browser.log_in(f"?next={address}").location == (
        address if longest == 2000 else "/search"
    )


# --- two names of one site ------------------------------------------------------------

OTHER_ORIGINS = (
    "https://www.portal.test",
    "https://portal.test:8443",
    "http://portal.test",
    "http://127.0.0.1:5000",
    "https://portal.test.evil.example",
)


@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_a_login_at_another_name_of_the_site_goes_to_the_redirect_uris_first(
    browser, caplog, origin
):
    """The cookies of a login belong to one host. Another host would not get them."""
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        answer = browser.flow.start(
            browser.visit("/login/peeringdb?next=/x%3Fa=%26b&prompt=login&text=1", origin=origin)
        )
    assert (answer.status, answer.headers, answer.cookies) == (
        302,
        {"Cache-Control": "no-store"},
        (),
    )
    assert answer.location == (f"{PORTAL}/login/peeringdb?moved=1&next=/x%3Fa%3D%26b&prompt=login")
    assert caplog.messages == []
    asked = browser.start(f"?{urlsplit(answer.location).query}")
    assert asked["prompt"] == "login"
    assert browser.come_back(asked).location == "/x?a=&b"


@pytest.mark.parametrize("origin", [PORTAL, "https://PORTAL.test", "https://portal.test:443"])
def test_a_login_at_the_redirect_uris_origin_goes_to_peeringdb(browser, server, origin):
    answer = browser.flow.start(browser.visit("/login/peeringdb", origin=origin))
    assert answer.location.startswith(f"{server.url}/")


def test_a_default_port_in_the_redirect_uri_is_no_other_name(make_browser, server):
    browser = make_browser(redirect_uri=f"HTTPS://Portal.test:443{CALLBACK}")
    answer = browser.flow.start(browser.visit("/login/peeringdb"))
    assert answer.location.startswith(f"{server.url}/")


@pytest.mark.parametrize(
    ("query", "kept"), [("prompt=select_account", "&prompt=select_account"), ("prompt=none", "")]
)
def test_a_login_at_another_name_keeps_a_prompt_that_is_known(browser, query, kept):
    visit = browser.visit(f"/login/peeringdb?{query}", origin="https://www.portal.test")
    answer = browser.flow.start(visit)
    assert answer.location == f"{PORTAL}/login/peeringdb?moved=1{kept}"


def test_a_login_at_another_name_keeps_the_path_where_the_application_is_mounted(make_browser):
    browser = make_browser(root="/portal")
    answer = browser.flow.start(
        browser.visit("/login/peeringdb?next=/portal/x", origin="https://www.portal.test")
    )
    assert answer.location == f"{PORTAL}/portal/login/peeringdb?moved=1&next=/portal/x"


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_a_login_at_another_name_leads_to_no_other_site(browser, page):
    answer = browser.flow.start(
        browser.visit(f"/login/peeringdb?next={page}", origin="https://evil.example")
    )
    parts = urlsplit(answer.location)
    assert f"{parts.scheme}://{parts.netloc}" == PORTAL
    leads_to = parse_qs(parts.query)["next"][0]
    assert leads_to.startswith("/")
    assert not leads_to.startswith("//")


@pytest.mark.parametrize(
    ("target", "arguments", "status"),
    [
        ("?moved=1", {}, 302),  # a proxy hides the address that people use
        ("", {"method": "POST"}, 405),
        ("", {"method": "HEAD"}, 405),
        ("", {"Sec_Fetch_Mode": "cors"}, 401),
    ],
)
def test_a_login_that_cannot_go_to_the_redirect_uris_origin_is_one_log_line(
    browser, caplog, target, arguments, status
):
    at = {"origin": "http://10.0.0.5:8000"} | arguments
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        answers = [
            browser.flow.start(browser.visit(f"/login/peeringdb{target}", **at)) for _ in range(3)
        ]
    assert [answer.status for answer in answers] == [status] * 3
    [line] = caplog.messages
    assert line == (
        "a login was asked for at 'http://10.0.0.5:8000', but the redirect URI leads to"
        " https://portal.test: a browser that is at the first cannot finish it. Let people use the"
        " address of the redirect URI, or set PEERINGDB_OAUTH_REDIRECT_URI to theirs and register"
        " it at PeeringDB; a proxy in between must pass on Host and X-Forwarded-Proto"
    )


def test_the_log_lines_about_other_names_are_bounded(browser, caplog):
    """Anybody can write any name into the header Host."""
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        for number in range(50):
            origin = f"https://{number}.{'x' * 900}"
            browser.flow.start(browser.visit("/login/peeringdb?moved=1", origin=origin))
    assert len(caplog.messages) == 20
    assert max(map(len, caplog.messages)) < 600


def test_a_login_behind_a_proxy_that_hides_the_name_still_works(browser):
    at = {"origin": "http://10.0.0.5:8000"}
    moved = browser.flow.start(browser.visit("/login/peeringdb?next=/x", **at)).location
    answer = browser.take(browser.flow.start(browser.visit(moved.removeprefix(PORTAL), **at)))
    asked = {"state": parse_qs(urlsplit(answer.location).query)["state"][0]}
    assert browser.come_back(asked, origin=at["origin"]).location == "/x"


def test_a_circle_between_two_names_has_a_brake_of_ten_seconds(browser, clock):
    """At the other name the person is not logged in, and may go back there."""
    browser.log_in("?next=/x")
    target = "/login/peeringdb?moved=1&next=/x"
    assert browser.flow.start(browser.visit(target)).status == 403
    clock.now += 9
    assert browser.flow.start(browser.visit(target)).status == 403
    clock.now += 1
    assert browser.flow.start(browser.visit(target)).status == 302
    assert browser.flow.start(browser.visit("/login/peeringdb?next=/x")).status == 403


# --- circles --------------------------------------------------------------------------


def test_a_page_that_sends_its_people_to_the_login_is_no_endless_circle(browser, server):
    """The application refuses a person who is logged in, and asks them to log in."""
    browser.log_in("?next=/admin")
    answer = browser.flow.start(browser.visit("/login/peeringdb?next=/admin"))
    page = answer.page
    assert (answer.status, answer.cookies) == (403, ())
    assert page.title == "You are logged in as Ada Admin and may not see this page"
    assert (page.offers_login, page.offers_logout, page.home_url) == (False, True, "/")
    assert page.other_account_url == "/login/peeringdb?next=/admin&prompt=select_account"
    assert len(server.received) == 2
    assert browser.start("?next=/admin&prompt=login")["prompt"] == "login"


def test_a_browser_that_drops_the_session_is_no_endless_circle(browser, server):
    browser.log_in("?next=/admin")
    browser.session.clear()
    answer = browser.flow.start(browser.visit("/login/peeringdb?next=/admin"))
    page = answer.page
    assert (answer.status, page.title) == (400, "Your browser keeps no cookie of this site")
    assert (page.offers_login, page.offers_logout, page.home_url) == (True, False, None)
    assert page.login_url == "/login/peeringdb?next=/admin&prompt=login"
    assert len(server.received) == 2


def test_a_circle_that_names_no_page_has_a_brake_of_ten_seconds(browser, server, clock):
    """The start page may send everybody to the login, without ``next``."""
    redirected = {"Sec_Fetch_Site": "cross-site"}
    browser.log_in()
    browser.session.clear()
    answer = browser.flow.start(browser.visit("/login/peeringdb", **redirected))
    assert (answer.status, answer.page.title) == (400, "Your browser keeps no cookie of this site")
    assert answer.page.login_url == "/login/peeringdb?next=/&prompt=login"
    assert len(server.received) == 2
    clock.now += 10
    assert browser.flow.start(browser.visit("/login/peeringdb", **redirected)).status == 302


def test_a_login_for_another_page_is_no_circle_that_names_no_page(browser):
    browser.log_in("?next=/other")
    visit = browser.visit("/login/peeringdb", Sec_Fetch_Site="cross-site")
    assert browser.flow.start(visit).status == 302


def test_a_person_may_click_on_a_link_to_the_login_at_any_time(browser):
    browser.log_in()
    click = {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_User": "?1"}
    assert browser.flow.start(browser.visit("/login/peeringdb", **click)).status == 302


def test_a_program_in_a_circle_gets_json(browser):
    browser.log_in("?next=/admin")
    headers = {"Accept": "application/json", "Sec_Fetch_Mode": "navigate"}
    answer = browser.flow.start(browser.visit("/login/peeringdb?next=/admin", **headers))
    assert (answer.status, answer.json["code"]) == (403, "wrong_account")
    assert answer.json["login_url"] is None  # another login of the same account does not help


def test_a_person_without_a_name_is_called_by_their_number(browser, profile):
    profile(name="", given_name="", family_name="")
    browser.log_in("?next=/admin")
    answer = browser.flow.start(browser.visit("/login/peeringdb?next=/admin"))
    assert answer.page.title == "You are logged in as user 1 and may not see this page"


def test_a_circle_through_a_long_address_is_found_too(browser):
    for number in range(3):  # there is room for two long addresses
        query = "x" * (500 + number)
        browser.start(f"?next=/{number}?{query}")
    address = "/admin?" + "x" * 500
    assert browser.log_in(f"?next={address}").location == "/admin"
    answer = browser.flow.start(browser.visit(f"/login/peeringdb?next={address}"))
    assert answer.status == 403


def test_another_page_or_none_or_a_minute_later_starts_a_login(browser, clock):
    browser.log_in("?next=/admin")
    assert browser.start("?next=/other")
    assert browser.start()
    clock.now += 59
    assert browser.flow.start(browser.visit("/login/peeringdb?next=/admin")).status == 403
    clock.now += 1
    assert browser.start("?next=/admin")


def test_a_login_that_did_not_end_well_may_start_again(browser, profile):
    browser.come_back(browser.start("?next=/admin"), query="error=access_denied")
    profile(verified_user=False)
    browser.log_in("?next=/admin")
    assert browser.start("?next=/admin")


def test_after_a_logout_a_login_for_the_same_page_may_start(browser):
    browser.log_in("?next=/admin")
    browser.log_out(Sec_Fetch_Site="same-origin")
    assert browser.cookies == {}
    assert browser.start("?next=/admin")


def test_after_peeringdb_has_ended_the_login_another_one_may_start(browser, server):
    browser.log_in("?next=/admin")
    server.answer("/profile/v1", b"", status=403)
    with pytest.raises(Refused) as caught:
        browser.require("/admin", MAY_READ, max_age=0)
    assert browser.take(caught.value.answer).status == 401
    assert browser.start("?next=/admin")


def test_after_somebody_else_was_refused_another_login_may_start(browser, profile):
    browser.log_in("?next=/admin")
    profile(id=999, verified_user=False)
    browser.log_in("?next=/other")
    assert browser.start("?next=/admin")


# --- several tabs ---------------------------------------------------------------------


def test_eight_tabs_can_all_finish_and_the_first_one_wins(browser, server, clock):
    asked = [browser.start(f"?next=/tab{number}") for number in range(8)]
    clock.now += 5
    for number in (3, 0, 1, 2, 7, 6, 5, 4):
        answer = browser.come_back(asked[number], query=f"code=c{number}")
        assert (answer.status, answer.location) == (302, f"/tab{number}")
    assert len(sent(server, "/oauth2/token/")) == 1


def test_eight_tabs_can_all_finish_if_nobody_stays_logged_in(browser, server):
    asked = [browser.start(f"?next=/tab{number}") for number in range(8)]
    for number in range(8):
        browser.session.clear()
        assert browser.come_back(asked[number]).location == f"/tab{number}"
    assert len(sent(server, "/oauth2/token/")) == 8


def test_a_login_that_was_started_after_the_last_one_logs_in(browser, profile, clock):
    browser.log_in()
    clock.now += 1
    profile(id=999)
    browser.log_in("?next=/other")
    assert browser.user().id == 999


def test_another_account_logs_in_even_if_a_tab_was_faster(browser, profile, clock):
    first, second = browser.start(), browser.start("?prompt=login")
    clock.now += 5
    browser.come_back(first)
    profile(id=999)
    browser.come_back(second, query="code=other")
    assert browser.user().id == 999


def test_a_site_that_opens_our_login_a_hundred_times_ends_no_login(browser, clock):
    """It can send the browser to any address of ours, with its cookies."""
    asked = browser.start("?next=/mine")
    for _ in range(100):
        clock.now += 0.01
        browser.start("?next=/theirs")
    assert len(browser.cookies) == 8
    assert browser.come_back(asked).location == "/mine"


def test_a_person_can_log_in_though_a_site_has_opened_our_login_often(browser, server):
    for _ in range(100):
        browser.start("?next=/theirs")
    asked = browser.start("?next=/mine")
    assert browser.come_back(asked).location == "/mine"
    verifier = sent(server, "/oauth2/token/")[0].form["code_verifier"]
    assert asked["code_challenge"] == challenge(verifier)


def challenge(verifier):
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def test_a_login_must_finish_within_ten_minutes(browser, clock, server):
    asked = browser.start()
    clock.now += 601
    answer = browser.come_back(asked)
    assert (answer.status, answer.page.title) == (400, "This login took too long")
    assert server.received == []


@pytest.mark.parametrize("state", ["", "&state=", "&state=forged", "&state=forged&state=forged"])
def test_a_forged_callback_is_refused_and_disturbs_no_login(browser, server, state):
    asked = browser.start()
    cookies = dict(browser.cookies)
    answer = browser.take(
        browser.client.run(browser.flow.callback(browser.visit(f"{CALLBACK}?code=abc{state}")))
    )
    assert (answer.status, answer.page.title, answer.cookies) == (
        400,
        "This login was not started here",
        (),
    )
    assert browser.cookies == cookies
    assert server.received == []
    assert browser.come_back(asked).status == 302


def test_a_callback_of_another_browser_is_refused(make_browser, server):
    victim, attacker = make_browser(), make_browser()
    assert victim.come_back(attacker.start()).status == 400
    assert victim.session == {}
    assert server.received == []


def test_a_cookie_renamed_to_another_state_is_refused(browser, server):
    first, second = browser.start(), browser.start()
    names = list(browser.cookies)
    browser.cookies[names[0]] = browser.cookies[names[1]]
    assert browser.come_back(first).status == 400
    assert server.received == []
    assert browser.come_back(second).status == 302


def test_a_login_that_an_older_version_started_must_be_started_again(make_browser):
    browser = make_browser()
    asked = browser.start()
    [name] = browser.cookies
    pending = browser.flow._context.pending
    browser.cookies[name] = pending._sealer.seal(
        pending._purpose, [0, "", "", None, "profile", "/", 0, None]
    )
    answer = browser.come_back(asked)
    assert (answer.status, answer.page.title) == (400, "This login cannot be completed")


def test_the_log_says_what_to_set_if_the_address_is_not_the_configured_one(browser, caplog):
    visit = browser.visit(f"{CALLBACK}?code=abc&state=x", origin="http://127.0.0.1:8000")
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        page = browser.client.run(browser.flow.callback(visit)).page
    [text] = [record.getMessage() for record in caplog.records if record.name == "peeringdb_oauth"]
    assert text == browser.flow._builder.why_unknown(visit)
    assert "Set PEERINGDB_OAUTH_REDIRECT_URI" in text
    assert (page.title, page.reasons, page.cause) == ("This login was not started here", (), "")


def test_the_page_after_a_cancelled_login_has_a_link_back(browser):
    answer = browser.come_back(browser.start("?next=/networks/64500"), query="error=access_denied")
    assert (answer.status, answer.page.title) == (403, "You cancelled the login")
    assert answer.page.login_url == "/login/peeringdb?next=/networks/64500"
    assert answer.page.home_url is None
    assert browser.kinds() == ["refused"]
    assert browser.events[0].user is None


def test_a_cancelled_login_does_not_end_the_previous_one(browser):
    browser.log_in()
    answer = browser.come_back(browser.start(), query="error=access_denied")
    assert answer.page.home_url == "/"
    assert browser.user().name == "Ada Admin"


def test_a_program_gets_json_from_the_callback(browser):
    answer = browser.come_back(
        browser.start(), query="error=access_denied", Accept="application/json"
    )
    assert (answer.status, answer.page, answer.json["title"]) == (
        403,
        None,
        "You cancelled the login",
    )


@pytest.mark.parametrize(
    ("canned", "status"),
    [
        ({"status": 503}, 502),
        ({"status": 401, "body": {"error": "invalid_client"}}, 502),
        ({"status": 429, "Retry_After": "30"}, 503),
    ],
)
def test_errors_of_peeringdb_are_logged(browser, server, canned, status, caplog):
    server.answer("/oauth2/token/", canned.pop("body", {}), **canned)
    with caplog.at_level(logging.WARNING, "peeringdb_oauth"):
        answer = browser.log_in()
    assert answer.status == status
    assert answer.headers.get("Retry-After") == ("31" if status == 503 else None)
    assert [record.name for record in caplog.records] == ["peeringdb_oauth"]
    assert browser.events == []
    assert browser.session == {}


def test_a_wrong_redirect_uri_is_found_at_the_start(make_browser):
    with pytest.raises(ConfigurationError, match="/login/peeringdb/callback"):
        make_browser(redirect_uri="https://portal.test/callback")


def test_all_problems_are_found_at_the_start(make_browser):
    with pytest.raises(ConfigurationError) as caught:
        make_browser(
            redirect_uri="https://portal.test/callback",
            scope=("profile", "networks"),
            rule=AccessRule(asn=64500, mfa=True),
            secrets=("short",),
        )
    assert [problem.partition(";")[0] for problem in caught.value.problems] == [
        "scope: 'email' is missing, and the rule asks for verified_email",
        "scope: 'amr' is missing, and the rule asks for mfa",
        (
            "redirect_uri: must end in /login/peeringdb/callback, where this application takes"
            " callbacks, such as https://portal.test/login/peeringdb/callback"
        ),
        "the secret key of the sessions is missing or has fewer than 16 characters",
    ]


@pytest.mark.parametrize("disguise", ["\u2000", "\xa0", "\u3000"])
def test_a_disguised_cookie_of_a_pending_login_does_not_count(browser, server, disguise):
    """Another host of the domain can set a cookie that a framework takes for ours.

    For the browser its name does not begin with ``__Host-``, but for some frameworks it
    does.
    """
    asked = browser.start()
    [(name, value)] = browser.cookies.items()
    visit = browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}")
    planted = replace(visit, cookie_header=f"theme=dark; {disguise}{name}={value}")
    answer = browser.client.run(browser.flow.callback(planted))
    assert (answer.page.title, answer.cookies) == ("A cookie of this browser cannot be trusted", ())
    assert server.received == []
    spaced = replace(visit, cookie_header=f"theme=dark; \t{name} ={value}")
    assert browser.client.run(browser.flow.callback(spaced)).status == 302


def test_a_disguised_cookie_of_an_earlier_login_stops_no_login(browser):
    browser.log_in("?next=/x")
    visit = browser.visit("/login/peeringdb?next=/x")
    assert browser.flow.start(visit).status == 403
    [(name, value)] = browser.cookies.items()
    planted = replace(visit, cookie_header=f"\xa0{name}={value}")
    assert browser.flow.start(planted).status == 302


def planted(browser, target="/", **arguments):
    """A visit whose session another host of the domain has planted."""
    visit = browser.visit(target, **arguments)
    return replace(
        visit,
        cookie_header=f"{visit.cookie_header}; __Host-session=mine; \xa0__Host-session=theirs",
        cookies={**visit.cookies, "__Host-session": "theirs"},
    )


def test_a_session_from_a_planted_cookie_is_nobodys(browser):
    browser.log_in()
    visit = planted(browser)
    assert browser.client.run(browser.flow.user(visit)) is None
    assert browser.flow.page_context(visit).user is None
    with pytest.raises(Refused) as caught:
        browser.client.run(browser.flow.require(visit, MAY_READ))
    assert caught.value.answer.location == "/login/peeringdb?next=/"
    assert browser.client.run(browser.flow.user(browser.visit("/"))) is not None


def test_a_planted_cookie_destroys_nothing(browser, server):
    browser.log_in()
    before, asked, requests = dict(browser.session), browser.start(), len(server.received)
    answers = [
        browser.client.run(flow)
        for flow in (
            browser.flow.callback(planted(browser, f"{CALLBACK}?code=abc&state={asked['state']}")),
            browser.flow.log_out(
                planted(browser, "/logout", method="POST", Sec_Fetch_Site="same-origin")
            ),
        )
    ]
    for answer in answers:
        assert (answer.status, answer.cookies) == (400, ())
        assert answer.page.title == "A cookie of this browser cannot be trusted"
        assert (answer.page.account, answer.page.offers_logout) == ("", False)
    assert browser.session == before
    assert browser.rotated == [{}]  # at the login
    assert len(server.received) == requests
    assert browser.kinds() == ["login", "refused", "refused"]


def test_a_cookie_of_another_site_with_a_strange_name_logs_nobody_out(browser):
    browser.log_in()
    visit = replace(
        browser.visit("/"),
        cookie_header="__Ã©=1; __Host-session=mine",
        cookies={"__é": "1", "__Host-session": "mine"},
    )
    assert browser.client.run(browser.flow.user(visit)) is not None


def test_a_login_that_another_application_started_does_not_count(make_browser):
    one, other = make_browser(), make_browser(client_id="another")
    asked = one.start()
    other.cookies = one.cookies
    assert other.come_back(asked).status == 400


@pytest.mark.parametrize("error", [AccessDenied("not you"), ZeroDivisionError()])
def test_the_login_ends_when_a_listener_fails(browser, server, error):
    told = []

    def fail(event):
        told.append((event.kind, event.reason))
        if event.kind == "login":
            raise error

    asked = browser.start()
    visit = replace(browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}"), emit=fail)
    if isinstance(error, AccessDenied):
        assert browser.client.run(browser.flow.callback(visit)).status == 403
    else:
        with pytest.raises(ZeroDivisionError):
            browser.client.run(browser.flow.callback(visit))
    assert told[:2] == [("login", None), ("session_ended", "operator")]
    assert browser.session == {}
    assert paths(server)[-1] == "/oauth2/revoke_token/"


def test_a_listener_that_clears_the_session_does_no_harm(browser):
    def fail(_):
        browser.session.clear()
        raise ZeroDivisionError

    asked = browser.start()
    visit = replace(browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}"), emit=fail)
    with pytest.raises(ZeroDivisionError):
        browser.client.run(browser.flow.callback(visit))


# --- who is let in --------------------------------------------------------------------


def test_the_session_gets_another_id_before_anything_is_written(browser):
    browser.log_in()
    assert browser.rotated == [{}]
    assert browser.kinds() == ["login"]


@pytest.mark.parametrize(
    ("fields", "title", "code"),
    [
        ({"verified_user": False}, "PeeringDB has not verified your account", "unverified_user"),
        ({"verified_email": False}, "Your email address is not confirmed", "unverified_email"),
    ],
)
def test_the_rule_refuses_a_login_with_the_reason(browser, profile, server, *, fields, title, code):
    profile(**fields)
    answer = browser.log_in()
    assert (answer.status, answer.page.title) == (403, title)
    assert [reason.code for reason in answer.page.reasons] == [code]
    assert browser.session == {}
    assert browser.rotated == []
    assert browser.kinds() == ["refused"]
    assert browser.events[0].user.id == 1
    # their tokens are revoked
    assert paths(server)[-1] == "/oauth2/revoke_token/"


def test_the_application_may_refuse_a_user_whom_the_rule_lets_in(browser, server):
    asked = []

    def admit(user):
        asked.append(user)
        raise AccessDenied("none of your networks is a member here")

    answer = browser.log_in(admit=admit)
    assert (answer.status, answer.page.reasons) == (
        403,
        ("None of your networks is a member here",),
    )
    assert [user.id for user in asked] == [1]
    assert browser.session == {}
    assert browser.kinds() == ["refused"]
    assert paths(server)[-1] == "/oauth2/revoke_token/"


def test_the_application_is_asked_only_if_the_rule_lets_the_user_in(browser, profile):
    profile(verified_user=False)
    asked = []
    assert browser.log_in(admit=asked.append).status == 403
    assert asked == []


def test_a_refused_login_has_the_same_answer_if_its_tokens_cannot_be_revoked(
    browser, profile, server
):
    profile(verified_user=False)
    server.answer("/oauth2/revoke_token/", status=503)
    answer = browser.log_in()
    assert (answer.status, answer.page.title) == (403, "PeeringDB has not verified your account")


def test_a_new_login_of_the_same_user_ends_the_previous_one(browser, server, recording):
    browser.log_in()
    browser.session["cart"] = "kept"
    first = browser.session[SESSION_KEY]
    browser.log_in()
    assert browser.session[SESSION_KEY]["csrf_token"] != first["csrf_token"]
    assert browser.session["cart"] == "kept"
    [request] = sent(server, "/oauth2/revoke_token/")
    assert request.form["token"] == recording("token-success-no-openid").json["refresh_token"]
    assert browser.kinds() == ["login", "session_ended", "login"]


def test_a_login_of_another_user_clears_the_session(browser, profile):
    browser.log_in()
    browser.session["cart"] = "somebody else's"
    profile(id=999)
    browser.log_in()
    assert set(browser.session) == {SESSION_KEY}
    assert browser.user().id == 999


def test_what_was_in_the_session_before_the_login_goes(browser):
    """Somebody else may have put it there, and have planted the session."""
    browser.session |= {"cart": "of the attacker", "lang": "de"}
    browser.log_in()
    assert set(browser.session) == {SESSION_KEY}


def test_the_application_says_what_stays_in_the_session_at_a_login(make_browser):
    browser = make_browser(keep=("lang", "theme"))
    browser.session |= {"cart": "of the attacker", "lang": "de"}
    browser.log_in()
    assert browser.session["lang"] == "de"
    assert set(browser.session) == {SESSION_KEY, "lang"}


def test_a_framework_can_decide_what_stays_in_the_session(make_browser):
    browser = make_browser(keep=None)
    browser.session["cart"] = "kept"
    browser.log_in()
    assert browser.session["cart"] == "kept"


@pytest.mark.parametrize("keep", [("name",), None])
def test_data_of_a_person_whose_login_cannot_be_read_any_more_goes(make_browser, keep):
    browser = make_browser(keep=keep)
    browser.session |= {SESSION_KEY: "of another version", "name": "Ada"}
    browser.log_in()
    assert set(browser.session) == {SESSION_KEY}


def test_data_of_another_person_goes_even_if_it_is_named(make_browser, profile):
    browser = make_browser(keep=("cart",))
    browser.log_in()
    browser.session["cart"] = "somebody else's"
    profile(id=999)
    browser.log_in()
    assert set(browser.session) == {SESSION_KEY}


def test_a_refused_login_takes_nothing_from_a_visitor(browser, profile):
    browser.session["cart"] = "kept"
    profile(verified_user=False)
    browser.log_in()
    assert browser.session == {"cart": "kept"}


def test_a_refused_login_ends_the_previous_one(browser, profile):
    browser.log_in()
    profile(id=999, verified_user=False)
    browser.log_in()
    assert browser.user() is None


def test_rights_that_have_changed_since_the_previous_login_are_an_event(browser, profile):
    browser.log_in()
    before = browser.user()
    profile(networks=[])
    browser.log_in()
    assert browser.kinds() == ["login", "session_ended", "login", "rights_changed"]
    assert browser.events[-1].previous == before
    assert browser.events[-1].user.networks == ()


def test_a_changed_name_is_not_a_changed_right(browser, profile):
    browser.log_in()
    profile(name="Ada Other")
    browser.log_in()
    assert browser.kinds() == ["login", "session_ended", "login"]


# --- what nobody may see --------------------------------------------------------------


def test_no_secret_can_be_read_in_logs_cookies_or_the_session(
    browser, server, recording, caplog, profile
):
    with caplog.at_level(logging.DEBUG):
        asked = browser.start()
        pages = [repr(browser.come_back(asked))]
        pages += [
            repr(browser.visit(f"/?code=a-code&state={asked['state']}")),
            repr(browser.flow.start(browser.visit("/"))),
        ]
        pages.append(repr(browser.flow.page_context(browser.visit("/"))))
        csrf_token = browser.flow.page_context(browser.visit("/")).csrf_token
        profile(verified_user=False)
        pages += [
            repr(browser.log_in()),
            repr(browser.log_out(Sec_Fetch_Site="same-origin")),
            repr(browser.events),
        ]
    tokens = recording("token-success-no-openid").json
    verifiers = [request.form["code_verifier"] for request in sent(server, "/oauth2/token/")]
    secrets = [
        tokens["access_token"],
        tokens["refresh_token"],
        browser.client.config.client_secret,
        SECRET,
        *verifiers,
    ]
    assert not [
        secret for secret in ("a-code", asked["state"], csrf_token) if secret in "".join(pages)
    ]
    readable = "\n".join(
        [
            *pages,
            str(browser.session),
            *(record.getMessage() + str(vars(record)) for record in caplog.records),
        ]
    )
    assert not [secret for secret in secrets if secret in readable]


# --- with asyncio ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["function", "coroutine function", "function that gives a coroutine"]
)
def test_the_asynchronous_client_runs_the_same_flow(make_client, server, clock, kind):
    """A blocking function of the application runs in a thread."""
    config = make_client(server, redirect_uri=f"{PORTAL}{CALLBACK}").config
    admitted = []

    async def admit(user):
        admitted.append((user.id, asyncio.get_running_loop() is not None))

    def admit_blocking(user):
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()  # not in the thread of the loop
        admitted.append((user.id, True))

    hooks = {
        "function": admit_blocking,
        "coroutine function": admit,
        "function that gives a coroutine": lambda user: admit(user),  # noqa: PLW0108
    }

    async def log_in():
        from .conftest import Browser  # noqa: PLC0415

        async with AsyncClient(config, clock=clock) as client:
            browser = Browser(
                client, LoginFlow(client.provider, rule=AccessRule(), secrets=(SECRET,))
            )
            asked = browser.start("?next=/x")
            visit = browser.visit(f"{CALLBACK}?code=abc&state={asked['state']}")
            answer = await client.run(browser.flow.callback(visit, hooks[kind]))
            return answer, await client.run(browser.flow.user(browser.visit("/")))

    answer, user = asyncio.run(log_in())
    assert (answer.location, user.name, admitted) == ("/x", "Ada Admin", [(1, True)])


def test_a_coroutine_function_as_hook_is_refused_by_the_blocking_client(browser):
    async def admit(user):
        raise AccessDenied(f"never {user}")

    answer = browser.log_in(admit=admit)
    assert (answer.status, answer.page.title) == (500, "The login is not set up right")
    assert browser.session == {}
    assert browser.kinds() == []  # nobody was refused
