"""The login of the portals: what they store, what they reveal, and how it ends."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from reading import challenges, readable


def test_a_login_ends_at_the_networks(visitor):
    answer = visitor.log_in("orgadmin")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert visitor.get("/").headers["Location"] == "/networks/"
    assert "Ada Admin" in visitor.get("/networks/").words


def test_a_login_ends_where_it_was_asked_for(visitor):
    login = visitor.get("/networks/64500/").headers["Location"]
    assert visitor.get(visitor.callback("member", login)).headers["Location"] == "/networks/64500/"
    assert "AS64500 Example Net One" in visitor.get("/networks/64500/").words


def test_two_logins_at_a_time_both_end_where_they_were_asked_for(visitor):
    callbacks = [
        visitor.callback("member", visitor.get(f"/networks/{asn}/").headers["Location"])
        for asn in (64500, 64501)
    ]
    assert [visitor.get(callback).headers["Location"] for callback in reversed(callbacks)] == [
        "/networks/64501/",
        "/networks/64500/",
    ]


def test_no_cookie_is_set_before_a_login(visitor):
    assert "Set-Cookie" not in visitor.get("/").headers


def test_tokens_and_verifiers_cannot_be_read(visitor, issued):
    location = visitor.get("/login/peeringdb").headers["Location"]
    pending = readable(cookie.value for cookie in visitor.browser.cookies)
    seen = [
        visitor.log_in("limited"),
        *(visitor.get(path) for path in ("/networks/", "/me", "/nowhere")),
    ]
    kept = readable(cookie.value for cookie in visitor.browser.cookies)
    given_away = "".join(f"{answer.headers}{answer.text}" for answer in seen) + kept
    assert len(issued()) == 2
    assert not [token for token in issued() if token in given_away]
    [asked] = parse_qs(urlsplit(location).query)["code_challenge"]
    assert challenges(pending)
    assert asked not in challenges(pending)


def test_no_cookie_can_be_read_by_scripts_or_other_hosts(visitor):
    started = visitor.get("/login/peeringdb")
    finished = visitor.get(visitor.callback("member"))
    for answer in (started, finished, visitor.get("/networks/")):
        for cookie in answer.raw.headers.getlist("Set-Cookie"):
            attributes = {attribute.strip().lower() for attribute in cookie.split(";")[1:]}
            assert {"httponly", "samesite=lax", "path=/"} <= attributes
            assert not any(attribute.startswith("domain") for attribute in attributes)


def test_a_session_from_before_the_login_is_not_logged_in(visit):
    victim, attacker = visit(), visit()
    victim.get("/login/peeringdb")
    attacker.browser.cookies.update(victim.browser.cookies)
    victim.log_in("member")
    assert attacker.json("/me").status_code == 401


def test_another_account_leads_over_the_logout_of_peeringdb(visitor, pdb):
    link = re.search(r'<a href="([^"]+)">Use another PeeringDB account', visitor.get("/").text)[1]
    page = visitor.get(link)
    assert page.status_code == 200
    assert f'href="{pdb.url}/logout"' in page.text
    start = re.search(r'class="peeringdb-login" href="([^"]+)"', page.text)[1]
    location = visitor.get(unescape(start)).headers["Location"]
    assert parse_qs(urlsplit(location).query)["prompt"] == ["login"]


def test_logging_out_revokes_the_tokens(visitor, issued):
    visitor.log_in("member")
    assert len(issued(alive=True)) == 2
    answer = visitor.post("/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "You are logged out." in visitor.get("/").words
    assert visitor.json("/me").status_code == 401
    assert issued(alive=True) == []


def test_logging_out_during_an_outage_ends_the_session_and_says_what_is_left(visitor, pdb):
    visitor.log_in("member")
    pdb.fault("outage")
    visitor.post("/logout")
    assert "could not be told" in visitor.get("/").words
    assert visitor.json("/me").status_code == 401


def test_a_second_login_ends_the_first(visitor, issued):
    visitor.log_in("member")
    first = issued(alive=True)
    visitor.log_in("orgadmin")
    assert visitor.json("/me").json()["name"] == "Ada Admin"
    assert len(issued(alive=True)) == 2
    assert not set(first) & set(issued(alive=True))


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        ("unverified", "PeeringDB has not verified your account"),
        ("emailunconf", "your email address is not confirmed"),
        ("nonets", "PeeringDB lists no network for you"),
    ],
)
def test_a_refused_person_sees_the_reason_and_no_token_is_kept(visitor, issued, person, reason):
    answer = visitor.log_in(person)
    assert answer.status_code == 403
    assert reason in answer.words
    assert "Use another PeeringDB account" in answer.words
    assert visitor.json("/me").status_code == 401
    assert issued(alive=True) == []


def test_a_user_who_no_longer_meets_the_rule_is_logged_out(own_portal, visit, pdb, issued):
    visitor = visit(own_portal)
    visitor.log_in("member")
    pdb.change("member", verified_email=False)
    answer = visitor.get("/networks/")
    assert answer.status_code == 403
    assert "your email address is not confirmed" in answer.words
    assert visitor.json("/me").status_code == 401
    own_portal.close()  # which waits for what runs behind the answers
    assert issued(alive=True) == []


def test_a_login_ends_when_peeringdb_revokes_its_tokens(visitor, pdb):
    visitor.log_in("twoorgs")
    pdb.revoke_tokens("twoorgs")
    answer = visitor.get("/networks/")
    assert answer.status_code == 401
    assert "Your login has ended" in answer.words
    assert "Log in with PeeringDB" in visitor.get("/").words


def test_a_login_ends_after_ten_hours(visitor, portal):
    visitor.log_in("member")
    portal.advance(10 * 3600 + 1)
    assert visitor.get("/networks/").headers["Location"] == "/login/peeringdb?next=/networks/"
