"""A request as the library sees it, whatever the framework."""

import pytest

from peeringdb_oauth.web import Answer, Event, Refused
from peeringdb_oauth.web.visit import encoded_path, shown_address

from .test_answer_builder import visit

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Accept": "*/*"},
        {"Accept": ""},
        {"Accept": HTML},
        {"Accept": "text/html, application/json"},
        {"Accept": "application/xhtml+xml"},
        {"Upgrade": "h2c"},
        NAVIGATION,
        NAVIGATION | {"Accept": HTML, "Sec-Fetch-Site": "cross-site"},
        NAVIGATION | {"Accept": "*/*"},
        {"Sec-Fetch-Mode": "navigate"},
    ],
)
def test_a_person_opens_a_page(headers):
    assert visit(headers=headers).is_navigation


@pytest.mark.parametrize(
    ("headers", "may_be_redirected"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-User": "?1"}, False),
        ({"Sec-Fetch-Site": "same-origin"}, True),  # a script
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-User": "?1"}, True),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-User": "?1"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-User": "?1"}, True),
    ],
)
def test_a_redirect_may_have_led_here(headers, may_be_redirected):
    """Redirects keep what the first request was: an address that somebody typed."""
    assert visit(headers=headers).may_be_redirected == may_be_redirected


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty", "Accept": "*/*"},
        {"Sec-Fetch-Mode": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": HTML},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Accept": "image/*,*/*"},
        {"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket"},
        *(
            NAVIGATION | {"Sec-Fetch-Dest": destination}
            for destination in ("iframe", "frame", "embed", "object")
        ),
        NAVIGATION | {"Sec-Purpose": "prefetch"},
        NAVIGATION | {"Sec-Purpose": "prefetch;prerender"},
        NAVIGATION | {"Purpose": "prefetch"},
        {"Accept": HTML, "Purpose": "Prefetch"},
        {"Accept": HTML, "X-Requested-With": "XMLHttpRequest"},
        {"Accept": HTML, "HX-Request": "true"},
        {"Upgrade": "WebSocket"},
        {"Sec-WebSocket-Version": "13"},  # Traefik asks the gateway without Upgrade
        {"Accept": "text/event-stream"},
        {"Accept": "application/json"},
        {"Accept": "application/json, text/plain, */*"},
        {"Accept": "application/problem+json"},
        {"Accept": "image/avif,image/webp,image/svg+xml,*/*;q=0.8"},
    ],
)
def test_a_part_of_a_page_or_a_program_asks(headers):
    assert not visit(headers=headers).is_navigation


@pytest.mark.parametrize(
    ("headers", "wants_page"),
    [
        ({}, True),
        ({"Accept": HTML}, True),
        ({"Accept": "*/*"}, True),
        ({"Accept": "text/html, application/json"}, True),
        ({"Accept": "application/json"}, False),
        (NAVIGATION | {"Accept": "application/json"}, False),
        ({"Accept": HTML, "Sec-Fetch-Mode": "cors"}, False),
    ],
)
def test_a_person_gets_a_page_and_everybody_else_json(headers, wants_page):
    assert visit(headers=headers).wants_page == wants_page


@pytest.mark.parametrize(
    ("method", "is_safe"),
    [("GET", True), ("HEAD", True), ("OPTIONS", True), ("POST", False), ("DELETE", False)],
)
def test_a_safe_method_changes_nothing(method, is_safe):
    assert visit(method=method).is_safe == is_safe


@pytest.mark.parametrize(
    ("root", "path", "query_string", "address"),
    [
        ("", "/", "", "/"),
        ("/portal", "/caf\u00e9", "", "/portal/caf%C3%A9"),
        ("/portal", "/a b", "q=a|b&q=\xc3\xa9", "/portal/a%20b?q=a%7Cb&q=%C3%A9"),
    ],
)
def test_the_address_is_put_together_from_path_and_query(root, path, query_string, address):
    assert visit(path, root=root, query_string=query_string).address == address


@pytest.mark.parametrize(
    ("target", "address"),
    [
        (None, "/networks/64500"),
        ("/a%2Fb?", "/a%2Fb?"),
        ("/caf\xc3\xa9?q=a|b", "/caf%C3%A9?q=a%7Cb"),
        ("/a?q=100%", "/a?q=100%25"),
    ],
)
def test_the_address_is_the_target_as_it_was_sent(target, address):
    assert visit(target=target).address == address


@pytest.mark.parametrize(
    ("path", "in_a_url"),
    [
        ("/:@!$&'()*+,;=~", "/:@!$&'()*+,;=~"),
        ("/a b\n", "/a%20b%0A"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/a?b#c%20", "/a%3Fb%23c%2520"),
    ],
)
def test_a_path_is_encoded_as_a_browser_writes_it(path, in_a_url):
    assert encoded_path(path) == in_a_url


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51\n.100\x1b.7\u202e", "198.51.100.7"),
        ("a" * 65, "a" * 64),
        ("\n", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_shown_as_one_short_line(address, shown):
    assert shown_address(address) == shown


# --- the cookie of the session --------------------------------------------------------

COOKIE = "__Host-session"


def with_cookie(header, value, **changes):
    return visit(cookie_header=header, cookies={COOKIE: value}, **changes)


def test_a_cookie_is_genuine_if_the_browser_has_sent_it_under_this_name():
    assert with_cookie(f"a=1; {COOKIE}=mine", "mine").has_genuine_cookie(COOKIE)
    assert not with_cookie(f"a=1; \xa0{COOKIE}=theirs", "theirs").has_genuine_cookie(COOKIE)


def test_a_cookie_that_is_not_there_is_genuine():
    assert visit(cookies={"other": "1"}).has_genuine_cookie(COOKIE)


@pytest.mark.parametrize(
    ("header", "session_cookie", "is_trusted"),
    [
        (f"{COOKIE}=mine", COOKIE, True),
        (f"\xa0{COOKIE}=mine", COOKIE, False),
        (f"\xa0{COOKIE}=mine", None, True),  # the framework does not tell the name
    ],
)
def test_a_session_is_trusted_if_this_site_has_set_its_cookie(header, session_cookie, is_trusted):
    assert with_cookie(header, "mine", session_cookie=session_cookie).is_trusted == is_trusted


# --- what the application is told -----------------------------------------------------


def test_an_event_is_told_with_the_view_and_the_address_of_the_request(caplog):
    told = []
    visit("/as64500\n", root="/portal", view=lambda: "edit", emit=told.append).tell(
        Event(kind="refused", code="forbidden")
    )
    assert told == [
        Event(
            kind="refused",
            code="forbidden",
            view="edit",
            path="/portal/as64500%0A",
            origin="https://portal.example.net",
        )
    ]
    assert [record.peeringdb_view for record in caplog.records] == ["edit"]


def test_without_an_event_nobody_is_told(caplog):
    told = []
    visit(emit=told.append).tell(None)
    assert (told, caplog.records) == ([], [])


def test_a_refusal_carries_its_answer_and_says_the_status():
    answer = Answer(status=403, location="https://portal.example.net/?state=secret")
    assert Refused(answer).answer is answer
    assert str(Refused(answer)) == "refused with status 403"
