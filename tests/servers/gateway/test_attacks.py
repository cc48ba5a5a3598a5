"""What a visitor may try through each proxy. The application must not be fooled."""

import json
from urllib.parse import urlsplit

import pytest
from raw_https import BACKGROUND, PERSON, WEBSOCKET

from peeringdb_oauth.web import Sealer

SPOOFED = [
    ("X-PeeringDB-ID", "1"),
    ("x-peeringdb-id", "1"),
    ("X_PeeringDB_ID", "1"),
    ("X-PeeringDB_ID", "1"),
    ("X_PEERINGDB-ID", "1"),
    ("X.PeeringDB.ID", "1"),
    ("X-PeeringDB-Name", "Root"),
    ("X_PeeringDB_Name", "Root"),
    ("X-PeeringDB-Roles", "Admin"),
    ("X-PEERINGDB-ROLES", "Admin"),
    ("X_PeeringDB_Update_ASNs", "64501"),
    ("X-PeeringDB-Update_ASNs", "64501"),
    ("X-PeeringDB-ASNs", "64501"),
    ("X-PeeringDB-ASNs", "64502"),
    ("X-PeeringDB-Cookie", "stolen=1"),
]
OTHER_REQUESTS = (
    *("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"),
    *("X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Prefix", "Forwarded"),
)
# Each leads out of /public/ if it is read in one way or another.
TRICKS = [
    "/public/../members/64500/",
    "/public/./../members/64500/",
    "/public//../members/64500/",
    "//public/../members/64500/",
    "/public/%2e%2e/members/64500/",
    "/public/%2E./members/64500/",
    "/public/..%2fmembers/64500/",
    "/public/%2e%2e%2Fmembers/64500/",
    "/public/%252e%252e/members/64500/",
    "/public/%25%32%65%25%32%65/members/64500/",
    "/public/..;/members/64500/",
    "/public;/../members/64500/",
    "/public/..;a=b/members/64500/",
    "/public/..\\members/64500/",
    "/public\\..\\members/64500/",
    "/public/..%5cmembers/64500/",
    "/public/%c0%ae%c0%ae/members/64500/",
    "/public/%e0%80%ae%e0%80%ae/members/64500/",
    "/public/\xc0\xae\xc0\xae/members/64500/",
    "/public/..%00/members/64500/",
    "/public/%00/../../members/64500/",
    "/public/..%0d%0a/members/64500/",
    "/public/../members/64500/?/public/",
    "/public/..#/members/64500/",
    "/PUBLIC/",
    "/%50ublic/../members/64500/",
    "/members/64500/#/public/",
    "public/../members/64500/",
    "*",
    "",
]
ODD_HOSTS = [
    "evil.example.net",
    "",
    "lg.example.net.evil.example.net",
    "lg.example.net@evil",
    "a b",
]


def nothing_was_served(site):
    assert [(received.method, received.target) for received in site.received] == []


@pytest.mark.parametrize("page", ["/members/64500/", "/public/"])
def test_spoofed_identity_headers_do_not_reach_the_application(site, browser, page):
    assert browser.ask(page, headers=[*PERSON.items(), *SPOOFED]).status == 200
    [received] = site.received
    for name in ("X-PeeringDB-ID", "X-PeeringDB-Name", "X-PeeringDB-Roles"):
        assert received.value(name) not in (None, "1", "Root", "Admin")
    assert received.value("X-PeeringDB-ASNs") == "64500"
    assert received.value("X-PeeringDB-Update-ASNs") == "64500"
    assert received.value("X-PeeringDB-Cookie") is None


def test_a_stranger_names_himself_in_vain(site):
    assert site.visit().ask("/public/", headers=[*PERSON.items(), *SPOOFED]).status == 200
    [received] = site.received
    assert [name for name, _ in received.headers if "peeringdb" in name.lower()] == []


@pytest.mark.parametrize("is_absolute", [False, True])
def test_what_is_served_is_what_the_rule_judged(site, is_absolute):
    visitor = site.visit()
    for trick in TRICKS:
        answer = visitor.ask(f"{visitor.origin}{trick}" if is_absolute else trick)
        nothing_was_served(site)
        assert answer.status in (0, 302, 400, 401, 403, 404), trick


def test_an_absolute_form_is_served_as_its_path(site, browser):
    assert browser.ask(f"{browser.origin}/members/64500/?a=b").status == 200
    assert [received.target for received in site.received] == ["/members/64500/?a=b"]


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_another_host_is_not_served(site, browser, host):
    for page in ("/public/", "/members/64500/", f"https://{host}:{site.port}/public/"):
        browser.ask(page, host=host or " ")
        nothing_was_served(site)


def test_the_address_and_not_the_header_host_says_which_site_is_asked(site, browser):
    """What the two say differs: it is refused, or the other site has its own login."""
    other = site.visit(1).host
    browser.ask(f"https://{other}/members/64500/")
    browser.ask("/members/64500/", host=other)
    nothing_was_served(site)


def test_an_encoded_slash_is_served_only_where_a_rule_names_it(site, browser):
    assert browser.ask("/slashes/a%2Fb").status == 200
    assert [received.target for received in site.received] == ["/slashes/a%2Fb"]
    assert browser.ask("/members/64500/a%2Fb").status in (400, 403)
    assert len(site.received) == 1


@pytest.mark.parametrize("method", ["POST", "PURGE", "get", "GET\tx"])
def test_another_method_reaches_no_rule_for_get(site, method):
    person = site.pdb.add_person("Ott Other", networks={64510: 1}).login
    visitor = site.log_in(person, page="/slashes/")
    visitor.ask("/read/", method=method)
    nothing_was_served(site)


def test_no_header_makes_the_application_see_another_request(site, browser):
    headers = [*PERSON.items(), *((name, "/members/64501/") for name in OTHER_REQUESTS)]
    assert browser.ask("/members/64500/", headers=headers).status == 200
    [received] = site.received
    assert [name for name in OTHER_REQUESTS if received.values(name)] == []


FORGED = [
    ("X-Forwarded-Uri", "/public/"),
    ("X-Forwarded-Method", "OPTIONS"),
    ("X-Forwarded-Host", "wiki.example.net"),
    ("X-Forwarded-Proto", "http"),
    ("X-Forwarded-For", "192.0.2.66"),
    ("X-Real-IP", "192.0.2.66"),
]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("dash", ["-", "_"])
def test_forged_forwarded_headers_count_for_nothing(site, browser, dash, times):
    forged = [(name.replace("-", dash), value) for name, value in FORGED] * times
    answer = site.visit().ask("/members/64500/", headers=[*PERSON.items(), *forged])
    assert answer.status == 302
    nothing_was_served(site)
    assert browser.ask("/members/64500/", headers=[*PERSON.items(), *forged]).status == 200
    [received] = site.received
    assert received.value("X-Forwarded-For") == received.value("X-Real-IP") == "127.0.0.1"
    assert received.value("X-Forwarded-Host") == browser.host
    assert received.value("X-Forwarded-Proto") == "https"


def test_headers_that_a_visitor_calls_the_connections_own_make_nobody_pass(site, browser):
    names = "X-Forwarded-Uri, X-Forwarded-Host, X-Forwarded-Method, Cookie, X-PeeringDB-ASNs"
    headers = [*PERSON.items(), ("Connection", names)]
    site.visit().ask("/members/64500/", headers=headers)
    browser.ask("/members/64501/", headers=headers)
    nothing_was_served(site)


def test_a_cookie_of_another_site_or_key_counts_for_nothing(site, browser):
    [(name, value)] = [
        (name, value) for name, value in browser.cookies.items() if "login" not in name
    ]
    other_host = site.visit(1)
    other_host.cookies = {name: value}
    assert other_host.ask("/members/64500/").status == 302
    plain = value.strip('"')
    purpose = f"gateway session 1 at {browser.origin}"
    session = Sealer("k" * 40).open(purpose, plain)
    assert session
    for changed in (
        Sealer("x" * 40).seal(purpose, session),
        plain[:-10],
        plain[: len(plain) // 2],
        f"{plain[:-4]}AAA=",
        f"x{plain}",
    ):
        visitor = site.visit()
        visitor.cookies = {name: changed}
        assert visitor.ask("/members/64500/").status == 302
    nothing_was_served(site)


def test_a_cookie_that_was_copied_ends_with_the_logout(site):
    visitor, copy = site.log_in("orgadmin"), site.visit()
    copy.cookies = dict(visitor.cookies)
    assert copy.ask("/members/64500/").status == 200
    own = PERSON | {"Sec-Fetch-Site": "same-origin", "Origin": visitor.origin}
    assert visitor.ask("/_peeringdb/logout", method="POST", headers=own).status < 400
    site.received.clear()
    while copy.ask("/members/64500/").status == 200:  # remembered for at most a second
        assert len(site.received) < 1000
    site.received.clear()
    assert copy.ask("/members/64500/").status == 302
    nothing_was_served(site)


def test_another_site_logs_nobody_out(browser):
    evil = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.net"}
    for method, body in (("GET", b""), ("POST", b""), ("POST", b"csrf_token=x")):
        browser.ask("/_peeringdb/logout", method=method, headers=PERSON | evil, body=body)
    assert browser.ask("/members/64500/").status == 200


@pytest.mark.parametrize("origin", ["https://wiki.example.net", "null"])
def test_another_host_of_the_domain_acts_as_nobody(site, browser, origin):
    """Browsers send the cookie with its requests: for them it is the same site."""
    by_other = {"Origin": origin}
    answer = browser.ask("/members/64500/", headers=WEBSOCKET | by_other)
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "foreign_origin")
    answer = browser.ask("/members/64500/", method="POST", headers=PERSON | by_other, body=b"x=1")
    assert answer.status == 403
    nothing_was_served(site)
    own = PERSON | {"Origin": browser.origin}
    assert browser.ask("/members/64500/", method="POST", headers=own, body=b"x=1").status == 200


def test_nobody_is_logged_in_as_somebody_else(site):
    """Login CSRF: the callback of an attacker's login, opened in another browser."""
    attacker, victim = site.visit(), site.visit()
    started = attacker.go_to(attacker.ask("/").value("Location")).value("Location")
    callback = site.pdb.log_in("orgadmin", started)
    assert victim.go_to(callback).status >= 400
    assert victim.ask("/_peeringdb/whoami").status == 401


@pytest.mark.parametrize(
    "page",
    ["https://evil.example.net/", "//evil.example.net/", "/\\evil.example.net/", "/%09/evil"],
)
def test_a_login_leads_to_no_other_site(site, page):
    visitor = site.visit()
    started = visitor.ask(f"/_peeringdb/login?next={page}").value("Location")
    answer = visitor.go_to(site.pdb.log_in("orgadmin", started))
    location = answer.value("Location")
    assert urlsplit(location).netloc in ("", visitor.host)
    assert not location.startswith(("//", "/\\", "/\t"))


NAMES = [
    "Eve\r\nX-PeeringDB-Roles: Admin",
    "Eve\nX-PeeringDB-Roles: Admin",
    "Eve\u2028X\x85\x00\x7f",
    "Eve $http_cookie",
    "Eve {http.request.header.Cookie}{env.PATH}",
    "Eve %[src]",
    "Ève Ünïcøde-日本",
]


def test_a_name_injects_no_header_and_names_nothing_of_the_proxy(site):
    for number, name in enumerate(NAMES):
        person = site.pdb.add_person(name, networks={64500: 1}).login
        visitor = site.log_in(person)
        site.received.clear()
        assert visitor.ask("/", headers=PERSON | {"Cookie": "secret=1"}).status == 200, number
        [received] = site.received
        assert received.value("X-PeeringDB-Roles") is None
        told = received.value("X-PeeringDB-Name").encode("latin-1").decode()
        assert letters(told) == letters(name)
        assert not set(told) & set("\r\n\x00\x7f\x85")


def letters(text):
    """The text without blanks and control characters, of which PeeringDB keeps some."""
    return "".join(letter for letter in text if letter.isprintable() and letter != " ")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/public/", [("X-Long", "x" * 65_536)]),
        ("/public/", [(f"X-Long-{number}", "x" * 650) for number in range(100)]),
        ("/public/", [("Cookie", "x=" + "x" * 65_536)]),
        (f"/public/?{'x' * 65_536}", []),
    ],
)
def test_64_kilobytes_of_headers_are_refused_and_all_goes_on(site, browser, target, headers):
    answer = browser.ask(target, headers=[*PERSON.items(), *headers])
    # 0: nginx has closed the connection, and we were still sending.
    assert answer.status in (400, 403, 414, 431) or (site.proxy_name, answer.status) == ("nginx", 0)
    nothing_was_served(site)
    assert browser.ask("/members/64500/").status == 200


def test_a_request_within_a_request_is_not_served(site):
    """One of the two lengths hides a second request from one of the two servers."""
    visitor = site.visit()
    hidden = f"GET /members/64500/ HTTP/1.1\r\nHost: {visitor.host}\r\n\r\n".encode()
    for extra in ("Transfer-Encoding: chunked", "Transfer-Encoding: xchunked", "Content-Length: 0"):
        head = f"POST /public/ HTTP/1.1\r\nHost: {visitor.host}\r\nConnection: close\r\n"
        head += f"Content-Length: {len(hidden) + 5}\r\n{extra}\r\n\r\n"
        visitor.send(head.encode() + b"0\r\n\r\n" + hidden)
    assert [received.target for received in site.received if received.target != "/public/"] == []


def test_a_script_reads_no_reason_that_is_not_its_own(site):
    answer = site.visit().ask("/members/64501/", headers=BACKGROUND)
    assert json.loads(answer.body)["reasons"] == []
