"""Account models of other projects: email as user name, more columns, UUID keys.

Each test has a project in a process of its own, because a project has one such model.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[3] / "docs" / "django.md"

PLAY = Path(__file__).parent / "account_models" / "play.py"
ADDRESS = "orgadmin@example.net"
WELCOME = [302, "", 200]
TAKEN = [403, "Your email address belongs to another account here", 302]


@pytest.fixture
def play(measured):
    """``play("ByEmail", "orgadmin")``: do these steps in a project with this model."""

    def play(model, *steps, **environment):
        done = subprocess.run(
            [sys.executable, PLAY, json.dumps(steps)],
            env=os.environ | measured | {"ACCOUNT_MODEL": model} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return play


def test_the_confirmed_address_is_the_user_name(play):
    came = play("ByEmail", "orgadmin", "orgadmin")
    assert came["logins"] == [WELCOME, WELCOME]
    assert [account["email"] for account in came["accounts"]] == [ADDRESS]
    assert came["checks"] == []


@pytest.mark.parametrize("taken", [ADDRESS, ADDRESS.upper()])
def test_a_taken_address_is_a_page_where_the_model_demands_one(play, taken):
    came = play("ByEmail", {"email": taken}, "orgadmin")
    assert came["logins"] == [TAKEN]
    assert [account["email"] for account in came["accounts"]] == [taken]


def test_a_taken_address_leaves_the_account_without_one_where_it_may_be(play):
    came = play("ByEmailOrNone", {"email": ADDRESS}, "orgadmin", "twoorgs", "orgadmin")
    assert came["logins"] == [WELCOME] * 3
    addresses = [account["email"] for account in came["accounts"]]
    assert addresses == [None, ADDRESS, "twoorgs@example.net"]


def test_a_unique_address_beside_a_user_name(play):
    came = play("UniqueEmail", {"username": "other", "email": ADDRESS}, "orgadmin", "twoorgs")
    assert came["logins"] == [TAKEN, WELCOME]
    assert [account["email"] for account in came["accounts"]] == [ADDRESS, "twoorgs@example.net"]


def test_an_address_that_may_be_empty_in_several_accounts(play):
    taken = [{"username": "other", "email": ADDRESS}, {"username": "without", "email": ""}]
    came = play("OnceIfAny", *taken, "orgadmin", "twoorgs")
    assert came["logins"] == [WELCOME, WELCOME]
    addresses = [account["email"] for account in came["accounts"]]
    assert addresses == ["", "", ADDRESS, "twoorgs@example.net"]


def test_the_check_names_mandatory_columns(play):
    came = play("WithColumns")
    assert [check.partition(": ")[2] for check in came["checks"]] == [
        "has mandatory columns that PeeringDB does not give and nobody fills: company, floor."
    ]


def test_a_hook_fills_mandatory_columns_and_the_key_is_a_uuid(play):
    came = play("WithColumns", "orgadmin", ACCOUNT_BACKEND="account_models.backends.Filling")
    assert (came["checks"], came["logins"]) == ([], [WELCOME])
    [account] = came["accounts"]
    assert (account["company"], account["floor"], account["desk"]) == ("Example Net One", 3, 1)
    assert account["username"] == "peeringdb-1"
    assert len(account["id"]) == 36


def test_a_newcomer_waits_for_approval_and_comes_in_when_it_is_given(play):
    ours = json.dumps({"ON_LOGIN": "account_models.login.only_approved"})
    came = play("ByEmail", "orgadmin", "orgadmin", "member", OURS=ours)
    assert came["logins"] == [[403, "Your access waits for approval", 302]] * 3
    assert came["accounts"] == []
    assert [person for person, *_ in came["queue"]] == [1, 2]
    came = play("ByEmail", "orgadmin", [1], "orgadmin", "member", OURS=ours)
    assert [status for status, *_ in came["logins"]] == [403, 302, 403]
    assert [account["email"] for account in came["accounts"]] == [ADDRESS]


def test_the_approval_queue_is_the_one_of_the_guide():
    """But for the name of the project."""
    code = (PLAY.parent / "login.py").read_text().partition("def ")[2]
    assert code in GUIDE.read_text()
