"""Faults, control pages and the JSON control endpoint: what they do, and who may use
them.
"""

import http.client
import json
import time
from pathlib import Path

import pytest

from peeringdb_oauth.sandbox import SandboxError
from peeringdb_oauth.sandbox.server.faults import Fault, Faults

JWKS = "/oauth2/.well-known/jwks.json"
CONTROL_PAGES = [
    "/sandbox/",
    "/sandbox/people/limited/",
    "/sandbox/people/manynets/",
    "/sandbox/applications/",
    "/sandbox/faults/",
]
PAGES = ["/", "/account/login/", *CONTROL_PAGES]


@pytest.fixture(autouse=True)
def no_faults(request):
    yield
    if "pdb" in request.fixturenames:
        request.getfixturevalue("pdb").clear_faults()


def test_a_fault_meets_its_path_only_and_as_often_as_it_was_told_to():
    faults = Faults()
    faults.add(Fault(kind="cut", path="/a", times=2))
    assert faults.next_for("/b") is None
    assert [faults.next_for("/a") is None for _ in range(3)] == [False, False, True]
    assert faults.active() == []


def test_a_fault_without_times_stays_until_cleared():
    faults = Faults()
    faults.add(Fault(kind="outage"))
    assert {faults.next_for("/a").kind for _ in range(5)} == {"outage"}
    faults.clear()
    assert faults.next_for("/a") is None


@pytest.mark.server
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


@pytest.mark.server
def test_slow_answers_come_late_and_right(pdb, web):
    pdb.fault("slow", seconds=0.3, times=1)
    begun = time.monotonic()
    assert web.get(JWKS).status == 200
    assert time.monotonic() - begun >= 0.3


@pytest.mark.server
def test_a_cut_connection_ends_without_an_answer(pdb, web_for):
    pdb.fault("cut", path=JWKS, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        web_for(pdb).get(JWKS)
    assert web_for(pdb).get(JWKS).status == 200


@pytest.mark.server
def test_in_an_outage_only_the_control_pages_work(pdb, web):
    pdb.fault("outage")
    assert {web.get(path).status for path in ("/", JWKS, "/profile/v1", "/account/login/")} == {503}
    assert {web.get(path).status for path in CONTROL_PAGES} == {200}
    pdb.clear_faults()
    assert web.get(JWKS).status == 200


@pytest.mark.server
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "fire"}, r"no fault 'fire'; there are: error_500, slow, cut, outage"),
        ({"kind": "cut", "times": 0}, "times must be at least 1"),
        ({"kind": "slow", "seconds": 0}, "seconds must be more than 0"),
    ],
)
def test_says_why_a_fault_cannot_be(pdb, arguments, words):
    with pytest.raises(SandboxError, match=words):
        pdb.fault(**arguments)


@pytest.mark.server
@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_the_json_endpoint_needs_the_control_token(web, token):
    headers = {} if token is None else {"X-Sandbox-Token": token}
    answer = web.send("POST", "/sandbox/api/fault", headers, '{"kind": "outage"}')
    assert (answer.status, web.get(JWKS).status) == (403, 200)


@pytest.mark.server
@pytest.mark.parametrize(
    ("command", "body"),
    [
        ("explode", "{}"),
        ("fault", "{"),
        ("fault", "[]"),
        ("fault", '{"kind": "cut", "colour": "red"}'),
        ("advance", "{}"),
        ("register", "{}"),
    ],
)
def test_the_json_endpoint_says_what_is_wrong(pdb, web, command, body):
    answer = web.send(
        "POST",
        f"/sandbox/api/{command}",
        {"X-Sandbox-Token": pdb.control_token},
        body,
    )
    assert (answer.status, list(answer.json())) == (400, ["error"])


@pytest.mark.server
def test_the_json_endpoint_is_not_a_get(pdb, web):
    assert (
        web.send("GET", "/sandbox/api/rotate-key", {"X-Sandbox-Token": pdb.control_token}).status
        == 405
    )


@pytest.mark.server
@pytest.mark.parametrize(
    "uris",
    [[], ["/callback"], ["https://app.example.net/#x"], ["https://a@app.example.net/"]],
)
def test_an_application_needs_redirect_uris_that_can_work(pdb, uris):
    with pytest.raises(SandboxError, match="redirect URI"):
        pdb.register(*uris)


@pytest.mark.server
def test_an_application_needs_an_algorithm_that_exists(pdb):
    with pytest.raises(SandboxError, match="RS256, HS256 or none, not 'none'"):
        pdb.register("https://app.example.net/", algorithm="none")


@pytest.mark.server
def test_made_up_credentials_have_peeringdbs_lengths(app):
    assert (len(app.client_id), len(app.client_secret)) == (40, 128)
    assert app.client_secret not in repr(app)


@pytest.mark.server
@pytest.mark.parametrize(
    "path",
    ["/sandbox/people/member/", "/sandbox/applications/", "/sandbox/faults/"],
)
def test_a_forged_form_changes_nothing(web, path):
    body = "action=fault&kind=outage&mfa=on&redirect_uris=https://evil.example.net/"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Referer": "https://evil.example.net/",
    }
    assert web.send("POST", path, headers, body).status == 403
    assert web.get(JWKS).status == 200


@pytest.mark.server
@pytest.mark.parametrize(
    "host",
    ["evil.example.net", "127.0.0.1.evil.example.net", "auth.peeringdb.com", ""],
)
@pytest.mark.parametrize("path", CONTROL_PAGES)
def test_control_pages_answer_on_loopback_names_only(web, host, path):
    assert web.send("GET", path, {"Host": host}).status == 403


@pytest.mark.server
def test_the_provider_answers_on_its_own_names_only(web):
    assert web.send("GET", JWKS, {"Host": "evil.example.net"}).status == 400
    assert {
        web.send("GET", JWKS, {"Host": host}).status
        for host in ("localhost:1", "[::1]", "auth.peeringdb.com")
    } == {200}


@pytest.mark.server
@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_that_it_is_a_sandbox_and_loads_nothing_from_elsewhere(web, path):
    answer = web.get(path)
    assert answer.status == 200
    assert "Sandbox: not the real PeeringDB" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'",
    )
    assert answer.text.count("<h1>") == 1
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert not [
        part for part in answer.text.split('"') if part.startswith(("http://", "https://", "//"))
    ]


@pytest.mark.server
@pytest.mark.parametrize("path", PAGES)
def test_hsts_is_kept_from_localhost_where_others_speak_http(web, path):
    assert web.get(path).headers["Strict-Transport-Security"]
    assert (
        web.get(path, None, {"Host": "localhost:8443"}).headers["Strict-Transport-Security"] is None
    )


@pytest.mark.server
def test_the_faults_page_switches_on_and_off(visitor, web):
    page = visitor.get("/sandbox/faults/")
    visitor.press(page, action="fault", kind="error_500", path=JWKS, times="5", seconds="3")
    assert web.get(JWKS).status == 500
    assert "4 more times" in visitor.get("/sandbox/faults/").text
    assert "1 fault switched on" in visitor.get("/sandbox/").text
    visitor.press(page, action="clear")
    assert web.get(JWKS).status == 200
    assert "All faults are off." in visitor.get("/sandbox/faults/").text


@pytest.mark.server
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


@pytest.mark.server
def test_the_faults_page_forgets_limits(visitor, web, address):
    for i in range(12):
        web.get("/profile/v1", f"bogus{i}", address)
    visitor.press(visitor.get("/sandbox/faults/"), action="reset-limits")
    assert web.get(JWKS, None, address).status == 200


@pytest.mark.server
@pytest.mark.parametrize(
    "fields",
    [
        {"action": "explode"},
        {"action": "fault", "kind": "fire"},
        {"action": "advance", "seconds": "x"},
    ],
)
def test_the_faults_page_says_what_cannot_be(visitor, fields):
    visitor.press(visitor.get("/sandbox/faults/"), **fields)
    assert 'role="alert"' in visitor.get("/sandbox/faults/").text


@pytest.mark.server
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


@pytest.mark.server
def test_the_page_of_a_person_with_very_many_networks_leaves_them_alone(visitor, web, app):
    token = web.tokens(app, "manynets")["access_token"]
    switches = dict.fromkeys(("verified_user", "verified_email", "mfa", "is_active"), "on")
    visitor.press(visitor.get("/sandbox/people/manynets/"), **switches)
    assert len(web.get("/profile/v1", token).json()["networks"]) == 300


@pytest.mark.server
def test_the_page_of_nobody_is_not_found(web):
    answer = web.get("/sandbox/people/nobody/")
    assert (answer.status, "nobody here is called" in answer.text) == (404, True)


@pytest.mark.server
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


@pytest.mark.server
def test_the_applications_page_says_what_is_wrong(visitor):
    page = visitor.press(
        visitor.get("/sandbox/applications/"),
        redirect_uris="callback",
        algorithm="RS256",
    )
    assert "absolute http or https URL" in page.text


@pytest.mark.server
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


@pytest.mark.server
def test_the_json_endpoint_can_be_used_without_this_library(pdb, web):
    body = json.dumps({"kind": "error_500", "path": JWKS, "times": 1})
    assert (
        web.send("POST", "/sandbox/api/fault", {"X-Sandbox-Token": pdb.control_token}, body).json()
        == {}
    )
    assert [web.get(JWKS).status for _ in range(2)] == [500, 200]


@pytest.mark.server
@pytest.mark.parametrize("seconds", [0, -1, 1e308, "NaN"])
def test_time_goes_forward_and_not_without_end(web, pdb, seconds):
    body = f'{{"seconds": {seconds}}}'
    answer = web.send("POST", "/sandbox/api/advance", {"X-Sandbox-Token": pdb.control_token}, body)
    assert (answer.status, answer.json()["error"].startswith("time only goes forward")) == (
        400,
        True,
    )


@pytest.mark.server
def test_json_that_is_nested_too_deeply_is_refused(web, pdb):
    answer = web.send(
        "POST",
        "/sandbox/api/advance",
        {"X-Sandbox-Token": pdb.control_token},
        "[" * 100_000,
    )
    assert answer.status == 400


@pytest.mark.server
def test_a_token_in_another_alphabet_is_a_wrong_token(web):
    assert (
        web.send("POST", "/sandbox/api/advance", {"X-Sandbox-Token": "\u00fc"}, "{}").status == 403
    )
