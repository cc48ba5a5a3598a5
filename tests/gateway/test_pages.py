"""The gateway's own pages: login, sign-in page, logout, whoami, and how they look."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from .conftest import GRAFANA, LG, PERSON, RULES, SCRIPT, heading, identity, refusal

pytestmark = pytest.mark.server

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"><rect width="9"/></svg>'


def is_logged_in(browser):
    return browser.ask("/").status_code == 204


# --- the login ------------------------------------------------------------------------


def test_each_host_has_its_own_login(browser):
    browser.log_in("member")
    other = browser.at(GRAFANA)
    assert not is_logged_in(other)
    start = other.get("/_peeringdb/login?next=/d/1")
    [redirect_uri] = parse_qs(urlsplit(start.headers["Location"]).query)["redirect_uri"]
    assert redirect_uri == f"{GRAFANA}/_peeringdb/callback"
    assert other.follow(start).status_code == 204
    assert is_logged_in(other)
    assert is_logged_in(browser)
    assert (
        browser.jars[LG]
        .keys()
        .isdisjoint(
            name
            for name, value in browser.jars[GRAFANA].items()
            if value in browser.jars[LG].values()
        )
    )


def test_a_callback_of_one_host_does_not_count_at_another(browser):
    start = browser.get("/_peeringdb/login")
    callback = browser.site.sandbox.log_in("member", start.headers["Location"])
    other = browser.at(GRAFANA)
    other.cookies.update(browser.cookies)
    assert other.get(callback.removeprefix(LG)).status_code == 400
    assert not is_logged_in(other)


def test_a_callback_that_another_browser_brings_logs_nobody_in(site, browser):
    """Login CSRF: somebody is to use the site as the attacker."""
    start = browser.get("/_peeringdb/login")
    callback = site.sandbox.log_in("orgadmin", start.headers["Location"])
    victim = site.browser()
    answer = victim.get(callback.removeprefix(LG))
    assert heading(answer) == (400, "This login was not started here")
    assert not is_logged_in(victim)


def test_a_login_that_the_login_itself_refuses_says_why(browser):
    answer = browser.log_in("unverified")
    assert refusal(answer)[:2] == (403, "PeeringDB has not verified your account")
    assert not is_logged_in(browser)


def test_images_of_another_site_use_up_no_logins(site):
    """Everybody at the address of one visitor of that site would be locked out."""
    victim = site.browser(address="192.0.2.1")
    image = {"Accept": "image/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    for _ in range(40):
        assert victim.get("/_peeringdb/login", headers=image).status_code == 401
    assert victim.get("/_peeringdb/login").status_code == 302


def test_an_address_starts_so_many_logins_within_a_minute(site, clock):
    attacker, other = site.browser(), site.browser(address="192.0.2.8")
    for _ in range(30):
        attacker.cookies.clear()
        assert attacker.get("/_peeringdb/login").status_code == 302
    answer = attacker.get("/_peeringdb/login")
    assert heading(answer) == (429, "Too many logins or checks within a minute")
    assert answer.headers["Retry-After"] == "2"
    assert other.get("/_peeringdb/login").status_code == 302
    clock.wait(2)
    attacker.cookies.clear()
    assert attacker.get("/_peeringdb/login").status_code == 302


def test_the_visitors_address_is_the_last_one_that_no_proxy_has(site):
    """A visitor may send addresses of others, which come first in the header."""
    for _ in range(30):
        site.browser(address="192.0.2.9, 192.0.2.1, 127.0.0.1").get("/_peeringdb/login")
    assert site.browser(address="192.0.2.1").get("/_peeringdb/login").status_code == 429
    assert site.browser(address="192.0.2.9").get("/_peeringdb/login").status_code == 302
    assert site.browser(address="127.0.0.1").get("/_peeringdb/login").status_code == 302


def test_a_visitor_without_an_address_is_said_once(site, caplog):
    """A page for another account starts no login, so it is not counted."""
    browser = site.browser(address="")
    for _ in range(40):
        assert browser.get("/_peeringdb/login?prompt=select_account").status_code == 200
        browser.cookies.clear()
        assert browser.get("/_peeringdb/login").status_code == 302
    assert caplog.text.count("X-Forwarded-For has no address of a visitor") == 1


def test_who_tries_it_out_on_this_machine_is_told_nothing_of_addresses(make_site, caplog):
    browser = make_site(urls=["http://127.0.0.1:8080"]).browser("http://127.0.0.1:8080")
    browser.address = "127.0.0.1"
    assert browser.get("/_peeringdb/login").status_code == 302
    assert "X-Forwarded-For" not in caplog.text


# --- the sign-in page -----------------------------------------------------------------


def test_a_sign_in_page_may_come_before_peeringdb(make_site):
    browser = make_site(RULES, '[pages]\nsign_in_page = true\ntitle = "Example IX"').browser()
    answer = browser.get("/a?b=c")
    assert answer.headers["Location"] == "/_peeringdb/sign-in?next=/a%3Fb%3Dc"
    page = browser.get(answer.headers["Location"])
    assert heading(page) == (200, "Log in to Example IX")
    [link] = re.findall('class="peeringdb-login" href="([^"]*)"', page.text)
    assert browser.follow(browser.get(link.replace("&amp;", "&"))).status_code == 204


def test_a_sign_in_page_does_not_stand_before_a_second_factor(make_site):
    browser = make_site(RULES, "[pages]\nsign_in_page = true").browser()
    browser.log_in("member", second_factor="backup")
    assert browser.get("/mfa/").headers["Location"].startswith("/_peeringdb/login?")


# --- whoami ---------------------------------------------------------------------------


def test_whoami_says_what_the_session_has(browser, clock):
    logged_in_at = clock.now
    browser.log_in("limited")
    status, said = browser.whoami()
    assert (status, said["id"], said["name"], said["email"]) == (
        200,
        3,
        "Lim Ited",
        "limited@example.net",
    )
    assert (said["asns"], said["roles"]) == ([64500, 64501, 65550], ["Editor"])
    assert said["networks"][1] == {
        "asn": 64501,
        "name": "Example Net Two",
        "perms": ["read"],
        "manage_peering_sessions": ["read", "update", "create", "delete"],
    }
    assert (said["checked_at"], said["stale"]) == (logged_in_at, False)
    assert said["expires_at"] == logged_in_at + 7200
    assert not [key for key in said if "token" in key]


def test_whoami_has_all_networks_where_the_header_is_cut(browser):
    browser.log_in("manynets")
    assert len(browser.whoami()[1]["asns"]) == 300


def test_whoami_of_a_stranger_is_401_and_json(browser):
    for headers in (PERSON, SCRIPT):
        answer = browser.get("/_peeringdb/whoami", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "logged_out")
        assert "Location" not in answer.headers


# --- the logout -----------------------------------------------------------------------


def test_a_link_to_the_logout_shows_a_page_with_the_button(browser):
    browser.log_in("member")
    page = browser.get("/_peeringdb/logout", headers=PERSON | {"Sec-Fetch-Site": "cross-site"})
    assert heading(page) == (200, "Log out")
    assert "You are logged in as Mel Member." in page.text
    assert is_logged_in(browser)


def test_the_button_ends_this_hosts_login_and_says_so(site, browser):
    browser.log_in("member")
    other = browser.at(GRAFANA)
    other.log_in("member")
    token = browser.csrf_token()
    answer = browser.request("POST", "/_peeringdb/logout", data={"peeringdb_csrf": token})
    assert heading(answer) == (200, "You are logged out")
    assert "Your login at lg.test has ended." in answer.text
    assert "__Host-peeringdb_gateway" not in browser.cookies
    assert not is_logged_in(browser)
    assert is_logged_in(other)
    assert site.kinds()[-2:] == ["session_ended", "logout"]


def test_after_a_logout_a_person_can_end_all_of_theirs_and_nobody_elses(site, browser, clock):
    phone, colleague = site.browser(), site.browser()
    other = browser.at(GRAFANA)
    for each, person in ((browser, "member"), (other, "member"), (phone, "member")):
        each.log_in(person)
    colleague.log_in("orgadmin")
    answer = browser.post("/_peeringdb/logout")
    [proof] = re.findall('name="end_all" value="([^"]*)"', answer.text)
    answer = browser.post("/_peeringdb/logout", {"end_all": proof})
    assert heading(answer) == (200, "All your logins have ended")
    assert "Logins that were ended now: 2." in answer.text
    clock.wait(1)
    assert [is_logged_in(each) for each in (other, phone, colleague)] == [False, False, True]
    assert [event.reason for event in site.events if event.kind == "session_ended"] == [
        "logout"
    ] * 3


@pytest.mark.parametrize("wait", [601, -601])
def test_a_proof_of_a_logout_counts_for_ten_minutes_at_its_host(browser, clock, wait):
    browser.log_in("member")
    other = browser.at(GRAFANA)
    other.log_in("member")
    answer = browser.post("/_peeringdb/logout")
    [proof] = re.findall('name="end_all" value="([^"]*)"', answer.text)
    for given in ("", "x", proof[:-1]):
        browser.post("/_peeringdb/logout", {"end_all": given})
    other.post("/_peeringdb/logout", {"end_all": proof})
    clock.wait(wait)
    browser.post("/_peeringdb/logout", {"end_all": proof})
    clock.wait(1)
    assert is_logged_in(other)


def test_no_other_site_can_log_a_person_out(browser):
    browser.log_in("member")
    for site in ("cross-site", "same-site", None):
        headers = PERSON | ({} if site is None else {"Sec-Fetch-Site": site})
        for fields in (
            {},
            {"peeringdb_csrf": "x"},
            {"x" * 20000: "y"},
            {str(i): "" for i in range(99)},
        ):
            answer = browser.request("POST", "/_peeringdb/logout", headers=headers, data=fields)
            assert heading(answer) == (403, "This form cannot be accepted")
    assert is_logged_in(browser)


def test_a_logout_of_nobody_says_so(browser):
    for answer in (browser.get("/_peeringdb/logout"), browser.post("/_peeringdb/logout")):
        assert heading(answer) == (200, "You are logged out")
        assert "You are not logged in at lg.test." in answer.text
        assert "end_all" not in answer.text


def test_a_logout_while_the_store_is_down_says_so(site, browser, clock):
    browser.log_in("member")
    clock.wait(2)
    site.records.is_down = True
    assert browser.post("/_peeringdb/logout").status_code == 503
    site.records.is_down = False
    answer = browser.post("/_peeringdb/logout")
    [proof] = re.findall('name="end_all" value="([^"]*)"', answer.text)
    site.records.is_down = True
    assert browser.post("/_peeringdb/logout", {"end_all": proof}).status_code == 503


# --- how they look --------------------------------------------------------------------


def test_pages_have_the_sites_title_logo_and_style(make_site, tmp_path):
    (tmp_path / "logo.svg").write_text(SVG)
    (tmp_path / "site.css").write_text(":root { --pdb-accent: #a00 }")
    pages = '[pages]\ntitle = "Example & Co"\nlogo = "logo.svg"\ncss = "site.css"'
    browser = make_site(RULES, pages).browser()
    page = browser.get("/_peeringdb/logout").text
    assert '<img src="/_peeringdb/logo" alt="Example &amp; Co">' in page
    assert "- Example &amp; Co</title>" in page
    logo = browser.get("/_peeringdb/logo")
    assert (logo.text, logo.headers["Content-Type"]) == (SVG, "image/svg+xml")
    assert "sandbox" in logo.headers["Content-Security-Policy"]
    css = browser.get("/_peeringdb/site.css")
    assert (css.text, css.headers["Content-Type"]) == (
        ":root { --pdb-accent: #a00 }",
        "text/css; charset=utf-8",
    )


def test_there_is_no_logo_where_none_is_set(browser):
    for path in ("logo", "site.css", "nothing", "", "login/", "check/x"):
        assert browser.get(f"/_peeringdb/{path}").status_code == 404
    style = browser.get("/_peeringdb/style.css")
    assert style.headers["Content-Type"].startswith("text/css")
    for rule in (":root {", "prefers-color-scheme: dark", ".peeringdb-login {", "main {", "main >"):
        assert rule in style.text


def test_odd_parameters_break_no_page(browser):
    many = "&".join(f"a{number}=b" for number in range(100))
    for query in (many, "next=/a&next=/b", "next", "%FF=%FF", "prompt=login&prompt=x", "&&=&"):
        for page in ("login", "sign-in", "callback", "logout"):
            assert browser.get(f"/_peeringdb/{page}?{query}").status_code in (200, 302, 400)
            browser.cookies.clear()


def test_a_page_with_another_method_is_405(browser):
    for method, path, methods in (
        ("DELETE", "logout", {"GET", "HEAD", "POST"}),
        ("POST", "login", {"GET", "HEAD"}),
    ):
        answer = browser.request(method, f"/_peeringdb/{path}")
        assert answer.status_code == 405
        assert set(answer.headers["Allow"].split(", ")) == methods


PAGES = [
    "/",
    "/members/64501/",
    "/_peeringdb/logout",
    "/_peeringdb/sign-in",
    "/_peeringdb/callback",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("headers", [PERSON, SCRIPT], ids=["person", "script"])
def test_every_answer_is_stored_nowhere_and_framed_by_nobody(browser, path, headers):
    for person in (None, "member"):
        if person:
            browser.log_in(person)
        answer = browser.get(path, headers=headers)
        assert answer.headers["Cache-Control"] == "no-store"
        if answer.status_code != 204:
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<style|<script| style=| on\w+=", answer.text)


def test_pages_speak_the_language_of_the_visitor(browser):
    german = PERSON | {"Accept-Language": "de"}
    assert heading(browser.get("/_peeringdb/logout", headers=german))[1] == "Sie sind abgemeldet"
    assert heading(browser.post("/x", headers=german))[1] == "Sie sind nicht angemeldet"


def test_a_site_may_set_the_language(make_site):
    browser = make_site(RULES, '[pages]\nlanguage = "de"').browser()
    assert heading(browser.get("/_peeringdb/logout"))[1] == "Sie sind abgemeldet"


# --- a person's name ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["A\r\nX-Admin: 1 B", "A\x00\x7f\x85 B", "<script>alert(1)</script> B"]
)
def test_a_persons_name_adds_no_header_and_no_script(site, browser, name):
    account = site.sandbox.add_person(name, networks={64500: 1})
    browser.log_in(account.login)
    answer = browser.get("/")
    assert "x-admin" not in answer.headers
    assert not re.search("[\x00-\x1f\x7f]", identity(answer)["name"])
    assert "<script" not in browser.get("/_peeringdb/logout").text
