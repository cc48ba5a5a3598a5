"""What only social-core has: settings, exceptions, middleware, connected accounts."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from peeringdb_oauth.integrations.social_core import PeeringDBOAuth2, give_rights, take_rights
from peeringdb_oauth.integrations.social_core_errors import IS_VERSION_7

TOKEN, PROFILE = "/oauth2/token/", "/profile/v1"
CODE = "a" * 30
pages_of_7 = pytest.mark.skipif(not IS_VERSION_7, reason="pages of errors are new in social-core 7")


@pytest.fixture
def canned(start):
    return start("social_core")


def test_account_has_a_name_that_cannot_be_made_up_and_the_record_no_token(social_core, pdb):
    visitor = social_core.visit()
    visitor.log_in(pdb, "member")
    me = visitor.me
    assert me["username"] == "peeringdb-2"
    assert {
        name for name, value in me["extra_data"].items() if "token" in name and value is not None
    } == set()


def test_tokens_that_another_backend_stored_are_wiped_out(canned):
    visitor = canned.visit()
    visitor.come_back_with(code=CODE)
    visitor.get("/store/access_token/refresh_token")
    assert visitor.me["extra_data"]["refresh_token"] == "stored"
    visitor.come_back_with(code=CODE)
    assert (
        visitor.me["extra_data"]["access_token"],
        visitor.me["extra_data"]["refresh_token"],
    ) == (None, None)


# What the middleware makes of each exception: a page with a status and some words.
ANSWERS = {
    "used code": (
        lambda peeringdb: peeringdb.replay(TOKEN, "token-error-reused-code"),
        403,
        "authorization code was rejected",
    ),
    "outage": (
        lambda peeringdb: peeringdb.answer(TOKEN, status=503),
        503,
        "temporarily unavailable",
    ),
    "another page": (
        lambda peeringdb: peeringdb.answer(TOKEN, b"<html>", content_type="text/html"),
        502,
        "invalid response",
    ),
    "a word of its own": (
        lambda peeringdb: peeringdb.answer(TOKEN, {"error": "no_idea"}, status=400),
        502,
        "rejected the request",
    ),
    "a firewall": (
        lambda peeringdb: peeringdb.answer(TOKEN, status=403),
        502,
        "rejected the request",
    ),
    "a profile without id": (
        lambda peeringdb: peeringdb.answer(PROFILE, {}),
        502,
        "invalid response",
    ),
    "too many requests": (
        lambda peeringdb: peeringdb.answer(TOKEN, status=429),
        503,
        "limiting requests",
    ),
    "wrong secret": (
        lambda peeringdb: peeringdb.replay(TOKEN, "token-error-wrong-secret"),
        500,
        "configuration is invalid",
    ),
}


@pages_of_7
@pytest.mark.parametrize("answer", ANSWERS)
def test_error_is_social_cores_own(canned, answer):
    prepare, status, words = ANSWERS[answer]
    prepare(canned.answers)
    visitor = canned.visit()
    page = visitor.come_back_with(code=CODE)
    assert (page.status_code, words in page.text) == (status, True)
    assert visitor.me is None


@pages_of_7
def test_wrong_setting_is_named_in_the_log_and_not_to_the_visitor(start):
    project = start("social_core", options={"timeout": -1})
    page = project.visit().post(project.library.login)
    assert (page.status_code, "configuration is invalid" in page.text, "seconds" in page.text) == (
        500,
        True,
        False,
    )
    assert "SOCIAL_AUTH_PEERINGDB_TIMEOUT: must be a number of seconds above 0" in project.log


@pages_of_7
def test_callback_without_a_code_is_no_answer(canned):
    assert canned.visit().come_back_with().status_code == 502
    assert canned.answers.paths() == []


@pages_of_7
def test_token_from_elsewhere_logs_nobody_in(canned):
    visitor = canned.visit()
    assert visitor.get("/bring/HBtGOymu0bhBVxHZdBWixpOJT0dI7X").status_code == 403
    assert canned.answers.paths() == []
    assert visitor.me is None


def test_is_connected_to_the_account_that_is_logged_in_and_disconnected_from_it(canned):
    visitor = canned.visit()
    visitor.get("/enter")
    visitor.come_back_with(code=CODE)
    assert (visitor.me["username"], visitor.me["uid"]) == ("local", "1")
    assert visitor.post("/disconnect/peeringdb/").status_code == 302
    assert visitor.me["uid"] is None
    # The tokens were given back after the login, and none is kept.
    assert canned.answers.paths() == [TOKEN, PROFILE, "/oauth2/revoke_token/"]


@pages_of_7
def test_person_who_is_connected_to_somebody_else_is_not_connected_twice(canned):
    canned.visit().come_back_with(code=CODE)
    visitor = canned.visit()
    visitor.get("/enter")
    assert visitor.come_back_with(code=CODE).status_code == 409
    assert visitor.me["uid"] is None


class Strategy:
    """What social-core has for a framework, as far as the backend needs it here."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def request_data(self):
        return {}

    def absolute_uri(self, uri):
        return uri


@pytest.mark.parametrize(
    ("request_", "address"),
    [
        ({"request": SimpleNamespace(META={"REMOTE_ADDR": "198.51.100.7"})}, "198.51.100.7"),
        ({"request": SimpleNamespace(remote_addr="198.51.100.7")}, "198.51.100.7"),
        ({"request": SimpleNamespace(META={})}, None),
        ({"request": None}, None),
        ({}, None),
    ],
    ids=["Django", "Pyramid", "no address", "no request", "a framework without one"],
)
def test_address_of_the_visitor_is_read_from_the_request_of_the_strategy(request_, address):
    assert PeeringDBOAuth2(Strategy(**request_))._address() == address


def backend_with(**settings):
    found = {f"SOCIAL_AUTH_PEERINGDB_{name}": value for name, value in settings.items()}
    strategy = Strategy(
        get_setting=found.__getitem__,
        setting=lambda name, default=None, **_: found.get(f"SOCIAL_AUTH_PEERINGDB_{name}", default),
    )
    return PeeringDBOAuth2(strategy, "https://portal.example.net/complete/peeringdb/")


def test_software_can_read_where_codes_are_exchanged():
    keys = {"KEY": "id", "SECRET": "secret"}
    assert PeeringDBOAuth2.ACCESS_TOKEN_URL == "https://auth.peeringdb.com/oauth2/token/"
    assert PeeringDBOAuth2.AUTHORIZATION_URL == "https://auth.peeringdb.com/oauth2/authorize/"
    assert backend_with(**keys).access_token_url() == PeeringDBOAuth2.ACCESS_TOKEN_URL
    beta = backend_with(**keys, BASE_URL="https://beta.peeringdb.com")
    assert beta.access_token_url() == "https://beta.peeringdb.com/oauth2/token/"


def test_the_steps_of_the_pipelines_leave_other_providers_alone():
    give_rights(backend=SimpleNamespace(name="github"), response={"id": 7})
    take_rights(user=None, entries=[SimpleNamespace(provider="github")])


# --- social-core 4 to 6, as NetBox, Nautobot and Peering Manager have them ------------

OLD = """
import json
session = {}
import social_core.backends.oauth, social_core.exceptions as theirs
for name in ("AuthForbidden", "AuthUnreachableProvider", "AuthUnknownError"):
    setattr(theirs, name, type(name, (theirs.AuthException,), {}))
vars(theirs).pop("AuthPolicyError", None)
from peeringdb_oauth.errors import *
from peeringdb_oauth.integrations.social_core import PeeringDBOAuth2
class Strategy:
    request_data = staticmethod(dict)
    absolute_uri = staticmethod(str)
    random_string = staticmethod(lambda length: "v" * length)
    get_setting = staticmethod({}.__getitem__)
    setting = staticmethod(lambda name, default=None, backend=None: default)
    session_set, session_pop = session.__setitem__, session.pop
backend = PeeringDBOAuth2(Strategy())
made = []
for error in (
    AccessDenied("you are not a member"),
    ConfigurationError("timeout: wrong"),
    RateLimited("quiet", retry_after=3),
    TransportError("down"),
    ProviderError("used", error="invalid_grant"),
    InvalidResponse("odd", check="id"),
):
    exception = backend._translate(error, "callback")
    made.append([str(exception), exception.detail])
PeeringDBOAuth2.create_code_verifier = lambda self: Strategy.session_set(
    "peeringdb_code_verifier", "v" * 43
) or "v" * 43
asked = backend.auth_params("state")
found = backend._take_code_verifier("state")
print(json.dumps([made, asked["code_challenge_method"], found, session]))
"""


def test_an_older_social_core_gets_exceptions_of_its_own(measured):
    """Their texts are for people, and ours are not in them.

    Neither does the code_verifier stay in the session.
    """
    done = subprocess.run(
        [sys.executable, "-c", OLD],
        env=os.environ | measured,
        check=True,
        capture_output=True,
        text=True,
    )
    wait = "PeeringDB gave no answer or refused. Try again in a few minutes."
    texts, method, verifier, session = json.loads(done.stdout)
    assert texts == [
        ["you are not a member", "you are not a member"],
        ["The login with PeeringDB is not set up right. The log says why.", "timeout: wrong"],
        *([wait, said] for said in ("quiet", "down", "used")),
        ["PeeringDB's answer cannot be used. Try again in a few minutes.", "odd"],
    ]
    assert (method, verifier, session) == ("S256", "v" * 43, {})
