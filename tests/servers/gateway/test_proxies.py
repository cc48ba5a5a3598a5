"""What the application gets, and what a visitor gets, through each proxy."""

import json

import pytest
from raw_https import BACKGROUND, PERSON, WEBSOCKET

PRIVATE = ("check", "answer", "forward-auth", "metrics", "healthz", "readyz")


def test_the_application_is_told_who_asks(site, browser):
    answer = browser.ask("/members/64500/?x=%20y")
    assert json.loads(answer.body) == {"application": "/members/64500/?x=%20y", "method": "GET"}
    [received] = site.received
    assert received.value("X-PeeringDB-Name") == "Mel Member"
    assert received.value("X-PeeringDB-ASNs") == "64500"
    assert received.value("X-PeeringDB-Roles") == "Editor"
    assert received.value("X-Forwarded-Host") == received.value("Host") == browser.host
    assert received.value("X-Forwarded-Proto") == "https"
    assert received.value("X-Forwarded-For") == "127.0.0.1"


def test_a_stranger_is_sent_to_the_login_and_comes_back(site):
    visitor = site.visit()
    answer = visitor.ask("/members/64500/?a=1&b=%2F")
    assert answer.status == 302
    location = answer.value("Location").removeprefix(visitor.origin)
    assert location.startswith("/_peeringdb/login?next=")
    assert site.received == []
    back = visitor.log_in(site.pdb, "orgadmin", "/members/64500/?a=1&b=%2F")
    assert back.value("Location") in (
        "/members/64500/?a=1&b=%2F",
        f"{visitor.origin}/members/64500/?a=1&b=%2F",
    )


def test_a_background_request_gets_401_and_no_cookie(site):
    answer = site.visit().ask("/members/64500/", headers=BACKGROUND)
    assert (answer.status, answer.cookies, answer.value("Location")) == (401, {}, None)
    assert json.loads(answer.body)["login_url"]
    assert site.received == []


def test_a_person_without_the_network_reads_why(site, browser):
    answer = browser.ask("/members/64501/")
    assert answer.status == 403
    assert b"AS64501" in answer.body
    assert site.received == []


def test_everybody_is_let_in_where_a_rule_says_so(site, browser):
    assert site.visit().ask("/public/").status == 200
    assert browser.ask("/public/").status == 200
    stranger, named = site.received
    assert [name for name, _ in stranger.headers if "peeringdb" in name.lower()] == []
    assert named.value("X-PeeringDB-Name") == "Mel Member"


def test_the_applications_own_refusal_is_its_own(browser):
    answer = browser.ask("/members/64500/own-403")
    assert (answer.status, json.loads(answer.body)["method"]) == (403, "GET")


def test_no_cache_of_several_people_keeps_an_answer_that_says_nothing_of_caches(site, browser):
    answer = browser.ask("/members/64500/")
    # Traefik can only replace what an application says.
    said = [None] if site.proxy_name == "traefik" else ["private"]
    assert [answer.value("Cache-Control")] == said
    headers = browser.ask("/members/64500/own-cache").headers
    said = [value for name, value in headers if name == "cache-control"]
    assert said == ["public, max-age=60"]


@pytest.mark.parametrize("body", [b"x" * 100_000, b"5"])
def test_bodies_pass(site, browser, body):
    answer = browser.ask("/members/64500/", method="POST", body=body)
    assert answer.status == 200
    [received] = site.received
    assert (received.method, received.body) == ("POST", body)


def test_a_form_without_a_login_gets_a_page(site):
    answer = site.visit().ask("/members/64500/", method="POST", body=b"x" * 100_000)
    assert answer.status == 401
    assert site.received == []


def test_cookies_of_the_application_pass_and_those_of_the_gateway_do_not(site, browser):
    browser.cookies = {"before": "1"} | browser.cookies | {"after": "2"}
    assert browser.ask("/members/64500/").status == 200
    assert site.received[0].value("Cookie") == "before=1; after=2"


def test_websockets_pass(browser):
    with browser.connect() as connection:
        headers = WEBSOCKET | {"Origin": browser.origin}
        connection.sendall(browser.request("/members/64500/", headers=headers))
        assert connection.recv(65536).startswith(b"HTTP/1.1 101")
        connection.sendall(bytes([0x81, 0x82, 1, 1, 1, 1]) + bytes(b ^ 1 for b in b"hi"))
        assert connection.recv(65536) == b"\x81\x02hi"


def test_a_websocket_of_a_stranger_gets_401(site):
    visitor = site.visit()
    answer = visitor.ask("/members/64500/", headers=WEBSOCKET | {"Origin": visitor.origin})
    assert answer.status == 401
    assert site.received == []


@pytest.mark.parametrize(
    "protocols",
    [
        ["h2c"],
        ["h2c, websocket"],
        ["websocket, h2c"],
        ["h2c", "websocket"],
        ["websocket", "h2c"],
        ["WebSocket"],
    ],
)
def test_nothing_but_websockets_upgrades(site, browser, protocols):
    """A connection with h2c would reach the application, and nobody would judge it."""
    headers = [(name, value) for name, value in WEBSOCKET.items() if name.startswith("Sec")]
    headers += [("Upgrade", protocol) for protocol in protocols]
    headers += [("Connection", "Upgrade, HTTP2-Settings"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    with browser.connect() as connection:
        connection.sendall(browser.request("/members/64500/", headers=headers))
        assert connection.recv(65536).startswith(b"HTTP/1.1 ")
    for received in site.received:
        assert (received.value("Upgrade") or "websocket").lower() == "websocket"
        assert "HTTP2-Settings" not in (received.value("Connection") or "")


@pytest.mark.parametrize("page", PRIVATE)
def test_what_is_for_the_proxy_is_for_nobody_else(site, browser, page):
    forged = {"X-Forwarded-Uri": "/public/", "X-Forwarded-Method": "GET"}
    for path in (page, page.upper(), f"{page}/", f"./{page}", f"%{ord(page[0]):x}{page[1:]}"):
        answer = browser.ask(f"/_peeringdb/{path}", headers=PERSON | forged)
        assert answer.status in (400, 403, 404), path
        assert b"peeringdb_" not in answer.body
    assert site.received == []


def test_the_gateways_pages_are_there(site, browser):
    assert json.loads(browser.ask("/_peeringdb/whoami").body)["name"] == "Mel Member"
    assert browser.ask("/_peeringdb/style.css").value("Content-Type").startswith("text/css")
    assert browser.ask("/_peeringdb/logout").status == 200
    assert site.visit().ask("/_peeringdb/whoami").status == 401


def test_300_networks_fit(site):
    visitor = site.log_in("manynets")
    assert visitor.ask("/public/").status == 200
    asns = site.received[0].value("X-PeeringDB-ASNs").split(",")
    assert len(asns) == 300
