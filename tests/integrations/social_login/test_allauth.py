"""What only allauth has: login links, the form of a new account, email addresses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = "a" * 30


@pytest.fixture
def canned(start):
    return start("allauth")


@pytest.fixture
def check(measured):
    """``check(options)``: run ``manage.py check`` for a project with these settings."""

    def check(options):
        project = {"client_id": "a", "client_secret": "b", "database": "", "options": options}
        return subprocess.run(
            [sys.executable, "-m", "django", "check", "--settings", "allauth_settings"],
            cwd=Path(__file__).parent / "project",
            env=os.environ | measured | {"PROJECT": json.dumps(project), "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=False,
        )

    return check


@pytest.mark.parametrize(
    "query",
    [
        "?scope=openid",
        "?auth_params=prompt%3Dnone%26redirect_uri%3Dhttps%3A%2F%2Fother.example.net",
    ],
)
def test_login_link_cannot_change_what_peeringdb_is_asked(allauth, parameters, query):
    usual, linked = (parameters(allauth.visit().begin(extra)) for extra in ("", query))
    assert "openid" not in linked["scope"]
    assert (linked.keys(), linked["redirect_uri"]) == (usual.keys(), usual["redirect_uri"])


def test_reauthentication_makes_peeringdb_ask_for_the_password(allauth, parameters):
    assert parameters(allauth.visit().begin("?action=reauthenticate"))["prompt"] == "login"


def test_confirmed_address_is_verified_here(allauth, pdb):
    visitor = allauth.visit()
    visitor.log_in(pdb, "member")
    assert visitor.me["addresses"] == [["member@example.net", True]]


def test_person_without_an_address_gets_an_account_without_one(canned):
    canned.answers.answer(
        "/profile/v1", {"id": 1, "name": "Ada", "verified_user": True, "verified_email": True}
    )
    visitor = canned.visit()
    visitor.come_back_with(code=CODE)
    assert (visitor.me["uid"], visitor.me["addresses"]) == ("1", [])


def test_waiting_for_the_form_of_a_new_account_keeps_no_token(canned, recording):
    canned.answers.answer("/profile/v1", recording("profile-twoorgs").json)
    visitor = canned.visit()
    page = visitor.come_back_with(code=CODE)
    assert "sign up" in page.text.lower()
    waiting = visitor.session["socialaccount_sociallogin"]
    assert (waiting["account"]["uid"], waiting["token"]["token"]) == ("4", "")
    for token in ("access_token", "refresh_token"):
        assert recording("token-success-no-openid").json[token] not in json.dumps(visitor.session)


def test_wrong_setting_is_named_in_the_log(start):
    project = start("allauth", options={"timeout": -1})
    assert project.visit().post(project.library.login).status_code == 500
    assert '["TIMEOUT"]: must be a number of seconds above 0' in project.log


@pytest.mark.parametrize("answer", ["token-error-reused-code", "token-error-wrong-secret"])
def test_refusal_of_peeringdb_is_allauths_page_and_says_more_in_the_log(canned, answer):
    canned.answers.replay("/oauth2/token/", answer)
    visitor = canned.visit()
    page = visitor.come_back_with(code=CODE)
    assert (page.status_code, "Third-Party Login Failure" in page.text) == (401, True)
    assert "ProviderError: PeeringDB refused" in canned.log
    assert visitor.me is None


@pytest.mark.parametrize(
    ("options", "problems"),
    [
        ({}, []),
        ({"scope": "profile networks"}, ["'email' is missing, and ACCESS_RULE asks for"]),
        ({"access_rule": {"mfa": True}}, ["ACCESS_RULE must be an AccessRule"]),
    ],
)
def test_rule_and_scope_that_do_not_fit_are_found_by_djangos_check(check, options, problems):
    ended = check(options)
    assert ended.returncode == len(problems)
    for problem in problems:
        assert problem in ended.stderr
        assert "(peeringdb_oauth_allauth.E001)" in ended.stderr


def test_software_can_read_that_pkce_is_on():
    script = """
import django
django.setup()
from peeringdb_oauth.integrations.allauth.provider import PeeringDBProvider
print(PeeringDBProvider.pkce_enabled_default)
"""
    environment = {"DJANGO_SETTINGS_MODULE": "allauth_settings", "PYTHONPATH": "."}
    project = {"client_id": "a", "client_secret": "b", "database": "", "options": {}}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent / "project",
        env=os.environ | environment | {"PROJECT": json.dumps(project)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "True"
