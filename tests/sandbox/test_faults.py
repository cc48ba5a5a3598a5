"""The faults that can be switched on."""

import base64
import hashlib
import http.client
import json
import re
import time
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import SandboxError
from peeringdb_oauth.sandbox.server.faults import Fault, Faults

JWKS = "/oauth2/.well-known/jwks.json"


@pytest.fixture(autouse=True)
def no_faults(request):
    yield
    if "pdb" in request.fixturenames:
        request.getfixturevalue("pdb").clear_faults()


def test_a_fault_is_for_its_path_and_its_number_of_times():
    faults = Faults()
    faults.add(Fault(kind="cut", path="/a", times=2))
    assert faults.next_for("/b") is None
    assert [faults.next_for("/a") is None for _ in range(3)] == [False, False, True]
    assert faults.active() == []


def test_a_fault_of_one_step_is_for_those_who_ask_for_it():
    faults = Faults()
    faults.add(Fault(kind="refresh_race", times=1))
    assert faults.next_for("/oauth2/token/") is None
    assert not faults.take("refresh_lost")
    assert [faults.take("refresh_race") for _ in range(2)] == [True, False]


def test_a_fault_without_times_stays_until_cleared():
    faults = Faults()
    faults.add(Fault(kind="outage"))
    assert {faults.next_for("/a").kind for _ in range(5)} == {"outage"}
    faults.clear()
    assert faults.next_for("/a") is None


def test_error_500_is_the_page_that_peeringdb_shows(pdb, web):
    pdb.fault("error_500", path=JWKS)
    recorded = (
        Path(__file__).parent.parent / "wire" / "token-error-password-grant.http"
    ).read_text(encoding="utf-8")
    answer = web.get(JWKS)
    assert (answer.status, len(answer.body), answer.headers["Content-Type"]) == (
        500,
        145,
        "text/html; charset=utf-8",
    )
    assert answer.text.strip() == recorded[recorded.index("<!doctype html>") :].strip()
    assert web.get("/.well-known/openid-configuration").status == 200


def test_slow_answers_come_late_and_right(pdb, web):
    pdb.fault("slow", seconds=0.3, times=1)
    begun = time.monotonic()
    assert web.get(JWKS).status == 200
    assert time.monotonic() - begun >= 0.3


def test_a_cut_connection_ends_without_an_answer(pdb, web_for):
    pdb.fault("cut", path=JWKS, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        web_for(pdb).get(JWKS)
    assert web_for(pdb).get(JWKS).status == 200


def test_in_an_outage_only_the_control_pages_work(pdb, web):
    pdb.fault("outage")
    assert {web.get(path).status for path in ("/", JWKS, "/profile/v1", "/account/login/")} == {503}
    pages = ("/sandbox/", "/sandbox/people/limited/", "/sandbox/applications/", "/sandbox/faults/")
    assert {web.get(path).status for path in pages} == {200}
    pdb.clear_faults()
    assert web.get(JWKS).status == 200


def test_in_maintenance_nobody_can_log_in_and_control_pages_work(pdb, web, visitor, app):
    pdb.fault("maintenance")
    with pytest.raises(SandboxError, match="showed: an answer of status 503"):
        pdb.log_in("member", web.authorization_url(app))
    visitor.press(visitor.get("/sandbox/faults/"), action="clear")
    assert pdb.log_in("member", web.authorization_url(app))


def test_maintenance_consumes_nothing_and_can_end_by_itself(pdb, web, app):
    code = web.code(app)
    pdb.fault("maintenance", times=2)
    assert [web.exchange(app, code).status for _ in range(3)] == [503, 503, 200]


def test_the_account_switch_ends_a_login_in_the_error_page(pdb, web, app):
    pdb.fault("account_switch", times=1)
    with pytest.raises(SandboxError, match=r"Server Error \(500\)"):
        pdb.log_in("member", web.authorization_url(app))
    assert pdb.log_in("member", web.authorization_url(app))


def test_a_browser_is_told_why_the_account_switch_fails(pdb, visitor):
    visitor.session.headers["Accept"] = "text/html"
    pdb.fault("account_switch", times=1)
    page = visitor.press(visitor.get("/account/login/"), person="member")
    page = visitor.press(visitor.get(page.headers["Location"]), factor="otp")
    words = " ".join(re.sub("<.*?>", " ", page.text).split())
    assert (page.status_code, "Set-Cookie" in page.headers) == (500, False)
    assert "Sandbox says PeeringDB cannot log a person in while another one is logged in." in words


def test_a_late_refresh_gets_good_tokens_and_an_at_hash_that_does_not_fit(pdb, web, app):
    old = web.tokens(app, "member", scope="openid profile")
    pdb.fault("refresh_race", times=1)
    new = web.refresh(app, old["refresh_token"]).json()
    assert at_hash(new["id_token"]) != hash_of(new["access_token"])
    assert web.get("/profile/v1", new["access_token"]).status == 200
    assert web.get("/profile/v1", old["access_token"]).status == 403
    again = web.refresh(app, new["refresh_token"]).json()
    assert at_hash(again["id_token"]) == hash_of(again["access_token"])


def test_a_lost_refresh_is_refused_and_the_old_tokens_are_gone(pdb, web, app):
    old = web.tokens(app, "member")
    pdb.fault("refresh_lost", times=1)
    for _ in range(2):
        assert web.refresh(app, old["refresh_token"]).json() == {"error": "invalid_grant"}
    assert web.get("/profile/v1", old["access_token"]).status == 403


def at_hash(id_token):
    payload = id_token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["at_hash"]


def hash_of(access_token):
    digest = hashlib.sha256(access_token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "fire"}, r"no fault 'fire'; there are: error_500, slow, cut, outage, main"),
        (
            {"kind": "outage", "path": "profile/v1"},
            r"no request would meet .* the path 'profile/v1'; did you mean '/profile/v1'",
        ),
        ({"kind": "cut", "path": "/oauth2/token"}, "did you mean '/oauth2/token/'"),
        (
            {"kind": "cut", "path": "/profile/v1?pretty"},
            r"nothing at the path '/profile/v1\?pretty'$",
        ),
        ({"kind": "outage", "path": "/sandbox/"}, "pages below /sandbox/ have no faults"),
        ({"kind": "maintenance", "path": "/oauth2/token/"}, "'maintenance' takes no path"),
        ({"kind": "cut", "times": 0}, "times must be at least 1"),
        ({"kind": "slow", "seconds": 0}, "seconds must be more than 0"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(pdb, arguments, words):
    with pytest.raises(SandboxError, match=words):
        pdb.fault(**arguments)
