"""What holds with both libraries. The projects' session cookies can be read."""

import json
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import requests

from peeringdb_oauth.access import AccessRule
from peeringdb_oauth.config import ClientConfig
from peeringdb_oauth.errors import ConfigurationError, InvalidResponse, RateLimited
from peeringdb_oauth.integrations.social_login import SCOPE, log_in, user_from_extra_data

TOKEN, PROFILE, REVOKE = "/oauth2/token/", "/profile/v1", "/oauth2/revoke_token/"
HERE, THERE = "198.51.100.1", "198.51.100.2"
CODE = "a" * 30


def test_logs_in_who_is_verified_under_the_number_of_their_account(project, pdb):
    visitor = project.visit()
    assert visitor.me is None
    assert visitor.log_in(pdb, "orgadmin").status_code == 200
    me = visitor.me
    assert (me["uid"], me["email"], me["name"]) == ("1", "orgadmin@example.net", "Ada Admin")


def test_keeps_the_networks_with_their_permissions_and_what_is_verified(project, pdb):
    visitor = project.visit()
    visitor.log_in(pdb, "limited")
    user = user_from_extra_data(visitor.me["extra_data"])
    rights = [
        (network.id, network.asn, int(network.perms), int(network.manage_peering_sessions))
        for network in user.networks
    ]
    assert rights == [(1, 64500, 15, 15), (2, 64501, 1, 15), (3, 65550, 3, 3)]
    assert (user.verified_user, user.verified_email, user.amr) == (
        True,
        True,
        ("pwd", "otp", "mfa"),
    )


@pytest.mark.parametrize(
    ("person", "asn", "reasons"),
    [
        ("orgadmin", 64500, []),
        ("member", 64500, ["AS64500: you may read this network but not update it"]),
        ("orgadmin", 64510, ["you are not affiliated with AS64510 at PeeringDB"]),
    ],
)
def test_access_rule_reads_what_was_kept(project, pdb, person, asn, reasons):
    visitor = project.visit()
    visitor.log_in(pdb, person)
    assert visitor.get(f"/may-update/{asn}").json() == {"allowed": not reasons, "reasons": reasons}


@pytest.mark.parametrize(
    ("person", "reasons"),
    [
        (
            "unverified",
            ["PeeringDB has not verified your account", "your email address is not confirmed"],
        ),
        ("emailunconf", ["your email address is not confirmed"]),
    ],
)
def test_refuses_who_is_not_verified_and_says_why(project, pdb, person, reasons):
    visitor = project.visit()
    page = visitor.log_in(pdb, person)
    assert page.status_code in (401, 403)
    assert [reason for reason in reasons if reason not in page.text] == []
    home = visitor.get("/").json()
    assert home["me"] is None
    assert f"{person}@example.net" not in json.dumps(home)
    assert "login with PeeringDB: refused, user" in project.log


def test_cancelled_login_is_no_error_and_no_login(project, pdb):
    visitor = project.visit()
    page = visitor.log_in(pdb, "twoorgs", consent=False)
    assert "cancel" in page.text.lower()
    assert visitor.me is None


def test_callback_counts_only_in_the_browser_that_began_the_login(project, pdb):
    callback = pdb.log_in("orgadmin", project.visit().begin())
    victim = project.visit()
    victim.begin()
    assert victim.come_back(callback).status_code in (401, 403)
    assert victim.me is None


@pytest.mark.parametrize(
    "parameters",
    [{"state": "forged"}, {"state": ""}, {"state": "forged", "code": "", "error": "access_denied"}],
)
def test_forged_state_is_refused_before_peeringdb_is_asked(canned, parameters):
    visitor = canned.visit()
    page = visitor.come_back_with(**{"code": CODE} | parameters)
    assert page.status_code in (400, 401, 403)
    assert "cancel" not in page.text.lower()
    assert canned.answers.paths() == []


def test_callback_counts_once(project, pdb):
    visitor = project.visit()
    callback = pdb.log_in("orgadmin", visitor.begin())
    visitor.come_back(callback)
    visitor.get("/leave")
    assert visitor.come_back(callback).status_code in (401, 403)
    assert visitor.me is None


def test_asks_for_the_scope_with_s256_and_peeringdb_wants_the_verifier(project, pdb, parameters):
    url = project.visit().begin()
    asked = parameters(url)
    assert urlsplit(url).path == "/oauth2/authorize/"
    assert set(asked["scope"].split()) == {"profile", "email", "networks", "amr"}
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    form = {
        "grant_type": "authorization_code",
        "code": parameters(pdb.log_in("orgadmin", url))["code"],
        "redirect_uri": asked["redirect_uri"],
        "client_id": project.client_id,
        "client_secret": project.client_secret,
    }
    answer = requests.post(pdb.url + TOKEN, data=form, verify=pdb.ca_file, timeout=20)
    assert (answer.status_code, answer.json()["error_description"]) == (
        400,
        "Code verifier required.",
    )


def test_existing_account_with_the_same_address_is_not_taken_over(project, pdb):
    visitor = project.visit()
    visitor.log_in(pdb, "twoorgs")
    home = visitor.get("/").json()
    local = home["users"][0]
    assert (local["username"], local["email"], local["uid"]) == (
        "local",
        "twoorgs@example.net",
        None,
    )
    assert home["me"] is None or home["me"]["pk"] != local["pk"]


def test_same_person_is_found_again_when_the_address_has_changed(canned):
    first = canned.visit()
    first.come_back_with(code=CODE)
    changed = {
        "id": 1,
        "name": "Ada Again",
        "email": "ada@example.net",
        "verified_user": True,
        "verified_email": True,
        "networks": [],
    }
    canned.answers.answer(PROFILE, changed)
    again = canned.visit()
    again.come_back_with(code=CODE)
    assert again.me["pk"] == first.me["pk"]
    assert again.me["extra_data"]["email"] == "ada@example.net"
    assert user_from_extra_data(again.me["extra_data"]).networks == ()
    assert first.get("/may-update/64500").json()["allowed"] is False


def test_somebody_else_with_the_same_address_is_somebody_else(canned):
    first = canned.visit()
    first.come_back_with(code=CODE)
    canned.answers.answer(
        PROFILE,
        {
            "id": 2,
            "name": "Eve",
            "email": "orgadmin@example.net",
            "verified_user": True,
            "verified_email": True,
        },
    )
    other = canned.visit()
    other.come_back_with(code=CODE)
    assert other.me is None or (other.me["uid"], other.me["pk"] == first.me["pk"]) == ("2", False)


def test_login_has_the_credentials_in_the_body_and_the_token_in_the_header(canned):
    visitor = canned.visit()
    visitor.come_back_with(code=CODE)
    token, profile, _ = canned.answers.received
    assert (token.path, token.form["client_secret"], token.form["code"]) == (
        TOKEN,
        canned.client_secret,
        CODE,
    )
    assert len(token.form["code_verifier"]) >= 43
    assert "authorization" not in token.headers
    assert (profile.path, profile.headers["authorization"]) == (
        PROFILE,
        "Bearer HBtGOymu0bhBVxHZdBWixpOJT0dI7X",
    )


def test_no_secret_is_in_a_log_a_cookie_a_page_or_the_database(canned, recording):
    tokens = recording("token-success-no-openid").json
    visitor = canned.visit()
    page = visitor.come_back_with(code=CODE)
    assert visitor.me["uid"] == "1"
    verifier = canned.answers.received[0].form["code_verifier"]
    for secret in (
        tokens["access_token"],
        tokens["refresh_token"],
        canned.client_secret,
        CODE,
        verifier,
    ):
        assert secret not in canned.log
        assert secret not in json.dumps(visitor.session) + page.text + visitor.get("/").text
        assert secret.encode() not in canned.database.read_bytes()
    assert "login with PeeringDB: login, user 1" in canned.log


def revoked(server):
    """The tokens that the server was asked to end."""
    return [request.form["token"] for request in server.received if request.path == REVOKE]


def test_tokens_are_given_back_after_a_login(canned, recording):
    visitor = canned.visit()
    visitor.come_back_with(code=CODE)
    assert visitor.me["uid"] == "1"
    assert canned.answers.paths() == [TOKEN, PROFILE, REVOKE]
    # PeeringDB ends the access token together with the refresh token.
    assert revoked(canned.answers) == [recording("token-success-no-openid").json["refresh_token"]]


def test_tokens_are_given_back_after_a_refusal(canned, recording):
    canned.answers.replay(PROFILE, "profile-unverified")
    visitor = canned.visit()
    visitor.come_back_with(code=CODE)
    assert visitor.me is None
    assert canned.answers.paths() == [TOKEN, PROFILE, REVOKE]
    assert revoked(canned.answers) == [recording("token-success-no-openid").json["refresh_token"]]


def test_tokens_with_less_than_the_scope_are_given_back_before_the_profile_is_asked(
    canned, recording
):
    """The person can edit the scope in the address of PeeringDB's page."""
    granted = recording("token-success-no-openid").json
    canned.answers.answer(TOKEN, granted | {"scope": "email"})
    visitor = canned.visit()
    assert not visitor.come_back_with(code=CODE).ok
    assert visitor.me is None
    assert canned.answers.paths() == [TOKEN, REVOKE]
    assert revoked(canned.answers) == [granted["refresh_token"]]


@pytest.mark.parametrize("status", [401, 429, 503])
def test_login_counts_even_if_the_tokens_cannot_be_given_back(canned, status):
    canned.answers.answer(REVOKE, status=status)
    visitor = canned.visit()
    assert visitor.come_back_with(code=CODE).ok
    assert visitor.me["uid"] == "1"


@pytest.mark.parametrize(("person", "is_logged_in"), [("orgadmin", True), ("unverified", False)])
def test_no_access_token_is_alive_at_peeringdb_after_a_login_or_a_refusal(
    project, pdb, person, is_logged_in
):
    pdb.revoke_tokens()
    visitor = project.visit()
    visitor.log_in(pdb, person)
    assert (visitor.me is not None) == is_logged_in
    assert pdb.revoke_tokens() == 1  # the refresh token, which is kept as a revoked one


def test_failed_logins_are_paid_by_the_address_of_the_visitor(start, library):
    project = start(library, options={"requests_per_minute": 40})  # 4 for one address
    project.answers.replay(TOKEN, "token-error-reused-code")
    for _ in range(5):
        assert not project.visit(HERE).come_back_with(code=CODE).ok
    assert project.answers.paths() == [TOKEN] * 3
    project.answers.replay(TOKEN, "token-success-no-openid")
    visitor = project.visit(THERE)
    visitor.come_back_with(code=CODE)
    assert visitor.me["uid"] == "1"


def test_login_is_not_begun_that_could_only_be_half_done(start, library):
    project = start(library, options={"requests_per_minute": 3})
    pages = [project.visit().come_back_with(code=CODE) for _ in range(2)]
    assert [page.ok for page in pages] == [True, False]
    assert project.answers.paths() == [TOKEN, PROFILE, REVOKE]


def test_wrong_secret_is_tried_once_for_everybody(canned):
    canned.answers.replay(TOKEN, "token-error-wrong-secret")
    pages = [canned.visit().come_back_with(code=CODE) for _ in range(3)]
    assert [page.ok for page in pages] == [False] * 3
    assert canned.answers.paths() == [TOKEN]
    assert "check client_id and client_secret" in canned.log


def test_redirect_from_the_token_endpoint_is_not_followed(canned):
    canned.answers.answer(TOKEN, status=307, Location=f"{canned.answers.url}/elsewhere")
    assert not canned.visit().come_back_with(code=CODE).ok
    assert canned.answers.paths() == [TOKEN]


def test_rule_of_the_settings_takes_the_place_of_the_default(lenient, pdb):
    page = lenient.visit().log_in(pdb, "nonets")
    assert "you are not affiliated with AS64500 at PeeringDB" in page.text.replace("&#x27;", "'")
    visitor = lenient.visit()
    visitor.log_in(pdb, "emailunconf")
    assert visitor.me["uid"] == "8"


def test_address_that_is_not_confirmed_is_never_given_out_as_verified(lenient, pdb):
    visitor = lenient.visit()
    visitor.log_in(pdb, "emailunconf")
    assert visitor.me["email"] == "" or visitor.me["addresses"] == [
        ["emailunconf@example.net", False]
    ]


def test_redirect_uri_without_https_is_found_before_peeringdb_is(start, library):
    project = start(
        library, base_url="https://peeringdb.example.net", options={"allow_http": False}
    )
    assert project.visit().post(project.library.login).status_code == 500
    assert "redirect_uri: must be https" in project.log


def test_text_in_the_settings_is_read_and_problems_name_them(start, library):
    options = {"allow_http": "yes", "timeout": "soon", "requests_per_minute": "none"}
    project = start(library, options=options)
    assert project.visit().post(project.library.login).status_code == 500
    prefix = {
        "allauth": 'SOCIALACCOUNT_PROVIDERS["peeringdb"]["TIMEOUT"]',
        "social_core": "SOCIAL_AUTH_PEERINGDB_TIMEOUT",
    }[library]
    assert f"{prefix}: must be a number of seconds above 0 and at most 300\n" in project.log


def test_scope_that_lacks_what_the_rule_reads_is_found_before_peeringdb_is(start, library):
    options = {"scope": ["profile", "email"], "ignore_default_scope": True}
    project = start(library, options=options, rule={"asn": 64500})
    assert project.visit().post(project.library.login).status_code == 500
    assert "scope: 'networks' is missing, and ACCESS_RULE asks for asn" in project.log


def test_rule_that_is_none_lets_nobody_in():
    config = ClientConfig(client_id="app", redirect_uri="https://app.test/callback")
    with pytest.raises(ConfigurationError, match="ACCESS_RULE must be an AccessRule"):
        log_in(config, {"verified_user": False}, code=CODE, code_verifier="v" * 43)


def test_logins_of_an_application_share_a_client_whatever_their_redirect_uri(server):
    config = ClientConfig(
        client_id="app",
        client_secret="s3cret",
        redirect_uri="https://one.test/callback",
        base_url=server.url,
        allow_http=True,
    )
    other = replace(config, redirect_uri="https://two.test/callback", scope=SCOPE[:3])
    for each in (config, other):
        assert log_in(each, AccessRule(), code=CODE, code_verifier="v" * 43).id == 1
    assert [
        request.form["redirect_uri"] for request in server.received if request.path == TOKEN
    ] == ["https://one.test/callback", "https://two.test/callback"]
    assert server.connections == 1


def test_another_application_has_another_client(server):
    config = ClientConfig(
        client_id="app",
        client_secret="s3cret",
        redirect_uri="https://app.test/callback",
        base_url=server.url,
        allow_http=True,
        requests_per_minute=2,
    )
    for each in (config, replace(config, client_id="another"), replace(config, client_secret="x")):
        assert log_in(each, AccessRule(), code=CODE, code_verifier="v" * 43).id == 1
    with pytest.raises(RateLimited):
        log_in(config, AccessRule(), code=CODE, code_verifier="v" * 43)
    assert server.connections == 3


@pytest.mark.parametrize(
    "extra_data", [{}, {"access_token": "t"}, {"id": "1"}, {"id": 1, "networks": [{"asn": 64500}]}]
)
def test_extra_data_of_another_backend_is_no_user(extra_data):
    with pytest.raises(InvalidResponse):
        user_from_extra_data(extra_data)
