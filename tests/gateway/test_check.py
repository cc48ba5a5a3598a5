"""What the gateway says to a proxy about a visitor's request."""

import pytest

from .conftest import PERSON, SCRIPT, identity

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
