import pytest

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
