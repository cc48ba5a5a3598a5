"""A person comes back to the exact address after a login."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peeringdb_oauth.gateway.host import LONGEST_PATH

from .conftest import LG, PERSON, RULES, SCRIPT

pytestmark = pytest.mark.server

ODD = [
    "/",
    "/a",
    "/a/",
    "/a?",
    "/a?b",
    "/a?b=",
    "/a?b=c&b=d&=e&&",
    "/a?q=a+b%20c%2Bd",
    "/a?q=%C3%A9%E9%FF%00%0A",
    "/a?next=https%3A%2F%2Fevil.example%2F&next=//evil.example",
    "/a?//evil.example/../x",
    "/a?left=%7B%22queries%22:%5B%7B%22refId%22:%22A%22%7D%5D%7D",
    "/a?q=%23%3F%26%3D%25%2525",
    "/caf%C3%A9/%7Euser/a%20b",
    "/a:b@c!$&'()*+,=~-._",
    "/a?/?/?:@-._~!$&'()*+,;=",
    f"/a?{'x' * (LONGEST_PATH - 3)}",
    f"/a?{'%7B' * 600}",
]


@pytest.mark.parametrize("target", ODD, ids=range(len(ODD)))
def test_a_person_comes_back_to_the_exact_address(browser, target):
    answer = browser.get(target)
    assert answer.headers["Location"].startswith("/_peeringdb/login?next=")
    start = browser.get(answer.headers["Location"])
    callback = browser.site.sandbox.log_in("member", start.headers["Location"])
    last = browser.get(callback.removeprefix(LG))
    assert last.headers["Location"] == target
    assert browser.get(target).status_code == 204


def test_what_browsers_send_raw_comes_back_encoded(browser):
    answer = browser.get('/a?q={"a":[1|2]}^`\\')
    [asked] = parse_qs(urlsplit(answer.headers["Location"]).query)["next"]
    assert asked == "/a?q=%7B%22a%22:[1%7C2]%7D%5E%60%5C"


def test_an_address_that_is_too_long_loses_its_query_and_the_log_says_so_once(browser, caplog):
    browser.get(f"/a?{'x' * (LONGEST_PATH - 3)}")
    browser.get(f"/a?{'x' * LONGEST_PATH}", headers=SCRIPT)
    assert caplog.text == ""
    for _ in range(2):
        answer = browser.get(f"/a?{'x' * LONGEST_PATH}")
        assert answer.headers["Location"] == "/_peeringdb/login?next=/a"
    assert caplog.text.count("more than 2048 characters") == 1
    assert "xxx" not in caplog.text


def test_many_tabs_with_long_addresses_stay_below_what_servers_take(browser):
    starts = []
    for number in range(6):
        answer = browser.get(f"/a{number}?{'x' * 1500}")
        starts.append(browser.get(answer.headers["Location"]).headers["Location"])
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    assert len(cookies) < 7000
    for number, start in enumerate(starts):
        callback = browser.site.sandbox.log_in("member", start)
        last = browser.get(callback.removeprefix(LG))
        assert last.headers["Location"].startswith(f"/a{number}")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/%2Fevil.example",
        "/.//evil.example",
        "\t//evil.example",
        "/a\r\nLocation: https://evil.example/",
        "javascript:alert(1)",
        f"{LG}.evil.example/",
        f"{LG}@evil.example/",
        "/_peeringdb/logout",
        "/_peeringdb/callback?code=x",
    ],
)
def test_no_login_leads_to_another_site(browser, target):
    headers = PERSON | {"Sec-Fetch-Site": "cross-site"}
    for page in ("login", "sign-in"):
        answer = browser.site.client.get(
            f"/_peeringdb/{page}",
            params={"next": target},
            headers=browser.headers("GET", "/", headers),
        )
        assert "evil" not in answer.text + answer.headers.get("Location", "")
    start = browser._take(
        browser.site.client.get(
            "/_peeringdb/login",
            params={"next": target},
            headers=browser.headers("GET", "/", headers),
        )
    )
    callback = browser.site.sandbox.log_in("member", start.headers["Location"])
    assert browser.get(callback.removeprefix(LG)).headers["Location"] == "/"


def test_a_path_with_a_trick_that_a_rule_allows_leads_to_no_other_site(make_site):
    rules = RULES.replace('path = "/"', 'path = "/"\nallow_in_path = ["//", "%2F", "\\\\"]')
    browser = make_site(rules).browser()
    for target in ("//evil.example/", "/\\evil.example/", "/%2Fevil.example/"):
        answer = browser.get(target)
        location = answer.headers.get("Location", "")
        assert answer.status_code == 403 or location == "/_peeringdb/login?next=/"
        again = browser.ask(target, endpoint="answer")
        assert "evil" not in again.headers.get("Location", "").replace(LG, "")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.text(
        st.characters(codec="ascii", exclude_categories=("C",), exclude_characters="#% "),
        max_size=60,
    )
)
def test_any_query_is_asked_for_as_it_was(browser, query):
    target = f"/a?{query}"
    [asked] = parse_qs(urlsplit(browser.get(target).headers["Location"]).query)["next"]
    assert unquote(asked) == unquote(target)
