"""The control pages: what they do, and who may use them."""

import json
import re
import stat
from base64 import urlsafe_b64decode as b64decode
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import Application

pytestmark = pytest.mark.usefixtures("clear_faults")
JWKS = "/oauth2/.well-known/jwks.json"
CONTROL_PAGES = [
    "/sandbox/",
    "/sandbox/people/limited/",
    "/sandbox/people/manynets/",
    "/sandbox/applications/",
    "/sandbox/faults/",
]
PAGES = ["/", "/account/login/", *CONTROL_PAGES]


@pytest.mark.parametrize(
    "path", ["/sandbox/people/member/", "/sandbox/applications/", "/sandbox/faults/"]
)
def test_a_forged_form_changes_nothing(web, path):
    body = "action=fault&kind=outage&mfa=on&redirect_uris=https://evil.example.net/"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": "https://evil.example.net/",
    }
    assert web.send("POST", path, headers, body).status == 403
    assert web.get(JWKS).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example.net", "127.0.0.1.evil.example.net", "auth.peeringdb.com", ""]
)
@pytest.mark.parametrize("path", CONTROL_PAGES)
def test_control_pages_answer_on_loopback_names_only(web, host, path):
    assert web.send("GET", path, {"Host": host}).status == 403


def test_peeringdbs_pages_answer_on_known_names_only(web):
    assert web.send("GET", JWKS, {"Host": "evil.example.net"}).status == 400
    assert {
        web.send("GET", JWKS, {"Host": host}).status
        for host in ("localhost:1", "[::1]", "auth.peeringdb.com")
    } == {200}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_that_it_is_a_sandbox_and_loads_nothing_from_elsewhere(web, path):
    answer = web.get(path)
    assert answer.status == 200
    assert "Sandbox: not the real PeeringDB" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'"
    )
    assert answer.text.count("<h1>") == 1
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert not [
        part for part in answer.text.split('"') if part.startswith(("http://", "https://", "//"))
    ]


@pytest.mark.parametrize("path", PAGES)
def test_localhost_gets_no_hsts_because_others_there_use_http(web, path):
    assert web.get(path).headers["Strict-Transport-Security"]
    assert (
        web.get(path, None, {"Host": "localhost:8443"}).headers["Strict-Transport-Security"] is None
    )


def test_the_faults_page_switches_on_and_off(visitor, web):
    page = visitor.get("/sandbox/faults/")
    visitor.press(page, action="fault", kind="error_500", path=JWKS, times="5", seconds="3")
    assert web.get(JWKS).status == 500
    assert "4 more times" in visitor.get("/sandbox/faults/").text
    assert "1 fault switched on" in visitor.get("/sandbox/").text
    visitor.press(page, action="clear")
    assert web.get(JWKS).status == 200
    assert "All faults are off." in visitor.get("/sandbox/faults/").text


def test_the_faults_page_rotates_the_key_revokes_tokens_and_lets_time_pass(visitor, web, app):
    token, kid = web.tokens(app, "member")["access_token"], web.get(JWKS).json()["keys"][0]["kid"]
    page = visitor.get("/sandbox/faults/")
    visitor.press(page, action="revoke-tokens", person="member")
    assert web.get("/profile/v1", token).status == 403
    visitor.press(page, action="rotate-key")
    assert web.get(JWKS).json()["keys"][0]["kid"] != kid
    code = web.code(app)
    visitor.press(page, action="advance", seconds="61")
    assert web.exchange(app, code).status == 400


def test_the_faults_page_forgets_limits(visitor, web, address):
    for i in range(12):
        web.get("/profile/v1", f"bogus{i}", address)
    visitor.press(visitor.get("/sandbox/faults/"), action="reset-limits")
    assert web.get(JWKS, None, address).status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode"},
        {"action": "fault", "kind": "fire"},
        {"action": "advance", "seconds": "x"},
    ],
)
def test_the_faults_page_says_what_is_wrong(visitor, fields):
    visitor.press(visitor.get("/sandbox/faults/"), **fields)
    assert 'role="alert"' in visitor.get("/sandbox/faults/").text


def test_the_page_of_a_person_changes_rights_while_an_application_runs(pdb, visitor, web, app):
    token = web.tokens(app, "member")["access_token"]
    switches = {"verified_user": "on", "mfa": "on", "is_active": "on"}
    networks = {
        "keep": ["64500", "64501"],
        "perms-64500": ["1", "2"],
        "sessions-64500": ["1", "8"],
        "add": "64510",
    }
    answer = visitor.press(visitor.get("/sandbox/people/member/"), **switches, **networks)
    assert answer.headers["Location"] == "/sandbox/people/member/"
    body = web.get("/profile/v1", token).json()
    assert (body["verified_user"], body["verified_email"]) == (True, False)
    rights = [
        (network["asn"], network["perms"], network["manage_peering_sessions"])
        for network in body["networks"]
    ]
    assert rights == [(64500, 3, 9), (64501, 0, 0), (64510, 1, 1)]
    assert "was changed" in visitor.get("/sandbox/people/member/").text
    pdb.change("member", networks={64500: 1, 64501: 1, 65550: 1}, verified_email=True)


def test_the_page_of_a_person_does_not_change_too_many_networks(visitor, web, app):
    token = web.tokens(app, "manynets")["access_token"]
    switches = dict.fromkeys(("verified_user", "verified_email", "mfa", "is_active"), "on")
    visitor.press(visitor.get("/sandbox/people/manynets/"), **switches)
    assert len(web.get("/profile/v1", token).json()["networks"]) == 300


def test_the_page_of_an_unknown_person_is_not_found(web):
    answer = web.get("/sandbox/people/nobody/")
    assert (answer.status, "nobody here is called" in answer.text) == (404, True)


def test_the_applications_page_registers_and_shows_the_secret_once(visitor):
    fields = {
        "name": "My portal",
        "redirect_uris": "https://a.example.net/cb\nhttps://b.example.net/cb",
        "client_type": "public",
    }
    page = visitor.press(visitor.get("/sandbox/applications/"), **fields, algorithm="RS256")
    assert "Copy the secret now" in page.text
    again = visitor.get("/sandbox/applications/").text
    assert "My portal" in again
    assert "public, RS256" in again
    assert "Copy the secret now" not in again


def test_the_applications_page_says_what_is_wrong(visitor):
    page = visitor.press(
        visitor.get("/sandbox/applications/"), redirect_uris="callback", algorithm="RS256"
    )
    assert "absolute http or https URL" in page.text


def test_the_applications_page_registers_the_credentials_that_are_given(visitor, web):
    page = visitor.get("/sandbox/applications/?client_id=portal&redirect_uris=https://a.test/cb")
    assert 'value="portal"' in page.text
    fields = {"client_id": "portal", "client_secret": "s3cret", "algorithm": "RS256"}
    page = visitor.press(page, redirect_uris="https://a.test/cb", **fields)
    assert "<code>s3cret</code>" in page.text
    application = Application(
        client_id="portal", client_secret="s3cret", redirect_uris=("https://a.test/cb",)
    )
    assert web.tokens(application)["access_token"]


def test_the_faults_page_uses_a_limit_up(visitor, web, address):
    fields = {"left": "1", "address": address["X-Forwarded-For"]}
    visitor.press(visitor.get("/sandbox/faults/"), action="use-limit", **fields)
    assert [web.get(JWKS, None, address).status for _ in range(2)] == [200, 429]


def test_the_overview_and_the_login_page_show_groups_and_rights(web):
    for path in ("/sandbox/", "/account/login/"):
        text = web.get(path).text
        headings = re.findall("<h2>(Get in|Are refused|Odd)</h2>", text)
        assert headings == ["Get in", "Are refused", "Odd"], path
        for rights in (
            "AS64500, AS64501, AS65550: read",
            "AS64501: read (peering sessions: all rights); AS65550: read + update",
            "300 networks: all rights",
            "no networks",
        ):
            assert rights in text


def test_a_person_changes_the_group_with_the_rights(pdb, web):
    def group_of(name):
        text = web.get("/account/login/").text
        return re.findall("<h2>(.+?)</h2>", text[: text.index(name)])[-1]

    assert group_of("Mel Member") == "Get in"
    pdb.change("member", active=False)
    assert group_of("Mel Member") == "Are refused"
    pdb.change("member", active=True, networks={64500: 0})
    assert "AS64500: no rights" in web.get("/account/login/").text
    pdb.change("member", networks={64500: 1, 64501: 1, 65550: 1})


def test_every_field_of_every_form_has_a_label_or_stays_hidden(web):
    for path in CONTROL_PAGES:
        text = web.get(path).text
        shown = (
            text.count("<select")
            + text.count("<textarea")
            + text.count('<input type="text"')
            + text.count('<input type="number"')
        )
        assert shown + text.count('<input type="checkbox"') == text.count("<label"), path


def test_the_page_of_a_person_issues_tokens_of_an_application(pdb, web, visitor):
    application = pdb.register("https://portal.example.net/callback", name="A portal")
    page = visitor.get("/sandbox/people/member/")
    assert f'<option value="{application.client_id}">A portal' in page.text
    page = visitor.press(page, client_id=application.client_id)
    access_token, id_token = re.findall("<textarea readonly [^>]*>([^<]+)</textarea>", page.text)
    assert json.loads(web.get("/profile/v1", access_token).body)["id"] == 2
    claims = id_token.split(".")[1]
    assert json.loads(b64decode(claims + "=="))["aud"] == application.client_id
    assert json.loads(b64decode(claims + "=="))["iss"] == f"{pdb.url}/oauth2"


def test_the_page_says_why_there_are_no_tokens(pdb, visitor):
    plain = pdb.register("https://portal.example.net/callback", algorithm=None)
    page = visitor.press(visitor.get("/sandbox/people/member/"), client_id=plain.client_id)
    assert ("Access token" in page.text, "No ID token" in page.text) == (True, True)
    page = visitor.press(visitor.get("/sandbox/people/member/"), client_id="unknown")
    assert "no application has the client id" in page.text


def test_everybody_may_read_the_certificate_of_the_authority(pdb):
    """An application that is tested may run as another user."""
    assert stat.filemode(Path(pdb.ca_file).stat().st_mode) == "-rw-r--r--"


def test_a_persons_profile_is_what_an_application_reads_after_a_login(web):
    answer = web.get("/sandbox/people/limited/profile")
    profile = json.loads(answer.text)
    assert answer.headers["Content-Type"] == "application/json"
    assert (profile["name"], profile["amr"]) == ("Lim Ited", ["pwd", "otp", "mfa"])
    assert {network["asn"] for network in profile["networks"]} == {64500, 64501, 65550}
    nobody = web.get("/sandbox/people/nobody/profile")
    assert (nobody.status, list(json.loads(nobody.text))) == (404, ["error"])
    assert web.send("GET", "/sandbox/people/limited/profile", {"Host": "evil.test"}).status == 403
    assert web.send("POST", "/sandbox/people/limited/profile", {}).status in (403, 405)
