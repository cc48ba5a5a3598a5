"""What the gateway says to a proxy about a visitor's request."""

import threading
import time
from functools import partial

import pytest
from shared_sessions import store_of
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from peeringdb_oauth.web import Sealer

from .conftest import GRAFANA, LG, PERSON, SCRIPT, SECRET, heading, identity, refusal

pytestmark = pytest.mark.server

BACKGROUND = {
    "fetch": SCRIPT,
    "EventSource": {"Accept": "text/event-stream", "Sec-Fetch-Mode": "cors"},
    "image": {"Accept": "image/avif,*/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "frame": {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "WebSocket": {"Sec-Fetch-Mode": "websocket", "Upgrade": "websocket"},
    "old WebSocket": {"Upgrade": "websocket", "Connection": "Upgrade"},
    "old script": {"Accept": "*/*", "X-Requested-With": "XMLHttpRequest"},
    "htmx": {"Accept": "*/*", "HX-Request": "true"},
    "prefetch": PERSON | {"Sec-Purpose": "prefetch"},
    "program": {"Accept": "application/json"},
}


def test_a_stranger_is_sent_to_the_login_and_comes_back(browser):
    answer = browser.get("/looking/glass?q=192.0.2.0%2F24&x=a+b")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/_peeringdb/login?next=")
    last = browser.follow(answer)
    assert last.status_code == 204


def test_the_application_is_told_who_it_is(browser):
    browser.log_in("limited")
    assert identity(browser.get("/")) == {
        "id": "3",
        "name": "Lim Ited",
        "email": "limited@example.net",
        "asns": "64500,64501,65550",
        "update-asns": "64500,65550",
        "roles": "Editor",
    }


@pytest.mark.parametrize("kind", BACKGROUND)
def test_a_background_request_gets_401_and_neither_redirect_nor_cookie(browser, kind):
    answer = browser.get("/data", headers=BACKGROUND[kind])
    assert answer.status_code == 401
    assert answer.json()["code"] == "logged_out"
    assert not {"Location", "Set-Cookie"} & {name.title() for name in answer.headers}


# --- everybody ------------------------------------------------------------------------


def test_a_stranger_passes_where_everybody_does_and_is_not_named(site, browser):
    answer = browser.ask("/public/a")
    assert (answer.status_code, identity(answer)) == (204, {})
    browser.cookies["__Host-peeringdb_gateway"] = "forged"
    assert identity(browser.ask("/public/a")) == {}
    assert site.decisions[-1] == ("rule 1 (path /public/)", "stranger")
    assert site.records.reads == 0


def test_a_person_is_named_where_everybody_passes(browser):
    browser.log_in("orgadmin")
    assert identity(browser.ask("/public/a"))["name"] == "Ada Admin"


def test_nothing_waits_for_peeringdb_where_everybody_passes(site, browser, clock):
    browser.log_in("member")
    site.sandbox.fault("cut", path="/profile/v1")
    clock.wait(1000)  # a re-check is due, and its answer does not come
    assert identity(browser.ask("/public/a"))["id"] == "2"
    site.settle()
    clock.wait(1000)
    assert identity(browser.ask("/public/a"))["id"] == "2"  # as at the other pages
    site.settle()
    clock.wait(3600)
    assert identity(browser.ask("/public/a")) == {}  # too old to count


def test_rights_that_nobody_has_asked_about_for_long_name_nobody_until_they_are_read(
    site, browser, clock
):
    browser.log_in("member")
    clock.wait(3000)
    assert identity(browser.ask("/public/a")) == {}
    site.settle()
    assert identity(browser.ask("/public/a"))["id"] == "2"


def test_people_pass_unnamed_where_everybody_does_while_the_store_is_down(site, browser, clock):
    browser.log_in("member")
    clock.wait(2)
    site.records.is_down = True
    answer = browser.ask("/public/a")
    assert (answer.status_code, identity(answer)) == (204, {})


def test_nobody_waits_for_a_slow_store_where_everybody_passes(site, browser, clock):
    browser.log_in("member")
    clock.wait(2)
    site.records.gate = threading.Event()
    started_at = time.monotonic()
    for _ in range(10):
        answer = browser.ask("/public/a")
        assert (answer.status_code, identity(answer)) == (204, {})
    assert time.monotonic() - started_at < 2
    site.records.gate.set()
    clock.wait(2)
    assert identity(browser.ask("/public/a"))["id"] == "2"


def test_a_rule_of_the_login_that_somebody_no_longer_meets_names_nobody(site, browser, clock):
    browser.log_in("member")
    site.sandbox.change("member", verified_user=False)
    clock.wait(1000)
    assert identity(browser.ask("/public/a"))["id"] == "2"
    site.settle()
    assert identity(browser.ask("/public/a")) == {}
    assert site.kinds() == ["login", "session_ended"]


# --- rules ----------------------------------------------------------------------------


def test_a_rule_refuses_with_a_page_that_says_why_and_one_event(site, browser):
    browser.log_in("member")
    answer = browser.get("/members/64501/")
    assert refusal(answer) == (
        403,
        "You may read AS64501, not change it",
        ["AS64501: you may read this network but not update it"],
    )
    [event] = [event for event in site.events if event.kind == "refused"]
    assert (event.user.id, event.asn, event.origin) == (2, 64501, LG)
    assert (event.view, event.path) == ("rule 2 (path /members/{asn}/)", "/members/64501/")
    assert site.decisions[-1] == ("rule 2 (path /members/{asn}/)", "refused")


def test_a_background_request_that_a_rule_refuses_gets_json(browser):
    browser.log_in("member")
    answer = browser.get("/members/64501/", headers=SCRIPT)
    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (403, "needs_update")


def test_what_no_rule_is_about_is_refused(make_site):
    browser = make_site('[[rule]]\npath = "/public/"\nallow = "everybody"').browser()
    assert browser.ask("/").status_code == 403
    page = browser.get("/")
    assert refusal(page)[:2] == (403, "This page is open to nobody")
    assert "peeringdb-login" not in page.text  # no login helps
    assert "Back to the start page" in page.text
    said = browser.get("/", headers=SCRIPT).json()
    assert (said["reasons"][0]["code"], said["login_url"]) == ("no_rule", None)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/public/../members/64500/", "odd_path"),
        ("/public/%2e%2e/members/64500/", "odd_path"),
        ("/public/%00", "odd_path"),
        ("/public/%c0%af", "odd_path"),
        ("/public/%ff", "odd_path"),
        ("/public#x", "odd_path"),
        ("https://lg.test/public/", "odd_path"),
        ("/public/" + 9000 * "a", "odd_path"),
        ("/public%2Fa", "ambiguous_path"),
        ("/public\\a", "ambiguous_path"),
        ("//public/", "ambiguous_path"),
        ("/public;x/", "ambiguous_path"),
        ("/members/064500/", "invalid_asn"),
    ],
)
def test_a_path_that_servers_read_in_different_ways_is_refused(browser, path, code):
    browser.log_in("orgadmin")
    assert browser.ask(path).status_code == 403
    answer = browser.ask(path, endpoint="answer", headers=SCRIPT)
    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (403, code)


def test_a_path_with_thousands_of_readings_is_refused_where_a_rule_allows_the_trick(make_site):
    browser = make_site('[[rule]]\nallow = "everybody"\nallow_in_path = ["//"]').browser()
    assert browser.ask("//a/b").status_code == 204
    assert browser.ask("//a" * 2000).status_code == 403
    answer = browser.ask("//a" * 2000, endpoint="answer", headers=SCRIPT)
    assert (answer.status_code, answer.json()["reasons"][0]["code"]) == (403, "odd_path")


def test_a_second_factor_is_asked_for_once(browser):
    browser.log_in("member", second_factor="backup")
    step_up = browser.get("/mfa/a?b=1")
    assert step_up.headers["Location"] == "/_peeringdb/login?next=/mfa/a%3Fb%3D1&prompt=login"
    last = browser.follow(step_up, second_factor="backup")
    assert refusal(last)[:2] == (403, "A second factor is needed here")
    assert browser.follow(step_up).status_code == 204


WEBSOCKET = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
BEHIND_TRAEFIK = {"Sec-WebSocket-Version": "13"}  # it removes Upgrade
OWN = [
    {},  # a program
    {"Origin": LG},
    {"Origin": LG.upper()},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},  # a page that hides its address
]
FOREIGN = [
    {"Origin": "https://wiki.test"},
    {"Origin": "https://wiki.test", "Sec-Fetch-Site": "same-site"},
    {"Origin": LG.replace("https", "http")},
    {"Origin": f"{LG}:8443"},
    {"Origin": "null"},
    {"Origin": ""},
]


@pytest.mark.parametrize("origin", OWN)
def test_a_page_of_the_same_host_and_a_program_send_forms_and_open_websockets(browser, origin):
    browser.log_in("orgadmin")
    assert browser.ask("/form", "POST", headers=PERSON | origin).status_code == 204
    assert browser.ask("/feed", headers=WEBSOCKET | origin).status_code == 204


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_another_origin_acts_as_nobody(browser, origin):
    browser.log_in("orgadmin")
    for target, method, headers in (
        ("/form", "POST", PERSON),
        ("/form", "DELETE", PERSON),
        ("/feed", "CONNECT", {}),  # a WebSocket over HTTP/2
        ("/feed", "GET", WEBSOCKET),
        ("/feed", "GET", BEHIND_TRAEFIK),
    ):
        assert browser.ask(target, method, headers=headers).status_code == 204
        assert browser.ask(target, method, headers=headers | origin).status_code == 403
        named = browser.ask("/public/", method, headers=headers | origin)
        assert (named.status_code, identity(named)) == (204, {})
    assert browser.ask("/page", headers=SCRIPT | origin).status_code == 204


def test_a_page_of_another_origin_is_told_why(site, browser):
    browser.log_in("orgadmin")
    page = browser.request("POST", "/form", headers=PERSON | FOREIGN[0])
    assert refusal(page)[:2] == (403, "A page of another site sent this request")
    assert "peeringdb-login" not in page.text  # no login helps
    assert "Back to the start page" in page.text
    answer = browser.get("/feed", headers=WEBSOCKET | FOREIGN[0])
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
    assert answer.json()["login_url"] is None
    assert site.kinds() == ["login", "refused", "refused"]
    assert site.decisions[-1] == ("rule 5", "refused")


def test_a_rule_names_other_origins_whose_pages_may_act(make_site):
    rules = '[[rule]]\nallow = "verified"\norigins = ["https://WIKI.test:443/"]'
    browser = make_site(rules).browser()
    browser.log_in("orgadmin")
    assert browser.ask("/form", "POST", headers=PERSON | FOREIGN[0]).status_code == 204
    assert browser.ask("/form", "POST", headers=PERSON | {"Origin": LG}).status_code == 204
    other = PERSON | {"Origin": "https://wiki.test.example.net"}
    assert browser.ask("/form", "POST", headers=other).status_code == 403


def test_a_form_in_a_session_that_has_ended_says_that_nothing_was_saved(site, browser, clock):
    browser.log_in("member")
    clock.wait(8000)
    answer = browser.post("/form", {"note": "x"})
    assert refusal(answer) == (
        401,
        "Your session has ended",
        ["You did not use this site for a while"],
    )
    assert browser.cookies == {}
    assert site.kinds() == ["login", "session_ended"]


def test_a_form_of_a_stranger_gets_a_page_that_offers_a_login(browser):
    answer = browser.post("/form", {"note": "x"})
    assert heading(answer) == (401, "You are not logged in")
    assert "/_peeringdb/login?next=/" in answer.text


# --- cookies --------------------------------------------------------------------------


def test_the_application_gets_no_cookie_of_the_gateway(browser):
    browser.log_in("member")
    assert min(browser.cookies).startswith("__Host-peeringdb")
    assert "x-peeringdb-cookie" not in browser.ask("/").headers
    browser.cookies.update({"theme": "dark", "peeringdb_gateway_4180": "x", "sid": '"a=b"'})
    assert browser.ask("/").headers["x-peeringdb-cookie"] == 'theme=dark; sid="a=b"'
    assert browser.ask("/public/").headers["x-peeringdb-cookie"] == 'theme=dark; sid="a=b"'


def test_a_session_counts_at_its_own_host_only(browser):
    browser.log_in("member")
    other = browser.at(GRAFANA)
    assert other.ask("/").status_code == 401
    other.cookies.update(browser.cookies)
    assert other.ask("/").status_code == 401
    assert identity(other.ask("/public/")) == {}


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_truncated_cookie_is_none(browser, cut):
    browser.log_in("member")
    name = "__Host-peeringdb_gateway"
    browser.cookies[name] = browser.cookies[name][:-cut]
    assert browser.ask("/").status_code == 401


def test_a_cookie_of_another_key_is_none(browser):
    browser.log_in("member")
    other = Sealer("another key of 32 characters !!!")
    name = "__Host-peeringdb_gateway"
    session = Sealer(SECRET).open(f"gateway session 1 at {LG}", browser.cookies[name])
    browser.cookies[name] = other.seal(f"gateway session 1 at {LG}", session)
    assert browser.ask("/").status_code == 401
    browser.cookies[name] = Sealer(SECRET).seal(f"gateway session 1 at {LG}", session)
    assert browser.ask("/").status_code == 204


def test_a_new_key_in_front_of_the_old_one_keeps_people_logged_in(make_site, site, browser):
    new = "another-key-of-32-characters-000"
    browser.log_in("member")
    later = make_site(records=site.records, secrets=(new, SECRET)).browser()
    later.cookies.update(browser.cookies)
    assert later.ask("/").status_code == 204
    last = make_site(records=site.records, secrets=(new,)).browser()
    last.cookies.update(browser.cookies)
    assert last.ask("/").status_code == 401


def test_another_program_lists_and_ends_the_sessions_of_all_hosts(site, browser, clock):
    browser.log_in("member")
    browser.at(GRAFANA).log_in("member")
    program = store_of(site.records, SECRET)
    assert [session.address for session in program.of(2)] == ["192.0.2.7"] * 2
    assert program.end_all(2) == 2
    clock.wait(1)
    assert browser.ask("/").status_code == browser.at(GRAFANA).ask("/").status_code == 401


def test_two_cookies_of_our_name_are_none(browser):
    """Another host of the domain may have planted one of them."""
    browser.log_in("member")
    value = browser.cookies["__Host-peeringdb_gateway"]
    headers = PERSON | {"Cookie": f"__Host-peeringdb_gateway={value}; __Host-peeringdb_gateway=x"}
    assert browser.ask("/", headers=headers).status_code == 401


def test_a_replayed_cookie_is_none_after_a_logout(site, browser):
    browser.log_in("member")
    kept = dict(browser.cookies)
    browser.post("/_peeringdb/logout")
    browser.cookies.update(kept)
    assert browser.ask("/").status_code == 401
    assert site.kinds() == ["login", "session_ended", "logout"]


# --- the proxy ------------------------------------------------------------------------

FORWARDED = ("Method", "Proto", "Host", "Uri")


@pytest.mark.parametrize("name", FORWARDED)
@pytest.mark.parametrize("endpoint", ["check", "answer", "forward-auth"])
def test_a_missing_header_is_a_refusal(browser, name, endpoint, caplog):
    answer = browser.ask("/public/", endpoint=endpoint, headers={f"X-Forwarded-{name}": ""})
    assert (answer.status_code, identity(answer)) == (403, {})
    assert f"X-Forwarded-{name} is missing" in caplog.text


@pytest.mark.parametrize("name", FORWARDED)
def test_a_header_that_came_twice_is_a_refusal(site, name):
    headers = [
        *(("x-forwarded-method", "GET"), ("x-forwarded-proto", "https")),
        *(("x-forwarded-host", "lg.test"), ("x-forwarded-uri", "/public/")),
    ]
    ask = partial(site.client.get, "/_peeringdb/check")
    assert ask(headers=headers).status_code == 204
    [twice] = [header for header in headers if header[0].endswith(name.lower())]
    assert ask(headers=[*headers, twice]).status_code == 403


@pytest.mark.parametrize(
    "forged",
    [
        {"X-Forwarded-Proto": "http"},
        {"X-Forwarded-Proto": "gopher"},
        {"X-Forwarded-Host": "other.example.net"},
        {"X-Forwarded-Host": "lg.test:8443"},
        {"X-Forwarded-Host": "lg.test."},
        {"X-Forwarded-Host": "lg.test, other.example.net"},
        {"X-Forwarded-Method": "GET, POST"},
        {"X-Forwarded-Method": "G\xc9T"},
    ],
)
def test_a_header_that_makes_no_sense_is_a_refusal(browser, forged):
    forged = {name: value.encode("latin-1") for name, value in forged.items()}
    assert browser.ask("/public/", headers=forged).status_code == 403


@pytest.mark.parametrize(
    "same",
    [
        {"X-Forwarded-Host": "LG.test"},
        {"X-Forwarded-Host": "lg.test:443"},
        {"X-Forwarded-Proto": "wss"},
        {"X-Forwarded-Proto": "HTTPS"},
    ],
)
def test_a_host_may_be_written_in_other_ways(browser, same):
    assert browser.ask("/public/", headers=same).status_code == 204


def test_a_peer_that_is_no_trusted_proxy_is_refused(site, caplog):
    browser = site.browser()
    headers = browser.headers("GET", "/public/", PERSON)
    for address, status in [
        ("127.0.0.9", 204),
        ("::1", 204),
        ("::ffff:127.0.0.1", 204),
        ("192.0.2.1", 403),
        ("2001:db8::1", 403),
        ("nonsense", 403),
    ]:
        client = TestClient(site.app, client=(address, 1), follow_redirects=False)
        for path in ("check", "answer", "forward-auth", "login", "logout", "whoami", "callback"):
            answer = client.get(f"/_peeringdb/{path}", headers=headers)
            assert (answer.status_code == 403) == (status == 403), (address, path)
    assert caplog.text.count("192.0.2.1, which is not in trusted_proxies") == 1


def test_a_header_of_64_kb_is_refused_and_all_goes_on(browser):
    browser.log_in("member")
    for name in ("X-Anything", "Cookie", "X-Forwarded-Uri", "X-Forwarded-For", "Accept"):
        large = {name: "/" + "a" * 65536}
        assert browser.ask("/", headers=PERSON | large).status_code == 403
        answer = browser.ask("/", endpoint="answer", headers=PERSON | large)
        assert (answer.status_code, answer.headers["Content-Type"][:10]) == (431, "text/plain")
        assert browser.ask("/").status_code == 204


def test_a_websocket_is_not_for_the_gateway(site):
    with pytest.raises(WebSocketDisconnect), site.client.websocket_connect("/_peeringdb/check"):
        pass


# --- trouble --------------------------------------------------------------------------


def test_an_outage_reaches_the_visitor_as_503_with_its_page(site, browser, clock):
    browser.log_in("member")
    site.sandbox.fault("outage")
    clock.wait(5000)
    assert browser.ask("/").status_code == 401
    assert site.decisions[-1] == ("rule 5", "unavailable")
    answer = browser.get("/")
    assert heading(answer) == (503, "PeeringDB is not available")
    assert int(answer.headers["Retry-After"]) > 0
    script = browser.get("/", headers=SCRIPT)
    assert (script.status_code, script.json()["code"]) == (503, "rights_unknown")
    site.sandbox.clear_faults()
    clock.wait(61)
    assert browser.get("/").status_code == 204


def test_a_store_that_is_down_reaches_the_visitor_as_503_with_its_page(site, browser, clock):
    browser.log_in("member")
    clock.wait(2)
    site.records.is_down = True
    answer = browser.get("/")
    assert heading(answer) == (503, "This site cannot read its sessions")
    assert int(answer.headers["Retry-After"]) > 0
    assert "__Host-peeringdb_gateway" in browser.cookies
    site.records.is_down = False
    assert browser.get("/").status_code == 204


def test_what_is_allowed_by_now_is_asked_for_once_more(browser):
    answer = browser.ask("/public/a?b=%20c", endpoint="answer")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LG}/public/a?b=%20c")
    for method, headers in (("POST", PERSON), ("GET", SCRIPT)):
        answer = browser.ask("/public/a", method, endpoint="answer", headers=headers)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    browser.log_in("orgadmin")
    answer = browser.ask("/members/64500/", endpoint="answer")
    assert answer.headers["Location"] == f"{LG}/members/64500/"


def test_a_lost_session_is_told_once_and_not_at_background_requests(site, browser, clock):
    browser.log_in("member")
    [key] = [key for key in site.records._records if key.startswith("session:")]
    del site.records._records[key]
    clock.wait(2)
    for _ in range(3):
        assert browser.get("/", headers=SCRIPT).status_code == 401
    assert site.kinds() == ["login"]
    browser.get("/")
    browser.get("/")
    assert site.kinds() == ["login", "session_ended"]
    assert "__Host-peeringdb_gateway" not in browser.cookies


def test_rights_are_read_again_and_what_was_lost_is_refused(site, browser, clock):
    browser.log_in("orgadmin")
    assert browser.get("/members/64500/").status_code == 204
    site.sandbox.change("orgadmin", networks={64500: 1})
    clock.wait(1000)
    browser.get("/members/64500/")
    site.settle()
    assert refusal(browser.get("/members/64500/"))[0] == 403
    assert identity(browser.get("/"))["asns"] == "64500"
    assert "update-asns" not in identity(browser.get("/"))
    assert "rights_changed" in site.kinds()


def test_a_login_that_peeringdb_has_ended_ends_here(site, browser, clock):
    browser.log_in("tobedisabled")
    site.sandbox.revoke_tokens("tobedisabled")
    clock.wait(2000)
    assert browser.get("/").headers["Location"] == "/_peeringdb/login?next=/"
    assert site.events[-1].reason == "refused_by_peeringdb"


# --- forward-auth ---------------------------------------------------------------------


def test_forward_auth_is_a_check_and_its_answer_in_one(browser):
    answer = browser.ask("/a?b", endpoint="forward-auth")
    assert answer.headers["Location"] == f"{LG}/_peeringdb/login?next=/a%3Fb"
    browser.log_in("orgadmin")
    answer = browser.ask("/a?b", endpoint="forward-auth")
    assert (answer.status_code, identity(answer)["id"]) == (204, "1")
    assert "Cookie" not in answer.headers
    browser.cookies["wiki"] = "1"
    answer = browser.ask("/a?b", endpoint="forward-auth")
    assert answer.headers["Cookie"] == answer.headers["X-PeeringDB-Cookie"] == "wiki=1"
    answer = browser.ask("/", "POST", endpoint="forward-auth", headers=SCRIPT)
    assert answer.status_code == 204
