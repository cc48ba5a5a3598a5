"""Each failure is a page with the right status, a reason and a way to go on."""

from urllib.parse import parse_qs, urlsplit

import pytest
from portal_process import PortalProcess

PAGES = (
    "/",
    "/login/peeringdb",
    "/login/peeringdb/callback",
    "/me",
    "/nowhere",
    "/static/portal.css",
)


def test_every_answer_has_the_security_headers(visitor):
    for path in PAGES:
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


def test_pages_are_stored_nowhere(visitor):
    assert {visitor.get(path).headers["Cache-Control"] for path in PAGES[:-1]} == {"no-store"}


@pytest.mark.parametrize("path", ["/logout", "/networks/64500/peering/", "/act-as/", "/port/"])
def test_a_form_without_its_token_is_refused(visitor, path):
    visitor.log_in("orgadmin")
    for csrf in ("", "wrong", "ünicode"):
        forged = dict.fromkeys(visitor.form, csrf)
        assert forged
        assert visitor.post(path, asn="64500", enabled="no", **forged).status_code == 403
    page = visitor.get("/networks/").words
    assert "Ada Admin" in page
    assert "requested" not in page
    assert "acting as" not in page


def test_a_form_of_an_ended_session_is_refused(visitor):
    visitor.log_in("member")
    visitor.post("/logout")
    visitor.browser.cookies.clear()
    assert visitor.post("/logout").status_code == 403


def test_a_cancelled_login(visitor):
    answer = visitor.log_in("member", consent=False)
    assert answer.status_code == 403
    assert "You cancelled the login" in answer.words
    assert "Log in with PeeringDB" in answer.words


def test_a_callback_with_a_forged_state(visitor):
    visitor.get("/login/peeringdb")
    answer = visitor.get("/login/peeringdb/callback?code=abc&state=forged")
    assert answer.status_code == 400
    assert "This login was not started here" in answer.words


def test_a_callback_into_a_browser_that_started_no_login(visit):
    callback = visit().callback("member")
    stranger = visit()
    assert stranger.get(callback).status_code == 400
    assert stranger.json("/me").status_code == 401


def test_a_callback_that_comes_twice(visitor):
    callback = visitor.callback("member")
    for _ in range(2):
        assert visitor.get(callback).status_code == 302
    assert visitor.json("/me").json()["name"] == "Mel Member"


def test_a_login_that_took_too_long(visitor, portal):
    callback = visitor.callback("member")
    portal.advance(601)
    answer = visitor.get(callback)
    assert answer.status_code == 400
    assert "ten minutes" in answer.words


def test_a_callback_that_makes_no_sense(visitor):
    for query in (
        "",
        "&code=",
        "&code=a&code=b",
        "&code=a&error=access_denied",
        "&code=a&iss=https://elsewhere.example.net",
    ):
        [state] = parse_qs(urlsplit(visitor.get("/login/peeringdb").headers["Location"]).query)[
            "state"
        ]
        assert visitor.get(f"/login/peeringdb/callback?state={state}{query}").status_code == 400, (
            query
        )


@pytest.mark.parametrize("kind", ["outage", "error_500", "cut"])
def test_peeringdb_is_not_available(visitor, pdb, kind):
    callback = visitor.callback("member")
    pdb.fault(kind, times=1)
    answer = visitor.get(callback)
    assert answer.status_code == 502
    assert "PeeringDB is not available" in answer.words
    assert "The fault is not yours. Try again in a few minutes." in answer.words


def test_an_outage_during_a_session_ends_nothing(visitor, pdb, portal):
    visitor.log_in("member")
    pdb.fault("outage", times=1)
    answer = visitor.get("/networks/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "Back to your networks" in answer.words
    portal.advance(10)
    assert visitor.get("/networks/").status_code == 200


@pytest.fixture
def other_portal(pdb, portal):
    """``other_portal(**settings)``: the same portal with other settings."""
    portals = []

    def other_portal(**settings):
        portals.append(PortalProcess(portal.framework, pdb, **settings))
        return portals[-1]

    yield other_portal
    for other in portals:
        other.close()


def test_peeringdb_refuses_the_application(visit, other_portal):
    answer = visit(other_portal(client_secret="mistyped-secret")).log_in("member")
    assert answer.status_code == 502
    assert "PeeringDB refused this site" in answer.words
    assert "mistyped" not in answer.text


def test_too_many_requests(visit, other_portal):
    visitor = visit(other_portal(requests_per_minute=2))
    assert visitor.get(visitor.callback("member")).status_code == 302
    answer = visitor.get("/networks/")
    assert answer.status_code == 503
    assert "PeeringDB asks us to wait" in answer.words
    assert 1 <= int(answer.headers["Retry-After"]) <= 61


def test_an_address_that_does_not_exist(visitor):
    answer = visitor.get("/nowhere")
    assert answer.status_code == 404
    assert "There is no such page" in answer.words
    assert "To the start of the portal" in answer.words


def test_a_program_gets_json(visitor):
    answer = visitor.json("/login/peeringdb/callback")
    assert (answer.status_code, answer.json()["title"]) == (400, "This login was not started here")
    answer = visitor.json("/me")
    assert (answer.status_code, answer.json()["login_url"]) == (401, "/login/peeringdb?next=/me")
