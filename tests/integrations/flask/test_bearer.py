"""Views of an API, which are opened by bearer tokens."""

import pytest

from peeringdb_oauth import AccessRule, ConfigurationError, Permission
from peeringdb_oauth.integrations.flask import current_user

PORTAL = "https://portal.example.net"


@pytest.fixture
def portal(make_portal):
    portal = make_portal(requests_per_minute=100)

    @portal.app.get("/api/as<int:asn>")
    @portal.pdb.bearer(asn="asn", perms=Permission.UPDATE)
    def api(asn):
        return {"asn": asn, "user": current_user.name, "by": portal.pdb.user().id}

    @portal.app.get("/api/errors/<name>")
    @portal.pdb.bearer()
    async def error(name):
        if name == "rule":
            AccessRule(perms=Permission.UPDATE).require(current_user, asn=64511)
        raise ConfigurationError("something internal")

    return portal


@pytest.fixture
def call(browser):
    """``call(path, person)``: send a request with the access token of a person.

    ``authorization``: the header to send instead.
    """

    def call(path, person=None, *, authorization=None):
        if person is not None:
            browser.log_in(person)
            call.tokens = browser.tokens()
            authorization = f"Bearer {call.tokens[0]}"
            browser.client.delete_cookie("session", domain="portal.test")
        return browser.get(
            path, accept="*/*", headers={"Authorization": authorization} if authorization else {}
        )

    return call


def test_token_opens_the_view_if_its_user_has_the_rights(call):
    answer = call("/api/as64500", "orgadmin")
    assert (answer.status_code, answer.json) == (200, {"asn": 64500, "user": "Ada Admin", "by": 1})


def test_scheme_may_be_written_in_small_letters(call, browser):
    browser.log_in("orgadmin")
    assert call("/api/as64500", authorization=f"bearer {browser.tokens()[0]}").status_code == 200


def test_max_age_of_zero_asks_for_the_rights_of_now(portal, call, sandbox):
    portal.app.add_url_rule(
        "/api/now", "now", portal.pdb.bearer(asn=64500, max_age=0)(lambda: "now")
    )
    portal.app.add_url_rule("/api/lately", "lately", portal.pdb.bearer(asn=64500)(lambda: "lately"))
    assert call("/api/now", "tobedisabled").status_code == 200
    sandbox.change("tobedisabled", networks={})
    authorization = f"Bearer {call.tokens[0]}"
    assert call("/api/lately", authorization=authorization).status_code == 200
    assert call("/api/now", authorization=authorization).status_code == 403


def test_id_token_opens_the_view(make_portal):
    """The application asks PeeringDB for the ID token, and verifies it itself."""
    portal = make_portal(scope=("openid", "profile", "email", "networks"))

    @portal.app.get("/api/as<int:asn>")
    @portal.pdb.bearer(asn="asn")
    def api(**_):
        return current_user.name

    request = portal.client.authorization_request()
    id_token = portal.client.log_in(
        request, portal.sandbox.log_in("orgadmin", request.url)
    ).token.id_token
    assert (
        portal.browser().get("/api/as64500", headers={"Authorization": f"Bearer {id_token}"}).text
        == "Ada Admin"
    )


def test_refusal_of_a_token_has_the_reason(call):
    answer = call("/api/as64500", "member")
    assert (answer.status_code, answer.json) == (
        403,
        {
            "code": "forbidden",
            "title": "You may read AS64500, not change it",
            "reasons": [
                {
                    "code": "needs_update",
                    "asn": 64500,
                    "text": "AS64500: you may read this network but not update it",
                }
            ],
            "advice": (
                "An administrator of its organisation can give you this right at peeringdb.com."
                " Then log in again."
            ),
            "login_url": None,
        },
    )
    assert "WWW-Authenticate" not in answer.headers


@pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer"])
def test_request_without_a_token_is_asked_for_one(call, authorization):
    answer = call("/api/as64500", authorization=authorization)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (
        401,
        'Bearer realm="PeeringDB"',
    )
    assert (answer.json["code"], answer.json["title"]) == ("token_missing", "No token was sent")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", ["made-up", "a=b"])
def test_made_up_token_is_refused_and_audited(call, caplog, token):
    answer = call("/api/as64500", authorization=f"Bearer {token}")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith(
        'Bearer realm="PeeringDB", error="invalid_token", error_description="'
    )
    assert "refused, nobody known, path /api/as64500: " in caplog.text


def test_session_of_a_browser_does_not_open_an_api(browser):
    browser.log_in("orgadmin")
    assert browser.get("/api/as64500").status_code == 401


def test_token_counts_in_an_api_even_if_another_user_is_logged_in(portal, browser):
    other = portal.browser()
    other.log_in("orgadmin")
    token, _ = other.tokens()
    browser.log_in("member")
    assert (
        browser.get("/api/as64500", headers={"Authorization": f"Bearer {token}"}).json["user"]
        == "Ada Admin"
    )


def test_refusal_names_the_scope_that_a_token_lacks(make_portal):
    portal = make_portal()

    @portal.app.get("/api")
    @portal.pdb.bearer()
    def view():
        """Not reached."""

    request = portal.client.authorization_request(scope=("profile", "networks"))
    token = portal.client.log_in(
        request, portal.sandbox.log_in("orgadmin", request.url)
    ).token.access_token
    answer = portal.browser().get("/api", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="email"' in answer.headers["WWW-Authenticate"]


def test_outage_of_peeringdb_is_a_503(portal, call, caplog):
    portal.sandbox.fault("error_500", path="/oauth2/introspect/")
    answer = call("/api/as64500", authorization="Bearer unknown")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "TransportError" in caplog.text


def send_made_up(portal, number, address):
    return portal.app.test_client().get(
        f"{PORTAL}/api/as64500",
        headers={"Authorization": f"Bearer made-up-{number}"},
        environ_base={"REMOTE_ADDR": address},
    )


def test_too_many_made_up_tokens_get_a_503_with_retry_after(portal):
    answers = [send_made_up(portal, number, "127.0.0.1") for number in range(30)]
    assert [answer.status_code for answer in answers] == [401] * 29 + [503]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_too_many_made_up_tokens_from_one_address_are_its_own_fault(portal):
    answers = [send_made_up(portal, number, "198.51.100.1") for number in range(10)]
    assert [answer.status_code for answer in answers] == [401] * 9 + [429]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert send_made_up(portal, 11, "198.51.100.2").status_code == 401


def test_error_in_a_view_is_json_if_the_request_has_a_token(call):
    answer = call("/api/errors/rule", "member")
    [reason] = answer.json["reasons"]
    assert (answer.status_code, reason["code"], reason["asn"]) == (403, "not_affiliated", 64511)
    answer = call("/api/errors/other", "member")
    assert (answer.status_code, answer.json["code"], answer.json["reasons"]) == (
        500,
        "misconfigured",
        [],
    )
